package fixes_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// fullPlans returns the changes of everything that can be fixed in the demo and
// in the test manifests, as objects of a running cluster.
func fullPlans(t *testing.T) map[string][]fixes.Change {
	t.Helper()
	files, err := filepath.Glob("../testdata/manifests/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d manifests: %v", len(files), err)
	}
	plans := map[string][]fixes.Change{}
	for _, file := range append(files, "../plugin/source/demo.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		inv := fixestest.Load(t, string(text))
		inv.Live, inv.ServerMinor = true, 37
		inv.AllowRecreate(func(fixes.Ref) bool { return true })
		for _, kind := range append(fixes.WorkloadKinds(), fixes.KindNamespace, fixes.KindConfigMap, fixes.KindSecret, fixes.KindServiceAccount, fixes.KindService,
			fixes.KindRole, fixes.KindRoleBinding, fixes.KindClusterRole, fixes.KindClusterRoleBinding, fixes.KindNetworkPolicy) {
			for i, obj := range inv.List(kind) {
				if obj.GetUID() == "" {
					obj.SetUID(types.UID(fmt.Sprint("uid-", kind.Resource, i)))
				}
				obj.SetResourceVersion("7")
			}
		}
		result := fixes.Scan(inv, catalog.Rules())
		plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
		if err != nil {
			t.Fatal(err)
		}
		plans[filepath.Base(file)] = plan.Changes
	}
	return plans
}

// written returns what a server holds once a change is written.
func written(c fixes.Change) fixes.Object {
	if c.Action == fixes.Delete {
		return nil
	}
	obj := c.After.DeepCopyObject().(fixes.Object)
	if c.Action != fixes.Patch {
		uid := types.UID("new")
		if c.Before != nil {
			uid += "-" + c.Before.GetUID()
		}
		obj.SetUID(uid)
	}
	obj.SetResourceVersion("8")
	obj.SetGeneration(obj.GetGeneration() + 1)
	obj.SetCreationTimestamp(metav1.Now())
	return obj
}

// content is all of an object but what the server keeps of its own.
func content(t *testing.T, obj fixes.Object) map[string]any {
	t.Helper()
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		t.Fatal(err)
	}
	delete(m, "status")
	meta := m["metadata"].(map[string]any)
	for _, f := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
		delete(meta, f)
	}
	return m
}

func sameContent(t *testing.T, got, want fixes.Object, what string) {
	t.Helper()
	if g, w := content(t, got), content(t, want); !reflect.DeepEqual(g, w) {
		gt, _ := json.Marshal(g)
		wt, _ := json.Marshal(w)
		t.Errorf("%s:\ngot  %s\nwant %s", what, gt, wt)
	}
}

// goesThrough demands that a patch's guards hold on the object that it is for,
// and that it makes of it what it says.
func goesThrough(t *testing.T, c fixes.Change) {
	t.Helper()
	if c.Action != fixes.Patch || c.Empty() {
		return
	}
	text, err := c.JSONPatch()
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := json.Marshal(c.Before)
	if err != nil {
		t.Fatal(err)
	}
	patched, err := patch.Apply(doc)
	if err != nil {
		t.Fatalf("%s: %v\n%s", c.Object, err, text)
	}
	got := c.Object.Kind.New()
	if err := json.Unmarshal(patched, got); err != nil {
		t.Fatal(err)
	}
	sameContent(t, got, c.After, "the patch of "+c.Object.String())
	if !c.HeldBy(got) || c.HeldBy(c.Before) {
		t.Errorf("%s: whether the object holds the change is not seen", c.Object)
	}
	rebased, ok := c.Rebase(c.Before)
	if !ok || !rebased.HeldBy(got) {
		t.Errorf("%s: the change is lost by a rebase", c.Object)
	}
}

