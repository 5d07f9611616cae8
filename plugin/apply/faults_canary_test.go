//go:build unix

package apply_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
)

// aCopy is what copies of pods and their policies are known by, in the words
// of an admission policy.
const aCopy = "has(object.metadata.labels) && 'kubectl-harden.dev/canary' in object.metadata.labels"

// canaryFaults try a fix on a copy of a pod first. That [scene.verify] finds
// neither the copy nor its policy afterwards holds for all of them.
func canaryFaults() []fault {
	return []fault{
		{"copy-ready", done, func(s *scene) {
			s.tried()
			s.run()
			if !s.said("Deployment/web", fixes.Applying, "on a copy") {
				s.Errorf("no copy was tried:\n%s", s.story())
			}
			s.takeBack(1)
		}},
		{"copy-not-ready", rolledBack, func(s *scene) {
			s.settings.RolloutTimeout = 3 * time.Second
			s.tried()
			s.copyFails((*scene).unreadyPod)
			s.run()
			s.says("Deployment/web", fixes.Failed, "a copy of its pod", "did not become ready", "was not made")
			if s.reachedServer("patch deployments") > 0 {
				s.Error("the workload was touched")
			}
			s.nothingLeft()
		}},
		{"copy-crashes", rolledBack, func(s *scene) {
			s.tried()
			s.copyFails((*scene).crashPod)
			s.run()
			s.says("Deployment/web", fixes.Failed, "a copy of its pod", "crash")
			s.nothingLeft()
		}},
		{"copy-refused", rolledBack, func(s *scene) {
			s.tried()
			s.policy("Deny", "", "pods", "!("+aCopy+")", "'no copies'")
			s.run()
			s.says("Deployment/web", fixes.Failed, "could not be started", "no copies")
			s.freePolicy()
			s.finish()
		}},
		{"copy-not-cut-off", rolledBack, func(s *scene) {
			// Without its policy the copy is not started.
			s.tried()
			s.policy("Deny", "networking.k8s.io", "networkpolicies", "!("+aCopy+")", "'no policies'")
			s.run()
			s.says("Deployment/web", fixes.Failed, "could not be started", "no policies")
			if s.reachedServer("create pods") > 0 {
				s.Error("the copy was started")
			}
			s.freePolicy()
			s.finish()
		}},
		{"copy-declined", partial, func(s *scene) {
			s.tried()
			s.prepare = func(r *apply.Run) { r.Declined = map[fixes.Ref]bool{s.ref("Deployment/web"): true} }
			s.run()
			s.says("Deployment/web", fixes.NotAttempted, "no copy")
			s.takeBack(1)
		}},
		{"copy-cancelled", interrupted, func(s *scene) {
			s.tried()
			s.onStep = nth("canary", 2, s.cancel)
			s.run()
			s.says("Deployment/web", fixes.Failed, "interrupted")
			s.finish()
		}},
		{"copy-keeps-to-itself", done, func(s *scene) {
			s.create(`
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ` + s.ns + `}
spec: {selector: {app: web}, ports: [{port: 80}]}
`)
			s.tried()
			var once sync.Once
			s.onStep = nth("canary", 2, func() { once.Do(s.inspectCopy) })
			s.run()
			s.takeBack(1)
		}},
		{"copy-not-removable", done, func(s *scene) {
			s.tried()
			s.fault(woe{what: "delete pods", strike: answer(403, "Forbidden")})
			s.looseCopies()
			s.run()
			if !strings.Contains(s.story(), "a copy of its pod is left") {
				s.Errorf("that the copy is left is not said:\n%s", s.story())
			}
			if len(s.copies()) == 0 {
				s.Fatal("the copy is not there")
			}
			s.heal()
			clear(s.loose)
			s.takeBack(1) // which looks for it first
		}},
	}
}

// tried is a shop whose fix is to be tried on a copy.
func (s *scene) tried() {
	s.Helper()
	s.settings.Canary = true
	s.how.Rules = []string{"env-secret", "psa-missing"}
	s.how.Review = []string{"Deployment/web"}
	s.shop(workload{kind: "Deployment", name: "web", pod: "hostNetwork: true"})
}

// copyFails lets copies of pods fail, once they run: they have none of the
// labels by which kwok's stages tell others, so the test plays their kubelet.
func (s *scene) copyFails(how func(s *scene, name string)) {
	s.onStep = nth("canary", 2, func() {
		for _, o := range s.copies() {
			if o.GetKind() == "Pod" {
				s.awaitPod(o.GetName())
				how(s, o.GetName())
			}
		}
	})
}

// copies returns the copies of pods that are there, and their policies.
func (s *scene) copies() []unstructured.Unstructured {
	s.Helper()
	var all []unstructured.Unstructured
	for _, kind := range []fixes.Kind{fixes.KindPod, fixes.KindNetworkPolicy} {
		list, err := s.in(kind.APIVersion(), kind.Name).List(s.Context(), metav1.ListOptions{LabelSelector: "kubectl-harden.dev/canary"})
		if err != nil {
			s.Fatal(err)
		}
		for i := range list.Items {
			list.Items[i].SetKind(kind.Name)
		}
		all = append(all, list.Items...)
	}
	return all
}

// inspectCopy demands that the copy be none of the workload's pods: no Service
// sends it anything, no controller counts it, no other policy holds for it.
func (s *scene) inspectCopy() {
	var pod, wall *unstructured.Unstructured
	for _, o := range s.copies() {
		switch o.GetKind() {
		case "Pod":
			pod = &o
		case "NetworkPolicy":
			wall = &o
		}
	}
	if pod == nil || wall == nil {
		s.Errorf("the copy %v, its policy %v", pod, wall)
		return
	}
	labels := slices.Sorted(maps.Keys(pod.GetLabels()))
	if want := []string{"app.kubernetes.io/managed-by", "kubectl-harden.dev/canary"}; !slices.Equal(labels, want) {
		s.Errorf("it has the labels %q", labels)
	}
	selector, _, _ := unstructured.NestedStringMap(wall.Object, "spec", "podSelector", "matchLabels")
	if mark := pod.GetLabels()["kubectl-harden.dev/canary"]; selector["kubectl-harden.dev/canary"] != mark || len(selector) != 1 {
		s.Errorf("its policy is for %v", selector)
	}
	types, _, _ := unstructured.NestedStringSlice(wall.Object, "spec", "policyTypes")
	if len(types) != 2 {
		s.Errorf("its policy cuts off %v", types)
	}
	if limit, _, _ := unstructured.NestedInt64(pod.Object, "spec", "activeDeadlineSeconds"); limit == 0 {
		s.Error("nothing ends it if this program cannot")
	}
	s.awaitPod(pod.GetName())
	slice, err := s.in("discovery.k8s.io/v1", "EndpointSlice").List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Error(err)
		return
	}
	for _, item := range slice.Items {
		endpoints, _, _ := unstructured.NestedSlice(item.Object, "endpoints")
		for _, e := range endpoints {
			if name, _, _ := unstructured.NestedString(e.(map[string]any), "targetRef", "name"); name == pod.GetName() {
				s.Error("a Service sends it requests")
			}
		}
	}
}

// looseCopies leaves aside the copies that are left.
func (s *scene) looseCopies() {
	s.onReport = func(fixes.Outcome) {
		for _, o := range s.copies() {
			s.loose[o.GetKind()+"/"+o.GetName()] = true
		}
	}
}
