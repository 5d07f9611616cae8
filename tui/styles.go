package tui

import (
	"charm.land/lipgloss/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// styles are the looks of the screen. The palette is the sixteen colours that
// the user's terminal theme defines, without those that vanish on a light or
// on a dark one. A colour never stands alone: the word or the mark says the
// same.
type styles struct {
	plain, bold, faint, reverse lipgloss.Style
	good, warn, bad             lipgloss.Style
	key, number                 lipgloss.Style // of YAML
	severity                    map[fixes.Severity]lipgloss.Style
	confidence                  map[fixes.Confidence]lipgloss.Style
}

func newStyles() styles {
	s := lipgloss.NewStyle()
	green, yellow, red := s.Foreground(lipgloss.Green), s.Foreground(lipgloss.Yellow), s.Foreground(lipgloss.Red)
	return styles{
		plain: s, bold: s.Bold(true), faint: s.Faint(true), reverse: s.Reverse(true),
		good: green, warn: yellow, bad: red,
		key: s.Foreground(lipgloss.Cyan), number: s.Foreground(lipgloss.Magenta),
		severity: map[fixes.Severity]lipgloss.Style{
			fixes.Low:      s,
			fixes.Medium:   yellow,
			fixes.High:     red,
			fixes.Critical: s.Foreground(lipgloss.Magenta).Bold(true),
		},
		confidence: map[fixes.Confidence]lipgloss.Style{
			fixes.Safe:   green,
			fixes.Review: yellow,
			fixes.Manual: s,
		},
	}
}

// glyphs are the marks and lines of the screen, each one cell wide.
type glyphs struct {
	open, shut, cursor          string
	staged, unstaged, none      string
	horizontal, vertical        string
	teeDown, teeUp              string
	corners                     [4]string // from the top left, by rows
	more, dot, ellipsis, asking string
	restarts, back, arrow       string
	cells                       [network.Cut + 1]string
	spinner                     []string
}

var unicodeGlyphs = glyphs{
	open: "▾", shut: "▸", cursor: "›",
	staged: "✓", unstaged: "·", none: "-",
	horizontal: "─", vertical: "│", teeDown: "┬", teeUp: "┴",
	corners: [4]string{"╭", "╮", "╰", "╯"},
	more:    "↓", dot: "·", ellipsis: "…", asking: "…", restarts: "↻", back: "↩", arrow: "→",
	cells: [...]string{
		network.Closed: " ", network.Lost: "·", network.Open: "~", network.Blocked: "!", network.Guess: "○", network.Inferred: "◐",
		network.Proven: "●", network.Seen: "◆", network.Kept: "✓", network.Cut: "✗",
	},
	spinner: []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"},
}

var asciiGlyphs = glyphs{
	open: "-", shut: "+", cursor: ">",
	staged: "*", unstaged: ".", none: "-",
	horizontal: "-", vertical: "|", teeDown: "+", teeUp: "+",
	corners: [4]string{"+", "+", "+", "+"},
	more:    "v", dot: "-", ellipsis: "~", asking: ".", restarts: "@", back: "<", arrow: "->",
	cells: [...]string{
		network.Closed: " ", network.Lost: ".", network.Open: "~", network.Blocked: "!", network.Guess: "?", network.Inferred: "i",
		network.Proven: "P", network.Seen: "S", network.Kept: "*", network.Cut: "x",
	},
	spinner: []string{"|", "/", "-", "\\"},
}

// severityWord is a severity as it stands in a column of four cells.
func severityWord(s fixes.Severity) string {
	switch s {
	case fixes.Critical:
		return "CRIT"
	case fixes.High:
		return "HIGH"
	case fixes.Medium:
		return "MED"
	case fixes.Low:
		return "LOW"
	}
	return ""
}
