//go:build unix

package apply_test

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// governed are the resources that a plan touches or that its rollout is judged
// by, and verbs what the engine may want of them.
var governed = []string{
	"secrets", "configmaps", "serviceaccounts", "pods", "events", "resourcequotas", "limitranges",
	"deployments", "statefulsets", "daemonsets", "replicasets", "controllerrevisions", "replicationcontrollers", "services",
	"jobs", "cronjobs", "networkpolicies", "ingresses",
}

var verbs = []string{"get", "list", "create", "patch", "delete"}

// rightsFaults give the engine a user who may not do all that the plan wants.
func rightsFaults() []fault {
	return []fault{
		{"right-missing-for-one-kind", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.as(without("create", "networkpolicies"))
			s.run()
			s.says("NetworkPolicy/default-deny", fixes.Failed, "cannot create resource")
			s.says("Deployment/web", fixes.Checked)
			s.nothingLeft()
		}},
		{"right-revoked-before-write", rolledBack, func(s *scene) {
			s.shop(deployment("web"))
			s.as(nothingMissing)
			s.beforeWrite = func() { s.as(without("patch", "deployments")) }
			s.run()
			s.says("Secret/web-env", fixes.RolledBack)
			s.says("Deployment/web", fixes.Failed, "cannot patch resource")
			s.says("NetworkPolicy/default-deny", fixes.NotAttempted)
			s.as(nothingMissing)
			s.finish()
		}},
		{"right-revoked-before-rollback", partial, func(s *scene) {
			s.shop(deployment("web"))
			s.doom("Deployment/web", "crash")
			s.as(nothingMissing)
			s.onStep = nth("rollback", 1, func() { s.as(without("patch", "deployments")) })
			s.run()
			s.says("Deployment/web", fixes.Unsettled, "could not be put back", "cannot patch resource", "crash")
			s.as(nothingMissing)
			s.takeBack(1)
		}},
		{"right-revoked-before-undo", done, func(s *scene) {
			s.shop(deployment("web"))
			s.as(nothingMissing)
			s.run()
			undoing := s.planUndo(1, nil)
			s.as(without("patch", "deployments"))
			r, err := s.applier().BeginUndo(undoing.Plan, 1)
			if err != nil {
				s.Fatal(err)
			}
			s.do(r, partial, s.end, s.begin)
			s.as(nothingMissing)
			s.resume(done)
			s.nothingLeft()
		}},
		{"secrets-not-readable", done, func(s *scene) {
			s.shop(deployment("web"))
			s.as(without("get", "secrets"))
			s.run()
			s.is(s.end)
			// Nobody can take back what they cannot read, and nothing is touched.
			_, err := s.applier().PlanUndo(s.ctx, s.record(1), nil)
			if err == nil || !strings.Contains(err.Error(), "cannot get resource") {
				s.Errorf("planned without reading the Secret: %v", err)
			}
			s.is(s.end)
			s.as(nothingMissing)
			s.takeBack(1)
		}},
		{"secrets-not-readable-answer-lost", partial, func(s *scene) {
			s.shop(deployment("web"))
			s.as(without("get", "secrets"))
			s.fault(woe{what: "create secrets", times: 1, strike: cutAfter})
			s.run()
			s.says("Secret/web-env", fixes.Unknown)
			s.as(nothingMissing)
			s.finish()
		}},
		{"pods-not-creatable", done, func(s *scene) {
			s.shop(deployment("web"))
			s.as(without("create", "pods"))
			s.run()
			if !strings.Contains(s.story(), "you may not create pods") {
				s.Errorf("that nobody asked about its pods is not said:\n%s", s.story())
			}
			s.takeBack(1)
		}},
		{"pods-not-readable", done, func(s *scene) {
			s.shop(deployment("web"))
			s.as(func(verb, resource string) bool {
				return resource == "pods" && verb != "create" || resource == "events"
			})
			s.run()
			// What might use the Secret cannot be seen: it stays until it can.
			begin := s.begin
			s.begin = joined(begin, images{"Secret/web-env": s.end["Secret/web-env"]})
			s.leaves(1, "web-env", "may not be seen", "cannot list")
			s.is(s.begin)
			s.begin = begin
			s.as(nothingMissing)
			s.takeBack(1)
		}},
		{"users-of-secret-not-listable", partial, func(s *scene) {
			// Whether something else uses the Secret cannot be seen, so it stays.
			s.shop(deployment("web"))
			s.doom("Deployment/web", "crash")
			s.as(without("list", "cronjobs"))
			s.run()
			s.says("Secret/web-env", fixes.Applied)
			s.says("Deployment/web", fixes.RolledBack)
			s.as(nothingMissing)
			s.takeBack(1)
		}},
	}
}

