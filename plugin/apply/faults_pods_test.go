//go:build unix

package apply_test

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// patient is a timeout that lets a controller try again which was refused.
const patient = 10 * time.Second

// podsFaults let the server take the workload, and refuse its pods.
func podsFaults() []fault {
	const enforce = "pod-security.kubernetes.io/enforce"
	return []fault{
		{"quota-of-pods-since-dry-run", rolledBack, func(s *scene) {
			s.settings.RolloutTimeout = patient
			s.shop(deployment("web"))
			s.beforeWrite = func() { s.quota("pods", "1") }
			s.run()
			s.says("Deployment/web", fixes.RolledBack, "refused", "exceeded quota")
			s.says("Secret/web-env", fixes.RolledBack)
			s.says("NetworkPolicy/default-deny", fixes.NotAttempted)
			s.remove("ResourceQuota/theirs")
			s.finish()
		}},
		{"level-enforced-since-dry-run", rolledBack, func(s *scene) {
			s.settings.RolloutTimeout = patient
			s.how.Rules = []string{"env-secret"}
			s.shop(workload{kind: "Deployment", name: "web", pod: "hostNetwork: true"})
			level := func(to string) {
				s.edit("Namespace/"+s.ns, "somebody", func(o *unstructured.Unstructured) {
					labels := o.GetLabels()
					labels[enforce] = to
					o.SetLabels(labels)
				})
			}
			s.beforeWrite = func() { level("restricted") }
			s.run()
			s.says("Deployment/web", fixes.RolledBack, "refused", "violates PodSecurity")
			level("privileged")
			s.finish()
		}},
		{"level-enforced-before", refused, func(s *scene) {
			s.how.Rules = []string{"env-secret"}
			s.shop(workload{kind: "Deployment", name: "web", pod: "hostNetwork: true"})
			s.edit("Namespace/"+s.ns, "somebody", func(o *unstructured.Unstructured) {
				labels := o.GetLabels()
				labels[enforce] = "restricted"
				o.SetLabels(labels)
			})
			s.run()
			s.says("Deployment/web", fixes.Failed, "its new pods would be refused", "violates PodSecurity")
			s.nothingLeft()
		}},
		{"daemon-set-pods-refused", rolledBack, func(s *scene) {
			s.settings.RolloutTimeout = patient
			s.shop(workload{kind: "DaemonSet", name: "agent"})
			s.beforeWrite = func() {
				s.policy("Deny", "", "pods", "object.metadata.?labels.app.orValue('') != 'agent'", "'no agents'")
			}
			s.run()
			s.says("DaemonSet/agent", fixes.RolledBack, "refused", "no agents")
			s.freePolicy()
			s.finish()
		}},
	}
}
