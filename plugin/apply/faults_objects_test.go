//go:build unix

package apply_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/rollout"
)

// credential is the secret of all cases; a workload's own follows it.
const credential = "Xk7#pQ2mW9!zr-"

// credentialForms are what is looked for where no secret may be: its
// beginning, plain and in base64.
var credentialForms = []string{"Xk7#pQ2", "WGs3I3BRM"}

func resource(apiVersion, kind string) schema.GroupVersionResource {
	plural, _ := meta.UnsafeGuessKindToResource(schema.FromAPIVersionAndKind(apiVersion, kind))
	return plural
}

// workload is the manifest of one; its spec, and that of its pods, take more
// lines in YAML's flow style.
type workload struct {
	kind, name, spec, pod string
	secret                string // "": one of its own
}

func deployment(name string) workload { return workload{kind: "Deployment", name: name} }

func (w workload) manifest(namespace string) string {
	secret := w.secret
	if secret == "" {
		secret = credential + w.name
	}
	indent := func(text, by string) string { return strings.ReplaceAll(text, "\n", "\n"+by) }
	return `
apiVersion: apps/v1
kind: ` + w.kind + `
metadata: {name: ` + w.name + `, namespace: ` + namespace + `, labels: {app: ` + w.name + `}}
spec:
  selector: {matchLabels: {app: ` + w.name + `}}
  ` + indent(w.spec, "  ") + `
  template:
    metadata: {labels: {app: ` + w.name + `, fate: fine}}
    spec:
      terminationGracePeriodSeconds: 1
      ` + indent(w.pod, "      ") + `
      containers:
      - name: web
        image: example.com/web:1
        env:
        - {name: FIRST, value: one}
        - {name: DB_PASSWORD, value: "` + secret + `"}
        - {name: LAST, value: "at $(DB_PASSWORD)"}
`
}

// create makes the objects of YAML documents.
func (s *scene) create(manifests string) {
	s.Helper()
	for doc := range strings.SplitSeq(manifests, "\n---\n") {
		o := s.parse(doc)
		if _, err := s.at(o).Create(s.Context(), o, metav1.CreateOptions{FieldManager: "test"}); err != nil {
			s.Fatalf("create %s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}

func (s *scene) parse(doc string) *unstructured.Unstructured {
	s.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
		s.Fatalf("%v in %s", err, doc)
	}
	return o
}

// shop makes workloads, as kubectl apply does, waits until they run, and plans
// their fixes.
func (s *scene) shop(workloads ...workload) {
	s.Helper()
	for _, w := range workloads {
		o := s.parse(w.manifest(s.ns))
		// It holds the secret once more.
		applied, err := json.Marshal(o.Object)
		if err != nil {
			s.Fatal(err)
		}
		o.SetAnnotations(map[string]string{corev1.LastAppliedConfigAnnotation: string(applied) + "\n"})
		if _, err := s.at(o).Create(s.Context(), o, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"}); err != nil {
			s.Fatal(err)
		}
	}
	for _, w := range workloads {
		s.awaitRollout(w.kind + "/" + w.name)
	}
	s.scan()
}

// awaitRollout waits until a workload runs.
func (s *scene) awaitRollout(object string) {
	s.Helper()
	w := rollout.Watcher{Client: s.admin}
	s.eventually(object+" runs", func() bool {
		obj, err := s.admin.Get(s.Context(), s.ref(object))
		if err != nil {
			return false
		}
		ok, err := w.Settled(s.Context(), obj)
		return ok && err == nil
	})
}

// ref names an object of the namespace ("Deployment/web").
func (s *scene) ref(object string) fixes.Ref {
	kind, name, _ := strings.Cut(object, "/")
	all := append(slices.Clone(looked), fixes.KindNamespace)
	i := slices.IndexFunc(all, func(k fixes.Kind) bool { return k.Name == kind })
	if i < 0 {
		s.Fatalf("no kind %q", kind)
	}
	ref := fixes.Ref{Kind: all[i], Name: name}
	if all[i].Namespaced {
		ref.Namespace = s.ns
	}
	return ref
}

// get reads an object past all faults, or nil.
func (s *scene) get(object string) *unstructured.Unstructured {
	s.Helper()
	ref := s.ref(object)
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(ref.Kind.APIVersion())
	o.SetKind(ref.Kind.Name)
	o.SetNamespace(ref.Namespace)
	got, err := s.at(o).Get(s.Context(), ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		s.Fatal(err)
	}
	return got
}

// find scans the namespace.
func (s *scene) find() *fixes.Result {
	s.Helper()
	result, err := s.how.scan(s.Context(), s.admin, s.ns)
	if err != nil {
		s.Fatal(err)
	}
	return result
}

// scan plans the fixes of the namespace, and takes the images of before and
// after.
func (s *scene) scan() {
	s.Helper()
	plan, err := s.how.make(s.Context(), s.admin, s.ns)
	if err != nil {
		s.Fatal(err)
	}
	s.plan = plan
	s.begin = s.snapshot()
	s.end = s.after(plan, s.begin)
}

// change returns the plan's change of an object.
func (s *scene) change(object string) *fixes.Change {
	s.Helper()
	for i := range s.plan.Changes {
		if c := &s.plan.Changes[i]; keyOf(c.Object) == object {
			return c
		}
	}
	s.Fatalf("the plan does not change %s", object)
	return nil
}

// doom makes the plan let a workload's pods fail: "crash" or "not-ready".
func (s *scene) doom(object, fate string) {
	s.Helper()
	s.how.Fates = map[string]string{object: fate}
	s.scan()
}

// edit is somebody else's: what it makes of the object it makes of the images
// as well.
func (s *scene) edit(object, manager string, change func(o *unstructured.Unstructured)) {
	s.Helper()
	s.eventually("an edit of "+object, func() bool {
		o := s.get(object)
		change(o)
		_, err := s.at(o).Update(s.Context(), o, metav1.UpdateOptions{FieldManager: manager})
		if err != nil && !apierrors.IsConflict(err) {
			s.Fatal(err)
		}
		return err == nil
	})
	s.mu.Lock() // others write while a run is looked at
	defer s.mu.Unlock()
	for _, all := range []images{s.begin, s.end} {
		if m, ok := all[object]; ok {
			o := &unstructured.Unstructured{Object: m}
			o = o.DeepCopy()
			change(o)
			all[object] = o.Object
		}
	}
}

// remove is somebody else's, too, and waits until the object is gone.
func (s *scene) remove(object string) {
	s.Helper()
	o := s.get(object)
	zero := int64(0)
	if err := s.at(o).Delete(s.Context(), o.GetName(), metav1.DeleteOptions{GracePeriodSeconds: &zero}); err != nil {
		s.Fatal(err)
	}
	s.eventually(object+" is gone", func() bool { return s.get(object) == nil })
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.begin, object)
	delete(s.end, object)
}

// detached is the test's context for what is done after its end.
func detached(s *scene) context.Context { return context.WithoutCancel(s.Context()) }

// setServiceName changes a field of a StatefulSet that no update may change.
func setServiceName(obj fixes.Object, name string) { obj.(*appsv1.StatefulSet).Spec.ServiceName = name }
