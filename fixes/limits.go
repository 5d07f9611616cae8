package fixes

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Limits says what a person should know before changes are applied: what is
// away for a while, what does not protect it, and what no undo brings back.
func Limits(changes []Change) []string {
	var rolling int
	var away, lost []string
	for _, c := range changes {
		if !c.Restarts() {
			continue
		}
		if why := downtime(c); why != "" {
			away = append(away, c.Object.String()+" ("+why+")")
		} else {
			rolling++
		}
		if c.Action == Recreate {
			lost = append(lost, c.Object.String())
		}
	}
	var out []string
	if rolling > 0 {
		out = append(out, fmt.Sprintf("Rolling restarts: %d; old pods stay until new ones are ready.", rolling))
	}
	if len(away) > 0 {
		out = append(out, "Away while their pods restart: "+Listed(away)+".")
	}
	if rolling+len(away) > 0 {
		out = append(out, "PodDisruptionBudgets guard against evictions only, not against these restarts.")
	}
	if len(lost) > 0 {
		out = append(out, "No undo brings back what these hold beside volumes that outlive them (their logs, their emptyDirs): "+Listed(lost)+".")
	}
	return out
}

// downtime says why a workload is away while its pods restart, or "" where a
// rolling update keeps it served.
func downtime(c Change) string {
	switch o := c.After.(type) {
	case *Custom:
		return o.downtime()
	case *appsv1.Deployment:
		replicas := int32(1)
		if o.Spec.Replicas != nil {
			replicas = *o.Spec.Replicas
		}
		switch rolling := o.Spec.Strategy.RollingUpdate; {
		case replicas == 0:
			return ""
		case o.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
			return "strategy Recreate"
		case rolling != nil && rolling.MaxSurge != nil && (rolling.MaxSurge.IntVal == 0 && rolling.MaxSurge.StrVal == "" || rolling.MaxSurge.StrVal == "0%") && replicas == 1:
			return "one pod, and none beside it meanwhile (maxSurge 0)"
		}
		return ""
	case *appsv1.StatefulSet:
		if o.Spec.Replicas == nil || *o.Spec.Replicas == 1 {
			return "one pod"
		}
		return ""
	case *appsv1.DaemonSet:
		if rolling := o.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.MaxSurge != nil && (rolling.MaxSurge.IntVal > 0 || strings.TrimRight(rolling.MaxSurge.StrVal, "%0") != "") {
			return ""
		}
		return "on one node after another"
	}
	return "no controller brings it back"
}

// downtime is that of a custom workload, by the fields that such kinds have from
// the built-in ones.
func (c *Custom) downtime() string {
	switch kind, _ := KindOf(c); kind {
	case KindKruiseDaemonSet:
		return "on one node after another"
	case KindDeploymentConfig:
		if how, _, _ := unstructured.NestedString(c.Object, "spec", "strategy", "type"); how == "Recreate" {
			return "strategy Recreate"
		}
	case KindCloneSet, KindKruiseStatefulSet:
		if n, ok, _ := unstructured.NestedInt64(c.Object, "spec", "replicas"); !ok || n == 1 {
			return "one pod"
		}
	}
	return ""
}

// manyNames is the number of names that are told one by one.
const manyNames = 5

// Listed names the first of some things, and says how many more there are.
func Listed(names []string) string {
	if len(names) <= manyNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(names[:manyNames], ", "), len(names)-manyNames)
}
