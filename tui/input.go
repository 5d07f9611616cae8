package tui

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// input is a line of text that the user edits.
type input struct {
	text []rune
	at   int
}

func newInput(text string) input { return input{[]rune(text), len([]rune(text))} }

func (in *input) value() string { return string(in.text) }

// update takes a key press or a paste and reports whether it was for editing.
func (in *input) update(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		in.insert(firstLine(msg.Content))
		return true
	case tea.KeyPressMsg:
		switch msg.String() {
		case "left", "ctrl+b":
			in.at = max(in.at-1, 0)
		case "right", "ctrl+f":
			in.at = min(in.at+1, len(in.text))
		case "home", "ctrl+a":
			in.at = 0
		case "end", "ctrl+e":
			in.at = len(in.text)
		case "backspace", "ctrl+h":
			in.cut(in.at-1, in.at)
		case "delete", "ctrl+d":
			in.cut(in.at, in.at+1)
		case "ctrl+u":
			in.cut(0, in.at)
		case "ctrl+k":
			in.cut(in.at, len(in.text))
		case "ctrl+w":
			from := in.at
			for from > 0 && unicode.IsSpace(in.text[from-1]) {
				from--
			}
			for from > 0 && !unicode.IsSpace(in.text[from-1]) {
				from--
			}
			in.cut(from, in.at)
		default:
			if msg.Text == "" {
				return false
			}
			in.insert(msg.Text)
		}
		return true
	}
	return false
}

func (in *input) insert(s string) {
	add := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s))
	in.text = append(in.text[:in.at:in.at], append(add, in.text[in.at:]...)...)
	in.at += len(add)
}

func (in *input) cut(from, to int) {
	from, to = max(from, 0), min(to, len(in.text))
	if from >= to {
		return
	}
	in.text = append(in.text[:from:from], in.text[to:]...)
	in.at = from
}

// view returns the line with its cursor, in at most w cells: of a long text
// the end before the cursor.
func (in *input) view(w int, cursor pen) string {
	before, under, after := string(in.text[:in.at]), " ", ""
	if in.at < len(in.text) {
		under, after = string(in.text[in.at]), string(in.text[in.at+1:])
	}
	if over := ansi.StringWidth(before) + ansi.StringWidth(under) - w; over > 0 {
		before = ansi.TruncateLeft(before, over, "")
	}
	return ansi.Truncate(before+cursor.Render(under)+after, max(w, 0), "")
}
