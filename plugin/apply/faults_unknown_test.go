//go:build unix

package apply_test

import (
	"net/http"
	"strings"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// unknownFaults take away the server, or the right to ask it, just when it is
// needed to know what became of a write.
func unknownFaults() []fault {
	return []fault{
		// It is waited for a minute, so this case is among the first.
		{"server-gone-after-write", partial, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "patch deployments", strike: s.goneAfter(func() {})})
			s.run()
			s.says("Deployment/web", fixes.Unknown, "connection reset")
			s.says("NetworkPolicy/default-deny", fixes.NotAttempted)
			s.finish()
		}},
		{"server-gone-after-write-then-cancelled", interrupted, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "patch deployments", strike: s.goneAfter(func() { time.AfterFunc(time.Second, s.cancel) })})
			start := time.Now()
			s.run()
			s.within(start, 20*time.Second)
			s.says("Deployment/web", fixes.Unknown)
			s.finish()
		}},
		{"server-gone-before-write-then-undone", interrupted, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "patch deployments", strike: func(_ http.RoundTripper, _ *http.Request) (*http.Response, error) {
				s.fault(woe{what: "*", strike: cutBefore})
				time.AfterFunc(time.Second, s.cancel)
				return nil, errCut
			}})
			s.run()
			s.says("Deployment/web", fixes.Unknown)
			s.takeBack(1)
		}},
		{"cancelled-during-request", interrupted, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "patch deployments", times: 1, strike: slow(2*time.Second, s.cancel)})
			s.run()
			// A request under way is brought to its end.
			s.says("Deployment/web", fixes.Unsettled, "not waited for")
			s.reaches("patch deployments", 1)
			s.finish()
		}},
		{"token-expires", partial, func(s *scene) {
			s.shop(deployment("web"), deployment("api"))
			s.fault(woe{what: "write", after: 3, strike: answer(401, "Unauthorized")})
			s.run()
			s.says("Deployment/web", fixes.Failed, "injected")
			s.finish()
		}},
		{"token-expires-during-rollout", partial, func(s *scene) {
			s.settings.RolloutTimeout = patient
			s.shop(deployment("web"))
			s.onStep = nth("noted", 2, func() { s.fault(woe{what: "*", strike: answer(401, "Unauthorized")}) })
			s.run()
			s.says("Deployment/web", fixes.Unsettled, "cannot be followed")
			s.finish()
		}},
		{"credentials-refused", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "*", strike: answer(401, "Unauthorized")})
			s.run()
			s.nothingLeft()
		}},
		{"reason-quotes-secret", rolledBack, func(s *scene) {
			s.shop(deployment("web"))
			s.fault(woe{what: "patch deployments", strike: says(422, "Invalid", `not \u001b[2J\u202e`+credential+`web`)})
			s.run()
			// scene.verify looks for the secret and for hostile characters.
			s.says("Deployment/web", fixes.Failed, "not ", "••••")
			if strings.Contains(s.of("Deployment/web").Detail, "\x1b") {
				s.Error("an escape sequence is passed on")
			}
			s.finish()
		}},
	}
}

// goneAfter lets one write through, loses its answer, and then all else.
func (s *scene) goneAfter(then func()) strike {
	return func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		resp, err := cutAfter(next, r)
		s.fault(woe{what: "*", strike: cutBefore})
		then()
		return resp, err
	}
}
