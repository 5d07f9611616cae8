package rollout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// trail tells how the pods of a custom kind are found, and those of the new
// template among them.
type trail struct {
	// label has, on a pod of the new template, what revision gives.
	label    string
	revision func(*fixes.Custom) string
	// of has, on all its pods, the object's name, where it has no selector.
	of string
}

// trails are of the kinds whose pods are replaced when their template changes
// ([fixes.Kind.Rolls]).
var trails = map[fixes.Kind]trail{
	fixes.KindRollout:           {label: "rollouts-pod-template-hash", revision: statusText("currentPodHash")},
	fixes.KindCloneSet:          {label: "controller-revision-hash", revision: statusText("updateRevision")},
	fixes.KindKruiseStatefulSet: {label: "controller-revision-hash", revision: statusText("updateRevision")},
	fixes.KindKruiseDaemonSet:   {label: "controller-revision-hash", revision: statusText("daemonSetHash")},
	fixes.KindDeploymentConfig: {label: "deployment", revision: func(c *fixes.Custom) string {
		n, _ := number(c, "status", "latestVersion")
		return c.GetName() + "-" + strconv.FormatInt(n, 10)
	}},
	fixes.KindKnativeService:       {label: "serving.knative.dev/revision", revision: statusText("latestCreatedRevisionName"), of: "serving.knative.dev/service"},
	fixes.KindKnativeConfiguration: {label: "serving.knative.dev/revision", revision: statusText("latestCreatedRevisionName"), of: "serving.knative.dev/configuration"},
}

func statusText(field string) func(*fixes.Custom) string {
	return func(c *fixes.Custom) string { return text(c, "status", field) }
}

func text(c *fixes.Custom, path ...string) string {
	s, _, _ := unstructured.NestedString(c.Object, path...)
	return s
}

func isSet(c *fixes.Custom, path ...string) bool {
	b, _, _ := unstructured.NestedBool(c.Object, path...)
	return b
}

func number(c *fixes.Custom, path ...string) (int64, bool) {
	n, ok, _ := unstructured.NestedInt64(c.Object, path...)
	return n, ok
}

// has reports whether a pod is of the object's new template. Some controllers
// label pods with the whole name of a revision, some with its hash alone.
func (t trail) has(c *fixes.Custom, pod *corev1.Pod) bool {
	is, want := pod.Labels[t.label], t.revision(c)
	return same(is, want) || is != "" && strings.HasSuffix(want, "-"+is)
}

// customSelector returns what chooses the pods of a custom object; nil where
// that cannot be told.
func customSelector(c *fixes.Custom) *metav1.LabelSelector {
	if t := trails[fixes.RefOf(c).Kind]; t.of != "" {
		return &metav1.LabelSelector{MatchLabels: map[string]string{t.of: c.GetName()}}
	}
	labels, ok, _ := unstructured.NestedStringMap(c.Object, "spec", "selector") // a DeploymentConfig's
	if !ok {
		labels, _, _ = unstructured.NestedStringMap(c.Object, "spec", "selector", "matchLabels")
	}
	if len(labels) == 0 {
		return nil
	}
	return &metav1.LabelSelector{MatchLabels: labels}
}

// customCounts counts by the names that such kinds have from Deployments and
// DaemonSets. A Knative Service counts none: its pods come and go.
func customCounts(c *fixes.Custom) counts {
	of := func(field string) int32 { n, _ := number(c, "status", field); return int32(n) }
	if _, ok := number(c, "status", "desiredNumberScheduled"); ok {
		updated := of("updatedNumberScheduled")
		return counts{of("desiredNumberScheduled"), updated, of("numberReady"), of("numberAvailable"), of("currentNumberScheduled") - updated}
	}
	if trails[fixes.RefOf(c).Kind].of != "" {
		return counts{}
	}
	wanted := int64(1)
	if n, ok := number(c, "spec", "replicas"); ok {
		wanted = n
	}
	updated := of("updatedReplicas")
	return counts{int32(wanted), updated, of("readyReplicas"), of("availableReplicas"), of("replicas") - updated}
}

// customObserved reports whether the status is about the spec as it is. Argo
// writes the generation as a string.
func customObserved(c *fixes.Custom) bool {
	n, ok := number(c, "status", "observedGeneration")
	if !ok {
		parsed, err := strconv.ParseInt(text(c, "status", "observedGeneration"), 10, 64)
		if err != nil {
			return c.Object["status"] != nil
		}
		n = parsed
	}
	return n >= c.GetGeneration()
}

