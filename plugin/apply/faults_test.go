//go:build unix

package apply_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// together is how many cases are played at a time. Most of the time they wait.
const together = 8

// faults are the cases on the package's control plane, those that take longest
// first.
func faults() []fault {
	return slices.Concat(
		killFaults(), stopFaults(), unknownFaults(), serverFaults(), rightsFaults(), meanwhileFaults(), namesFaults(), admissionFaults(), podsFaults(),
		rolloutFaults(), overtakenFaults(), heldFaults(), parallelFaults(),
		undoFaults(), undoneFaults(), stateFaults(), recreateFaults(), canaryFaults(), trialFaults(),
	)
}

// TestFault plays what may go wrong while a plan is applied, taken back, or
// resumed. Whatever it is, [scene.verify] holds afterwards: each object is as
// it was or as approved, and as the engine said; the journal explains every
// write and holds no secret; nothing is left behind. And where something was
// left to do, it can be done, or taken back, once the fault is gone.
func TestFault(t *testing.T) {
	cases := make(chan fault)
	var players sync.WaitGroup
	for range together {
		players.Go(func() {
			for f := range cases {
				t.Run(f.name, func(t *testing.T) { f.play(newScene(t, f, control.Kubeconfig)) })
			}
		})
	}
	cast := faults()
	if testing.Short() { // for the race detector: what goroutines have to do with each other
		cast = slices.Concat(parallelFaults(), overtakenFaults(), rolloutFaults())
	} else {
		players.Go(func() { restarts(t) })
	}
	for _, f := range cast {
		cases <- f
	}
	close(cases)
	players.Wait()
}

var row = regexp.MustCompile("^\\| `([a-z0-9-]+)` \\| .+ \\| ([0-9]+) \\| .+ \\|$")

// TestFaultsAreDocumented demands that docs/faults.md have the cases, and no
// others, with the statuses that are tested.
func TestFaultsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if m := row.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			if _, twice := documented[m[1]]; twice {
				t.Errorf("%s stands there twice", m[1])
			}
			documented[m[1]], _ = strconv.Atoi(m[2])
		}
	}
	all := faults()
	for _, f := range restartFaults() {
		all = append(all, f.fault)
	}
	names := map[string]bool{}
	for _, f := range all {
		if names[f.name] {
			t.Errorf("two cases are named %s", f.name)
		}
		names[f.name] = true
		if status, ok := documented[f.name]; !ok || status != f.status {
			t.Errorf("%s ends with %d: documented %v, with %d", f.name, f.status, ok, status)
		}
		delete(documented, f.name)
	}
	for name := range documented {
		t.Errorf("%s is documented, and there is no such case", name)
	}
}
