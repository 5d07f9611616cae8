package tui

import (
	"context"
	"fmt"
	"maps"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// moving is the way to another place.
type moving struct {
	number int
	cancel context.CancelFunc // nil when nothing is under way
}

// cannotMove says why the session cannot look elsewhere.
func (a *app) cannotMove() string {
	switch {
	case a.session.Switch == nil:
		return "there is no cluster here"
	case a.apply.running:
		return "the plan is being " + a.apply.doing()
	case a.moving.cancel != nil:
		return "a server is asked already"
	}
	return ""
}

// contextsRead are the contexts to choose from.
type contextsRead struct {
	names []string
	err   error
}

func (a *app) askContext() tea.Cmd {
	read := a.session.Contexts
	return func() tea.Msg {
		names, err := read()
		return contextsRead{names, err}
	}
}

func (a *app) onContextsRead(msg contextsRead) {
	switch {
	case a.overlay != nil || a.screen != findingsScreen:
		return // something else is asked meanwhile
	case msg.err != nil:
		a.say(bad, "no contexts: "+inWords(msg.err))
		return
	case len(msg.names) == 0:
		a.say(warn, "the kubeconfig has no contexts")
		return
	}
	var entries []entry
	for _, name := range msg.names {
		e := entry{value: name, label: fixes.Clean(name), current: name == a.place.Context}
		if n := len(a.shelf[name]); n > 0 && !e.current {
			e.note = plural(n, "fix", "fixes") + " staged"
		}
		entries = append(entries, e)
	}
	a.overlay = newPicker("Context", entries, func(a *app, e entry) tea.Cmd {
		if e.current {
			a.say(info, "that is where you are")
			return nil
		}
		return a.leaveContext(e)
	})
}

// leaveContext goes to another context, and asks first where something is staged
// or decided here.
func (a *app) leaveContext(e entry) tea.Cmd {
	var text []string
	if n := a.dec.count; n > 0 {
		text = append(text, plural(n, "fix", "fixes")+" staged here: kept until you come back, or quit.")
	}
	if n := a.amendedCount(); n > 0 {
		text = append(text, fmt.Sprintf("%d of them in part or edited by hand: forgotten.", n))
	}
	if len(a.net.past) > 0 {
		text = append(text, plural(len(a.net.decisions), "decision")+" about connections here: forgotten."+a.networkCopies())
	}
	move := func(a *app) tea.Cmd { return a.goTo(Place{Context: e.value}) }
	if len(text) == 0 {
		return move(a)
	}
	a.overlay = &confirm{title: "Leave " + a.where() + "?", text: text, answers: []reply{{"y", "go to " + e.label, move}}}
	return nil
}

// namespacesRead are the namespaces that the server has.
type namespacesRead struct {
	context string
	names   []string
	err     error
}

// allNamespaces is what is shown for all of them.
const allNamespaces = "all namespaces"

// askNamespace lets a namespace be chosen: of those that the scan has seen, at
// once, and of those that the server has, when it has said so.
func (a *app) askNamespace() tea.Cmd {
	var names []string
	if a.scan.result != nil {
		names = a.scan.result.Inventory.Namespaces()
	}
	p := newPicker("Namespace", a.namespaceEntries(names), func(a *app, e entry) tea.Cmd {
		if e.current {
			a.say(info, "that is where you are")
			return nil
		}
		return a.goTo(Place{a.place.Context, e.value})
	})
	p.typed = func(name string) entry {
		return entry{value: name, label: fixes.Clean(name), note: "as typed"}
	}
	p.note = "asking the server for more " + a.glyphs.ellipsis
	a.overlay = p
	ctx, jobs, read, in := a.ctx, &a.jobs, a.session.Namespaces, a.place.Context
	return func() tea.Msg {
		msg := namespacesRead{context: in}
		msg.err = jobs.ask(ctx, func(ctx context.Context) (err error) {
			msg.names, err = read(ctx)
			return err
		})
		return msg
	}
}

func (a *app) namespaceEntries(names []string) []entry {
	counts := map[string]int{}
	for _, id := range a.list.order {
		ref := a.list.items[id].f.Object
		if ref.Kind == fixes.KindNamespace {
			counts[ref.Name]++
		} else {
			counts[ref.Namespace]++
		}
	}
	note := func(n int, known bool) string { return when(known, plural(n, "finding")) }
	everywhere := a.place.Namespace == ""
	entries := []entry{{value: "", label: allNamespaces, current: everywhere, note: note(len(a.list.order), everywhere)}}
	for _, name := range names {
		entries = append(entries, entry{value: name, label: namespaceLabel(name), current: name == a.place.Namespace,
			note: note(counts[name], everywhere || name == a.place.Namespace)})
	}
	return entries
}

func (a *app) onNamespacesRead(msg namespacesRead) {
	p, open := a.overlay.(*picker)
	if !open || p.typed == nil || msg.context != a.place.Context {
		return
	}
	if p.note = ""; msg.err != nil {
		p.note = inWords(msg.err)
		return
	}
	known := map[string]bool{}
	for _, e := range p.entries[1:] {
		known[e.value] = true
	}
	for _, name := range msg.names {
		known[name] = true
	}
	under, _ := p.at(p.scroll.cursor)
	p.entries = a.namespaceEntries(slices.Sorted(maps.Keys(known)))
	p.narrow()
	for i := range p.rows() {
		if e, _ := p.at(i); e.value == under.value {
			p.scroll.to(i)
			return
		}
	}
}

// moved is a session at another place, or why there is none.
type moved struct {
	number  int
	to      Place
	session Session
	err     error
}

// goTo asks for a session at another place.
func (a *app) goTo(to Place) tea.Cmd {
	m := &a.moving
	ctx, cancel := context.WithCancel(a.ctx)
	m.number, m.cancel = m.number+1, cancel
	number, open := m.number, a.session.Switch
	return tea.Batch(func() tea.Msg {
		s, err := open(ctx, to)
		return moved{number, to, s, err}
	}, a.animate())
}

func (a *app) onMoved(msg moved) tea.Cmd {
	m := &a.moving
	if msg.number != m.number || m.cancel == nil {
		return nil
	}
	m.cancel()
	m.cancel = nil
	if msg.err != nil {
		name := fixes.Clean(msg.to.Context)
		if msg.to.Context == a.place.Context {
			name = fixes.Clean(msg.to.Namespace)
		}
		a.say(bad, "not moved to "+name+": "+inWords(msg.err))
		return nil
	}
	if a.apply.running { // it was begun meanwhile, and goes on where it is
		return nil
	}
	return a.settleIn(msg.session)
}

// settleIn replaces the session, and scans. What is staged is kept for when its
// findings come again: in another namespace of the cluster, or back in it.
func (a *app) settleIn(s Session) tea.Cmd {
	a.stopWatch()
	a.scan.feed.end()
	leave := a.keepBehind()
	a.keepDecisions()
	shelved := true // what is staged there is at hand
	if s.Context != a.place.Context {
		a.forgetAmended()
		a.shelf[a.place.Context] = a.kept
		a.kept, shelved = a.shelf[s.Context]
		if !shelved {
			a.kept = map[string]Staged{}
		}
		delete(a.shelf, s.Context)
		a.net = netView{}
	}
	a.roamed = true
	a.look(s)
	a.screen, a.inDetail, a.overlay = findingsScreen, false, nil
	a.list.setFilter("", &a.dec)
	a.apply = applyView{number: 0, progress: progress{outline: &outline{}}}
	a.net.view, a.net.grid, a.net.namespace = nil, nil, ""
	a.detail, a.cursorAt, a.touched = detail{}, "", false
	a.scan.tries = 0
	a.keeper.arrive(!shelved)
	if !shelved {
		a.offerKept()
	}
	return tea.Batch(leave, a.startScan())
}

// shelved counts what is staged and not listed, since it is elsewhere.
func (a *app) shelved() int {
	n := len(a.kept)
	for _, kept := range a.shelf {
		n += len(kept)
	}
	return n
}
