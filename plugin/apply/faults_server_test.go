//go:build unix

package apply_test

import (
	"strings"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// serverFaults are answers of a server, or of what stands before it, that are
// no refusal: the write was made, or was not, and is to be made once.
func serverFaults() []fault {
	return []fault{
		{"throttled", done, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "*", after: 4, times: 2, strike: busy(429, time.Second)})
			s.fault(woe{what: "write", times: 2, strike: busy(429, time.Second)})
			s.fault(woe{what: "get", times: 2, strike: busy(429, time.Second)})
			s.run()
			s.takeBack(1)
		}},
		{"throttled-for-good", interrupted, func(s *scene) {
			s.shop(deployment("web"))
			s.beforeWrite = func() {
				s.fault(woe{what: "*", strike: busy(429, 30*time.Second)})
				time.AfterFunc(time.Second, s.cancel)
			}
			start := time.Now()
			s.run()
			s.within(start, 25*time.Second) // less than it was told to wait
			s.is(s.begin)
			s.finish()
		}},
		{"write-answered-500", done, once("patch deployments", answer(500, "InternalError"), 1)},
		{"write-answered-503", done, once("patch deployments", answer(503, "ServiceUnavailable"), 1)},
		{"write-answered-504", done, once("patch deployments", answer(504, "Timeout"), 1)},
		{"write-done-answered-500", done, once("patch deployments", answerAfter(500, "InternalError", 0), 1)},
		{"write-done-answered-504", done, once("patch namespaces", answerAfter(504, "Timeout", 0), 1)},
		// client-go itself sends it again, unasked.
		{"write-done-answered-retry-after", done, once("patch deployments", answerAfter(503, "ServiceUnavailable", 1), 2)},
		{"create-answered-500", done, once("create secrets", answer(500, "InternalError"), 1)},
		{"create-done-answer-lost", done, once("create secrets", cutAfter, 1)},
		{"create-done-answered-retry-after", done, once("create secrets", answerAfter(503, "ServiceUnavailable", 1), 2)},
		{"create-lost", done, once("create networkpolicies", cutBefore, 0)},
		{"patch-done-answer-lost", done, once("patch deployments", cutAfter, 1)},
		{"patch-lost", done, once("patch deployments", cutBefore, 1)},
		{"patch-answer-cut-in-the-middle", done, once("patch deployments", cutWithin, 1)},
		{"create-answer-cut-in-the-middle", done, once("create secrets", cutWithin, 1)},
		{"delete-done-answer-lost", done, onceUndone("delete secrets", cutAfter, 1)},
		{"delete-lost", done, onceUndone("delete secrets", cutBefore, 1)},
		{"delete-answered-503", done, onceUndone("delete networkpolicies", answer(503, "ServiceUnavailable"), 0)},
		{"write-answered-500-always", rolledBack, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "patch deployments", strike: answer(500, "InternalError")})
			s.run()
			s.says("Secret/web-env", fixes.RolledBack, "it was made for")
			s.says("Deployment/web", fixes.Failed, "injected")
			s.says("NetworkPolicy/default-deny", fixes.NotAttempted)
			if n := s.reachedServer("patch deployments"); n != 0 {
				s.Errorf("%d patches got through", n)
			}
			s.finish()
		}},
		{"first-write-answered-500-always", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "write", strike: answer(500, "InternalError")})
			s.run()
			s.nothingLeft()
			s.finish()
		}},
		{"dry-run-answered-500", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "dry patch deployments", strike: answer(500, "InternalError")})
			s.run()
			s.says("Deployment/web", fixes.Failed, "injected")
			s.nothingLeft()
		}},
		{"reads-fail-during-rollout", done, func(s *scene) {
			s.shop(deployment("web"))
			s.onStep = nth("noted", 2, func() {
				s.fault(woe{what: "get", times: 4, strike: answer(503, "ServiceUnavailable")})
				s.fault(woe{what: "list", times: 4, strike: cutBefore})
			})
			s.run()
			if !s.said("Deployment/web", fixes.RollingOut, "cannot be read now") {
				s.Errorf("it is not said:\n%s", s.story())
			}
			s.takeBack(1)
		}},
		{"list-cut-in-the-middle", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "list deployments", strike: cutWithin})
			// The scan is not taken for complete.
			rules := catalog.Rules()
			_, err := source.Scan(s.ctx, &source.Cluster{Client: s.applier().Client, Namespace: s.ns}, nil, rules, nil)
			if err == nil || !strings.Contains(err.Error(), "deployments") {
				s.Errorf("a scan without Deployments: %v", err)
			}
			s.expect(err, s.want)
		}},
		{"server-hangs", interrupted, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "dry create secrets", strike: hang})
			time.AfterFunc(time.Second, s.cancel)
			start := time.Now()
			s.run()
			s.within(start, 10*time.Second)
			s.nothingLeft()
		}},
	}
}

// once lets one request of a run fail; so many of its kind reach the server
// until the run is done all the same.
func once(what string, how strike, reach int) func(*scene) {
	return func(s *scene) {
		s.Helper()
		s.shop(deployment("web"))
		s.fault(woe{what: what, times: 1, strike: how})
		s.run()
		s.reaches(what, reach)
		s.is(s.end)
		s.takeBack(1)
	}
}

// onceUndone is [once] for the undo of a run.
func onceUndone(what string, how strike, reach int) func(*scene) {
	return func(s *scene) {
		s.Helper()
		s.shop(deployment("web"))
		s.run()
		undoing := s.planUndo(1, nil)
		s.fault(woe{what: what, times: 1, strike: how})
		r, err := s.applier().BeginUndo(undoing.Plan, 1)
		if err != nil {
			s.Fatal(err)
		}
		s.do(r, done, s.snapshot(), s.begin)
		s.reaches(what, reach)
		s.nothingLeft()
	}
}

// reaches demands how many writes reached the server; 0: any number.
func (s *scene) reaches(what string, n int) {
	s.Helper()
	if got := s.reachedServer(what); n != 0 && got != n {
		s.Errorf("%q reached the server %d times, want %d: %q", what, got, n, s.wire.sent)
	}
}

func (s *scene) within(start time.Time, limit time.Duration) {
	s.Helper()
	if took := time.Since(start); took > limit {
		s.Errorf("it took %s, longer than %s", took, limit)
	}
}
