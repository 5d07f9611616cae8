package tui

import (
	"charm.land/lipgloss/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// styles are the looks of the screen. A colour never stands alone: the word or
// the mark says the same.
type styles struct {
	plain, bold, faint, reverse lipgloss.Style
	good, warn, bad             lipgloss.Style
	key, number                 lipgloss.Style // of YAML
	severity                    map[fixes.Severity]lipgloss.Style
	confidence                  map[fixes.Confidence]lipgloss.Style
}

func newStyles(p palette) styles {
	s := lipgloss.NewStyle()
	good, warn, bad := s.Foreground(p.good), s.Foreground(p.warn), s.Foreground(p.bad)
	faint := s.Faint(true)
	if p.faint != nil {
		faint = s.Foreground(p.faint)
	}
	return styles{
		plain: s, bold: s.Bold(true), faint: faint, reverse: s.Reverse(true),
		good: good, warn: warn, bad: bad,
		key: s.Foreground(p.key), number: s.Foreground(p.number),
		severity: map[fixes.Severity]lipgloss.Style{
			fixes.Low:      s,
			fixes.Medium:   warn,
			fixes.High:     bad,
			fixes.Critical: s.Foreground(p.worst).Bold(true),
		},
		confidence: map[fixes.Confidence]lipgloss.Style{
			fixes.Safe:   good,
			fixes.Review: warn,
			fixes.Manual: s,
		},
	}
}

// glyphs are the marks and lines of the screen, each one cell wide.
type glyphs struct {
	open, shut, cursor          string
	staged, unstaged, none      string
	marked, partly              string
	horizontal, vertical        string
	teeDown, teeUp              string
	corners                     [4]string // from the top left, by rows
	more, dot, ellipsis, asking string
	restarts, back, arrow       string
	full, empty                 string // of a bar
	cells                       [network.Cut + 1]string
	spinner                     []string
}

var unicodeGlyphs = glyphs{
	open: "▾", shut: "▸", cursor: "›",
	staged: "✓", unstaged: "·", none: "-", marked: "◆", partly: "◇",
	horizontal: "─", vertical: "│", teeDown: "┬", teeUp: "┴",
	corners: [4]string{"╭", "╮", "╰", "╯"},
	more:    "↓", dot: "·", ellipsis: "…", asking: "…", restarts: "↻", back: "↩", arrow: "→", full: "▰", empty: "▱",
	cells: [...]string{
		network.Closed: " ", network.Lost: "·", network.Open: "~", network.Blocked: "!", network.Guess: "○", network.Inferred: "◐",
		network.Proven: "●", network.Seen: "◆", network.Kept: "✓", network.Cut: "✗",
	},
	spinner: []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"},
}

var asciiGlyphs = glyphs{
	open: "-", shut: "+", cursor: ">",
	staged: "*", unstaged: ".", none: "-", marked: "x", partly: "o",
	horizontal: "-", vertical: "|", teeDown: "+", teeUp: "+",
	corners: [4]string{"+", "+", "+", "+"},
	more:    "v", dot: "-", ellipsis: "~", asking: ".", restarts: "@", back: "<", arrow: "->", full: "#", empty: ".",
	cells: [...]string{
		network.Closed: " ", network.Lost: ".", network.Open: "~", network.Blocked: "!", network.Guess: "?", network.Inferred: "i",
		network.Proven: "P", network.Seen: "S", network.Kept: "*", network.Cut: "x",
	},
	spinner: []string{"|", "/", "-", "\\"},
}

// pointedOut makes a style stand out, without a colour too.
func pointedOut(s lipgloss.Style) lipgloss.Style {
	return s.Bold(true).Underline(true)
}

// spokenGlyphs leave out what beside a word says nothing more, and are words
// elsewhere.
var spokenGlyphs = glyphs{dot: ",", ellipsis: "...", arrow: "to", none: "-"}

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
