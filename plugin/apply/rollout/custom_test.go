package rollout

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// custom returns an object of a kind, named web, of generation 3.
func custom(t *testing.T, kind fixes.Kind, text string) *fixes.Custom {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte("metadata: {name: web, namespace: shop, generation: 3}\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := utiljson.Unmarshal(raw, &content); err != nil {
		t.Fatal(err)
	}
	return fixes.NewCustom(kind, content)
}

func TestCustomIsComplete(t *testing.T) {
	const all = "replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2"
	for _, c := range []struct {
		name   string
		kind   fixes.Kind
		text   string
		done   bool
		atStep bool
	}{
		{"no status", fixes.KindRollout, "spec: {replicas: 2}", false, false},
		{"Argo", fixes.KindRollout, "spec: {replicas: 2}\nstatus: {phase: Healthy, observedGeneration: '3', " + all + "}", true, false},
		{"Argo, of the spec before", fixes.KindRollout, "spec: {replicas: 2}\nstatus: {phase: Healthy, observedGeneration: '2', " + all + "}", false, false},
		{"Argo goes on", fixes.KindRollout, "spec: {replicas: 2}\nstatus: {phase: Progressing, observedGeneration: '3', " + all + "}", false, false},
		{"Argo at a step", fixes.KindRollout, "spec: {replicas: 5}\nstatus: {phase: Paused, observedGeneration: '3', " + all + "}", true, true},
		{"Argo given up", fixes.KindRollout, "spec: {replicas: 2}\nstatus: {phase: Degraded, observedGeneration: '3', " + all + "}", false, false},
		{"clones", fixes.KindCloneSet, "spec: {replicas: 2}\nstatus: {observedGeneration: 3, " + all + "}", true, false},
		{"clones to come", fixes.KindCloneSet, "spec: {replicas: 3}\nstatus: {observedGeneration: 3, " + all + "}", false, false},
		{"clones to go", fixes.KindCloneSet, "spec: {replicas: 2}\nstatus: {observedGeneration: 3, replicas: 3, updatedReplicas: 2, readyReplicas: 3, availableReplicas: 3}", false, false},
		{"daemons", fixes.KindKruiseDaemonSet, "status: {observedGeneration: 3, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 2, numberReady: 2, numberAvailable: 2}", true, false},
		{"daemons to replace", fixes.KindKruiseDaemonSet, "status: {observedGeneration: 3, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 1, numberReady: 2, numberAvailable: 2}", false, false},
		{"Knative", fixes.KindKnativeService, "status: {observedGeneration: 3, conditions: [{type: Ready, status: 'True'}]}", true, false},
		{"Knative goes on", fixes.KindKnativeService, "status: {observedGeneration: 3, conditions: [{type: Ready, status: Unknown}]}", false, false},
		{"wrong types", fixes.KindRollout, "spec: {replicas: many}\nstatus: {phase: [Healthy], observedGeneration: {}, replicas: x}", false, false},
		{"status of another type", fixes.KindCloneSet, "spec: 7\nstatus: none", false, false},
	} {
		obj := custom(t, c.kind, c.text)
		done, err := complete(obj)
		if done != c.done || (err != nil) != strings.Contains(c.text, "status: none") {
			t.Errorf("%s: complete %v, %v", c.name, done, err)
		}
		if got := errors.Is(atStep(obj), ErrAtStep); got != c.atStep {
			t.Errorf("%s: at a step %v", c.name, got)
		}
		_, _, _, _ = customHeld(obj), customSelector(obj), customCounts(obj), minReady(obj)
	}
}

