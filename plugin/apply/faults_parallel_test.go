//go:build unix

package apply_test

import (
	"errors"
	"sync"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// parallelFaults are runs that get into each other's way.
func parallelFaults() []fault {
	return []fault{
		{"two-runs-of-one-plan", done, func(s *scene) {
			s.shop(deployment("web"))
			generation := s.get("Deployment/web").GetGeneration()
			var group sync.WaitGroup
			for range 2 {
				group.Go(func() {
					r, err := s.applier().Begin(s.plan)
					if err != nil {
						s.Error(err)
						return
					}
					err = r.Do(s.ctx, nil, s.report)
					if got := statusOf(err); got != done && got != partial && got != stale {
						s.Errorf("run %d: %v", r.ID(), err)
					}
				})
			}
			group.Wait()
			s.is(s.end)
			if now := s.get("Deployment/web").GetGeneration(); now != generation+1 {
				s.Errorf("%d writes of the Deployment took effect", now-generation)
			}
			s.noSecretInJournals()
			// Whichever wrote what: taken back, both of them, nothing is left.
			s.undo(2, done)
			s.undo(1, done)
			s.nothingLeft()
		}},
		{"two-plans-for-one-object", done, func(s *scene) {
			s.how.Rules = []string{"env-secret"}
			s.shop(deployment("web"))
			begin, first := s.begin, s.plan
			s.how.Rules = []string{"pss-allow-privilege-escalation"}
			s.scan()
			second := s.plan
			var group sync.WaitGroup
			for _, plan := range []*fixes.Plan{first, second} {
				group.Go(func() {
					r, err := s.applier().Begin(plan)
					if err != nil {
						s.Error(err)
						return
					}
					err = r.Do(s.ctx, nil, s.report)
					// Whose rollout was overtaken says so.
					if got := statusOf(err); got != done && got != partial {
						s.Errorf("run %d: %v", r.ID(), err)
					}
				})
			}
			group.Wait()
			s.awaitRollout("Deployment/web")
			if env := s.env("Deployment/web", "DB_PASSWORD"); env != "" {
				s.Error("the first plan's change is lost")
			}
			if len(s.find().Findings) > 0 {
				s.Error("the second plan's change is lost")
			}
			s.noSecretInJournals()
			s.begin = begin
			for _, n := range []int{2, 1} {
				undoing := s.planUndo(n, nil)
				r, err := s.applier().BeginUndo(undoing.Plan, n)
				if err != nil {
					s.Fatal(err)
				}
				if err := r.Do(s.ctx, nil, s.report); err != nil {
					s.Errorf("undo %d: %v", n, err)
				}
			}
			s.is(begin)
		}},
		{"resumed-while-it-runs", done, func(s *scene) {
			s.shop(deployment("web"))
			s.onStep = nth("noted", 2, func() {
				rec := s.record(1)
				if !rec.Running {
					s.Error("the run is not said to be running")
				}
				if _, err := s.applier().Resume(s.ctx, 1); !errors.Is(err, journal.ErrRunning) {
					s.Errorf("resumed while it runs: %v", err)
				}
			})
			s.run()
			s.takeBack(1)
		}},
		{"resumed-twice", partial, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "patch namespaces", strike: answer(500, "InternalError")})
			s.run()
			s.resume(done)
			s.is(s.end)
			s.resume(done) // which has nothing to do
			s.is(s.end)
			s.takeBack(1)
		}},
		{"applied-twice", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.begin = s.end
			a := s.applier()
			s.expect(a.DryRun(s.ctx, s.plan, s.report), stale)
			s.says("Secret/web-env", fixes.Unchanged)
			s.says("Deployment/web", fixes.Stale)
			s.is(s.end)
		}},
	}
}