// TestRevertPlans takes every change of the full plans back, and back again.
func TestRevertPlans(t *testing.T) {
	seen := map[fixes.Action]int{}
	for name, changes := range fullPlans(t) {
		for _, c := range changes {
			seen[c.Action]++
			what := name + ": " + string(c.Action) + " of " + c.Object.String()
			goesThrough(t, c)
			live := written(c)
			if taken := c.TakenBack(live); len(taken) > 0 || !c.HeldBy(live) {
				t.Errorf("%s: taken back: %v, held: %v", what, taken, c.HeldBy(live))
			}
			inverse, kept, err := c.Revert(live)
			if err != nil || len(kept) > 0 || inverse.Empty() || len(inverse.Fixes) != len(c.Fixes) || inverse.Object != c.Object {
				t.Fatalf("%s: %v, kept %v, %+v", what, err, kept, inverse)
			}
			goesThrough(t, inverse)
			switch c.Action {
			case fixes.Create:
				if inverse.Action != fixes.Delete || inverse.Before != live || inverse.After != nil {
					t.Errorf("%s: %+v", what, inverse)
				}
			case fixes.Delete:
				if inverse.Action != fixes.Create || inverse.Before != nil {
					t.Errorf("%s: %+v", what, inverse)
				}
			case fixes.Patch:
				sameContent(t, inverse.After, c.Before, what)
			case fixes.Recreate:
				sameContent(t, inverse.After, fixes.Recreated(c.Before), what)
			}
			// Done once more, nothing is left; and undoing is undone.
			if c.Action == fixes.Patch {
				if again, kept, err := c.Revert(inverse.After); err != nil || !again.Empty() || len(kept) > 0 {
					t.Errorf("%s: a second time: %v %v %+v", what, err, kept, again)
				}
			}
			redone, kept, err := inverse.Revert(written(inverse))
			if err != nil || len(kept) > 0 {
				t.Fatalf("%s: redone: %v %v", what, err, kept)
			}
			if c.After != nil {
				sameContent(t, redone.After, c.After, what+", redone")
			} else if redone.After != nil {
				t.Errorf("%s: redone, it is there", what)
			}
			if redone.Action != c.Action {
				t.Errorf("%s: redone by %s", what, redone.Action)
			}
		}
	}
	if seen[fixes.Create] < 10 || seen[fixes.Patch] < 10 || seen[fixes.Recreate] != 2 {
		t.Errorf("changes: %v", seen)
	}
}

