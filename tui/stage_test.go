package tui

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestUndoTakesBackEverything makes random decisions and takes them back: the
// states on the way back are those of the way there, and the way there again.
func TestUndoTakesBackEverything(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var d decisions
		d.grow(20)
		states := [][]int8{slices.Clone(d.taken)}
		for range 30 {
			var changes []decision
			for _, item := range rnd.Perm(20)[:rnd.IntN(6)] {
				if rnd.IntN(3) == 0 {
					changes = append(changes, d.drop(int32(item)))
				} else {
					changes = append(changes, d.stage(int32(item), rnd.IntN(3)))
				}
			}
			if d.decide("x", changes) {
				states = append(states, slices.Clone(d.taken))
			}
			count := 0
			for _, taken := range d.taken {
				count += staged(taken)
			}
			if d.count != count {
				t.Fatalf("seed %d: counts %d, has %d", seed, d.count, count)
			}
		}
		check := func(i int) {
			if !slices.Equal(d.taken, states[i]) {
				t.Fatalf("seed %d: state %d is %v, was %v", seed, i, d.taken, states[i])
			}
		}
		for i := len(states) - 2; i >= 0; i-- {
			d.undo()
			check(i)
		}
		if _, ok := d.undo(); ok || d.count != 0 {
			t.Fatalf("seed %d: there is more to undo; %d staged", seed, d.count)
		}
		for i := 1; i < len(states); i++ {
			d.redo()
			check(i)
		}
		if _, ok := d.redo(); ok {
			t.Fatalf("seed %d: there is more to redo", seed)
		}
	}
}

func TestANewDecisionEndsRedo(t *testing.T) {
	var d decisions
	d.grow(2)
	d.decide("a", []decision{d.stage(0, 0)})
	d.undo()
	d.decide("b", []decision{d.stage(1, 0)})
	if label, ok := d.redo(); ok {
		t.Errorf("redid %q", label)
	}
	if label, _ := d.undo(); label != "b" {
		t.Errorf("undid %q", label)
	}
}

func TestForgetDropsWhatIsGone(t *testing.T) {
	var d decisions
	d.grow(3)
	d.decide("all", []decision{d.stage(0, 0), d.stage(1, 1), d.stage(2, 0)})
	d.decide("last", []decision{d.drop(2)})
	if dropped := d.forget([]int32{0, 2}); len(dropped) != 1 || dropped[0] != 0 {
		t.Errorf("dropped %v", dropped)
	}
	if fix, ok := d.staged(1); d.count != 1 || !ok || fix != 1 {
		t.Errorf("%d staged, of 1: %d %v", d.count, fix, ok)
	}
	// What is left of the history is about what is left, and the last step is about
	// nothing.
	if label, _ := d.undo(); label != "all" || d.count != 0 {
		t.Errorf("undid %q: %d staged", label, d.count)
	}
	d.redo()
	if _, ok := d.staged(0); ok || d.count != 1 {
		t.Errorf("a step about what is gone was made again: %d staged", d.count)
	}
	if label, ok := d.redo(); ok {
		t.Errorf("redid %q", label)
	}
}
