package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/text/unicode/bidi"
)

// Terminals that know the bidirectional algorithm (VTE, Konsole, mintty,
// macOS' own) lay out a line of the screen as a paragraph: Hebrew or Arabic
// letters draw the numbers, spaces and rules after them to their left, and the
// first of a line may turn all of it around. So every run of such letters goes
// between two left-to-right marks (U+200E), by which the algorithm has nothing
// left to move but the letters of the run. The mark before it is for
// terminals that guess a line's direction.
//
// Marks, and no isolates (U+2066 to U+2069): a mark has no width, becomes a part
// of the cell before it, and says all by itself, so that it stays with its letter
// when only some cells of a line are drawn again; the two ends of an isolate
// would be parted. Strings of a cluster bring no marks of their own, which
// fixes.Clean writes as escapes.
const leftToRight = "\u200e"

// joiners may stand between the letters of a name or a sentence, one at a time.
const joiners = " -_."

// contain keeps right-to-left letters of a line, which may have styles, from
// moving what is around them.
func contain(line string) string {
	if !mayRunLeft(line) {
		return line
	}
	var out []byte
	var state byte
	end, inside := -1, false // of the run: where it ends in out, and whether something stands behind that
	closeRun := func() {
		if end >= 0 {
			out = append(out[:end], append([]byte(leftToRight), out[end:]...)...)
		}
		end, inside = -1, false
	}
	for line != "" {
		part, width, n, next := ansi.DecodeSequence(line, state, nil)
		state, line = next, line[n:]
		switch {
		case width == 0: // styles, which are not a part of the text, and marks on a letter
			out = append(out, part...)
			if end >= 0 && !inside && part[0] >= 0xc0 {
				end = len(out)
			}
		case runsLeft(part):
			if end < 0 {
				out = append(out, leftToRight...)
			}
			out = append(out, part...)
			end, inside = len(out), false
		default:
			if inside || !strings.Contains(joiners, part) {
				closeRun()
			}
			inside = end >= 0
			out = append(out, part...)
		}
	}
	closeRun()
	return string(out)
}

// mayRunLeft reports whether a text may have letters that run to the left, by
// the bytes that those begin with. Nearly every line has none.
func mayRunLeft(s string) bool {
	for i := range len(s) {
		if c := s[i]; 0xd6 <= c && c <= 0xe0 || c == 0xef || c == 0xf0 {
			return true
		}
	}
	return false
}

// runsLeft reports whether a character is of a script that runs to the left, or
// one of its numbers.
func runsLeft(s string) bool {
	p, _ := bidi.LookupString(s)
	switch p.Class() {
	case bidi.R, bidi.AL, bidi.AN:
		return true
	}
	return false
}
