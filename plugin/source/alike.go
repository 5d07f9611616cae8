package source

import (
	"maps"
	"reflect"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// leaderAnnotation is where controllers that elect a leader by a ConfigMap renew
// their lease, every other second.
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader"

// alike reports whether two states of an object, of which nil is none, are the
// same to every rule. What is written again and again without a meaning does
// not count: versions, heartbeats of nodes, the renewal of a lease, what an
// autoscaler measures.
func alike(old, now fixes.Object) bool {
	if old == nil || now == nil {
		return old == now
	}
	if reflect.TypeOf(old) != reflect.TypeOf(now) {
		return false
	}
	if old.GetUID() != now.GetUID() || old.GetGeneration() != now.GetGeneration() {
		return false
	}
	return reflect.DeepEqual(quiet(old), quiet(now))
}

// quiet returns what counts of an object. It shares it with the object.
func quiet(obj fixes.Object) any {
	switch o := obj.(type) {
	case *corev1.Node:
		c := *o
		c.ResourceVersion = ""
		c.Status.Conditions = make([]corev1.NodeCondition, len(o.Status.Conditions))
		for i, cond := range o.Status.Conditions {
			cond.LastHeartbeatTime = metav1.Time{}
			c.Status.Conditions[i] = cond
		}
		return &c
	case *autoscalingv2.HorizontalPodAutoscaler:
		c := *o
		c.ResourceVersion, c.Status = "", autoscalingv2.HorizontalPodAutoscalerStatus{}
		return &c
	case *corev1.ConfigMap:
		c := *o
		c.ResourceVersion = ""
		if _, leads := c.Annotations[leaderAnnotation]; leads {
			c.Annotations = maps.Clone(c.Annotations)
			delete(c.Annotations, leaderAnnotation)
		}
		return &c
	case *fixes.Custom:
		c := maps.Clone(o.Object)
		if meta, ok := c["metadata"].(map[string]any); ok {
			meta = maps.Clone(meta)
			delete(meta, "resourceVersion")
			delete(meta, "managedFields")
			c["metadata"] = meta
		}
		return c
	}
	c := reflect.New(reflect.TypeOf(obj).Elem())
	c.Elem().Set(reflect.ValueOf(obj).Elem())
	shallow := c.Interface().(fixes.Object)
	shallow.SetResourceVersion("")
	return shallow
}
