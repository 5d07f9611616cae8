package connections

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// mount is a ConfigMap or a Secret of which a pod gets files.
type mount struct {
	obj    fixes.Object
	reason Reason // where the pod says so
	items  []corev1.KeyToPath
	paths  []string // those that containers take alone; none: all
}

// has reports whether the pod gets an entry of the object.
func (m mount) has(key string) bool {
	path := key
	if len(m.items) > 0 {
		i := slices.IndexFunc(m.items, func(item corev1.KeyToPath) bool { return item.Key == key })
		if i < 0 {
			return false
		}
		path = m.items[i].Path
	}
	return len(m.paths) == 0 || slices.ContainsFunc(m.paths, func(alone string) bool { return path == alone || strings.HasPrefix(path, alone+"/") })
}

// mounted yields what a pod mounts of ConfigMaps and Secrets.
func mounted(inv *fixes.Inventory, w fixes.Workload) iter.Seq[mount] {
	return func(yield func(mount) bool) {
		ns := w.Object.GetNamespace()
		for i, v := range w.Spec.Volumes {
			var all []mount
			configMap := func(name string, items []corev1.KeyToPath) {
				all = append(all, mount{obj: lookup[*corev1.ConfigMap](inv, ns, name), items: items})
			}
			secret := func(name string, items []corev1.KeyToPath) {
				all = append(all, mount{obj: lookup[*corev1.Secret](inv, ns, name), items: items})
			}
			if v.ConfigMap != nil {
				configMap(v.ConfigMap.Name, v.ConfigMap.Items)
			}
			if v.Secret != nil {
				secret(v.Secret.SecretName, v.Secret.Items)
			}
			if v.Projected != nil {
				for _, src := range v.Projected.Sources {
					if src.ConfigMap != nil {
						configMap(src.ConfigMap.Name, src.ConfigMap.Items)
					}
					if src.Secret != nil {
						secret(src.Secret.Name, src.Secret.Items)
					}
				}
			}
			paths := takenAlone(w, v.Name)
			for _, m := range all {
				m.paths, m.reason = paths, Reason{Object: w.Ref(), Path: fmt.Sprintf("%s.volumes[%d]", w.SpecPath, i)}
				if m.obj != nil && !yield(m) {
					return
				}
			}
		}
	}
}

// takenAlone returns the paths in a volume that a pod's containers mount by
// themselves; none where one of them has it whole.
func takenAlone(w fixes.Workload, volume string) []string {
	var out []string
	for c := range w.Containers() {
		for _, m := range c.VolumeMounts {
			switch {
			case m.Name != volume:
			case m.SubPath == "":
				return nil // or it is of variables that only the kubelet knows
			default:
				out = append(out, strings.TrimPrefix(m.SubPath, "./"))
			}
		}
	}
	return out
}
