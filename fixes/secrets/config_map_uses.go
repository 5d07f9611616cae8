package secrets

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// uses tells what reads a key of a ConfigMap.
type uses struct {
	inv       *fixes.Inventory
	configMap *corev1.ConfigMap
	key       string
	by        []use
	// all reports that a container takes every key as a variable.
	all bool
}

// use is a workload that reads the key.
type use struct {
	workload fixes.Workload
	owner    *fixes.Owner
	// debugged: an ephemeral container reads it, which cannot be edited.
	debugged bool
	// clash: several files of one volume have one path.
	clash bool
}

func usesOf(inv *fixes.Inventory, cm *corev1.ConfigMap, key string) uses {
	out := uses{inv: inv, configMap: cm, key: key}
	for _, w := range inv.Workloads(cm.Namespace) {
		if inv.Live && w.Finished() {
			continue // it starts nothing more
		}
		_, binary := cm.BinaryData[key]
		u, all, reads := readsKey(w, cm.Name, key, binary)
		if !reads {
			continue
		}
		_, u.owner = inv.Top(w.Object)
		out.by = append(out.by, u)
		out.all = out.all || all
	}
	return out
}

// readsKey looks for a key of a ConfigMap in a pod, and tells whether all keys
// are taken as variables. Of binaryData the kubelet makes files only.
func readsKey(w fixes.Workload, configMap, key string, binary bool) (u use, all, reads bool) {
	u.workload = w
	for c := range w.Containers() {
		if binary {
			break
		}
		here := false
		for _, e := range c.Env {
			from := e.ValueFrom
			here = here || from != nil && from.ConfigMapKeyRef != nil && from.ConfigMapKeyRef.Name == configMap && from.ConfigMapKeyRef.Key == key
		}
		for _, e := range c.EnvFrom {
			if e.ConfigMapRef != nil && e.ConfigMapRef.Name == configMap {
				here, all = true, true
			}
		}
		reads = reads || here
		u.debugged = u.debugged || here && c.Ephemeral
	}
	for _, v := range w.Spec.Volumes {
		switch {
		case v.ConfigMap != nil && v.ConfigMap.Name == configMap && hasItem(v.ConfigMap.Items, key):
			reads = true
			u.clash = u.clash || clash(v.ConfigMap.Items)
		case v.Projected != nil:
			for _, s := range v.Projected.Sources {
				reads = reads || s.ConfigMap != nil && s.ConfigMap.Name == configMap && hasItem(s.ConfigMap.Items, key)
			}
		}
	}
	return u, all, reads
}

// hasItem reports whether a key is among the files of a volume: all are when
// none is named.
func hasItem(items []corev1.KeyToPath, key string) bool {
	return len(items) == 0 || slices.ContainsFunc(items, func(i corev1.KeyToPath) bool { return i.Key == key })
}

// clash reports whether two items have one path, which the API server takes in
// a ConfigMap's volume and refuses in a projected one.
func clash(items []corev1.KeyToPath) bool {
	seen := map[string]bool{}
	for _, i := range items {
		if seen[i.Path] {
			return true
		}
		seen[i.Path] = true
	}
	return false
}

// obstacle says why the key cannot be moved by an edit, and what is to be done
// before it can be moved by hand; "" when it can.
func (u uses) obstacle() (why, before string) {
	cm := u.configMap
	switch reader := u.namedBy(); {
	case notInKey.MatchString(u.key):
		return "its key is none that a Secret could have", ""
	case u.twins() > 1:
		return "several manifests define a ConfigMap of this name, and which of them the pods read is not known", ""
	case !u.covered():
		return "not everything that may read it could be looked at", "Find what reads it: kubectl get all -o yaml in its namespace, by somebody who may see all of it."
	case u.inv.Live && cm.Immutable != nil && *cm.Immutable:
		return "an immutable ConfigMap cannot be changed", ""
	case reader != "":
		return reader, "Find out whether that program can read a Secret instead, or the value from a file or a variable."
	}
	for _, by := range u.by {
		if why := u.stuck(by); why != "" {
			return why, ""
		}
	}
	return "", ""
}

// twins counts the manifests that define a ConfigMap of this name.
func (u uses) twins() int {
	n := 0
	for _, cm := range fixes.Objects[*corev1.ConfigMap](u.inv, u.configMap.Namespace) {
		if cm.Name == u.configMap.Name {
			n++
		}
	}
	return n
}

func (u uses) covered() bool {
	return !slices.ContainsFunc(fixes.WorkloadKinds(), func(k fixes.Kind) bool { return !u.inv.Covers(k, u.configMap.Namespace) })
}

// stuck says why a workload cannot be re-pointed such that no pod reads the
// key any more.
func (u uses) stuck(by use) string {
	name := by.workload.Ref().String()
	switch {
	case by.owner != nil:
		return fmt.Sprintf("%s reads it, and %s %s would undo a change of that", name, by.owner.Kind, by.owner.Name)
	case by.debugged:
		return "an ephemeral container of " + name + " reads it, which cannot be changed"
	case by.clash:
		return "two files of a volume of " + name + " have one path, which a projected volume may not have"
	case u.inv.Live:
		if why := keepsPods(by.workload.Object); why != "" {
			return fmt.Sprintf("%s reads it, and %s", name, why)
		}
	}
	return ""
}

