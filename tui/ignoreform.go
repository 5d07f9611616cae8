package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// ignoreScope is one choice of what is ignored.
type ignoreScope struct {
	label  string
	ignore fixes.Ignore
	n      int // findings that it hides
	// object is the one that it is about, where it is one.
	object fixes.Ref
}

// The fields of the form, from the top.
const (
	scopeField = iota
	reasonField
	untilField
	placeField
	fieldCount
)

// ignoreForm asks what is to be ignored, why, until when, and where that is
// written. Text goes to the reason from wherever it is typed.
type ignoreForm struct {
	scopes []ignoreScope
	scope  int
	reason input
	until  int // index in untilDays
	// inObject says that an annotation is to be made rather than an entry.
	inObject bool
	field    int
	fault    string
}

// untilDays are the ends that are offered, in days from now; 0 is never.
var untilDays = []int{30, fixes.DefaultIgnoreDays, 365, 0}

// mostFingerprints bounds a list of single findings in a file for people.
const mostFingerprints = 50

func newIgnoreForm(a *app, targets []int32) *ignoreForm {
	found := make([]*fixes.Finding, len(targets))
	for i, id := range targets {
		found[i] = a.list.items[id].f
	}
	f := &ignoreForm{scopes: ignoreScopes(found), until: slices.Index(untilDays, fixes.DefaultIgnoreDays)}
	for i := range f.scopes {
		for _, one := range a.scan.result.Findings {
			if f.scopes[i].ignore.Selects(one) {
				f.scopes[i].n++
			}
		}
	}
	return f
}

// ignoreScopes returns what may be ignored of findings, the narrowest first.
func ignoreScopes(found []*fixes.Finding) []ignoreScope {
	var rules, prints []string
	first := found[0]
	oneObject, oneNamespace := true, true
	for _, f := range found {
		if !slices.Contains(rules, f.Rule.ID) {
			rules = append(rules, f.Rule.ID)
		}
		prints = append(prints, f.Fingerprint)
		oneObject = oneObject && f.Object == first.Object
		oneNamespace = oneNamespace && f.Namespace() == first.Namespace()
	}
	slices.Sort(rules)
	what := rules[0]
	if len(rules) > 1 {
		what = fmt.Sprintf("these %d rules", len(rules))
	}
	namespace := fixes.ManifestNamespace(first.Namespace())
	object := fixes.Ignore{Rules: rules, Namespace: namespace, Kind: first.Object.Kind.Name, Name: first.Object.Name}
	var scopes []ignoreScope
	if len(found) <= mostFingerprints {
		s := ignoreScope{label: "this finding", ignore: object}
		if len(found) > 1 {
			s.label = fmt.Sprintf("these %d findings", len(found))
		}
		if !oneObject {
			s.ignore = fixes.Ignore{Rules: rules}
		}
		s.ignore.Fingerprints = prints
		scopes = append(scopes, s)
	}
	if oneObject {
		scopes = append(scopes, ignoreScope{label: what + " in " + fixes.Clean(first.Object.String()), ignore: object, object: first.Object})
	}
	if oneNamespace && namespace != "" {
		scopes = append(scopes, ignoreScope{label: what + " in namespace " + fixes.Clean(namespace), ignore: fixes.Ignore{Rules: rules, Namespace: namespace}})
	}
	return append(scopes, ignoreScope{label: what + " everywhere", ignore: fixes.Ignore{Rules: rules}})
}

// canAnnotate reports whether the choice may be an annotation of its object.
func (f *ignoreForm) canAnnotate(a *app) bool {
	return a.session.Annotate != nil && f.scopes[f.scope].object != (fixes.Ref{})
}

