//go:build unix

package apply_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// restartFault is a case in which the API server goes down.
type restartFault struct {
	fault
	restart func(*scene, *outage)
}

// restartFaults go on until the API server is to go down, each at another
// point; then it is killed, as the crash of its machine would, for all of them.
func restartFaults() []restartFault {
	return []restartFault{
		{fault{name: "api-server-down-in-dry-run", status: refused}, func(s *scene, o *outage) {
			s.shop(deployment("web"))
			o.begins(s)
			a := s.applier()
			s.expect(a.DryRun(s.ctx, s.plan, s.report), refused)
			o.ends(s)
			s.nothingLeft()
		}},
		{fault{name: "api-server-down-before-first-write", status: done}, func(s *scene, o *outage) {
			s.shop(deployment("web"))
			s.beforeWrite = func() { o.begins(s) }
			s.run()
			s.takeBack(1)
		}},
		{fault{name: "api-server-down-before-first-write-then-cancelled", status: interrupted}, func(s *scene, o *outage) {
			s.shop(deployment("web"))
			a := s.applier()
			if err := a.DryRun(s.ctx, s.plan, s.report); err != nil {
				s.Fatal(err)
			}
			r, err := a.Begin(s.plan)
			if err != nil {
				s.Fatal(err)
			}
			s.id = r.ID()
			o.begins(s)
			time.AfterFunc(time.Second, s.cancel)
			s.expect(r.Do(s.ctx, nil, s.report), interrupted)
			o.ends(s)
			s.is(s.begin)
			s.finish()
		}},
		{fault{name: "api-server-down-between-secret-and-workload", status: done}, func(s *scene, o *outage) {
			s.shop(deployment("web"))
			s.onStep = nth("noted", 1, func() { o.begins(s) })
			s.run()
			s.takeBack(1)
		}},
		{fault{name: "api-server-down-after-write-before-answer", status: done}, func(s *scene, o *outage) {
			s.shop(deployment("web"))
			s.fault(woe{what: "patch deployments", times: 1, strike: func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
				resp, err := cutAfter(next, r)
				o.begins(s)
				return resp, err
			}})
			s.run()
			s.reaches("patch deployments", 1)
			s.takeBack(1)
		}},
		{fault{name: "api-server-down-during-rollout", status: done}, func(s *scene, o *outage) {
			s.shop(workload{kind: "Deployment", name: "web", spec: "minReadySeconds: 5"})
			s.onReport = func(out fixes.Outcome) {
				if out.State == fixes.RollingOut && out.Detail != "" {
					o.begins(s)
				}
			}
			s.run()
			s.takeBack(1)
		}},
		{fault{name: "api-server-down-during-rollback", status: rolledBack}, func(s *scene, o *outage) {
			s.shop(deployment("web"))
			s.doom("Deployment/web", "crash")
			s.onStep = nth("rollback", 1, func() { o.begins(s) })
			s.run()
			s.says("Deployment/web", fixes.RolledBack)
			s.nothingLeft()
		}},
		{fault{name: "api-server-down-during-undo", status: done}, func(s *scene, o *outage) {
			s.shop(deployment("web"))
			s.run()
			undoing := s.planUndo(1, nil)
			s.onStep = nth("intent", 3, func() { o.begins(s) })
			r, err := s.applier().BeginUndo(undoing.Plan, 1)
			if err != nil {
				s.Fatal(err)
			}
			s.do(r, done, s.end, s.begin)
			s.nothingLeft()
		}},
		{fault{name: "api-server-down-while-pod-is-recreated", status: done}, func(s *scene, o *outage) {
			s.solo()
			s.onStep = nth("deleted", 1, func() { o.begins(s) })
			s.run()
			s.takeBack(1)
		}},
	}
}

// restarts plays the cases in which the API server goes down, all at a time on
// a control plane of their own.
func restarts(t *testing.T) {
	all := restartFaults()
	o := &outage{awaited: len(all), down: make(chan struct{}), up: make(chan struct{})}
	start := sync.OnceFunc(func() { o.cluster = cluster.Start(t, stages) })
	var players sync.WaitGroup
	for _, f := range all {
		players.Go(func() {
			arrived := sync.OnceFunc(o.arrive)
			defer arrived() // one that is not played is not waited for
			t.Run(f.name, func(t *testing.T) {
				start()
				s := newScene(t, f.fault, o.cluster.Kubeconfig)
				s.settings.RolloutTimeout = 3 * time.Minute // the controllers see late that it is back
				s.arrived = arrived
				f.restart(s, o)
			})
		})
	}
	players.Wait()
}

// outage is the time in which the API server is down. It begins when the last
// case waits for it.
type outage struct {
	cluster  *cluster.Cluster
	mu       sync.Mutex
	awaited  int
	down, up chan struct{}
	err      error // why it does not end
}

// downtime is longer than it takes a run to give up that is cancelled.
const downtime = 8 * time.Second

func (o *outage) arrive() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.awaited--; o.awaited > 0 {
		return
	}
	if o.cluster == nil {
		return // none was played
	}
	o.cluster.KillAPIServer()
	close(o.down)
	time.AfterFunc(downtime, func() {
		o.err = o.cluster.StartAPIServer(context.Background())
		close(o.up)
	})
}

// begins waits until the outage has.
func (o *outage) begins(s *scene) {
	s.arrived()
	<-o.down
}

// ends waits until the server grants the admin all again: it denies everything
// before it has read its roles.
func (o *outage) ends(s *scene) {
	s.Helper()
	<-o.up
	if o.err != nil {
		s.Fatal(o.err)
	}
	s.eventually("the API server is back", func() bool {
		_, err := s.admin.Get(context.WithoutCancel(s.Context()), fixes.Ref{Kind: fixes.KindNamespace, Name: s.ns})
		return err == nil
	})
}
