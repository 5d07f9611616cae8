//go:build unix

package apply_test

import (
	"strings"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

const realOnly = "request.?dryRun.orValue(false)"

// admissionFaults are policies and webhooks that refuse, alter, or keep the
// server waiting.
func admissionFaults() []fault {
	return []fault{
		{"policy-denies", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.policy("Deny", "apps", "deployments", "false", "'never with ' + oldObject.spec.template.spec.containers[0].env[1].value")
			s.run()
			s.says("Deployment/web", fixes.Failed, "never with ••••")
			s.nothingLeft()
		}},
		{"policy-denies-real-write-only", rolledBack, func(s *scene) {
			s.shop(deployment("web"))
			s.policy("Deny", "apps", "deployments", realOnly, "'not ' + oldObject.spec.template.spec.containers[0].env[1].value")
			s.run()
			s.says("Secret/web-env", fixes.RolledBack)
			s.says("Deployment/web", fixes.Failed, "not ••••")
			s.says("NetworkPolicy/default-deny", fixes.NotAttempted)
			s.freePolicy()
			s.finish()
		}},
		{"policy-warns", done, func(s *scene) {
			s.shop(deployment("web"))
			s.policy("Warn", "apps", "deployments", "false", "'think of ' + oldObject.spec.template.spec.containers[0].env[1].value + ' \\u202e'")
			s.run()
			out := s.of("Deployment/web")
			n := 0
			for _, told := range s.told {
				if told.State == fixes.RollingOut && told.Change == out.Change {
					n += len(told.Warnings)
				}
			}
			if n != 1 || !strings.Contains(s.story(), "think of ••••") {
				s.Errorf("%d warnings of one policy:\n%s", n, s.story())
			}
			s.takeBack(1)
		}},
		{"webhook-rejects-real-write-only", rolledBack, func(s *scene) {
			s.shop(deployment("web"))
			var rejecting atomic.Bool
			rejecting.Store(true)
			s.webhook(hook{"Validating", "Fail", "None", "deployments", func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
				if *r.DryRun || !rejecting.Load() {
					return allow()
				}
				return deny("no \x1b]8;;http://evil\a and " + credential + "web")
			}})
			s.run()
			s.says("Deployment/web", fixes.Failed, "denied the request", "••••")
			rejecting.Store(false)
			s.finish()
		}},
		{"webhook-alters-the-fix", partial, func(s *scene) {
			s.shop(deployment("web"))
			var altering atomic.Bool
			s.webhook(hook{"Mutating", "Fail", "None", "deployments", func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
				if *r.DryRun || !altering.Load() {
					return allow()
				}
				return mutate(`[{"op":"replace","path":"/spec/template/spec/containers/0/env/1","value":{"name":"DB_PASSWORD","value":"` + credential + `web"}}]`)
			}})
			altering.Store(true)
			s.loose["Deployment/web"] = true
			s.run()
			// Written, and not what was approved: that is no success.
			s.says("Deployment/web", fixes.Reverted, "admission", "env[1]")
			altering.Store(false)
			delete(s.loose, "Deployment/web")
			s.takeBack(1)
		}},
		{"webhook-alters-the-fix-in-dry-run", refused, func(s *scene) {
			s.shop(deployment("web"))
			var altering atomic.Bool
			s.webhook(hook{"Mutating", "Fail", "None", "deployments", func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
				if !altering.Load() {
					return allow()
				}
				return mutate(`[{"op":"replace","path":"/spec/template/spec/containers/0/env/1","value":{"name":"DB_PASSWORD","value":"` + credential + `web"}}]`)
			}})
			altering.Store(true)
			s.run()
			s.says("Deployment/web", fixes.Failed, "admission", "env[1]")
			altering.Store(false)
			s.nothingLeft()
		}},
		{"webhook-adds-beside-the-fix", done, func(s *scene) {
			s.shop(deployment("web"))
			s.webhook(hook{"Mutating", "Fail", "None", "pods", func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
				if r.Operation != admissionv1.Create {
					return allow()
				}
				return mutate(`[{"op":"add","path":"/spec/containers/-","value":{"name":"mesh","image":"example.com/mesh:1"}}]`)
			}})
			s.run()
			s.takeBack(1)
		}},
		{"webhook-times-out", rolledBack, func(s *scene) {
			s.shop(deployment("web"))
			var hanging atomic.Bool
			s.webhook(hook{"Validating", "Fail", "None", "deployments", hangs(&hanging)})
			hanging.Store(true)
			s.run()
			s.says("Deployment/web", fixes.Failed, "failed calling webhook")
			hanging.Store(false)
			s.finish()
		}},
		{"webhook-times-out-and-is-ignored", done, func(s *scene) {
			s.shop(deployment("web"))
			var hanging atomic.Bool
			s.webhook(hook{"Validating", "Ignore", "None", "deployments", hangs(&hanging)})
			hanging.Store(true)
			s.run()
			hanging.Store(false)
			s.takeBack(1)
		}},
		{"webhook-knows-no-dry-run", refused, func(s *scene) {
			s.shop(deployment("web"))
			// An API server of today takes no such webhook any more; older ones say this.
			s.fault(woe{what: "dry patch deployments", strike: says(400, "BadRequest", `admission webhook \"hook.example.com\" does not support dry run`)})
			s.run()
			s.says("Deployment/web", fixes.Failed, "does not support dry run")
			s.nothingLeft()
		}},
		{"webhook-of-pods-rejects-in-dry-run", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.webhook(hook{"Validating", "Fail", "None", "pods", func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
				if r.Operation == admissionv1.Create {
					return deny("no more pods")
				}
				return allow()
			}})
			s.run()
			s.says("Deployment/web", fixes.Failed, "its new pods would be refused", "no more pods")
			s.nothingLeft()
		}},
	}
}

// hangs is the review of a webhook that does not answer real writes.
func hangs(hanging *atomic.Bool) func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	return func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		if hanging.Load() && !*r.DryRun {
			time.Sleep(4 * time.Second) // the server waits for one
		}
		return allow()
	}
}

// warns reports whether the probe brings a warning.
func (s *scene) warns() bool {
	s.Helper()
	var warnings client.Warnings
	probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "probe", Namespace: s.ns}}
	_, _ = s.admin.Create(client.CollectWarnings(s.Context(), &warnings), probe, client.WriteOptions{DryRun: true})
	return strings.Contains(strings.Join(warnings.List(), ""), "in force")
}