func nothingMissing(_, _ string) bool { return false }

func without(verb, resource string) func(string, string) bool {
	return func(v, r string) bool { return v == verb && r == resource }
}

// as makes the engine a user who may do all to the namespace but what is
// missing, and waits until the server knows.
func (s *scene) as(missing func(verb, resource string) bool) {
	s.Helper()
	s.user = "dev-" + s.ns
	var rules strings.Builder
	for _, resource := range governed {
		granted := slices.DeleteFunc(slices.Clone(verbs), func(verb string) bool { return missing(verb, resource) })
		if len(granted) > 0 {
			fmt.Fprintf(&rules, "- {apiGroups: ['*'], resources: [%s], verbs: [%s]}\n", resource, strings.Join(granted, ", "))
		}
	}
	s.put(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: dev, namespace: ` + s.ns + `}
rules:
` + rules.String())
	s.put(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ` + s.user + `}
rules:
- {apiGroups: [""], resources: [namespaces], resourceNames: [` + s.ns + `], verbs: [get, patch]}
`)
	for kind, scope := range map[string]string{"RoleBinding": ", namespace: " + s.ns, "ClusterRoleBinding": ""} {
		role, name := "Role", "dev"
		if kind == "ClusterRoleBinding" {
			role, name = "ClusterRole", s.user
		}
		s.put(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ` + kind + `
metadata: {name: ` + name + scope + `}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ` + role + `, name: ` + name + `}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ` + s.user + `}]
`)
	}
	// A role is taken up whole: one right of each kind tells.
	for _, resource := range governed {
		for _, verb := range verbs {
			if missing(verb, resource) || s.denied[verb+resource] || resource == "deployments" {
				s.eventually("the server knows the rights", func() bool { return s.may(verb, resource) != missing(verb, resource) })
				s.denied[verb+resource] = missing(verb, resource)
			}
		}
	}
	s.eventually("the server knows the rights", func() bool { return s.may("patch", "namespaces") })
}

// groups are those of the resources that are not of the core.
var groups = map[string]string{
	"deployments": "apps", "statefulsets": "apps", "daemonsets": "apps", "replicasets": "apps", "controllerrevisions": "apps",
	"jobs": "batch", "cronjobs": "batch", "networkpolicies": "networking.k8s.io", "ingresses": "networking.k8s.io",
}

func (s *scene) may(verb, resource string) bool {
	s.Helper()
	review := s.parse(fmt.Sprintf(`
apiVersion: authorization.k8s.io/v1
kind: SubjectAccessReview
metadata: {}
spec: {user: %s, resourceAttributes: {namespace: %s, verb: %s, group: %q, resource: %s, name: %s}}
`, s.user, s.ns, verb, groups[resource], resource, s.ns))
	got, err := s.at(review).Create(s.Context(), review, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	allowed, _, _ := unstructured.NestedBool(got.Object, "status", "allowed")
	return allowed
}

// put makes an object, or makes another of one that is there; one of the whole
// cluster ends with the case.
func (s *scene) put(manifest string) {
	s.Helper()
	o := s.parse(manifest)
	at := s.at(o)
	o.SetManagedFields(nil)
	_, err := at.Apply(s.Context(), o.GetName(), o, metav1.ApplyOptions{FieldManager: "test", Force: true})
	if err != nil {
		s.Fatalf("put %s %s: %v", o.GetKind(), o.GetName(), err)
	}
	if o.GetNamespace() == "" {
		s.Cleanup(func() { _ = at.Delete(detached(s), o.GetName(), metav1.DeleteOptions{}) })
	}
}
