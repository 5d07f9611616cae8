// What of a session is kept for the next one, so that neither a slip nor a
// signal nor a lost terminal takes the user's decisions.

package tui

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// State is what of a session is kept for the next one on the same context and
// scope. It holds no value of any object: a finding is named by its
// fingerprint, which is a hash of names.
type State struct {
	At        time.Time
	Staged    []Staged
	Decisions []fixes.Decision // about connections
	// Filter and Grouping are how the findings were listed.
	Filter, Grouping string
}

// Staged is a fix that is staged.
type Staged struct {
	Fingerprint string // of the finding
	Fix         int    // its place among the finding's fixes
	// Title tells it from another fix that stands there later: a hash.
	Title string
}

// Empty reports whether there is nothing worth keeping.
func (s *State) Empty() bool { return len(s.Staged) == 0 && len(s.Decisions) == 0 }

// said says what a state holds.
func (s *State) said() string {
	return join(" and ",
		when(len(s.Staged) > 0, plural(len(s.Staged), "fix", "fixes")+" staged"),
		when(len(s.Decisions) > 0, plural(len(s.Decisions), "decision")+" about connections"))
}

func newStaged(f *fixes.Finding, fix int) Staged {
	return Staged{f.Fingerprint, fix, hashOf(f.Fixes[fix].Title)}
}

// in returns the place of the fix among those of its finding, or false where
// it is not there any more.
func (s Staged) in(f *fixes.Finding) (int, bool) {
	is := func(i int) bool {
		return i >= 0 && i < len(f.Fixes) && f.Fixes[i].Edit != nil && hashOf(f.Fixes[i].Title) == s.Title
	}
	if is(s.Fix) {
		return s.Fix, true
	}
	for i := range f.Fixes {
		if is(i) {
			return i, true
		}
	}
	return 0, false
}

func hashOf(text string) string {
	h := fnv.New64a()
	h.Write([]byte(text))
	return strconv.FormatUint(h.Sum64(), 16)
}

// keeper keeps the state of a session while it goes on, and at its end.
type keeper struct {
	// offer is what an earlier session left, until the user has decided about it.
	offer *State
	// restored is how many fixes of it are looked for by the scan that runs.
	restored int
	due      bool // it is kept in a moment
	kept     mark // what is kept
	// wrote: something was kept or removed, so that what is there is this session's.
	wrote bool

	number int // counts the writes
	mu     sync.Mutex
	last   int // the latest write that was made
}

// mark changes with whatever is kept.
type mark struct {
	decisions, connections int
	filter                 string
	by                     groupBy
	scanned                int // scans that have ended
	made, written          int // what of the decisions was applied
	offered                bool
	awaited                int // fixes that a scan has not found again yet
}

func (a *app) keepMark() mark {
	m := mark{a.dec.version, a.net.version, a.list.filter.raw, a.list.by, a.scan.number, a.made, a.net.written, a.keeper.offer != nil, len(a.kept)}
	if a.scan.running {
		m.scanned--
	}
	return m
}

