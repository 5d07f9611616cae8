package tui

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// ignored is what the user does not want to see.
type ignored struct {
	// shown says that it is on the list all the same, faintly.
	shown bool
	// writing is set while a change of what is ignored is written down.
	writing bool
	// list is what is written down, where that has changed since the scan.
	list    []fixes.Ignore
	changed bool
}

// ignoredCount counts the findings that are ignored.
func (a *app) ignoredCount() int {
	if a.scan.result == nil {
		return 0
	}
	return len(a.scan.result.Suppressed)
}

// in returns a result with what is ignored by now hidden.
func (v *ignored) in(result *fixes.Result, now time.Time) *fixes.Result {
	if !v.changed {
		return result
	}
	return result.Ignore(v.list, now)
}

// itemsOf makes items of what a scan found, and of what is ignored.
func itemsOf(result *fixes.Result) []item {
	found := slices.Clip(result.Findings)
	for _, s := range result.Suppressed {
		found = append(found, s.Finding)
	}
	items := newItems(found)
	if len(result.Suppressed) == 0 {
		return items
	}
	by := make(map[string]*fixes.Ignore, len(result.Suppressed))
	for i := range result.Suppressed {
		by[result.Suppressed[i].Fingerprint] = &result.Suppressed[i].By
	}
	for i := range items {
		items[i].by = by[items[i].f.Fingerprint]
	}
	return items
}

// ignoreAct is something that the user began, or ended, to ignore.
type ignoreAct struct {
	ignore fixes.Ignore
	ends   bool
}

// way says whether an act is done, taken back, or done again.
type way int

const (
	forward way = iota
	backward
	again
)

// ignoreDone is an act that was written down.
type ignoreDone struct {
	act    *ignoreAct
	way    way
	scan   int
	list   []fixes.Ignore
	result *fixes.Result
	items  []item
	err    error
}

func (a *app) cannotIgnore() string {
	switch {
	case len(a.list.rows) == 0:
		return "no finding is listed"
	case a.session.Ignore == nil:
		return cmp.Or(a.session.WhyNoIgnore, "there is no file to write into")
	case a.ignored.writing:
		return "the last change is still being written"
	}
	return a.notReady()
}

func (a *app) cannotUndoDecision() string {
	return cmp.Or(when(len(a.dec.past) == 0, "nothing to undo"), when(a.ignored.writing, "the last change is still being written"))
}

func (a *app) cannotRedoDecision() string {
	return cmp.Or(when(len(a.dec.future) == 0, "nothing to redo"), when(a.ignored.writing, "the last change is still being written"))
}

// askIgnore asks what is to be ignored, and why; or whether to end that.
func (a *app) askIgnore() {
	targets := a.targets()
	living := a.list.living(targets)
	switch {
	case len(living) > 0:
		a.overlay = newIgnoreForm(a, living)
	case len(targets) == 1:
		a.askToEndIgnore(a.list.items[targets[0]].by)
	default:
		a.say(warn, join("; ", "all of them are ignored", a.does("ignore", "on one ends that")))
	}
}

// askToEndIgnore asks before findings are seen again.
func (a *app) askToEndIgnore(by *fixes.Ignore) {
	n := 0
	for i := range a.scan.result.Suppressed {
		n += map[bool]int{true: 1}[a.scan.result.Suppressed[i].By.At == by.At]
	}
	text := []string{by.Selection() + ".", "Until " + by.Until() + ", by " + by.At + ": " + fixes.Clean(by.Reason), ""}
	if by.Object != (fixes.Ref{}) {
		text = append(text, "It is an annotation: take "+fixes.IgnoreAnnotation+" away there, and scan again.")
		if obj := a.scan.result.Inventory.Get(by.Object); a.session.Annotate != nil && obj != nil && obj.GetAnnotations()[fixes.IgnoreAnnotation] != "" {
			text = append(text, "", "  "+fixes.Clean(a.session.Annotate(by.Object, nil)))
		}
		a.overlay = &message{title: "Ignored", text: text}
		return
	}
	act := &ignoreAct{*by, true}
	a.overlay = &confirm{
		title:   "End this ignore?",
		text:    append(text, plural(n, "finding is", "findings are")+" seen again."),
		answers: []reply{{"y", "end it", func(a *app) tea.Cmd { return a.writeIgnore(ignoreDone{act: act}) }}},
	}
}