// customComplete reports whether a rollout is: what kstatus says of a kind that
// it does not know, by its conditions, what the object says in one word, and
// what it counts.
func customComplete(c *fixes.Custom) (bool, error) {
	if phase := text(c, "status", "phase"); phase != "" && phase != "Healthy" {
		return atStep(c) != nil, nil
	}
	copied := c.DeepCopy()
	unstructured.RemoveNestedField(copied.Object, "status", "observedGeneration") // judged already; kstatus takes no string
	result, err := status.Compute(&copied.Unstructured)
	if err != nil || result.Status != status.CurrentStatus {
		return false, err
	}
	n := customCounts(c)
	return n.updated >= n.wanted && n.available >= n.wanted && n.old <= 0, nil
}

// atStep returns [ErrAtStep] for an Argo Rollout that has come to a pause of
// its canary or of its blue-green promotion, with new pods that are ready as
// far as that goes.
func atStep(obj fixes.Object) error {
	c, ok := obj.(*fixes.Custom)
	if !ok || fixes.RefOf(c).Kind != fixes.KindRollout || text(c, "status", "phase") != "Paused" || isSet(c, "spec", "paused") {
		return nil
	}
	ref := fixes.RefOf(c)
	return fmt.Errorf("%w: kubectl argo rollouts promote %s -n %s", ErrAtStep, ref.Name, ref.Namespace)
}

// customFailed is the trouble of a rollout that its controller gave up.
func customFailed(c *fixes.Custom) (trouble, bool) {
	if text(c, "status", "phase") == "Degraded" {
		return trouble{key: "degraded", what: degraded, text: reasonAndMessage("Degraded", text(c, "status", "message"))}, true
	}
	return trouble{}, false
}

// customHeld is [Held] for custom kinds.
func customHeld(c *fixes.Custom) string {
	ref := fixes.RefOf(c)
	if !ref.Kind.Rolls() {
		return "only pods that it makes from now on get the new template"
	}
	if n, ok := number(c, "spec", "replicas"); ok && n == 0 {
		return scaledToZero(new(int32(0)))
	}
	if status, _ := c.Object["status"].(map[string]any); len(status) == 0 {
		return "no controller has taken it up yet: it has no status"
	}
	return customPaused(c)
}

// customPaused says why the pods of a custom object do not follow its template,
// or "".
func customPaused(c *fixes.Custom) string {
	ref := fixes.RefOf(c)
	switch ref.Kind {
	case fixes.KindRollout:
		if isSet(c, "spec", "paused") {
			return "it is paused: set spec.paused to false"
		}
	case fixes.KindDeploymentConfig:
		switch {
		case isSet(c, "spec", "paused"):
			return "it is paused: oc rollout resume dc/" + ref.Name + " -n " + ref.Namespace
		case !followsItself(c):
			return "it has no trigger ConfigChange: oc rollout latest dc/" + ref.Name + " -n " + ref.Namespace
		}
	case fixes.KindCloneSet, fixes.KindKruiseStatefulSet, fixes.KindKruiseDaemonSet:
		for _, at := range [][]string{{"spec", "updateStrategy"}, {"spec", "updateStrategy", "rollingUpdate"}} {
			if isSet(c, append(slices.Clip(at), "paused")...) {
				return "it is paused: set " + strings.Join(at, ".") + ".paused to false"
			}
			part, _, _ := unstructured.NestedFieldNoCopy(c.Object, append(slices.Clip(at), "partition")...)
			if s := fmt.Sprint(part); part != nil && s != "0" && s != "0%" {
				return "its partition is " + fixes.Clean(s) + ": that many of its pods keep the template before"
			}
		}
		if text(c, "spec", "updateStrategy", "type") == "OnDelete" {
			return onDelete
		}
	}
	return ""
}

// followsItself reports whether a DeploymentConfig rolls out when its template
// changes; without any triggers the server adds that one.
func followsItself(c *fixes.Custom) bool {
	triggers, ok, _ := unstructured.NestedSlice(c.Object, "spec", "triggers")
	if !ok {
		return true
	}
	for _, t := range triggers {
		if m, _ := t.(map[string]any); m["type"] == "ConfigChange" {
			return true
		}
	}
	return false
}
