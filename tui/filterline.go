package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// filterLine is the line in which a filter is typed.
type filterLine struct {
	input
	offers
	// past is how many filters back in the session's the line is; draft is what
	// was typed before that.
	past  int
	draft string
}

// offers are what the term before the cursor can be completed to.
type offers struct {
	from  int // where the part begins that they stand for, in runes
	texts []string
	// pick is the one that tab has put in, -1 while there is none.
	pick int
}

// maxOffers bounds how many are looked at: of more nobody reads a list.
const maxOffers = 2000

func (a *app) startFilter() {
	a.editing, a.inDetail = &filterLine{input: newInput(a.list.filter.raw)}, false
	a.editing.offers = a.list.offer(&a.editing.input)
}

// editFilter takes a key while the filter is typed; the list follows.
func (a *app) editFilter(msg tea.Msg) {
	e := a.editing
	if press, ok := msg.(tea.KeyPressMsg); ok {
		switch press.String() {
		case "enter":
			a.keepFilter()
			return
		case "esc":
			a.editing = nil
			a.list.setFilter("", &a.dec)
			return
		case "down":
			a.move(1)
			return
		case "up":
			a.move(-1)
			return
		case "tab":
			e.complete(1)
			a.refilter(e.offers)
			return
		case "shift+tab":
			e.complete(-1)
			a.refilter(e.offers)
			return
		case "ctrl+p":
			e.recall(1, a.typed)
			a.refilter(a.list.offer(&e.input))
			return
		case "ctrl+n":
			e.recall(-1, a.typed)
			a.refilter(a.list.offer(&e.input))
			return
		}
	}
	if e.update(msg) {
		e.past = 0
		a.refilter(a.list.offer(&e.input))
	}
}

// refilter makes the list follow the line, which has new offers.
func (a *app) refilter(o offers) {
	a.editing.offers = o
	if text := a.editing.value(); text != a.list.filter.raw {
		a.list.setFilter(text, &a.dec)
	}
}

// keepFilter ends the typing, unless something that was typed is no filter.
func (a *app) keepFilter() {
	if wrong := a.list.filter.wrong; wrong != "" {
		a.say(warn, wrong)
		return
	}
	if text := strings.TrimSpace(a.list.filter.raw); text != "" {
		a.typed = append(slices.DeleteFunc(a.typed, func(t string) bool { return t == text }), text)
	}
	a.editing = nil
}

// recall puts an earlier filter of the session into the line, or a later one.
func (e *filterLine) recall(by int, typed []string) {
	past := max(min(e.past+by, len(typed)), 0)
	if past == e.past {
		return
	}
	if e.past == 0 {
		e.draft = e.value()
	}
	e.past = past
	text := e.draft
	if past > 0 {
		text = typed[len(typed)-past]
	}
	e.input = newInput(text)
}

// offer returns what the term before the cursor can be completed to: the names
// of fields, or the values of one.
func (l *list) offer(in *input) offers {
	before := string(in.text[:in.at])
	term := before[strings.LastIndexByte(before, ' ')+1:]
	term = strings.ToLower(strings.TrimPrefix(term, "!"))
	o := offers{pick: -1}
	name, values, isField := strings.Cut(term, ":")
	if !isField {
		for _, f := range fields {
			if strings.HasPrefix(f.name, term) {
				o.texts = append(o.texts, f.name+":")
			}
		}
		o.from = in.at - len([]rune(term))
		return o
	}
	f := fieldOf(name)
	if f == nil {
		return o
	}
	value := values[strings.LastIndexByte(values, ',')+1:]
	if f.ordered {
		value = strings.TrimLeft(value, "<>=")
	}
	o.from = in.at - len([]rune(value))
	o.texts = l.offerValues(f, value)
	return o
}

// offerValues returns the values of a field that begin with a text, and then
// those that hold it.
func (l *list) offerValues(f *field, text string) []string {
	if len(f.values) > 0 {
		return slices.DeleteFunc(slices.Clone(f.values), func(v string) bool { return !strings.HasPrefix(v, text) })
	}
	var begin, hold []string
	for _, v := range l.valuesOf(f) {
		switch i := strings.Index(v, text); {
		case i == 0:
			begin = append(begin, v)
		case i > 0:
			hold = append(hold, v)
		}
		if len(begin)+len(hold) >= maxOffers {
			break
		}
	}
	slices.Sort(begin)
	slices.Sort(hold)
	return append(slices.Compact(begin), slices.Compact(hold)...)
}

// complete puts in what all offers begin with, and then one after the other.
func (e *filterLine) complete(by int) {
	o := &e.offers
	if len(o.texts) == 0 {
		return
	}
	typed := string(e.text[o.from:e.at])
	if o.pick < 0 {
		if common := commonPrefix(o.texts); len(common) > len(typed) && strings.HasPrefix(common, strings.ToLower(typed)) && len(o.texts) > 1 {
			e.replace(o.from, common)
			return
		}
		if by < 0 {
			o.pick = 0
		}
	}
	o.pick = (o.pick + by + len(o.texts)) % len(o.texts)
	e.replace(o.from, o.texts[o.pick])
}

// replace puts a text in place of what stands between a place and the cursor.
func (in *input) replace(from int, text string) {
	in.cut(from, in.at)
	in.insert(text)
}

func commonPrefix(texts []string) string {
	common := texts[0]
	for _, t := range texts[1:] {
		for !strings.HasPrefix(t, common) {
			common = common[:len(common)-1]
		}
	}
	return common
}

// drawFilterLine draws the filter while it is typed: what is wrong with it, or
// else what tab completes it to.
func (a *app) drawFilterLine() string {
	e := a.editing
	count := fmt.Sprintf("%d of %d ", a.list.total, len(a.list.order))
	room := max(a.lay.w-len(count)-4, 8)
	typed := min(ansi.StringWidth(e.value())+1, room)
	beside := ""
	if wrong := a.list.filter.wrong; wrong != "" {
		typed = min(typed, max(room-2-ansi.StringWidth(wrong), room/2))
		beside = a.styles.warn.bold().Render(ansi.Truncate(wrong, max(room-2-typed, 0), a.glyphs.ellipsis))
	} else if left := room - 2 - typed; left > 8 && len(e.texts) > 0 {
		beside = a.styles.faint.Render(e.draw(left, a.glyphs.ellipsis))
	}
	line := " / " + e.view(typed, a.styles.reverse)
	if beside != "" {
		line += "  " + beside
	}
	return spread(line, count, a.lay.w, a.glyphs.ellipsis)
}

// draw writes the offers that fit, from the one that tab has put in.
func (o *offers) draw(w int, ellipsis string) string {
	from := max(o.pick, 0)
	return joinFitting(w, " ", ellipsis, o.texts[from:min(from+w, len(o.texts))]...)
}
