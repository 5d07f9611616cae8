package trial_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/trial"
)

// most is what a search may take.
const most = 16

// search lets a model be searched, and returns the result with the number of
// tries.
func search(t *testing.T, p program) (*fixes.Trial, int) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "x"}}}}
	inv := fixes.NewInventory()
	inv.Add(pod)
	w, _ := fixes.AsWorkload(pod)
	s, err := trial.New(inv, w)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for try, ok := s.Next(); ok; try, ok = s.Next() {
		if n++; n > most {
			t.Fatalf("it does not end:\n%s", strings.Join(s.Trial().Log, "\n"))
		}
		if try.Why == "" {
			t.Error("a try says nothing")
		}
		s.Learn(p.run(try))
	}
	return s.Trial(), n
}

func TestRandomProgramsAreConfined(t *testing.T) {
	const programs = 1000
	found, minimal, tries, full := 0, 0, 0, 0
	var worst []string
	for seed := range uint64(programs) {
		p := randomProgram(rand.New(rand.NewPCG(seed, 1)))
		if !p.run(trial.Try{AsItIs: true}).Ready {
			t.Fatalf("program %d does not run as it is: %v", seed, p)
		}
		result, n := search(t, p)
		tries += n
		if result.Err != "" {
			worst = append(worst, fmt.Sprintf("%d %+v: %s\n\t%s", seed, p, result.Err, strings.Join(result.Log, "\n\t")))
			continue
		}
		found++
		if !p.run(trial.Try{Confinement: result.Confinement}).Ready {
			t.Fatalf("program %d %+v does not run with the result %+v:\n%s", seed, p, result.Confinement, strings.Join(result.Log, "\n"))
		}
		own := result.Confinement.Containers["c"]
		if !own.Root && len(own.Add) == 0 && !own.WritableRoot && !own.Unconfined && !own.Escalates {
			full++
		}
		if extra := needless(p, result.Confinement); extra == "" {
			minimal++
		} else {
			worst = append(worst, fmt.Sprintf("%d %+v: needs no %s\n\t%s", seed, p, extra, strings.Join(result.Log, "\n\t")))
		}
	}
	t.Logf("%d programs: %d solved, %d of them without a needless exception, %d at restricted with a read-only root; %.1f tries each",
		programs, found, minimal, full, float64(tries)/programs)
	if found < programs*99/100 || minimal < found*95/100 {
		t.Errorf("too few; the first are:\n%s", strings.Join(worst[:min(len(worst), 6)], "\n"))
	}
}

// lasting are the capabilities that a program which stays root keeps: what it
// does when it is asked for something, no copy shows.
var lasting = []corev1.Capability{"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID", "SYS_CHROOT"}

func (p program) staysRoot() bool {
	return p.blind || !slices.ContainsFunc(p.does, func(a act) bool { return a.call == "drop" })
}

// needless names an exception without which the program runs as well.
func needless(p program, c fixes.Confinement) string {
	runs := func(change func(*fixes.ContainerConfinement)) bool {
		less := c.Clone()
		own := less.Containers["c"]
		change(&own)
		less.Containers["c"] = own
		return p.run(trial.Try{Confinement: less}).Ready
	}
	own := c.Containers["c"]
	switch {
	case own.WritableRoot && runs(func(o *fixes.ContainerConfinement) { o.WritableRoot = false }):
		return "writable root"
	case own.Unconfined && runs(func(o *fixes.ContainerConfinement) { o.Unconfined = false }):
		return "unfiltered calls"
	case own.Escalates && runs(func(o *fixes.ContainerConfinement) { o.Escalates = false }):
		return "escalation"
	}
	for i, add := range own.Add {
		if own.Root && (add == "KILL" || p.staysRoot() && slices.Contains(lasting, add)) {
			continue
		}
		if runs(func(o *fixes.ContainerConfinement) { o.Add = append(o.Add[:i:i], o.Add[i+1:]...) }) {
			return string(add)
		}
	}
	for _, id := range []int64{65532, 65534, 100} {
		if own.Root && runs(func(o *fixes.ContainerConfinement) { o.Root, o.Add, o.User = false, nil, &id }) {
			return fmt.Sprint("root: user ", id, " will do")
		}
	}
	return ""
}