func TestCustomIsHeld(t *testing.T) {
	const taken = "\nstatus: {observedGeneration: 2}"
	for _, c := range []struct {
		kind       fixes.Kind
		text, held string
	}{
		{fixes.KindRollout, "spec: {replicas: 2}" + taken, ""},
		{fixes.KindRollout, "spec: {replicas: 2}", "no controller has taken it up"},
		{fixes.KindRollout, "spec: {replicas: 0}" + taken, "scaled to 0"},
		{fixes.KindRollout, "spec: {paused: true}" + taken, "spec.paused"},
		{fixes.KindDeploymentConfig, "spec: {paused: true}" + taken, "oc rollout resume dc/web -n shop"},
		{fixes.KindDeploymentConfig, "spec: {triggers: [{type: ImageChange}]}" + taken, "oc rollout latest dc/web -n shop"},
		{fixes.KindDeploymentConfig, "spec: {triggers: [{type: ConfigChange}]}" + taken, ""},
		{fixes.KindDeploymentConfig, "spec: {}" + taken, ""},
		{fixes.KindCloneSet, "spec: {updateStrategy: {paused: true}}" + taken, "spec.updateStrategy.paused"},
		{fixes.KindCloneSet, "spec: {updateStrategy: {partition: 20%}}" + taken, "its partition is 20%"},
		{fixes.KindKruiseStatefulSet, "spec: {updateStrategy: {rollingUpdate: {partition: 2}}}" + taken, "its partition is 2"},
		{fixes.KindKruiseStatefulSet, "spec: {updateStrategy: {rollingUpdate: {partition: 0}}}" + taken, ""},
		{fixes.KindKruiseDaemonSet, "spec: {updateStrategy: {type: OnDelete}}" + taken, "OnDelete"},
		{fixes.KindScaledJob, "spec: {}" + taken, "from now on"},
	} {
		got := Held(custom(t, c.kind, c.text))
		if (got == "") != (c.held == "") || !strings.Contains(got, c.held) {
			t.Errorf("%s %q: %q", c.kind, c.text, got)
		}
	}
}

func TestNewPodsOfCustomKinds(t *testing.T) {
	for _, c := range []struct {
		kind     fixes.Kind
		text     string
		labels   map[string]string
		selector string
		isNew    bool
	}{
		{fixes.KindRollout, "spec: {selector: {matchLabels: {app: web}}}\nstatus: {currentPodHash: abc}", map[string]string{"rollouts-pod-template-hash": "abc"}, "app=web", true},
		{fixes.KindRollout, "status: {currentPodHash: abc}", map[string]string{"rollouts-pod-template-hash": "def"}, "", false},
		{fixes.KindRollout, "status: {}", map[string]string{"rollouts-pod-template-hash": ""}, "", false},
		{fixes.KindCloneSet, "status: {updateRevision: web-7f}", map[string]string{"controller-revision-hash": "7f"}, "", true},
		{fixes.KindCloneSet, "status: {updateRevision: web-7f}", map[string]string{"controller-revision-hash": "web-7f"}, "", true},
		{fixes.KindCloneSet, "status: {updateRevision: web-7f}", nil, "", false},
		{fixes.KindDeploymentConfig, "spec: {selector: {app: web}}\nstatus: {latestVersion: 4}", map[string]string{"deployment": "web-4"}, "app=web", true},
		{fixes.KindDeploymentConfig, "status: {latestVersion: 4}", map[string]string{"deployment": "web-3"}, "", false},
		{fixes.KindKnativeService, "status: {latestCreatedRevisionName: web-00002}", map[string]string{"serving.knative.dev/revision": "web-00002"}, "serving.knative.dev/service=web", true},
	} {
		obj := custom(t, c.kind, c.text)
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: c.labels}}
		if got := trails[c.kind].has(obj, pod); got != c.isNew {
			t.Errorf("%s %q, %v: %v", c.kind, c.text, c.labels, got)
		}
		selector := ""
		if s := customSelector(obj); s != nil {
			selector = metav1.FormatLabelSelector(s)
		}
		if selector != c.selector {
			t.Errorf("%s %q: selector %q", c.kind, c.text, selector)
		}
	}
	for _, kind := range fixes.CustomKinds() {
		if _, ok := trails[kind]; ok != kind.Rolls() {
			t.Errorf("%s: its rollout cannot be followed, or it has none", kind)
		}
	}
}