func (f *ignoreForm) update(a *app, msg tea.Msg) tea.Cmd {
	press, isKey := msg.(tea.KeyPressMsg)
	if isKey {
		f.fault = ""
		switch press.String() {
		case "esc":
			a.overlay = nil
			return nil
		case "enter":
			return f.enter(a)
		case "down", "tab", "ctrl+n":
			f.field = (f.field + 1) % fieldCount
			return nil
		case "up", "shift+tab", "ctrl+p":
			f.field = (f.field + fieldCount - 1) % fieldCount
			return nil
		}
		if by := map[string]int{"left": -1, "right": 1}[press.String()]; by != 0 && f.field != reasonField {
			f.choose(a, by)
			return nil
		}
	}
	if f.reason.update(msg) {
		f.field = reasonField
	}
	return nil
}

// choose takes the next of the field's choices.
func (f *ignoreForm) choose(a *app, by int) {
	turn := func(at, n int) int { return (at + by + n) % n }
	switch f.field {
	case scopeField:
		f.scope = turn(f.scope, len(f.scopes))
	case untilField:
		f.until = turn(f.until, len(untilDays))
	case placeField:
		f.inObject = !f.inObject
	}
	f.inObject = f.inObject && f.canAnnotate(a)
}

func (f *ignoreForm) enter(a *app) tea.Cmd {
	i := f.scopes[f.scope].ignore
	i.Reason = strings.TrimSpace(f.reason.value())
	if i.Reason == "" {
		f.field, f.fault = reasonField, "A reason is needed: it is read again when the ignore ends."
		return nil
	}
	if days := untilDays[f.until]; days > 0 {
		i.Expires = fixes.DaysFrom(a.opts.now(), days)
	}
	a.overlay = nil
	if f.inObject {
		command := fixes.Clean(a.session.Annotate(f.scopes[f.scope].object, &i))
		a.say(info, "copied: "+command)
		return tea.SetClipboard(command)
	}
	return a.writeIgnore(ignoreDone{act: &ignoreAct{ignore: i}})
}

func (f *ignoreForm) box(a *app, w, h int) []string {
	inner := boxWidth(w, 72)
	const labels = 10
	label := func(field int, text string) string {
		mark := " "
		if f.field == field {
			mark = a.glyphs.cursor
		}
		return a.styles.bold.Render(mark) + a.styles.faint.Render(fit(text, labels-1, ""))
	}
	var lines []string
	for i, s := range f.scopes {
		head := strings.Repeat(" ", labels)
		if i == 0 {
			head = label(scopeField, "ignore")
		}
		mark := a.glyphs.unstaged
		text := s.label
		if i == f.scope {
			mark, text = a.glyphs.staged, a.styles.bold.Render(text)
		}
		lines = append(lines, spread(head+mark+" "+text, plural(s.n, "finding"), inner, a.glyphs.ellipsis))
	}
	until := fixes.Never
	if days := untilDays[f.until]; days > 0 {
		until = fmt.Sprintf("%d days, to %s", days, fixes.DaysFrom(a.opts.now(), days).Format(time.DateOnly))
	}
	place := "in " + a.session.IgnoreFile
	if f.inObject {
		place = "as an annotation of " + fixes.Clean(f.scopes[f.scope].object.String()) + ": the command that adds it is copied"
	} else if f.canAnnotate(a) {
		place += ", or as an annotation"
	}
	reason := f.reason.view(max(inner-labels, 1), a.styles.reverse)
	if f.field != reasonField {
		reason = fixes.Clean(f.reason.value())
	}
	lines = append(lines, "", label(reasonField, "because")+reason, label(untilField, "until")+until)
	lines = append(lines, hang(label(placeField, "written"), place, inner)...)
	lines = append(lines, "")
	if f.fault != "" {
		lines = append(lines, a.styles.bad.Render(f.fault))
	}
	verb := "ignore"
	if f.inObject {
		verb = "copy the command"
	}
	hints := []string{a.hint("enter", verb), a.hint("up/down", "field"), a.hint("left/right", "choose"), a.hint("esc", "go back")}
	lines = append(lines, inLines(hints, inner)...)
	if len(lines) > h-2 { // the keys matter more than room between the fields
		lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
	}
	return a.frameBox("Ignore", lines, inner, h)
}
