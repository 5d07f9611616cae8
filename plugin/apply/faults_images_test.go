//go:build unix

package apply_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// images are the objects of a namespace, and itself, without what the server
// keeps of its own: by "Kind/name".
type images map[string]map[string]any

// keyOf names an object in images.
func keyOf(ref fixes.Ref) string { return ref.Kind.Name + "/" + ref.Name }

// looked are the kinds that a snapshot may show: all that a plan may touch, and
// what the engine makes for itself.
var looked = []fixes.Kind{
	fixes.KindDeployment, fixes.KindStatefulSet, fixes.KindDaemonSet, fixes.KindCronJob, fixes.KindJob, fixes.KindPod,
	fixes.KindSecret, fixes.KindConfigMap, fixes.KindServiceAccount, fixes.KindService,
	fixes.KindNetworkPolicy, fixes.KindResourceQuota, fixes.KindLimitRange,
}

// snapshot reads the namespace, past all faults.
func (s *scene) snapshot() images {
	s.Helper()
	all, _ := s.look()
	return all
}

// settled is the namespace when nothing in it is on its way out any more.
func (s *scene) settled() (all images) {
	s.Helper()
	s.eventually("nothing is being deleted", func() bool {
		var leaving bool
		all, leaving = s.look()
		return !leaving
	})
	return all
}

// kinds are those that a snapshot has to show: what the engine makes for
// itself, what the plan changes, and what the case is about.
func (s *scene) kinds() []fixes.Kind {
	wanted := map[string]bool{"Pod": true, "Secret": true, "NetworkPolicy": true}
	if s.plan != nil {
		for _, c := range s.plan.Changes {
			wanted[c.Object.Kind.Name] = true
		}
	}
	for key := range joined(s.frozen(s.begin), s.frozen(s.end)) {
		kind, _, _ := strings.Cut(key, "/")
		wanted[kind] = true
	}
	return slices.DeleteFunc(slices.Clone(looked), func(k fixes.Kind) bool { return !wanted[k.Name] })
}

func (s *scene) look() (all images, leaving bool) {
	s.Helper()
	ns, err := s.objects.Resource(resource("v1", "Namespace")).Get(s.Context(), s.ns, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	all = images{"Namespace/" + s.ns: image(ns)}
	for _, kind := range s.kinds() {
		list, err := s.in(kind.APIVersion(), kind.Name).List(s.Context(), metav1.ListOptions{})
		if err != nil {
			s.Fatal(err)
		}
		for i := range list.Items {
			o := &list.Items[i]
			o.SetAPIVersion(kind.APIVersion())
			o.SetKind(kind.Name)
			key := kind.Name + "/" + o.GetName()
			if metav1.GetControllerOf(o) != nil || o.GetName() == "kube-root-ca.crt" {
				continue
			}
			all[key] = image(o)
			leaving = leaving || o.GetDeletionTimestamp() != nil && !s.loose[key]
		}
	}
	return all, leaving
}

// image strips an object of what the server and its controllers keep.
func image(o *unstructured.Unstructured) map[string]any {
	o = o.DeepCopy()
	m := o.Object
	delete(m, "status")
	meta := m["metadata"].(map[string]any)
	for _, f := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"} {
		delete(meta, f)
	}
	if annotations, ok := meta["annotations"].(map[string]any); ok {
		delete(annotations, "deployment.kubernetes.io/revision")
		delete(annotations, "deprecated.daemonset.template.generation")
		if len(annotations) == 0 {
			delete(meta, "annotations")
		}
	}
	if o.GetKind() == "Pod" {
		m = podImage(m)
	}
	return m
}

// podImage leaves out what is another in each pod of one manifest: its node,
// and the random name of the volume of its token.
func podImage(m map[string]any) map[string]any {
	pod := &corev1.Pod{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(m, pod); err != nil {
		return m
	}
	pod.Spec.NodeName = ""
	token := func(name string) bool { return strings.HasPrefix(name, "kube-api-access-") }
	pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return token(v.Name) })
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		c.VolumeMounts = slices.DeleteFunc(c.VolumeMounts, func(v corev1.VolumeMount) bool { return token(v.Name) })
	}
	out, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
	if err != nil {
		return m
	}
	delete(out, "status")
	return out
}

