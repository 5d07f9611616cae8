package source

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func TestSplitDocuments(t *testing.T) {
	text := "# head\napiVersion: v1\n---\n\n--- # second\na: |\n  ---x\n---\nb: 1"
	docs := splitDocuments("f", []byte(text))
	var got []string
	for _, d := range docs {
		got = append(got, strings.TrimSpace(string(d.text)))
	}
	want := []string{"# head\napiVersion: v1", "a: |\n  ---x", "b: 1"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q", got)
	}
	for i, line := range []int{1, 6, 9} {
		if docs[i].Line != line {
			t.Errorf("document %d begins at line %d, want %d", i, docs[i].Line, line)
		}
	}
}

func TestParseDocument(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       string // the objects, or the error
		skipped    int
	}{
		{"a pod", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\n", "Pod shop/p", 0},
		{"JSON", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}`, "Pod p", 0},
		{"a list", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n", "Pod a Secret b", 0},
		{"a typed list whose items say nothing", "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- {metadata: {name: a}}\n", "Deployment a", 0},
		{"an empty list", "apiVersion: v1\nkind: List\n", "", 0},
		{"a custom resource", "apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: a}\n", "", 0},
		{"not a manifest", "replicas: 3\n", "", 0},
		{"a scalar", "hello\n", "", 0},
		{"only comments", "# nothing\n", "", 0},
		{"kind is a number", "apiVersion: v1\nkind: 7\n", "", 0},
		{"an old version", "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: a}\n", "Deployment a", 0},
		{"a removed group", "apiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: a}\n", "NetworkPolicy a", 0},
		{"an old version of another shape", "apiVersion: autoscaling/v2beta1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\n", "", 1},
		{"a generated name", "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: run-}\n", "Job run-", 0},
		{"no name", "\n\n# c\napiVersion: v1\nkind: Pod\n", "f:4: Pod has no name", 0},
		{"a wrong type", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: hunter2}\n", "f:1: Pod is not valid: spec.containers cannot be a string", 0},
		{"broken YAML", "a: 1\nb: [\nc: 2\n", "f:3: did not find expected ',' or ']'", 0},
		{"a template", "kind: {{ .Values.kind }}\n", "f:1:", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			objects, skips, err := parseDocument(document{fixes.Position{File: "f", Line: 1}, []byte(c.text)})
			var got []string
			for _, o := range objects {
				got = append(got, fixes.RefOf(o.obj).String())
			}
			text := strings.Join(got, " ")
			if err != nil {
				text = err.Error()
			}
			if text != c.want && (err == nil || !strings.HasPrefix(text, c.want)) {
				t.Errorf("got %q, want %q", text, c.want)
			}
			if len(skips) != c.skipped {
				t.Errorf("skipped %v", skips)
			}
		})
	}
}

// FuzzManifest reads anything without a panic, and gives every error a place.
func FuzzManifest(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n---\nkind: List\nitems: [{}]"))
	f.Add(DemoManifests())
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, doc := range splitDocuments("f", text) {
			objects, _, err := parseDocument(doc)
			var bad *ManifestError
			if err != nil && (!errors.As(err, &bad) || bad.File != "f" || bad.Line < 1) {
				t.Errorf("%v has no place", err)
			}
			for _, o := range objects {
				if o.obj.GetName() == "" {
					t.Error("an object without a name")
				}
			}
		}
	})
}

// TestCustomKindsInManifests reads custom workloads in whatever version, and
// says where a template cannot be read, without what stands there.
func TestCustomKindsInManifests(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{"apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: a}]}}}", "argoproj.io/v1alpha1 web true"},
		{"apiVersion: apps.kruise.io/v1alpha1\nkind: StatefulSet\nmetadata: {generateName: web-}\nspec: {template: {spec: {containers: [{name: a}]}}}", "apps.kruise.io/v1alpha1 web- true"},
		{"apiVersion: argoproj.io/v1alpha1\nkind: RolloutList\nitems: [{metadata: {name: web}, spec: {workloadRef: {name: a}}}]", "argoproj.io/v1alpha1 web false"},
		{"apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec: {template: hunter2}", "x.yaml:1: Rollout is not valid: spec.template is not an object"},
		{"apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: hunter2", "x.yaml:1: Rollout has no name"},
		{"apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: [1]}\nspec: {template: {spec: {containers: hunter2}}}",
			"x.yaml:1: Service is not valid: spec.template is not a pod template: a field of it is of another type"},
		{"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: web}", ""},
	} {
		objects, skips, err := parseDocument(document{fixes.Position{File: "x.yaml", Line: 1}, []byte(c.doc)})
		got := ""
		if err != nil {
			got = err.Error()
		}
		for _, o := range objects {
			_, isWorkload := fixes.AsWorkload(o.obj)
			got = fmt.Sprint(o.obj.GetObjectKind().GroupVersionKind().GroupVersion(), " ", o.obj.GetName(), " ", isWorkload)
		}
		if got != c.want || len(skips) != 0 {
			t.Errorf("%s\n%q, want %q", c.doc, got, c.want)
		}
	}
}
