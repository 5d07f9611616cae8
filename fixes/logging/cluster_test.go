package logging

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// The nodes and DaemonSets of the test; every pair is compared.
const randomNodes, randomSets = 12, 25

// TestPlacementIsTheControllers compares the simulation with what the DaemonSet
// controller and the scheduler do with random DaemonSets and nodes, and lands the
// agent on all of these.
func TestPlacementIsTheControllers(t *testing.T) {
	if testing.Short() {
		t.Skip("what a real control plane does is not what the race detector looks at")
	}
	c := cluster.Start(t, cluster.WithNodes(0))
	random := rand.New(rand.NewPCG(3, 5))
	c.Apply(t, randomNodeList(random))
	c.Kubectl(t, "wait", "--for=condition=Ready", "node", "--all", "--timeout=180s")
	c.Kubectl(t, "create", "namespace", "random")
	agents := fixes.NewInventory()
	agents.Logs = policies["forward"]
	agents.Logs.Secret = ""
	var objects []any
	for i := range randomSets {
		objects = append(objects, randomSet(random, i))
	}
	for _, obj := range agentObjects(agents) {
		kind, _ := fixes.KindOf(obj)
		obj.GetObjectKind().SetGroupVersionKind(kind.GVK())
		objects = append(objects, obj)
	}
	apply(t, c, objects)
	sets := settled(t, c, randomSets+1)

	var nodes corev1.NodeList
	decode(t, c.Kubectl(t, "get", "nodes", "-o", "json"), &nodes)
	var pods corev1.PodList
	decode(t, c.Kubectl(t, "get", "pods", "-A", "-o", "json"), &pods)
	on := map[string]bool{}
	for _, pod := range pods.Items {
		on[pod.OwnerReferences[0].Name+" "+pod.Spec.NodeName] = pod.Spec.NodeName != ""
	}
	landed, pairs := 0, 0
	for _, ds := range sets {
		for i := range nodes.Items {
			node := &nodes.Items[i]
			got, want := place(&ds.Spec.Template.Spec, node).lands(), on[ds.Name+" "+node.Name]
			if ds.Name == agentName && !want {
				t.Errorf("the agent is not on %s: %v", node.Name, node.Spec.Taints)
			}
			if pairs++; want {
				landed++
			}
			if got != want {
				spec, _ := json.Marshal(ds.Spec.Template.Spec)
				t.Errorf("%s on %s: simulated %v, is %v\n%s\n%v %v", ds.Name, node.Name, got, want, spec, node.Labels, node.Spec.Taints)
			}
		}
	}
	t.Logf("%d pairs, %d landed", pairs, landed)
	if len(nodes.Items) != randomNodes || pairs < 200 || landed < pairs/10 || landed > pairs*9/10 {
		t.Errorf("%d nodes, %d of %d pairs landed: that shows little", len(nodes.Items), landed, pairs)
	}
	refusedForHostPathAlone(t, c, agents)
}

// refusedForHostPathAlone asks the server for a pod of the agent's in a namespace
// that enforces restricted.
func refusedForHostPathAlone(t *testing.T, c *cluster.Cluster, inv *fixes.Inventory) {
	t.Helper()
	c.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: strict, labels: {pod-security.kubernetes.io/enforce: restricted}}\n")
	pod := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: "agent", Namespace: "strict"}, Spec: agentPod(inv)}
	pod.Spec.ServiceAccountName, pod.Spec.PriorityClassName = "", "" // which the namespace may not have
	file := filepath.Join(t.TempDir(), "pod.json")
	text, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, err := c.KubectlErr("create", "--dry-run=server", "-f", file)
	if err == nil || !strings.Contains(stderr, "violates PodSecurity") || !strings.Contains(stderr, "hostPath") {
		t.Fatalf("not refused for its hostPath: %v %s", err, stderr)
	}
	for _, other := range []string{"runAsNonRoot", "seccomp", "apabilities", "rivilegeEscalation", "privileged", "runAsUser", "host namespaces", "hostPort"} {
		if strings.Contains(stderr, other) {
			t.Errorf("refused for %s too: %s", other, stderr)
		}
	}
}

func apply(t *testing.T, c *cluster.Cluster, objects []any) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(t, string(text))
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// settled returns the DaemonSets when all have the pods that they want, running.
func settled(t *testing.T, c *cluster.Cluster, count int) []appsv1.DaemonSet {
	t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	for {
		var list appsv1.DaemonSetList
		decode(t, c.Kubectl(t, "get", "daemonsets", "-A", "-o", "json"), &list)
		waits := slices.IndexFunc(list.Items, func(ds appsv1.DaemonSet) bool {
			return ds.Status.ObservedGeneration != ds.Generation || ds.Status.NumberReady != ds.Status.DesiredNumberScheduled ||
				ds.Status.CurrentNumberScheduled != ds.Status.DesiredNumberScheduled
		})
		if len(list.Items) == count && waits < 0 {
			return list.Items
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d DaemonSets; %s: %+v\n%s", len(list.Items), list.Items[max(waits, 0)].Name, list.Items[max(waits, 0)].Status, c.Kubectl(t, "get", "events", "-A", "--field-selector", "type=Warning"))
		}
		time.Sleep(500 * time.Millisecond)
	}
}

