//go:build unix

package apply_test

import (
	"strconv"
	"sync"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// stopFaults end a run early, as a person does: after the wave under way, or
// at once.
func stopFaults() []fault {
	return []fault{
		{"stopped-after-first-wave", partial, func(s *scene) {
			s.settings.WaveSize = 1
			s.shop(deployment("a"), deployment("b"))
			s.onStep = nth("rolled", 1, func() { close(s.stop) })
			s.run()
			s.says("Deployment/a", fixes.Applied)
			s.says("Deployment/b", fixes.NotAttempted, "stopped")
			s.finish()
		}},
		{"stopped-before-first-wave", interrupted, func(s *scene) {
			s.shop(deployment("web"))
			close(s.stop)
			s.run()
			s.says("Secret/web-env", fixes.NotAttempted, "stopped")
			s.is(s.begin)
			s.finish()
		}},
		{"cancelled-before-first-write", interrupted, func(s *scene) {
			s.shop(deployment("web"))
			s.beforeWrite = s.cancel
			s.run()
			s.says("Secret/web-env", fixes.NotAttempted, "interrupted")
			s.is(s.begin)
			s.finish()
		}},
		{"cancelled-during-dry-run", interrupted, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "dry patch deployments", strike: slow(0, s.cancel)})
			s.run()
			s.nothingLeft()
		}},
		{"cancelled-during-rollout", interrupted, func(s *scene) {
			s.shop(workload{kind: "Deployment", name: "web", spec: "minReadySeconds: 2"})
			s.onStep = nth("noted", 2, s.cancel)
			s.run()
			s.says("Deployment/web", fixes.Unsettled, "its rollout was not waited for")
			s.finish()
		}},
		{"cancelled-during-rollback", interrupted, func(s *scene) {
			s.shop(deployment("web"))
			s.doom("Deployment/web", "crash")
			s.onStep = nth("rollback", 1, s.cancel)
			s.run()
			// What is put back is put back to its end.
			s.says("Deployment/web", fixes.RolledBack, "crash")
			s.takeBack(1)
		}},
		{"cancelled-while-settling", done, func(s *scene) {
			// All is applied, and nobody found anything wrong.
			s.settings.Settle = 3e9
			s.shop(deployment("web"))
			s.onStep = nth("wave", 3, s.cancel)
			s.run()
			s.takeBack(1)
		}},
		{"cancelled-at-every-step", interrupted, func(s *scene) {
			s.everyWay((*scene).small, cancelAtStep)
		}},
		{"recreation-cancelled-at-every-step", interrupted, func(s *scene) {
			s.everyWay((*scene).solo, cancelAtStep)
		}},
		{"cancelled-at-every-report", interrupted, func(s *scene) {
			s.everyWay((*scene).small, func(s *scene, n int, count func()) {
				said := 0
				s.onReport = func(fixes.Outcome) {
					if said++; said == n {
						s.cancel()
					}
					count()
				}
			})
		}},
	}
}

// cancelAtStep cancels a run at the nth boundary between two steps.
func cancelAtStep(s *scene, n int, count func()) {
	steps := 0
	var mu sync.Mutex
	s.onStep = func(string) {
		mu.Lock()
		defer mu.Unlock()
		if steps++; steps == n {
			s.cancel()
		}
		count()
	}
}

// everyWay cancels a run at each of its moments, and demands that it can
// be finished and taken back: where the moments are, and how many, the run
// itself tells that is not cancelled.
func (s *scene) everyWay(set func(*scene), cancelAt func(s *scene, n int, count func())) {
	s.Helper()
	play := func(s *scene, n int) (moments int) {
		set(s)
		s.beforeWrite = func() { cancelAt(s, n, func() { moments++ }) }
		s.want, s.orDone = interrupted, true
		s.run()
		s.finish()
		return moments
	}
	moments := play(s, -1)
	if moments < 5 {
		s.Fatalf("a run of %d moments", moments)
	}
	s.walk(moments, func(s *scene, n int) { play(s, n) })
}

// small is a shop whose plan has all stages and few changes.
func (s *scene) small() {
	s.Helper()
	s.how.Rules = []string{"env-secret", "psa-missing"}
	s.shop(workload{kind: "Deployment", name: "web", pod: "hostNetwork: true"})
}

// walkers are how many steps of a walk are played at a time.
const walkers = 2

// walk plays a case at each of its moments, each in a namespace of its own.
func (s *scene) walk(moments int, play func(s *scene, n int)) {
	s.Helper()
	var group sync.WaitGroup
	numbers := make(chan int)
	for range walkers {
		group.Go(func() {
			for n := range numbers {
				s.Run(strconv.Itoa(n), func(t *testing.T) {
					play(newScene(t, fault{name: s.ns[len("f-"):] + "-" + strconv.Itoa(n)}, s.kubeconfig), n)
				})
			}
		})
	}
	for n := range moments {
		numbers <- n + 1
	}
	close(numbers)
	group.Wait()
}