// writeIgnore writes an act down, and looks at the findings anew.
func (a *app) writeIgnore(done ignoreDone) tea.Cmd {
	a.ignored.writing = true
	done.scan = a.scan.number
	result, now, jobs := a.scan.result, a.opts.now(), &a.jobs
	write := a.session.Ignore
	if done.act.ends != (done.way == backward) {
		write = a.session.EndIgnore
	}
	return func() tea.Msg {
		done.err = jobs.write(func() (err error) {
			done.list, err = write(done.act.ignore)
			return err
		})
		if done.err == nil && result != nil {
			done.result = result.Ignore(done.list, now)
			done.items = itemsOf(done.result)
		}
		return done
	}
}

func (a *app) onIgnoreDone(msg ignoreDone) tea.Cmd {
	a.ignored.writing = false
	if msg.err != nil {
		a.say(bad, fixes.Clean(firstLine(msg.err.Error())))
		return nil
	}
	if msg.act.ends == (msg.way == backward) { // it stands somewhere else now
		msg.act.ignore.At = msg.list[len(msg.list)-1].At
	}
	if msg.scan != a.scan.number || a.scan.result == nil || msg.result == nil {
		a.dec.past, a.dec.future = nil, nil // of another list of findings
		a.say(good, a.scansAgain("written to "+a.session.IgnoreFile))
		return nil
	}
	before := len(a.scan.result.Suppressed)
	a.ignored.list, a.ignored.changed = msg.list, true
	a.scan.result = msg.result
	a.afterIgnore(msg, len(msg.result.Suppressed)-before)
	a.takeFindings(msg.items)
	a.list.rebuild(&a.dec)
	if a.screen == planScreen {
		return a.recompose()
	}
	return nil
}

// afterIgnore keeps the history of an act that was written down, and says what
// came of it.
func (a *app) afterIgnore(msg ignoreDone, more int) {
	switch msg.way {
	case backward:
		label, _ := a.dec.undo()
		a.say(info, "undone: "+label)
	case again:
		label, _ := a.dec.redo()
		a.say(info, "redone: "+label)
	case forward:
		s := step{label: fmt.Sprintf("ignored %d", more), ignore: msg.act}
		if msg.act.ends {
			s.label = fmt.Sprintf("see %d again", -more)
			a.say(good, a.undoes(plural(-more, "finding is", "findings are")+" seen again"))
		} else {
			a.say(good, a.undoes(fmt.Sprintf("ignored %d until %s, by %s", more, msg.act.ignore.Until(), msg.act.ignore.At)))
		}
		for i := range msg.result.Suppressed {
			if id, ok := a.list.print[msg.result.Suppressed[i].Fingerprint]; ok && a.dec.taken[id] > 0 {
				s.changes = append(s.changes, a.dec.drop(id)) // what is ignored is not fixed
			}
		}
		a.dec.do(s)
	}
}

// toggleIgnored shows what is ignored on the list, or hides it.
func (a *app) toggleIgnored() {
	a.ignored.shown = !a.ignored.shown
	a.list.show(a.ignored.shown)
	a.list.refilter(&a.dec)
	a.list.rebuild(&a.dec)
	if a.ignored.shown {
		a.say(info, join("; ", fmt.Sprintf("%d ignored shown, faintly", a.ignoredCount()), a.does("showIgnored", "hides them")))
	}
}

// ignoreFacts tells in the details of a finding what is ignored of it.
func (a *app) ignoreFacts(it *item, w int) []string {
	out := a.fact("note", fixes.Clean(it.f.Note), w)
	if it.by == nil {
		return out
	}
	out = append(out, a.fact("ignored", join(" ", "until "+it.by.Until()+", by "+fixes.Clean(it.by.At), inBrackets(a.does("ignore", "ends that"))), w)...)
	return append(out, a.fact("reason", fixes.Clean(it.by.Reason), w)...)
}
