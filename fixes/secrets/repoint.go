package secrets

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// keyMove is a key of a ConfigMap that stands in a Secret now.
type keyMove struct {
	configMap, key    string
	secret, secretKey string
	// binary: the key stood in binaryData, of which the kubelet makes files only.
	binary bool
}

// repoint lets a pod read the key from the Secret in every place where it read
// it from the ConfigMap: the same variables in the same order, the same files
// with the same modes.
func (m keyMove) repoint(w fixes.Workload) {
	for c := range w.Containers() {
		if m.binary {
			break
		}
		for i := range c.Env {
			m.variable(&c.Env[i])
		}
		m.allVariables(c.Container)
	}
	for i := range w.Spec.Volumes {
		m.volume(&w.Spec.Volumes[i])
	}
}

func (m keyMove) variable(e *corev1.EnvVar) {
	if e.ValueFrom == nil || e.ValueFrom.ConfigMapKeyRef == nil {
		return
	}
	from := e.ValueFrom.ConfigMapKeyRef
	if from.Name != m.configMap || from.Key != m.key {
		return
	}
	e.ValueFrom = reference(m.secret, m.secretKey)
	e.ValueFrom.SecretKeyRef.Optional = from.Optional
}

// allVariables adds the Secret behind each use of the whole ConfigMap. The two
// have no key in common, so nothing between the sources before and those behind
// changes: later ones win, as before. The Secret must hold nothing but keys of
// this ConfigMap, by their names.
func (m keyMove) allVariables(c *corev1.Container) {
	for i := 0; i < len(c.EnvFrom); i++ {
		from := c.EnvFrom[i]
		if from.ConfigMapRef == nil || from.ConfigMapRef.Name != m.configMap {
			continue
		}
		i++
		if i < len(c.EnvFrom) && c.EnvFrom[i].SecretRef != nil && c.EnvFrom[i].SecretRef.Name == m.secret && c.EnvFrom[i].Prefix == from.Prefix {
			continue // another key of it has moved before
		}
		c.EnvFrom = slices.Insert(c.EnvFrom, i, corev1.EnvFromSource{Prefix: from.Prefix, SecretRef: &corev1.SecretEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: m.secret}, Optional: from.ConfigMapRef.Optional,
		}})
	}
}

func (m keyMove) volume(v *corev1.Volume) {
	switch {
	case v.ConfigMap != nil && v.ConfigMap.Name == m.configMap:
		if sources, ok := m.project(&corev1.ConfigMapProjection{
			LocalObjectReference: v.ConfigMap.LocalObjectReference, Items: v.ConfigMap.Items, Optional: v.ConfigMap.Optional,
		}, nil); ok {
			v.Projected = &corev1.ProjectedVolumeSource{Sources: sources, DefaultMode: v.ConfigMap.DefaultMode}
			v.ConfigMap = nil
		}
	case v.Projected != nil:
		for i := 0; i < len(v.Projected.Sources); i++ {
			from := v.Projected.Sources[i].ConfigMap
			if from == nil || from.Name != m.configMap {
				continue
			}
			var next *corev1.SecretProjection
			if i+1 < len(v.Projected.Sources) {
				next = v.Projected.Sources[i+1].Secret
			}
			sources, ok := m.project(from, next)
			if !ok {
				continue
			}
			end := i + 1
			if len(sources) > 0 && sources[len(sources)-1].Secret == next {
				end++ // it was made for a key that moved before
			}
			v.Projected.Sources = slices.Replace(v.Projected.Sources, i, end, sources...)
			i += len(sources) - 1
		}
	}
}

// project divides a use of the ConfigMap as files into what is left of it and
// what comes from the Secret: next where that is already the Secret's, with the
// same say about a missing one, else a source of its own. It returns false when
// the key is not among the files.
func (m keyMove) project(from *corev1.ConfigMapProjection, next *corev1.SecretProjection) ([]corev1.VolumeProjection, bool) {
	var left, moved []corev1.KeyToPath
	if len(from.Items) == 0 {
		moved = []corev1.KeyToPath{{Key: m.secretKey, Path: m.key}} // every key is a file of its name
		if next != nil && slices.Contains(next.Items, moved[0]) {
			return nil, false // done already
		}
	}
	for _, item := range from.Items {
		if item.Key == m.key {
			item.Key = m.secretKey
			moved = append(moved, item)
		} else {
			left = append(left, item)
		}
	}
	if len(moved) == 0 {
		return nil, false
	}
	var out []corev1.VolumeProjection
	if len(from.Items) == 0 || len(left) > 0 { // no items would mean all
		from.Items = left
		out = append(out, corev1.VolumeProjection{ConfigMap: from})
	}
	if next != nil && next.Name == m.secret && len(next.Items) > 0 && sameBool(next.Optional, from.Optional) {
		next.Items = append(next.Items, moved...)
		return append(out, corev1.VolumeProjection{Secret: next}), true
	}
	return append(out, corev1.VolumeProjection{Secret: &corev1.SecretProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: m.secret}, Items: moved, Optional: from.Optional,
	}}), true
}

func sameBool(a, b *bool) bool {
	return (a != nil && *a) == (b != nil && *b)
}