// edits are what others may do to a workload beside a fix, each the same to
// whatever state the workload is in.
var edits = []func(w fixes.Workload){
	func(w fixes.Workload) { w.Object.SetLabels(with(w.Object.GetLabels(), "team", "blue")) },
	func(w fixes.Workload) {
		w.Object.SetAnnotations(with(w.Object.GetAnnotations(), "example.com/note", "x"))
	},
	func(w fixes.Workload) { w.Meta.Labels = with(w.Meta.Labels, "track", "canary") },
	func(w fixes.Workload) { w.Spec.Containers[0].Args = append(w.Spec.Containers[0].Args, "--verbose") },
	func(w fixes.Workload) {
		c := &w.Spec.Containers[0]
		c.Env = append(c.Env, corev1.EnvVar{Name: "FOREIGN", Value: "1"})
	},
	func(w fixes.Workload) {
		w.Spec.Containers = append(w.Spec.Containers, corev1.Container{Name: "sidecar", Image: "example.com/sidecar:1"})
	},
	func(w fixes.Workload) {
		w.Spec.InitContainers = slices.Insert(w.Spec.InitContainers, 0, corev1.Container{Name: "before", Image: "example.com/before:1"})
	},
	func(w fixes.Workload) { w.Spec.PriorityClassName = "high" },
	func(w fixes.Workload) {
		w.Spec.Volumes = append(w.Spec.Volumes, corev1.Volume{Name: "foreign", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	},
	func(w fixes.Workload) { w.Spec.Containers[0].WorkingDir = "/foreign" },
}

func with(m map[string]string, key, value string) map[string]string {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// TestRevertKeepsForeignEdits makes random edits of what a change left alone:
// they stay to the byte, and all of the change goes.
func TestRevertKeepsForeignEdits(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	tried := 0
	for name, changes := range fullPlans(t) {
		for _, c := range changes {
			if _, ok := fixes.AsWorkload(c.After); !ok || c.Action != fixes.Patch {
				continue
			}
			for range 8 {
				live, want := written(c), c.Before.DeepCopyObject().(fixes.Object)
				for _, edit := range edits {
					if random.IntN(3) == 0 {
						l, _ := fixes.AsWorkload(live)
						w, _ := fixes.AsWorkload(want)
						edit(l)
						edit(w)
					}
				}
				inverse, kept, err := c.Revert(live)
				if err != nil || len(kept) > 0 {
					t.Fatalf("%s: %s: %v, kept %v", name, c.Object, err, kept)
				}
				goesThrough(t, inverse)
				sameContent(t, inverse.After, want, c.Object.String())
				tried++
			}
		}
	}
	if tried < 80 {
		t.Errorf("only %d edits", tried)
	}
}

// leaf is a single value in an object's JSON form.
type leaf struct {
	value any
	path  string // as findings write it
	set   func(any)
}

// leaves returns the single values of an object, by paths in which elements of
// lists stand by their names.
func leaves(v any, named, path string, set func(any), out map[string]leaf) {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			at := strings.TrimPrefix(path+"."+key, ".")
			if strings.ContainsAny(key, "./") {
				at = path + fmt.Sprintf("[%q]", key)
			}
			leaves(child, named+"."+key, at, func(x any) { v[key] = x }, out)
		}
	case []any:
		for i, child := range v {
			name := fmt.Sprint(child)
			if m, ok := child.(map[string]any); ok {
				name = fmt.Sprint(m["name"])
			}
			leaves(child, named+"/"+name, fmt.Sprintf("%s[%d]", path, i), func(x any) { v[i] = x }, out)
		}
	default:
		out[named] = leaf{v, path, set}
	}
}

// TestRevertLeavesWhatOthersChanged edits every single value that a change
// wrote, one at a time: it stays, it is listed, and everything that does not
// hang on it goes back.
func TestRevertLeavesWhatOthersChanged(t *testing.T) {
	tried := 0
	for name, changes := range fullPlans(t) {
		for _, c := range changes {
			if c.Action != fixes.Patch {
				continue
			}
			was, wrote := map[string]leaf{}, map[string]leaf{}
			leaves(content(t, c.Before), "", "", nil, was)
			leaves(content(t, c.After), "", "", nil, wrote)
			for at, l := range wrote {
				if old, ok := was[at]; ok && reflect.DeepEqual(old.value, l.value) || strings.HasSuffix(at, ".name") {
					continue // a name is what an element is known by
				}
				live := written(c)
				m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
				if err != nil {
					t.Fatal(err)
				}
				now := map[string]leaf{}
				leaves(m, "", "", nil, now)
				var other any = "foreign"
				if b, ok := l.value.(bool); ok {
					other = !b
				} else if n, ok := l.value.(int64); ok {
					other = n + 1
				}
				now[at].set(other)
				edited := c.Object.Kind.New()
				if runtime.DefaultUnstructuredConverter.FromUnstructured(m, edited) != nil {
					continue // a quantity is not any string
				}
				typed := map[string]leaf{} // false, say, is the same as nothing there
				leaves(content(t, edited), "", "", nil, typed)
				if reflect.DeepEqual(typed[at].value, was[at].value) {
					continue // that would be as it was
				}
				tried++
				what := name + ": " + c.Object.String() + " " + l.path
				inverse, kept, err := c.Revert(edited)
				if err != nil {
					t.Fatal(err)
				}
				goesThrough(t, inverse)
				after := map[string]leaf{}
				leaves(content(t, inverse.After), "", "", nil, after)
				in := func(l leaf) bool { return reflect.DeepEqual(l.value, other) }
				if got, ok := after[at]; ok && !in(got) || !ok && !slices.ContainsFunc(slices.Collect(maps.Values(after)), in) {
					t.Errorf("%s: the edit is lost: %v", what, got.value)
				}
				if !slices.ContainsFunc(kept, func(k fixes.Kept) bool { return strings.HasPrefix(now[at].path, k.Path) && k.Path != "" }) {
					t.Errorf("%s: it is not told: %v", what, kept)
				}
				if !slices.ContainsFunc(c.TakenBack(edited), func(f fixes.Field) bool { return strings.HasPrefix(now[at].path, f.Path) }) {
					t.Errorf("%s: it is not seen: %v", what, c.TakenBack(edited))
				}
				for _, k := range kept {
					if strings.Contains(k.String(), "foreign") || strings.Contains(k.String(), "Tr0ub4dor") {
						t.Errorf("%s: a value is told: %s", what, k)
					}
				}
			}
		}
	}
	if tried < 70 {
		t.Errorf("only %d edits", tried)
	}
}