var (
	teams   = []string{"a", "b", "3", "7"}
	effects = []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute, corev1.TaintEffectPreferNoSchedule}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// randomNodeList has a node of the control plane, one that is cordoned, and others
// with odd taints and labels.
func randomNodeList(r *rand.Rand) string {
	var out strings.Builder
	for i := range randomNodes {
		n := corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("n%d", i), Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
			Labels: map[string]string{corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64"},
		}}
		n.Status.Allocatable = corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("16Gi"),
			corev1.ResourceEphemeralStorage: resource.MustParse("100Gi"), corev1.ResourcePods: resource.MustParse("200"),
		}
		n.Status.Capacity = n.Status.Allocatable
		switch {
		case i == 0:
			n.Labels["node-role.kubernetes.io/control-plane"] = ""
			n.Spec.Taints = []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}}
		case i == 1:
			n.Spec.Unschedulable = true
		case r.IntN(2) == 0:
			n.Spec.Taints = []corev1.Taint{{Key: "team", Value: pick(r, teams), Effect: pick(r, effects)}}
		}
		if r.IntN(3) == 0 {
			n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: "odd.example.com/gpu", Effect: pick(r, effects)})
		}
		if r.IntN(3) > 0 {
			n.Labels["team"] = pick(r, teams)
		}
		text, _ := json.Marshal(n)
		out.WriteString(string(text) + "\n---\n")
	}
	return strings.TrimSuffix(out.String(), "---\n")
}

func randomSet(r *rand.Rand, i int) *appsv1.DaemonSet {
	labels := map[string]string{"set": fmt.Sprint(i)}
	ds := &appsv1.DaemonSet{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DaemonSet"}, ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("set%d", i), Namespace: "random"},
		Spec: appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "x"}}},
		}},
	}
	spec := &ds.Spec.Template.Spec
	for range r.IntN(4) {
		spec.Tolerations = append(spec.Tolerations, randomToleration(r))
	}
	if r.IntN(4) == 0 {
		spec.NodeSelector = map[string]string{"team": pick(r, teams)}
	}
	if r.IntN(3) == 0 {
		required := &corev1.NodeSelector{}
		for range 1 + r.IntN(2) {
			required.NodeSelectorTerms = append(required.NodeSelectorTerms, randomTerm(r))
		}
		spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: required}}
	}
	if i == 7 {
		spec.NodeName = "n2"
	}
	spec.HostNetwork = r.IntN(4) == 0
	return ds
}

func randomToleration(r *rand.Rand) corev1.Toleration {
	t := corev1.Toleration{Key: pick(r, []string{"team", "odd.example.com/gpu", "node-role.kubernetes.io/control-plane", ""}), Operator: corev1.TolerationOpExists}
	if t.Key != "" && r.IntN(2) == 0 {
		t.Operator, t.Value = corev1.TolerationOpEqual, pick(r, append([]string{""}, teams...))
	}
	if r.IntN(2) == 0 {
		t.Effect = pick(r, effects)
	}
	return t
}

func randomTerm(r *rand.Rand) corev1.NodeSelectorTerm {
	var term corev1.NodeSelectorTerm
	for range r.IntN(3) {
		e := corev1.NodeSelectorRequirement{Key: pick(r, []string{"team", corev1.LabelOSStable, "node-role.kubernetes.io/control-plane"}),
			Operator: pick(r, []corev1.NodeSelectorOperator{corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn, corev1.NodeSelectorOpExists, corev1.NodeSelectorOpDoesNotExist, corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt})}
		switch e.Operator {
		case corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn:
			e.Values = []string{pick(r, teams), pick(r, []string{"linux", "a", "b"})}
		case corev1.NodeSelectorOpGt, corev1.NodeSelectorOpLt:
			e.Values = []string{"5"}
		}
		term.MatchExpressions = append(term.MatchExpressions, e)
	}
	if r.IntN(4) == 0 {
		term.MatchFields = []corev1.NodeSelectorRequirement{{Key: metav1.ObjectNameField, Operator: pick(r, []corev1.NodeSelectorOperator{corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn}), Values: []string{fmt.Sprintf("n%d", r.IntN(randomNodes))}}}
	}
	return term
}
