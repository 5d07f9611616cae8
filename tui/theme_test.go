package tui

import (
	"image/color"
	"math"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
)

// luminance is the relative luminance of WCAG 2.2.
func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	part := func(v uint32) float64 {
		s := float64(v) / 0xffff
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*part(r) + 0.7152*part(g) + 0.0722*part(b)
}

// contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func contrast(a, b color.Color) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func TestContrast(t *testing.T) {
	if got := contrast(color.White, color.Black); math.Abs(got-21) > 0.01 {
		t.Fatalf("white on black is %v", got)
	}
	for _, theme := range []struct {
		name  string
		p     palette
		backs []string
	}{
		{"dark", onDark, []string{"#000000", "#1e1e1e", "#282828", "#002b36", "#2e3440"}},
		{"light", onLight, []string{"#ffffff", "#fafafa", "#fdf6e3", "#eff1f5"}},
	} {
		for _, back := range theme.backs {
			for name, c := range map[string]color.Color{
				"good": theme.p.good, "warn": theme.p.warn, "bad": theme.p.bad, "worst": theme.p.worst, "faint": theme.p.faint,
				"key": theme.p.key, "number": theme.p.number,
			} {
				for _, profile := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256} {
					if got := contrast(profile.Convert(c), lipgloss.Color(back)); got < 4.5 {
						t.Errorf("%s: %s on %s with %v: %.1f", theme.name, name, back, profile, got)
					}
				}
			}
		}
	}
}

func TestThemes(t *testing.T) {
	dark, light := tea.BackgroundColorMsg{Color: lipgloss.Color("#1e1e1e")}, tea.BackgroundColorMsg{Color: lipgloss.Color("#fdf6e3")}
	for _, c := range []struct {
		name    string
		theme   Theme
		profile colorprofile.Profile
		told    tea.Msg
		want    palette
	}{
		{"not told", AutoTheme, colorprofile.TrueColor, nil, basic},
		{"told dark", AutoTheme, colorprofile.TrueColor, dark, onDark},
		{"told light", AutoTheme, colorprofile.ANSI256, light, onLight},
		{"told light, 16 colours", AutoTheme, colorprofile.ANSI, light, basicLight},
		{"told dark, 16 colours", AutoTheme, colorprofile.ANSI, dark, basic},
		{"asked for light", LightTheme, colorprofile.TrueColor, dark, onLight},
		{"asked for dark", DarkTheme, colorprofile.TrueColor, light, onDark},
		{"an answer without a colour", AutoTheme, colorprofile.TrueColor, tea.BackgroundColorMsg{}, basic},
	} {
		s := shopSession(t)
		s.Theme = c.theme
		d := scanned(t, s, 100, 30).on("env[1]")
		d.send(tea.ColorProfileMsg{Profile: c.profile})
		if c.told != nil {
			d.send(c.told)
		}
		if got := d.colours.palette(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if want := newStyles(c.want).good.Render("safe"); !strings.Contains(strings.ReplaceAll(d.View().Content, " ", ""), want) {
			t.Errorf("%s: the screen does not have %q", c.name, want)
		}
	}
}

func TestAsksForTheBackground(t *testing.T) {
	for _, c := range []struct {
		theme   Theme
		noColor bool
		asks    bool
	}{{AutoTheme, false, true}, {AutoTheme, true, false}, {DarkTheme, false, false}, {LightTheme, false, false}} {
		s := shopSession(t)
		s.Theme, s.NoColor = c.theme, c.noColor
		if got := newDriver(t, s, 80, 24).askBackground() != nil; got != c.asks {
			t.Errorf("theme %v, no colour %v: asks %v", c.theme, c.noColor, got)
		}
	}
}