// after asks the server what a plan makes of the namespace: it is sent the
// approved objects whole, as a dry run. So no patch of the engine's has a part
// in what its patches are held against.
func (s *scene) after(plan *fixes.Plan, before images) images {
	s.Helper()
	all := maps.Clone(before)
	for _, c := range plan.Changes {
		key := keyOf(c.Object)
		if c.After == nil {
			delete(all, key)
			continue
		}
		o, err := s.approved(&c)
		if err != nil {
			s.Fatalf("what is to become of %s: %v", c.Object, err)
		}
		all[key] = image(o)
	}
	return all
}

func (s *scene) approved(c *fixes.Change) (*unstructured.Unstructured, error) {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(c.After)
	if err != nil {
		return nil, err
	}
	o := &unstructured.Unstructured{Object: m}
	o.SetAPIVersion(c.Object.Kind.APIVersion())
	o.SetKind(c.Object.Kind.Name)
	at := s.at(o)
	switch c.Action {
	case fixes.Patch:
		o.SetResourceVersion("") // its status may have moved on
		return at.Update(s.Context(), o, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
	case fixes.Recreate:
		o.SetName(c.Object.Name + "-anew")
		o.SetResourceVersion("")
		o.SetUID("")
	}
	made, err := at.Create(s.Context(), o, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err == nil {
		made.SetName(c.Object.Name)
	}
	return made, err
}

// is demands that the namespace be as in an image, to the last field.
func (s *scene) is(want images) {
	s.Helper()
	got := s.settled()
	want = s.frozen(want)
	for _, key := range slices.Sorted(maps.Keys(joined(got, want))) {
		if d := difference(want[key], got[key]); d != "" && !s.loose[key] {
			s.Errorf("%s is not as it should be: %s\n%s", key, d, s.story())
		}
	}
}

// frozen is a copy that nobody else's edit changes.
func (s *scene) frozen(all images) images {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(all)
}

func joined(a, b images) images {
	all := images{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// difference says where two images differ first, or "".
func difference(want, got map[string]any) string {
	switch {
	case want == nil && got == nil:
		return ""
	case want == nil:
		return "it is there"
	case got == nil:
		return "it is not there"
	}
	return differ("", normal(want), normal(got))
}

// normal makes numbers of all sources alike.
func normal(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return v
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		return v
	}
	return out
}

func differ(path string, want, got any) string {
	w, isMap := want.(map[string]any)
	g, both := got.(map[string]any)
	if isMap && both {
		for _, key := range slices.Sorted(maps.Keys(w)) {
			if d := differ(path+"."+key, w[key], g[key]); d != "" {
				return d
			}
		}
		for _, key := range slices.Sorted(maps.Keys(g)) {
			if _, has := w[key]; !has {
				return differ(path+"."+key, nil, g[key])
			}
		}
		return ""
	}
	wl, isList := want.([]any)
	gl, both := got.([]any)
	if isList && both && len(wl) == len(gl) {
		for i := range wl {
			if d := differ(fmt.Sprintf("%s[%d]", path, i), wl[i], gl[i]); d != "" {
				return d
			}
		}
		return ""
	}
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if bytes.Equal(a, b) {
		return ""
	}
	return fmt.Sprintf("%s is %s, not %s", path, b, a)
}

// in is the collection of a kind in the namespace.
func (s *scene) in(apiVersion, kind string) dynamic.ResourceInterface {
	return s.objects.Resource(resource(apiVersion, kind)).Namespace(s.ns)
}

// at is the collection that an object belongs to.
func (s *scene) at(o *unstructured.Unstructured) dynamic.ResourceInterface {
	r := s.objects.Resource(resource(o.GetAPIVersion(), o.GetKind()))
	if o.GetNamespace() == "" {
		return r
	}
	return r.Namespace(o.GetNamespace())
}
