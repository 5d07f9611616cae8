package tui

import (
	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// styles are the looks of the screen. A colour never stands alone: the word or
// the mark says the same.
type styles struct {
	plain, bold, faint, reverse pen
	good, warn, bad             pen
	key, number                 pen // of YAML
	severity                    map[fixes.Severity]pen
	confidence                  map[fixes.Confidence]pen
}

func newStyles(p palette) styles {
	var plain pen
	good, warn, bad := inColour(p.good), inColour(p.warn), inColour(p.bad)
	faint := plain.faint()
	if p.faint != nil {
		faint = inColour(p.faint)
	}
	return styles{
		plain: plain, bold: plain.bold(), faint: faint, reverse: plain.reverse(),
		good: good, warn: warn, bad: bad,
		key: inColour(p.key), number: inColour(p.number),
		severity: map[fixes.Severity]pen{
			fixes.Low:      plain,
			fixes.Medium:   warn,
			fixes.High:     bad,
			fixes.Critical: inColour(p.worst).bold(),
		},
		confidence: map[fixes.Confidence]pen{
			fixes.Safe:   good,
			fixes.Review: warn,
			fixes.Manual: plain,
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
func pointedOut(s pen) pen {
	return s.underline().bold()
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
