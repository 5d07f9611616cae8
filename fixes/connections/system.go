package connections

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// peers adds the links among the pods of one workload: those of a StatefulSet
// find each other by its headless Service.
func (g *Graph) peers(names *names) {
	for _, w := range g.Workloads {
		set, ok := w.Object.(*appsv1.StatefulSet)
		if !ok || set.Spec.Replicas != nil && *set.Spec.Replicas < 2 {
			continue
		}
		svc, ok := names.service(set.Namespace, set.Spec.ServiceName)
		if !ok || !svc.headless() {
			continue
		}
		g.add(Link{From: Of(w), To: Of(w), Sure: Inferred, Ports: append(declared(w), all(names.destinations(svc, 0), Of(w))...),
			Why: []Reason{{fixes.RefOf(set), "spec.serviceName", "its pods find each other by Service " + svc.Name}}})
	}
}

func all(found []destination, to End) []Port {
	var out []Port
	for _, d := range found {
		if d.to == to {
			out = append(out, d.ports...)
		}
	}
	return out
}

// system adds the links to what every cluster has: DNS, and the API for pods
// that have a token and something that uses it.
func (g *Graph) system(inv *fixes.Inventory) {
	for _, w := range g.Workloads {
		g.add(Link{From: Of(w), To: End{Place: DNS}, Sure: Proven,
			Why: []Reason{{w.Ref(), w.SpecPath + ".dnsPolicy", "names are looked up there"}}})
		if why, ok := usesAPI(inv, w); ok {
			g.add(Link{From: Of(w), To: End{Place: APIServer}, Sure: Inferred, Why: []Reason{why}})
		}
	}
}

// usesAPI reports whether a workload's pods talk to the Kubernetes API: they
// have a token, of an account that was made for them, or asked for it.
func usesAPI(inv *fixes.Inventory, w fixes.Workload) (Reason, bool) {
	if auto := w.Spec.AutomountServiceAccountToken; auto != nil {
		return Reason{w.Ref(), w.SpecPath + ".automountServiceAccountToken", "it has a token for the Kubernetes API"}, *auto
	}
	for i, v := range w.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, src := range v.Projected.Sources {
			if src.ServiceAccountToken != nil && !strings.HasPrefix(v.Name, "kube-api-access-") {
				return Reason{w.Ref(), fmt.Sprintf("%s.volumes[%d]", w.SpecPath, i), "it mounts a token for the Kubernetes API"}, true
			}
		}
	}
	name := w.Spec.ServiceAccountName
	if name == "" || name == "default" {
		return Reason{}, false
	}
	if sa, ok := fixes.Lookup[*corev1.ServiceAccount](inv, w.Object.GetNamespace(), name); ok {
		if auto := sa.AutomountServiceAccountToken; auto != nil && !*auto {
			return Reason{}, false
		}
	}
	return Reason{w.Ref(), w.SpecPath + ".serviceAccountName", "it runs as ServiceAccount " + name}, true
}