// state returns what is to be kept now. Fixes that a scan has not found again
// yet are among it, and what was offered until it is decided about. A fix that
// was changed by hand is not: a session that made all of it would do more than
// the user has approved, and an edit may hold anything.
func (a *app) state() State {
	s := State{At: a.opts.now(), Filter: a.list.filter.raw, Grouping: a.list.by.String()}
	if a.dec.version != a.made {
		for _, id := range a.list.order {
			if fix, ok := a.dec.staged(id); ok && a.dec.amended(id) == "" {
				s.Staged = append(s.Staged, newStaged(a.list.items[id].f, fix))
			}
		}
	}
	for _, k := range a.kept {
		if !a.keptAmended(k.Fingerprint) {
			s.Staged = append(s.Staged, k)
		}
	}
	if a.net.version > 0 && a.net.version != a.net.written {
		s.Decisions = a.net.decisions
	}
	if offer := a.keeper.offer; offer != nil && !s.Empty() {
		had := map[string]bool{}
		for _, k := range s.Staged {
			had[k.Fingerprint] = true
		}
		for _, k := range offer.Staged {
			if !had[k.Fingerprint] {
				s.Staged = append(s.Staged, k)
			}
		}
		if s.Decisions == nil {
			s.Decisions = offer.Decisions
		}
	}
	slices.SortFunc(s.Staged, func(a, b Staged) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	return s
}

// keepBehind keeps what is staged in a place that is left, and returns what
// writes it down.
func (a *app) keepBehind() tea.Cmd {
	k := &a.keeper
	s, keep := a.state(), a.session.Keep
	if keep == nil || s.Empty() && !k.wrote {
		return nil
	}
	k.number++
	number := k.number
	return func() tea.Msg {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.last = max(k.last, number)
		return keepDone{keep(s)}
	}
}

// arrive begins to keep the state of another place: of a new one, or of one
// where this session was before.
func (k *keeper) arrive(isNew bool) {
	k.offer, k.restored, k.kept, k.wrote = nil, 0, mark{}, !isNew
}

// keptAmended reports whether a fix that is kept was changed by hand.
func (a *app) keptAmended(finding string) bool {
	return len(a.keptLeft[finding]) > 0 ||
		slices.ContainsFunc(a.keptEdits, func(e keptEdit) bool { return slices.Contains(e.findings, finding) })
}

// forgetAmended drops the fixes that are kept and were changed by hand, which
// are of one cluster alone.
func (a *app) forgetAmended() {
	maps.DeleteFunc(a.kept, func(finding string, _ Staged) bool { return a.keptAmended(finding) })
	clear(a.keptLeft)
	a.keptEdits = nil
}

type (
	keepDue  struct{}
	keepDone struct{ err error }
)

// keepSoon keeps the state a moment after something of it has changed, so that
// a run of keys is kept once.
func (a *app) keepSoon() tea.Cmd {
	k := &a.keeper
	if a.session.Keep == nil || k.due || k.kept == a.keepMark() {
		return nil
	}
	k.due = true
	if a.opts.keepIn == 0 {
		return func() tea.Msg { return keepDue{} }
	}
	return tea.Tick(a.opts.keepIn, func(time.Time) tea.Msg { return keepDue{} })
}

func (a *app) onKeepDue() tea.Cmd {
	a.keeper.due = false
	write := a.keep()
	if write == nil {
		return nil
	}
	return func() tea.Msg { return keepDone{write()} }
}

// keep returns what writes the state down as it is now, or nil where there is
// nothing to write. What another session has kept, one that has decided nothing
// leaves alone.
func (a *app) keep() func() error {
	k := &a.keeper
	k.kept = a.keepMark()
	s := a.state()
	if a.session.Keep == nil || s.Empty() && !k.wrote {
		return nil
	}
	k.wrote = true
	k.number++
	number, keep := k.number, a.session.Keep
	return func() error {
		k.mu.Lock()
		defer k.mu.Unlock()
		if number < k.last { // a later one was quicker
			return nil
		}
		k.last = number
		return keep(s)
	}
}

func (a *app) onKeepDone(msg keepDone) {
	if msg.err != nil {
		a.say(warn, "what is staged cannot be kept: "+fixes.Clean(firstLine(msg.err.Error())))
	}
}

// keepAtEnd keeps what has changed since it was last kept.
func (a *app) keepAtEnd() error {
	if a.keeper.kept == a.keepMark() && !a.keeper.due {
		// A write may be under way still: it is waited for.
		a.keeper.mu.Lock()
		defer a.keeper.mu.Unlock()
		if a.keeper.last == a.keeper.number {
			return nil
		}
	}
	if write := a.keep(); write != nil {
		if err := write(); err != nil {
			return fmt.Errorf("what is staged cannot be kept: %w", err)
		}
	}
	return nil
}

// offerKept asks whether what an earlier session left is to be restored.
func (a *app) offerKept() {
	if a.session.Kept != nil && !a.session.Kept.Empty() {
		a.keeper.offer = a.session.Kept
		a.askKept()
	}
	a.keeper.kept = a.keepMark()
}

func (a *app) nothingOffered() string {
	return when(a.keeper.offer == nil, "nothing is left of an earlier session")
}

func (a *app) askKept() {
	s := a.keeper.offer
	a.overlay = &confirm{
		title: "Go on where you were?", no: "decide later",
		text: []string{"You had " + s.said() + " " + ago(a.opts.now().Sub(s.At)) + ", neither applied nor discarded."},
		answers: []reply{
			{"r", "restore", func(a *app) tea.Cmd { a.restore(); return nil }},
			{"d", "discard", func(a *app) tea.Cmd { a.discardKept(); return nil }},
		},
	}
}

func (a *app) discardKept() {
	a.keeper.offer, a.keeper.wrote = nil, true
	a.say(info, "what was left of the earlier session is discarded")
}

// restore stages again what was offered, and decides again about connections.
func (a *app) restore() {
	s := a.keeper.offer
	a.keeper.offer, a.keeper.wrote = nil, true
	for _, k := range s.Staged {
		if id, ok := a.list.print[k.Fingerprint]; !ok || a.dec.taken[id] == 0 {
			a.kept[k.Fingerprint] = k
		}
	}
	a.keeper.restored = len(a.kept)
	a.takeUp(a.list.order)
	if len(s.Decisions) > 0 {
		a.decideConnections(s.Decisions)
		a.net.scan = a.scan.number // its findings follow when it has ended
	}
	for by := range groupings {
		if by.String() == s.Grouping {
			a.list.regroup(by, &a.dec)
		}
	}
	a.list.setFilter(s.Filter, &a.dec)
	a.list.rebuild(&a.dec)
	if a.scan.running {
		a.say(info, "staged again as the scan finds "+it(len(s.Staged)))
	}
	a.settleKept()
}

// takeUp stages what was kept of findings.
func (a *app) takeUp(ids []int32) {
	for _, id := range ids {
		f := a.list.items[id].f
		k, ok := a.kept[f.Fingerprint]
		if !ok {
			continue
		}
		if i, there := k.in(f); there {
			a.dec.keep(id, i, a.keptLeft[f.Fingerprint])
			delete(a.kept, f.Fingerprint)
			delete(a.keptLeft, f.Fingerprint)
			a.list.items[id].shown = int8(i)
		}
	}
}

// settleKept forgets what a whole scan has not found, and says so of what was
// restored. Findings that follow from decisions about connections are waited
// for.
func (a *app) settleKept() {
	if a.net.behind() && !network.Looked(a.scan.result) {
		a.net.made = a.net.version // none does
	}
	if a.scan.running || a.scan.result == nil || a.net.behind() {
		return
	}
	a.takeUp(a.list.order)
	gone := len(a.kept)
	if !a.roamed || a.place.Namespace == "" { // else it is of another namespace
		clear(a.kept)
	}
	if a.keeper.restored == 0 {
		return
	}
	text, t := fmt.Sprintf("%d staged again", a.keeper.restored-gone), good
	if gone > 0 {
		t = warn
		text += fmt.Sprintf("; %d no longer %s", gone, map[bool]string{true: "applies", false: "apply"}[gone == 1])
	}
	a.keeper.restored = 0
	a.say(t, text)
}

// showNotices shows what is to be said when the program opens.
func (a *app) showNotices() {
	if len(a.session.Notices) == 0 {
		return
	}
	m := &message{title: "Note", under: a.overlay}
	for _, line := range a.session.Notices {
		m.text = append(m.text, fixes.Clean(line))
	}
	a.overlay = m
}
