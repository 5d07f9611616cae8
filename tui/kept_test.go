package tui

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// shelf is where the sessions of a test keep their state.
type shelf struct {
	mu    sync.Mutex
	state *State
	puts  int
	err   error
}

func (k *shelf) put(s State) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.puts++
	k.state = &s
	if s.Empty() {
		k.state = nil
	}
	return k.err
}

func (k *shelf) get() *State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// on puts a session on the shelf, as it is begun after another.
func (k *shelf) on(s Session) Session {
	s.Keep, s.Kept = k.put, k.get()
	return s
}

// keptShop is a session that begins with what another has left.
func keptShop(t testing.TB, w, h int) *driver {
	k := &shelf{}
	scanned(t, k.on(shopSession(t)), w, h).press("S")
	k.state.At = k.state.At.Add(-2 * time.Hour)
	k.state.Staged = append(k.state.Staged, Staged{Fingerprint: "gone", Title: "0"})
	return scanned(t, k.on(shopSession(t)), w, h)
}

func noticed(t testing.TB, w, h int) *driver {
	s := shopSession(t)
	s.Notices = []string{"what was staged last time cannot be read: \x1b[31mnonsense"}
	return scanned(t, s, w, h)
}

func TestNotices(t *testing.T) {
	noticed(t, 100, 30).has("Note", `cannot be read: \x1b[31mnonsense`).press("esc").hasNot("nonsense").has("by rule")
}

// TestKept takes decisions from one session to the next.
func TestKept(t *testing.T) {
	k := &shelf{}
	d := scanned(t, k.on(shopSession(t)), 120, 40)
	if d.press("j", "t", "t"); k.puts > 0 {
		t.Error("a session that has decided nothing keeps something")
	}
	d.press("t", "t", "t", "S", "/").write("shop").press("enter", "t")
	d.press("q").has("offers to restore them.").press("esc")
	if s := k.get(); s == nil || len(s.Staged) != 4 || s.Filter != "shop" || s.Grouping != "namespace" {
		t.Fatalf("kept %+v", s)
	}
	d = scanned(t, k.on(shopSession(t)), 120, 40).has("You had 4 fixes staged a moment ago", "r restore", "d discard", "esc decide later", "0 staged")
	d.press("r").has("4 staged again", "by namespace", "/ shop").press("p").has("verified").press("a", "y").has("done in")
	if k.get() != nil {
		t.Errorf("what was applied is kept: %+v", k.get())
	}
}

// TestKeptWhileScanning demands that what is restored before the scan ends is
// staged as it comes, and that what is gone is said.
func TestKeptWhileScanning(t *testing.T) {
	was := keptShop(t, 120, 40)
	k := &shelf{state: was.keeper.offer}
	d := newDriver(t, k.on(shopSession(t)), 120, 40)
	scan := d.Init()
	d.press("r").has("staged again as the scan finds them")
	d.run(scan)
	d.has("4 staged again; 1 no longer applies", "4 staged")
	if s := k.get(); len(s.Staged) != 4 {
		t.Errorf("kept %+v", s)
	}
}

// TestUnstagedWhileScanning demands that what is restored and then unstaged
// before the scan has found it does not come back.
func TestUnstagedWhileScanning(t *testing.T) {
	was := keptShop(t, 120, 40)
	k := &shelf{state: was.keeper.offer}
	d := newDriver(t, k.on(shopSession(t)), 120, 40)
	scan := d.Init()
	d.press("r").has("staged again as the scan finds them").press("U").has("unstaged 0, and 5 that the scan has not found again yet")
	d.run(scan)
	d.has("0 staged").hasNot("no longer")
	if k.get() != nil {
		t.Errorf("kept %+v", k.get())
	}
}

// TestKeptForLater demands that an offer that is not decided about survives,
// also beside what is staged meanwhile.
func TestKeptForLater(t *testing.T) {
	d := keptShop(t, 120, 40).press("esc").has("0 staged")
	k := &shelf{}
	d.session.Keep = k.put
	d.on("network-open").press("space")
	if s := k.get(); s == nil || len(s.Staged) != 7 {
		t.Errorf("kept %+v", s)
	}
	d.press("B").has("You had 5 fixes staged").press("d").has("is discarded", "2 staged")
	if s := k.get(); len(s.Staged) != 2 {
		t.Errorf("kept %+v", s)
	}
	if d.press("U"); k.get() != nil {
		t.Errorf("kept %+v", k.get())
	}
	d.press("B").has("nothing is left of an earlier session")
}

func TestDiscardedIsRemoved(t *testing.T) {
	d := keptShop(t, 120, 40)
	k := &shelf{state: d.keeper.offer}
	d.session.Keep = k.put
	if d.press("d").has("is discarded"); k.get() != nil || k.puts != 1 {
		t.Errorf("kept %+v", k.get())
	}
}

// TestKeptThroughAScan demands that a session that is killed while it scans
// again loses nothing, nor one whose scan fails.
func TestKeptThroughAScan(t *testing.T) {
	k := &shelf{}
	d := scanned(t, k.on(shopSession(t)), 120, 40).press("S")
	d.startScan() // its commands never come
	d.send(keepDue{})
	if s := k.get(); s == nil || len(s.Staged) != 4 {
		t.Fatalf("kept %+v", s)
	}
	d.send(scanDone{number: d.scan.number, err: errors.New("no route")})
	if s := k.get(); s == nil || len(s.Staged) != 4 {
		t.Fatalf("kept %+v", s)
	}
	if d.press("r").has("4 staged"); len(k.get().Staged) != 4 {
		t.Errorf("kept %+v", k.get())
	}
}

func TestKeptConnections(t *testing.T) {
	k := &shelf{}
	d := scanned(t, k.on(networkSession(t, market)), 140, 40).press("N", "enter", "o", "j", "space", "s")
	if s := k.get(); s == nil || len(s.Staged) != 1 || len(s.Decisions) != 1 {
		t.Fatalf("kept %+v", s)
	}
	want := d.net.decisions[0]
	d = scanned(t, k.on(networkSession(t, market)), 140, 40).has("You had 1 fix staged and 1 decision about connections")
	d.press("r").has("1 staged")
	if len(d.net.decisions) != 1 || d.net.decisions[0] != want || d.net.behind() {
		t.Errorf("decisions %+v", d.net.decisions)
	}
	d.press("p").has("verified")
	d.press("esc", "N", "enter").has("cut by you")
}

func TestKeptIsTheFixThatItWas(t *testing.T) {
	f := fixes.Finding{Fingerprint: "x", Fixes: []fixes.Fix{
		{Title: "a", Edit: func(*fixes.Draft) error { return nil }}, {Title: "b"}, {Title: "c", Edit: func(*fixes.Draft) error { return nil }}}}
	moved := newStaged(&f, 2)
	moved.Fix = 0
	byHand, other, hostile := newStaged(&f, 1), newStaged(&f, 0), newStaged(&f, 0)
	other.Title, hostile.Fix = "0", -5
	for _, c := range []struct {
		k    Staged
		want int
		ok   bool
	}{{newStaged(&f, 0), 0, true}, {moved, 2, true}, {byHand, 0, false}, {other, 0, false}, {hostile, 0, true}} {
		if got, ok := c.k.in(&f); got != c.want || ok != c.ok {
			t.Errorf("%+v: %d %v", c.k, got, ok)
		}
	}
}

func TestKeepThatFails(t *testing.T) {
	k := &shelf{err: errors.New("no space left\x1b[31m")}
	scanned(t, k.on(shopSession(t)), 120, 40).press("S").has(`what is staged cannot be kept: no space left\x1b[31m`)
}
