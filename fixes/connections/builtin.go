package connections

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// plainPrometheus are images of Prometheus as their makers build it: its own
// configuration collects from itself alone.
var plainPrometheus = []string{"prom/prometheus", "prometheus/prometheus", "bitnami/prometheus", "bitnamilegacy/prometheus", "ubuntu/prometheus",
	"chainguard/prometheus"}

// builtIn returns links of those whose configuration is in their image, where
// nobody sees it: a Prometheus of somebody's own build may collect from all that
// serves beside it.
func (g *Graph) builtIn(names *names) []Link {
	var out []Link
	for _, w := range g.Workloads {
		if !runsNamed(w, []string{"prometheus"}) || isPlain(w) || slices.ContainsFunc(w.Spec.Volumes, givesFiles) {
			continue
		}
		why := Reason{w.Ref(), w.SpecPath, "its image is no plain Prometheus, and may hold a configuration that names it"}
		services := names.services[w.Object.GetNamespace()]
		for _, name := range slices.Sorted(maps.Keys(services)) {
			for _, d := range names.destinations(services[name], 0) {
				to, ok := behind(services[name], d.to)
				ports := slices.DeleteFunc(d.ports, func(p Port) bool { return p.Protocol != corev1.ProtocolTCP })
				if ok && d.to != Of(w) && len(ports) > 0 && (isService(to) || isExporter(to)) && !g.linked(w, to) {
					out = append(out, Link{From: Of(w), To: d.to, Ports: ports, Sure: Guessed, Why: []Reason{why}})
				}
			}
		}
	}
	return out
}

func isPlain(w fixes.Workload) bool {
	name := "/" + repository(w.Spec.Containers[0].Image)
	return slices.ContainsFunc(plainPrometheus, func(plain string) bool { return strings.HasSuffix(name, "/"+plain) })
}

// givesFiles reports whether a volume has files that others have written.
func givesFiles(v corev1.Volume) bool { return v.EmptyDir == nil && v.PersistentVolumeClaim == nil }
