package tui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// span is a part of a text, in bytes.
type span struct{ from, to int }

// elsewhere says that a text is not part of what abbreviations are looked for in.
const elsewhere = -1

// hits returns the parts of a text in a row that the filter looks for, in
// order. The text is of a finding, and stands in its name from at on.
func (l *list) hits(text string, it *item, at int) []span {
	if !l.filter.on() {
		return nil
	}
	low := strings.ToLower(text)
	if len(low) != len(text) { // letters that change their length
		return nil
	}
	var found []span
	for _, want := range l.filter.needles {
		for from := 0; ; {
			i := strings.Index(low[from:], want)
			if i < 0 {
				break
			}
			found = append(found, span{from + i, from + i + len(want)})
			from += i + len(want)
		}
	}
	if l.fuzzy && at != elsewhere {
		for _, t := range l.filter.words {
			if t.not {
				continue
			}
			for _, i := range letters(t.text, it.name) {
				if i >= at && i < at+len(text) {
					found = append(found, span{i - at, i - at + 1})
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	return merge(found)
}

// letters returns where the bytes of an abbreviation stand in a text.
func letters(short, long string) []int {
	var at []int
	from := 0
	for i := range len(short) {
		next := strings.IndexByte(long[from:], short[i])
		if next < 0 {
			return nil
		}
		at = append(at, from+next)
		from += next + 1
	}
	return at
}

// merge makes one of spans that touch.
func merge(spans []span) []span {
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// cut fits a cell into room cells, with a mark where something is left out.
func (c cell) cut(room int, ellipsis string) cell {
	w := ansi.StringWidth(c.text)
	if w <= room {
		return c
	}
	whole := c.text
	var from, to int // what of the whole stays
	if c.tail {
		c.text = ansi.TruncateLeft(whole, w-room+1, ellipsis)
		from, to = len(whole)-(len(c.text)-len(ellipsis)), len(whole)
	} else {
		c.text = ansi.Truncate(whole, room, ellipsis)
		to = len(c.text) - len(ellipsis)
	}
	if from < 0 || to < 0 || !strings.Contains(c.text, whole[min(from, to):to]) { // no room for a mark
		c.hits = nil
		return c
	}
	shift := from
	if c.tail {
		shift -= len(ellipsis)
	}
	var hits []span
	for _, h := range c.hits {
		if h.from, h.to = max(h.from, from), min(h.to, to); h.from < h.to {
			hits = append(hits, span{h.from - shift, h.to - shift})
		}
	}
	c.hits = hits
	return c
}

// and returns the cell with another one's text behind its own.
func (c cell) and(next cell) cell {
	for _, h := range next.hits {
		c.hits = append(c.hits, span{len(c.text) + h.from, len(c.text) + h.to})
	}
	c.text += next.text
	return c
}

// parts divides a cell into what is looked for and what is not.
func (c cell) parts(do func(text string, hit bool)) {
	at := 0
	for _, h := range c.hits {
		if at < h.from {
			do(c.text[at:h.from], false)
		}
		do(c.text[h.from:h.to], true)
		at = h.to
	}
	if at < len(c.text) {
		do(c.text[at:], false)
	}
}
