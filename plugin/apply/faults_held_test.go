//go:build unix

package apply_test

import "github.com/kubectl-harden/kubectl-harden/fixes"

// heldFaults are workloads that do not replace their pods by themselves: that
// is said, and not waited for.
func heldFaults() []fault {
	return []fault{
		{"deployment-paused", done, held(workload{kind: "Deployment", name: "web", spec: "paused: true"}, "kubectl rollout resume")},
		{"deployment-scaled-to-zero", done, held(workload{kind: "Deployment", name: "web", spec: "replicas: 0"}, "scaled to 0")},
		{"daemon-set-on-delete", done, held(workload{kind: "DaemonSet", name: "web", spec: "updateStrategy: {type: OnDelete}"}, "OnDelete")},
		{"stateful-set-on-delete", done, held(workload{kind: "StatefulSet", name: "web", spec: "serviceName: web\nupdateStrategy: {type: OnDelete}"}, "OnDelete")},
		{"stateful-set-partitioned", done, held(workload{kind: "StatefulSet", name: "web", spec: "serviceName: web\nreplicas: 2\nupdateStrategy: {rollingUpdate: {partition: 1}}"}, "partition is 1")},
	}
}

func held(w workload, why string) func(*scene) {
	return func(s *scene) {
		s.Helper()
		if w.spec == "paused: true" {
			s.pausedShop(w)
		} else {
			s.shop(w)
		}
		s.run()
		s.says(w.kind+"/"+w.name, fixes.Applied, why)
		s.takeBack(1)
	}
}

// pausedShop is a Deployment that is paused once it runs: paused from the
// start, it would have no pods.
func (s *scene) pausedShop(w workload) {
	s.Helper()
	w.spec = ""
	s.shop(w)
	s.edit("Deployment/web", "kubectl-rollout", setPaused)
	s.scan()
}
