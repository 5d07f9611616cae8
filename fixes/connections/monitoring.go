package connections

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// scrapes adds what Prometheus collects from pods that say so in the customary
// annotations, on themselves or on their Service.
func (g *Graph) scrapes(inv *fixes.Inventory) {
	for _, w := range g.Workloads {
		ports, why, ok := scraped(inv, w)
		if !ok {
			continue
		}
		g.scrape(w, ports, why, End{Place: AnyPod})
	}
}

// scrapers returns the workloads that collect metrics, known by their images.
func (g *Graph) scrapers() []fixes.Workload {
	return g.running("prometheus", "prometheus-agent", "victoria-metrics", "vmagent", "vmsingle", "opentelemetry-collector-contrib",
		"opentelemetry-collector", "grafana-agent", "alloy", "datadog/agent")
}

const (
	scrapeAnnotation = "prometheus.io/scrape"
	portAnnotation   = "prometheus.io/port"
)

// scraped returns the ports at which a workload says that it gives metrics.
func scraped(inv *fixes.Inventory, w fixes.Workload) ([]Port, Reason, bool) {
	if w.Meta.Annotations[scrapeAnnotation] == "true" {
		why := Reason{w.Ref(), w.MetaPath + ".annotations", "its annotations ask for scrapes by Prometheus"}
		if n, err := strconv.ParseUint(w.Meta.Annotations[portAnnotation], 10, 16); err == nil {
			return tcp(int32(n)), why, true
		}
		return declared(w), why, true
	}
	for _, svc := range fixes.Objects[*corev1.Service](inv, w.Object.GetNamespace()) {
		if svc.Annotations[scrapeAnnotation] != "true" || len(svc.Spec.Selector) == 0 ||
			!labels.SelectorFromSet(svc.Spec.Selector).Matches(labels.Set(w.Meta.Labels)) {
			continue
		}
		why := Reason{fixes.RefOf(svc), "metadata.annotations", "Service " + svc.Name + " asks for scrapes by Prometheus"}
		if n, err := strconv.ParseUint(svc.Annotations[portAnnotation], 10, 16); err == nil {
			return tcp(int32(n)), why, true
		}
		var ports []Port
		for _, p := range svc.Spec.Ports {
			ports = append(ports, podPorts(w, p)...)
		}
		return ports, why, true
	}
	return nil, Reason{}, false
}

// running returns the workloads whose image has one of the given last parts.
func (g *Graph) running(images ...string) []fixes.Workload {
	var out []fixes.Workload
	for _, w := range g.Workloads {
		if runs(w, images...) {
			out = append(out, w)
		}
	}
	return out
}

// runs reports whether an image of a workload has one of the given last parts.
func runs(w fixes.Workload, images ...string) bool {
	for c := range w.Containers() {
		if slices.ContainsFunc(images, func(known string) bool { return fixes.IsImage(c.Image, known) }) {
			return true
		}
	}
	return false
}