// keepsPods says why pods of the old template stay after a change of a running
// workload; "" when they are replaced, or new ones are made each time.
func keepsPods(obj fixes.Object) string {
	switch o := obj.(type) {
	case *corev1.Pod, *batchv1.Job:
		return "it cannot be changed in place while it runs"
	case *appsv1.ReplicaSet, *corev1.ReplicationController:
		return "its pods stay as they are after a change"
	case *appsv1.Deployment:
		if o.Spec.Paused {
			return "its rollout is paused"
		}
	case *appsv1.DaemonSet:
		if o.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType {
			return "its pods are replaced only when they are deleted (OnDelete)"
		}
	case *appsv1.StatefulSet:
		s := o.Spec.UpdateStrategy
		if s.Type == appsv1.OnDeleteStatefulSetStrategyType {
			return "its pods are replaced only when they are deleted (OnDelete)"
		}
		if s.RollingUpdate != nil && s.RollingUpdate.Partition != nil && *s.RollingUpdate.Partition > 0 {
			return "pods below its partition are not replaced"
		}
	}
	return ""
}

// sidecarLabels are what dashboards and data sources of Grafana are found by.
var sidecarLabels = []string{"grafana_dashboard", "grafana_datasource", "grafana_alert"}

// namedBy says which program reads the ConfigMap through the API, as far as
// manifests tell: one that is given its name in an option or a variable that
// speaks of ConfigMaps, or a sidecar that collects those with a label.
func (u uses) namedBy() string {
	cm := u.configMap
	for _, label := range sidecarLabels {
		if _, ok := cm.Labels[label]; ok {
			return "its label " + label + " lets a sidecar find it through the API"
		}
	}
	for _, w := range u.inv.Workloads("") {
		for c := range w.Containers() {
			for _, e := range c.Env {
				if _, ok := cm.Labels[e.Value]; ok && e.Name == "LABEL" && len(c.Env) > 1 {
					return fmt.Sprintf("container %s of %s collects ConfigMaps with its label %s", c.Name, w.Ref(), e.Value)
				}
				if speaksOf(e.Name) && names(e.Value, cm, w.Object) {
					return fmt.Sprintf("container %s of %s is given its name in %s", c.Name, w.Ref(), e.Name)
				}
			}
			words := slices.Concat(c.Command, c.Args)
			for i, word := range words {
				option, value, inline := strings.Cut(word, "=")
				if !inline && i+1 < len(words) {
					value = words[i+1]
				}
				if strings.HasPrefix(option, "-") && speaksOf(option) && names(value, cm, w.Object) {
					return fmt.Sprintf("container %s of %s is given its name in %s", c.Name, w.Ref(), option)
				}
			}
		}
	}
	return ""
}

// speaksOf reports whether an option or a variable is about a ConfigMap.
func speaksOf(name string) bool {
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	return strings.Contains(name, "configmap")
}

// names reports whether a value is a ConfigMap's name, alone in its namespace or
// behind one.
func names(value string, cm *corev1.ConfigMap, by fixes.Object) bool {
	namespace, name, qualified := strings.Cut(value, "/")
	if !qualified {
		return value == cm.Name && by.GetNamespace() == cm.Namespace
	}
	return name == cm.Name && (namespace == cm.Namespace || strings.HasPrefix(namespace, "$("))
}

// risks lists what the move restarts and what may not follow it.
func (u uses) risks() []string {
	var out []string
	for _, by := range u.by {
		name := by.workload.Ref().String()
		switch kind := by.workload.Ref().Kind; {
		case kind.Rolls():
			out = append(out, "The pods of "+name+" restart.")
		case kind == fixes.KindCronJob:
			for _, job := range u.running(by.workload.Object) {
				out = append(out, "Job "+job+" runs now, and a pod that it starts anew would not find the key.")
			}
		}
		if manager := fixes.ManagedBy(by.workload.Object); manager != "" {
			out = append(out, fmt.Sprintf("%s manages %s: when it puts it back, its pods miss the key. Change it at its source too.", manager, name))
		}
	}
	if !u.inv.Live && u.configMap.Immutable != nil && *u.configMap.Immutable {
		out = append(out, "The ConfigMap is immutable: where it exists already, it has to be deleted first or get another name.")
	}
	if _, applied := u.configMap.Annotations[corev1.LastAppliedConfigAnnotation]; applied {
		out = append(out, "A later kubectl apply of the old manifest brings the key back into the ConfigMap: change the manifest too.")
	}
	return out
}

// running lists the Jobs of a CronJob that have not ended.
func (u uses) running(cron fixes.Object) []string {
	var out []string
	for _, job := range fixes.Objects[*batchv1.Job](u.inv, cron.GetNamespace()) {
		if w, ok := fixes.AsWorkload(job); ok && u.inv.Live && metav1.IsControlledBy(job, cron) && !w.Finished() {
			out = append(out, job.Namespace+"/"+job.Name)
		}
	}
	return out
}
