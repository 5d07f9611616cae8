package tui

import (
	"image/color"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// pen is how text is drawn: the parameters of the control sequence (SGR) that
// goes before it. Each cell of each row has one, hundreds in a frame, so it is
// no more than that; a lipgloss.Style has half a kilobyte.
type pen string

// inColour returns a pen of that colour, or one of the terminal's own.
func inColour(c color.Color) pen {
	if c == nil {
		return ""
	}
	seq := ansi.NewStyle().ForegroundColor(c).String()
	return pen(strings.TrimSuffix(strings.TrimPrefix(seq, "\x1b["), "m"))
}

func (p pen) bold() pen      { return p.with("1") }
func (p pen) faint() pen     { return p.with("2") }
func (p pen) underline() pen { return p.with("4") }
func (p pen) reverse() pen   { return p.with("7") }

func (p pen) with(attribute pen) pen {
	if p == "" {
		return attribute
	}
	return attribute + ";" + p
}

// Render draws one line of text.
func (p pen) Render(text string) string {
	text = strings.ReplaceAll(text, "\t", "    ") // of a file, which ends somewhere else in every terminal
	if p == "" || text == "" {
		return text
	}
	return "\x1b[" + string(p) + "m" + text + ansi.ResetStyle
}
