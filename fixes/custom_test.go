package fixes_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// rollout holds what no type of this program has, and what it would write
// otherwise: null, numbers as quantities, fields that were left out.
const rollout = `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop, uid: u1, generation: 7}
spec:
  replicas: 3
  weight: 0.5
  strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}
  template:
    metadata: {creationTimestamp: null, labels: {app: web}, flavour: vanilla}
    spec:
      securityContext: null
      future: [1, null, {a: b}]
      volumes: null
      initContainers:
      - {name: init, image: busybox, novel: 1}
      containers:
      - name: web
        image: web:1
        resources: {limits: {cpu: 2, memory: 1Gi}, shape: round}
        novel: {x: [1.5]}
        env:
        - {name: A, value: one, hue: red}
        - {name: B, value: two, hue: blue}
        volumeMounts:
        - {name: data, mountPath: /a, depth: 1}
        - {name: data, mountPath: /b, depth: 2}
      - {name: side, image: side:1, novel: null}
status: {phase: Healthy}
`

func oneCustom(t testing.TB, text string) *fixes.Custom {
	t.Helper()
	inv := fixestest.Load(t, text)
	for _, kind := range fixes.CustomKinds() {
		for _, c := range fixes.Customs(inv, kind, "") {
			return c
		}
	}
	t.Fatal("no custom object")
	return nil
}

func TestCustomIsAsItCame(t *testing.T) {
	c := oneCustom(t, rollout)
	if got := c.UnstructuredContent(); !reflect.DeepEqual(got, c.Object) {
		t.Errorf("not as it came:\n%v\n%v", got, c.Object)
	}
	w, ok := fixes.AsWorkload(c)
	if !ok {
		t.Fatal("no workload")
	}
	if w.SpecPath != "spec.template.spec" || w.Ref().Kind != fixes.KindRollout {
		t.Error(w.SpecPath, w.Ref())
	}
	if cpu := w.Spec.Containers[0].Resources.Limits.Cpu(); cpu.Value() != 2 {
		t.Error(cpu)
	}
}

func TestCustomEditsAreMerged(t *testing.T) {
	c := oneCustom(t, rollout)
	untouched := c.DeepCopy()
	yes := true
	w, _ := fixes.AsWorkload(c)
	w.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: &yes}
	w.Spec.Containers[0].Env[1].Value = ""
	w.Spec.Containers[0].Env[1].ValueFrom = &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "b"}}
	w.Spec.Containers[0].Env = append([]corev1.EnvVar{{Name: "Z", Value: "0"}}, w.Spec.Containers[0].Env...)
	w.Spec.Containers[0].VolumeMounts = w.Spec.Containers[0].VolumeMounts[1:]
	w.Spec.Containers[1].SecurityContext = &corev1.SecurityContext{Privileged: &yes}
	w.Spec.InitContainers[0].Image = "busybox:2"
	w.Spec.Volumes = []corev1.Volume{{Name: "data"}}
	w.Meta.Annotations = map[string]string{"a": "b"}
	want := `{"metadata":{"annotations":{"a":"b"},"creationTimestamp":null,"flavour":"vanilla","labels":{"app":"web"}},
		"spec":{"securityContext":{"runAsNonRoot":true},"future":[1,null,{"a":"b"}],"volumes":[{"name":"data"}],
		"initContainers":[{"name":"init","image":"busybox:2","novel":1}],
		"containers":[{"name":"web","image":"web:1","resources":{"limits":{"cpu":2,"memory":"1Gi"},"shape":"round"},"novel":{"x":[1.5]},
			"env":[{"name":"Z","value":"0"},{"name":"A","value":"one","hue":"red"},{"name":"B","hue":"blue","valueFrom":{"secretKeyRef":{"key":"b"}}}],
			"volumeMounts":[{"name":"data","mountPath":"/b","depth":2}]},
		{"name":"side","image":"side:1","novel":null,"securityContext":{"privileged":true}}]}}`
	var template map[string]any
	if err := utiljson.Unmarshal([]byte(want), &template); err != nil {
		t.Fatal(err)
	}
	full := untouched.UnstructuredContent()
	full["spec"].(map[string]any)["template"] = template
	got := c.DeepCopyObject().(*fixes.Custom).UnstructuredContent()
	if !reflect.DeepEqual(got, full) {
		a, _ := json.MarshalIndent(got["spec"], "", " ")
		t.Errorf("merged:\n%s", a)
	}
	if !reflect.DeepEqual(untouched.UnstructuredContent(), untouched.Object) {
		t.Error("the copy shares the template")
	}
	// To JSON and back is the same object, and no edit is left to make.
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back fixes.Custom
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back.Object, got) || !reflect.DeepEqual(back.UnstructuredContent(), got) {
		t.Errorf("back: %v", back.Object)
	}
}

