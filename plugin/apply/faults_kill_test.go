//go:build unix

package apply_test

import (
	"os"
	"path/filepath"
)

// killFaults end the process at every boundary between two steps of a run: no
// handler runs, no file is closed. Another process goes on, or back.
func killFaults() []fault {
	return []fault{
		{"killed-at-every-step-then-resumed", done, func(s *scene) {
			s.killed(smallShop, func(s *scene) { s.finish() })
		}},
		{"killed-at-every-step-then-undone", done, func(s *scene) {
			s.killed(smallShop, func(s *scene) { s.takeBack(1) })
		}},
		{"undo-killed-at-every-step", done, func(s *scene) {
			s.undoKilled(smallShop)
		}},
		{"rollback-killed-at-every-step", rolledBack, func(s *scene) {
			s.killed(func(s *scene) {
				smallShop(s)
				s.doom("Deployment/web", "crash")
			}, func(s *scene) { s.takeBack(1) })
		}},
		{"recreation-killed-at-every-step-then-resumed", done, func(s *scene) {
			s.killed((*scene).solo, func(s *scene) { s.finish() })
		}},
		{"recreation-killed-at-every-step-then-undone", done, func(s *scene) {
			s.killed((*scene).solo, func(s *scene) { s.takeBack(1) })
		}},
		{"undo-of-recreation-killed-at-every-step", done, func(s *scene) {
			s.undoKilled((*scene).solo)
		}},
		{"copy-killed-at-every-step-then-resumed", done, func(s *scene) {
			s.killed((*scene).tried, func(s *scene) { s.finish() })
		}},
		{"copy-killed-at-every-step-then-undone", done, func(s *scene) {
			s.killed((*scene).tried, func(s *scene) { s.takeBack(1) })
		}},
		{"panic-at-every-third-step", done, func(s *scene) {
			s.stride = 3 // to the cluster it is as a kill
			s.each(smallShop, func(s *scene, n int) childResult { return s.child(childSpec{PanicAt: n}) }, func(s *scene) { s.finish() })
		}},
	}
}

func smallShop(s *scene) { s.small() }

// killed kills a process at every step of a run, and carries on.
func (s *scene) killed(set func(*scene), carryOn func(*scene)) {
	s.Helper()
	s.each(set, func(s *scene, n int) childResult { return s.child(childSpec{KillAt: n}) }, carryOn)
}

// undoKilled kills a process at every step of an undo, and resumes that.
func (s *scene) undoKilled(set func(*scene)) {
	s.Helper()
	s.each(func(s *scene) {
		set(s)
		s.run()
	}, func(s *scene, n int) childResult { return s.child(childSpec{Undo: 1, KillAt: n}) }, func(s *scene) {
		if s.lastRun() == 1 {
			s.Error("the undo has no journal")
			return
		}
		s.resume(done)
		s.nothingLeft()
	})
}

// each lets a run end in every one of its steps, each in a namespace of its
// own; how many there are, a run tells that is left to its end.
func (s *scene) each(set func(*scene), live func(s *scene, n int) childResult, carryOn func(*scene)) {
	s.Helper()
	want := s.want
	s.want = done // what comes before
	set(s)
	out := live(s, 0)
	s.expectChild(out, want)
	if out.Steps < 5 {
		s.Fatalf("a run of %d steps", out.Steps)
	}
	stride := max(s.stride, 1)
	s.walk(out.Steps/stride, func(s *scene, n int) {
		n *= stride
		s.want = done
		set(s)
		if got := live(s, n); !got.killed {
			s.Fatalf("it was not ended at step %d of %d", n, out.Steps)
		}
		s.id = s.lastRun()
		s.noSecretInJournals()
		carryOn(s)
	})
}

// lastRun is the number of the last run that has a journal.
func (s *scene) lastRun() int {
	s.Helper()
	files, err := filepath.Glob(filepath.Join(s.state, "*.jsonl"))
	if err != nil {
		s.Fatal(err)
	}
	if _, err := os.Stat(s.state); err != nil {
		s.Fatal(err)
	}
	return len(files)
}
