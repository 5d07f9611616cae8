package tui

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

func TestMarks(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 30).on("pay/api")
	d.press("x", "x").has("2 marked", "◆ · pay/api", "◆ · shop/web").press("space").has("2 staged", "staged 2: 1 safe, 1 to review")
	d.press("u").has("0 staged", "2 marked").press("ctrl+r", "space").has("unstaged 2 of the marked").press("u").has("2 staged")
	d.press("U").has("unstaged 2 of the marked").press("S").has("staged 1 safe of the marked").press("u", "esc").hasNot("marked")
	// A group as a whole, a part of it, and all.
	d.on("sa-token").press("x").has("3 marked", "▾◆sa-token").press("j", "x").has("2 marked", "▾◇sa-token").press("*").has("10 marked").press("*").hasNot("marked")
	// By hand is left.
	d.on("agent  Dae").press("x").press("space").has("no marked finding has an automatic fix").press("esc")
	// Only what the filter shows.
	d.press("/").write("ns:pay").press("enter", "*").has("3 marked").press("esc").hasNot("marked").has("/ ns:pay")
	d.press("*", "/").press("ctrl+u").write("ns:shop").press("enter").has("3 marked (3 hidden)").press("*").has("9 marked (3 hidden)")
	d.press("space").has("8 staged").press("u", "esc", "esc").hasNot("marked", "/ ns")
}

func TestRange(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 30).on("pay/api").press("v").has("1 marked").press("j").has("2 marked").press("j").has("3 marked")
	d.press("k").has("2 marked").press("esc").hasNot("marked")
	d.press("v", "k", "v", "j", "j", "j").has("2 marked") // it has ended
	d.press("v", "k", "x").has("3 marked").press("esc")
	// A closed group is in it as a whole; marks and the range are together.
	d.on("sa-token").press("left", "x").has("3 marked").press("v", "k", "k", "k").has("5 marked").press("space").has("4 staged", "5 marked").press("j").has("5 marked")
	// It ends where the rows come in another order, and its findings stay marked.
	d.press("u", "esc").on("pay/api").press("v", "j", "s").has("2 marked").press("j", "j").has("2 marked")
	d.press("esc").on("pay/api").press("v", "j", "t", "j").has("2 marked").press("esc").on("network-open").press("v", "j", "/").write("x").press("esc", "G").has("2 marked")
}

// TestMarksOutliveAScan: the same findings are marked after it.
func TestMarksOutliveAScan(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 30).on("pay/api").press("x", "v", "j").has("3 marked").press("r").has("3 marked", "◆ · pay/api")
	d.press("S", "p", "a", "y", "r").has("1 marked") // two of them are mended
}

func TestTargets(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 30).on("pay/api")
	if got := d.targets(); len(got) != 1 {
		t.Errorf("on a finding: %v", got)
	}
	d.on("sa-token")
	if got := d.targets(); len(got) != 3 {
		t.Errorf("on a group: %v", got)
	}
	d.press("/").write("ns:pay").press("enter").on("sa-token")
	if got := d.targets(); len(got) != 1 {
		t.Errorf("on a group in a filter: %v", got)
	}
	d.press("*", "esc", "*")
	if got := d.targets(); len(got) != 3 || !slices.Equal(got, slices.Collect(d.list.marked())) {
		t.Errorf("marked: %v", got)
	}
	d.press("/").write("zzz").press("enter", "esc", "esc")
	d.list.renew()
	d.list.rebuild(&d.dec)
	if got := d.targets(); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

// TestFrameOfManyMarks demands that a frame does not gather what is marked: it
// takes as much memory with all of 50,000 findings marked as with one.
func TestFrameOfManyMarks(t *testing.T) {
	d := scanned(t, manySession(many()), 120, 40).press("=", "x")
	bytes := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 10 {
			_ = d.View()
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / 10
	}
	one := bytes()
	d.press("*")
	if all := bytes(); all > 2*one {
		t.Errorf("a frame takes %d bytes, with one mark %d", all, one)
	}
}

// TestMarksAndUndo marks and decides at random, and takes back: the decisions
// are those of before, whatever is marked, sorted, grouped or filtered meanwhile.
func TestMarksAndUndo(t *testing.T) {
	keys := []string{"x", "v", "*", "j", "k", "j", "j", "G", "g", "space", "space", "S", "U", "t", "T", "s", "=", "-", "esc"}
	filters := []string{"ns:shop", "staged:no", "env", "sev:high+ !ns:pay", ""}
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		d := scanned(t, shopSession(t), 100, 20)
		states := [][]int8{slices.Clone(d.dec.taken)}
		for range 60 {
			if rnd.IntN(12) == 0 {
				d.press("/", "ctrl+u").write(filters[rnd.IntN(len(filters))]).press("enter", "esc")
				d.press("esc")
			}
			d.press(keys[rnd.IntN(len(keys))])
			if n := len(d.dec.past) + 1; n > len(states) {
				states = append(states, slices.Clone(d.dec.taken))
			}
			m := &d.list.marks
			marked := 0
			for id := range d.list.items {
				if m.all[id] {
					marked++
				}
			}
			if marked != m.n || m.n > 0 && len(d.targets()) != m.n {
				t.Fatalf("seed %d: %d marked, counted %d, targets %v", seed, marked, m.n, d.targets())
			}
		}
		if len(states) != len(d.dec.past)+1 {
			t.Fatalf("seed %d: %d states, %d steps", seed, len(states), len(d.dec.past))
		}
		marked := slices.Collect(d.list.marked())
		for i := len(states) - 2; i >= 0; i-- {
			d.press("u")
			if !slices.Equal(d.dec.taken, states[i]) {
				t.Fatalf("seed %d: undone to %v, was %v", seed, d.dec.taken, states[i])
			}
		}
		if !slices.Equal(slices.Collect(d.list.marked()), marked) {
			t.Fatalf("seed %d: undoing has changed the marks", seed)
		}
	}
}
