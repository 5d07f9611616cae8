package tui

import (
	"image/color"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
)

// Theme says what the colours have to be read on.
type Theme int

const (
	// AutoTheme goes by the background that the terminal tells of.
	AutoTheme Theme = iota
	// DarkTheme is for a dark background.
	DarkTheme
	// LightTheme is for a light background.
	LightTheme
)

// palette are the colours of the screen. Without a colour for what is faint the
// terminal's own way of making a text so is taken.
type palette struct{ good, warn, bad, worst, key, number, faint color.Color }

var (
	// basic are the colours that the user's terminal theme defines, which is made
	// for its background: for terminals that have no others, and for as long as
	// the background is not known.
	basic = palette{good: lipgloss.Green, warn: lipgloss.Yellow, bad: lipgloss.Red, worst: lipgloss.Magenta,
		key: lipgloss.Cyan, number: lipgloss.Magenta}
	// basicLight leaves out the yellow, which few themes have dark enough for a
	// light background.
	basicLight = palette{good: lipgloss.Green, warn: lipgloss.Blue, bad: lipgloss.Red, worst: lipgloss.Magenta,
		key: lipgloss.Blue, number: lipgloss.Magenta}
	// onDark and onLight have a contrast of at least 4.5 (WCAG 2.2, 1.4.3) on the
	// usual backgrounds, and so have their nearest of 256 colours.
	onDark = palette{
		good: lipgloss.Color("#87d787"), warn: lipgloss.Color("#ffd75f"), bad: lipgloss.Color("#ff8787"), worst: lipgloss.Color("#ff87ff"),
		key: lipgloss.Color("#87d7ff"), number: lipgloss.Color("#d7afff"), faint: lipgloss.Color("#a8a8a8"),
	}
	onLight = palette{
		good: lipgloss.Color("#005f00"), warn: lipgloss.Color("#875f00"), bad: lipgloss.Color("#af0000"), worst: lipgloss.Color("#87005f"),
		key: lipgloss.Color("#005f87"), number: lipgloss.Color("#5f00af"), faint: lipgloss.Color("#585858"),
	}
)

// colours is what is known of the terminal's.
type colours struct {
	theme   Theme // DarkTheme or LightTheme once the terminal has answered
	profile colorprofile.Profile
}

func (c colours) palette() palette {
	many := c.profile >= colorprofile.ANSI256
	switch {
	case c.theme == LightTheme && many:
		return onLight
	case c.theme == LightTheme:
		return basicLight
	case c.theme == DarkTheme && many:
		return onDark
	}
	return basic
}

// askBackground asks the terminal for its background. Many never answer.
func (a *app) askBackground() tea.Cmd {
	if a.session.Theme != AutoTheme || a.session.NoColor {
		return nil
	}
	return tea.RequestBackgroundColor
}

// onColours takes up what the terminal tells of its colours.
func (a *app) onColours(msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.ColorProfileMsg:
		a.colours.profile = msg.Profile
	case tea.BackgroundColorMsg:
		if a.session.Theme != AutoTheme || msg.Color == nil {
			return
		}
		a.colours.theme = LightTheme
		if msg.IsDark() {
			a.colours.theme = DarkTheme
		}
	}
	a.styles = newStyles(a.colours.palette())
	a.detail.made = nil // its lines are coloured already
}