func TestCustomChange(t *testing.T) {
	before := oneCustom(t, rollout)
	after := before.DeepCopy()
	w, _ := fixes.AsWorkload(after)
	w.Spec.HostPID = true
	w.Spec.Containers[0].Image = "web@sha256:0"
	c := fixes.Change{Action: fixes.Patch, Object: fixes.RefOf(before), Before: before, After: after}
	if !c.Restarts() {
		t.Error("restarts nothing")
	}
	patch, err := c.JSONPatch()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"op":"add","path":"/spec/template/spec/hostPID","value":true}`,
		`{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"web@sha256:0"}`,
		`{"op":"test","path":"/spec/template/spec/containers/0/name","value":"web"}`,
	} {
		if !strings.Contains(string(patch), want) {
			t.Errorf("no %s in %s", want, patch)
		}
	}
	if _, how, err := c.MergePatch(); err != nil || how != "merge" {
		t.Error(how, err)
	}
	live := after.DeepCopy()
	live.SetGeneration(8)
	live.Object["spec"].(map[string]any)["replicas"] = int64(5)
	if !c.HeldBy(live) || c.HeldBy(before) {
		t.Error("held by the wrong one")
	}
	back, kept, err := c.Revert(live)
	if err != nil || len(kept) > 0 {
		t.Fatal(kept, err)
	}
	want := before.UnstructuredContent()
	want["spec"].(map[string]any)["replicas"] = int64(5)
	got := back.After.(*fixes.Custom).UnstructuredContent()
	if !reflect.DeepEqual(got["spec"].(map[string]any)["template"].(map[string]any)["spec"], want["spec"].(map[string]any)["template"].(map[string]any)["spec"]) {
		t.Errorf("reverted: %v", got["spec"])
	}
	rebased, ok := c.Rebase(oneCustom(t, strings.Replace(rollout, "replicas: 3", "replicas: 9", 1)))
	if !ok {
		t.Fatal("not rebased")
	}
	if n := rebased.After.(*fixes.Custom).Object["spec"].(map[string]any)["replicas"]; n != int64(9) {
		t.Error(n)
	}
}

func TestCustomOfAnotherVersion(t *testing.T) {
	inv := fixestest.Load(t, strings.Replace(rollout, "v1alpha1", "v2", 1))
	c := fixes.Customs(inv, fixes.KindRollout, "shop")
	if len(c) != 1 || c[0].GetAPIVersion() != "argoproj.io/v2" {
		t.Error(c)
	}
	m, err := fixes.Change{After: c[0]}.Manifest()
	if err != nil || m["apiVersion"] != "argoproj.io/v2" {
		t.Error(m["apiVersion"], err)
	}
}

// What is no template is said to be none, and shows no value.
func TestCustomTemplateThatIsNone(t *testing.T) {
	for _, c := range []struct{ spec, err string }{
		{`{}`, ""},
		{`{template: null}`, ""},
		{`{workloadRef: {kind: Deployment, name: web}}`, ""},
		{`[]`, "spec is not an object"},
		{`hunter2`, "spec is not an object"},
		{`{template: hunter2}`, "spec.template is not an object"},
		{`{template: {spec: hunter2}}`, "spec.template is not a pod template: a field of it is of another type"},
		{`{template: {spec: {containers: {name: hunter2}}}}`, "spec.template is not a pod template: a field of it is of another type"},
		{`{template: {spec: {containers: [{name: web, resources: {limits: {cpu: hunter2}}}]}}}`, "spec.template is not a pod template: a field of it is of another type"},
		{`{template: {spec: {containers: [null, hunter2]}}}`, "spec.template is not a pod template: a field of it is of another type"},
	} {
		custom := oneCustom(t, "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\nspec: "+c.spec)
		if _, ok := fixes.AsWorkload(custom); ok {
			t.Errorf("%s: a workload", c.spec)
		}
		got := ""
		if err := custom.TemplateErr(); err != nil {
			got = err.Error()
		}
		if got != c.err {
			t.Errorf("%s: %q, want %q", c.spec, got, c.err)
		}
		if !reflect.DeepEqual(custom.UnstructuredContent(), custom.Object) {
			t.Errorf("%s: not as it came", c.spec)
		}
	}
}

// FuzzCustom makes the same edit of any template, and demands that nothing but
// the edit changes, and that to JSON and back is the same.
func FuzzCustom(f *testing.F) {
	f.Add([]byte(`{"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"1"},null,{"name":"X"}]}]}}`))
	f.Add([]byte(`{"metadata":{"labels":{"a":null}},"spec":{"containers":[{"name":"a"},{"name":"a","x":1}],"hostPID":null,"volumes":[null]}}`))
	f.Add([]byte(`{"spec":{"securityContext":{"sysctls":[{"x":1}]},"containers":[{"resources":{"limits":{"cpu":0.5}}}]}}`))
	f.Add([]byte(`{"spec":null,"metadata":{"annotations":{"":""}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var template any
		if utiljson.Unmarshal(text, &template) != nil {
			return
		}
		c := fixes.NewCustom(fixes.KindRollout, map[string]any{"metadata": map[string]any{"name": "web"}, "spec": map[string]any{"template": template}})
		if !reflect.DeepEqual(c.UnstructuredContent(), c.Object) {
			t.Fatalf("not as it came: %v", c.UnstructuredContent())
		}
		edited := c.DeepCopy()
		w, ok := fixes.AsWorkload(edited)
		if !ok {
			return
		}
		w.Spec.HostPID = !w.Spec.HostPID
		for i := range w.Spec.Containers {
			w.Spec.Containers[i].Image += "x"
		}
		w.Spec.Containers = append(w.Spec.Containers, corev1.Container{Name: "added"})
		again := fixes.NewCustom(fixes.KindRollout, edited.UnstructuredContent())
		got, ok := fixes.AsWorkload(again)
		if !ok {
			t.Fatalf("no template any more: %v", again.TemplateErr())
		}
		if !apiequality.Semantic.DeepEqual(got.Spec, w.Spec) || !apiequality.Semantic.DeepEqual(got.Meta, w.Meta) {
			t.Fatalf("edited %v\nread %v", w.Spec, got.Spec)
		}
		// Taking the edit back leaves what came, but for what the edit had to write.
		got.Spec.HostPID = !got.Spec.HostPID
		got.Spec.Containers = got.Spec.Containers[:len(got.Spec.Containers)-1]
		for i := range got.Spec.Containers {
			got.Spec.Containers[i].Image = strings.TrimSuffix(got.Spec.Containers[i].Image, "x")
		}
		back := fixes.NewCustom(fixes.KindRollout, again.UnstructuredContent())
		was, _ := fixes.AsWorkload(c)
		is, _ := fixes.AsWorkload(back)
		if !apiequality.Semantic.DeepEqual(was.Spec, is.Spec) {
			t.Fatalf("was %v\nis %v", was.Spec, is.Spec)
		}
	})
}
