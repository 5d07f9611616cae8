package fixes

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// fitCustom fits a fix to what its custom object's kind can take: it withdraws
// the edit where the kind's API would refuse it, and says what else stands in
// its way. What the edit does, it learns by making it.
func (f *Fix) fitCustom(inv *Inventory, c *Custom) {
	kind, _ := KindOf(c)
	known := customKinds[kind]
	if c.template == nil {
		return
	}
	path := strings.Join(c.template.path, ".")
	if known.holds != nil {
		f.Edit = intoContainers(RefOf(c), f.Edit)
		if name := c.template.now.Name; name != "" {
			f.manual("Knative takes no other template under the revision name that it gives itself, "+name,
				"Give "+path+".metadata.name a new value, or take it out, and with it: "+f.Title+".")
			return
		}
	}
	changed := f.sets(inv, c)
	for _, at := range changed {
		if !known.takes(c, at) {
			f.manual(kind.Title()+" holds no "+fieldPath(at)+", or only where the feature flag for it is on",
				"Switch the feature on in Knative's ConfigMap config-features, where it has one, and then in "+RefOf(c).String()+": "+f.Title+".")
			return
		}
	}
	if known.assigns != "" && slices.ContainsFunc(changed, namesUser) {
		f.Risks = append(f.Risks, known.assigns+".")
	}
}

// sets returns the paths below the pod's spec to what the fix sets in the
// template of a custom object. What it takes out is none of them, nor a field
// that is there and has another value.
func (f *Fix) sets(inv *Inventory, c *Custom) [][]string {
	draft := inv.Draft()
	if f.Edit(draft) != nil {
		return nil // said when it is chosen
	}
	after, ok := draft.Get(RefOf(c)).(*Custom)
	if !ok || after.template == nil {
		return nil
	}
	var paths [][]string
	for _, o := range diffJSON(c.template.form(), after.template.form()) {
		at := strings.Split(o.Path, "/")[1:]
		if o.Op == "add" && at[0] == "spec" {
			paths = append(paths, leaves(at[1:], o.Value)...)
		}
	}
	return paths
}

// fieldPath writes the steps of a path as findings do.
func fieldPath(at []string) string {
	path := ""
	for _, step := range at {
		if _, err := strconv.Atoi(step); err == nil {
			path += "[" + step + "]"
		} else {
			path = joinPath(path, step)
		}
	}
	return path
}

// leaves returns the paths of all that a value at a path holds.
func leaves(at []string, v any) [][]string {
	var paths [][]string
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			paths = append(paths, leaves(append(slices.Clip(at), key), child)...)
		}
	case []any:
		for i, child := range v {
			paths = append(paths, leaves(append(slices.Clip(at), strconv.Itoa(i)), child)...)
		}
	}
	if paths == nil {
		return [][]string{at}
	}
	slices.SortFunc(paths, slices.Compare)
	return paths
}

// takes reports whether a kind's template may hold what is at a path below the
// pod's spec. A field that the template has already, it may have.
func (k customKind) takes(c *Custom, at []string) bool {
	if k.holds == nil {
		return true
	}
	spec, _ := c.template.read["spec"].(map[string]any)
	if list := at[0] == "containers" || at[0] == "volumes"; !list && spec[at[0]] != nil {
		return true
	}
	return slices.ContainsFunc(k.holds, func(pattern string) bool { return within(at, strings.Split(pattern, ".")) })
}

// within reports whether a path leads to what a pattern names, or into it.
func within(at, pattern []string) bool {
	if len(pattern) > len(at) {
		return false
	}
	for i, step := range pattern {
		if step != "*" && step != at[i] {
			return false
		}
	}
	return true
}

// namesUser reports whether what is at a path below a pod's spec chooses a
// user or a group.
func namesUser(at []string) bool {
	return slices.ContainsFunc(at, func(step string) bool {
		return step == "runAsUser" || step == "runAsGroup" || step == "fsGroup" || step == "supplementalGroups"
	})
}

// intoContainers makes an edit give its workload's containers what it would
// give the pod, where the pod of such a kind may have no security context of
// its own: containers inherit it, so it is the same to them.
func intoContainers(ref Ref, edit func(*Draft) error) func(*Draft) error {
	return func(d *Draft) error {
		if err := edit(d); err != nil || !d.Changed(ref) {
			return err
		}
		w, err := d.EditWorkload(ref)
		if err != nil {
			return err
		}
		base, ok := AsWorkload(d.Scanned().Get(ref))
		pod := w.Spec.SecurityContext
		if pod == nil || ok && base.Spec.SecurityContext != nil {
			return nil
		}
		for c := range w.Containers() {
			inheritFrom(pod, &c.SecurityContext)
		}
		pod.RunAsUser, pod.RunAsGroup, pod.RunAsNonRoot, pod.SeccompProfile = nil, nil, nil, nil
		if reflect.ValueOf(*pod).IsZero() {
			w.Spec.SecurityContext = nil
		}
		return nil
	}
}

// inheritFrom gives a container what it leaves to its pod.
func inheritFrom(pod *corev1.PodSecurityContext, container **corev1.SecurityContext) {
	pod = pod.DeepCopy() // each container its own
	own := &corev1.SecurityContext{}
	if *container != nil {
		own = *container
	}
	if own.RunAsUser == nil {
		own.RunAsUser = pod.RunAsUser
	}
	if own.RunAsGroup == nil {
		own.RunAsGroup = pod.RunAsGroup
	}
	if own.RunAsNonRoot == nil {
		own.RunAsNonRoot = pod.RunAsNonRoot
	}
	if own.SeccompProfile == nil {
		own.SeccompProfile = pod.SeccompProfile
	}
	if !reflect.ValueOf(*own).IsZero() {
		*container = own
	}
}

// templateOf returns the object from which another takes its template: a
// Rollout may refer to a Deployment, which it keeps at no replicas (Argo
// Rollouts, spec.workloadRef).
func (inv *Inventory) templateOf(obj Object) Object {
	c, ok := obj.(*Custom)
	if !ok || c.template != nil {
		return nil
	}
	if kind, _ := KindOf(c); kind != KindRollout {
		return nil
	}
	spec, _ := c.Object["spec"].(map[string]any)
	ref, _ := spec["workloadRef"].(map[string]any)
	apiVersion, _ := ref["apiVersion"].(string)
	name, _ := ref["name"].(string)
	of, _ := ref["kind"].(string)
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return nil
	}
	kind, ok := LookupKind(schema.GroupKind{Group: gv.Group, Kind: of})
	if !ok || !kind.Namespaced {
		return nil
	}
	return inv.Get(Ref{Kind: kind, Namespace: c.GetNamespace(), Name: name})
}

// sharers names the objects that take their template from another.
func (inv *Inventory) sharers(obj Object) []string {
	var names []string
	for _, rollout := range inv.listIn(KindRollout, obj.GetNamespace()) {
		if inv.templateOf(rollout) == obj {
			names = append(names, RefOf(rollout).String())
		}
	}
	return names
}
