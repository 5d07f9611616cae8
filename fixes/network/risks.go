package network

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// reference is a workload that names a target.
type reference struct {
	from fixes.Workload
	to   target
}

// callers returns the references that cross the border of each namespace, out
// of it or into it.
func callers(inv *fixes.Inventory, workloads map[string][]fixes.Workload) map[string][]reference {
	out := map[string][]reference{}
	for _, ns := range slices.Sorted(maps.Keys(workloads)) {
		for _, w := range workloads[ns] {
			for _, to := range targets(inv, w) {
				out[ns] = append(out[ns], reference{w, to})
				if to.namespace != "" {
					out[to.namespace] = append(out[to.namespace], reference{w, to})
				}
			}
		}
	}
	return out
}

// risks names what the fix cuts, as far as the inventory tells, and says what
// it cannot tell.
func (n namespace) risks(p *fixes.Pass, references []reference) []string {
	var risks []string
	say := func(format string, list []string) {
		if len(list) > 0 {
			risks = append(risks, fmt.Sprintf(format, some(list)))
		}
	}
	if open := n.ingress.open; !n.ingress.everything && len(open) > 0 {
		services := exposed(p.Inventory, n.name, open)
		say("Cut: what comes from outside the cluster through %s.", services)
		say("Cut, unless its controller runs in this namespace: %s.", routes(p.Inventory, n.name, open))
		var from, scraped []string
		for _, r := range references {
			if r.to.namespace == n.name && reaches(p.Inventory, r.to, open) {
				from = append(from, fmt.Sprintf("%s of %s to %s", nameOf(r.from), r.from.Object.GetNamespace(), r.to.service))
			}
		}
		for _, w := range open {
			if w.Meta.Annotations["prometheus.io/scrape"] == "true" {
				scraped = append(scraped, nameOf(w))
			}
		}
		say("Cut: connections from other namespaces: %s.", from)
		say("Cut, unless Prometheus runs in this namespace: its scrapes of %s.", scraped)
		say("Cut: connections from what runs on the host network: %s.", namesOf(n.host))
		risks = append(risks, "Cut: everything else that comes from other namespaces or from outside: "+
			"ingress controllers, Prometheus scrapes, webhooks called by the API server.")
		for _, kind := range []fixes.Kind{fixes.KindService, fixes.KindIngress} {
			if !p.Covers(kind, n.name) {
				risks = append(risks, kind.String()+" could not be listed: what they let in is not named here.")
			}
		}
	}
	if open := n.egress.open; !n.egress.everything && len(open) > 0 {
		var services, hosts []string
		for _, r := range references {
			if r.from.Object.GetNamespace() != n.name || n.egress.selects(r.from.Meta.Labels) || r.from.Spec.HostNetwork {
				continue
			}
			line := nameOf(r.from) + " to " + r.to.String()
			if r.to.host == "" {
				services = append(services, line)
			} else {
				hosts = append(hosts, line)
			}
		}
		say("Cut: connections to other namespaces: %s.", services)
		say("Cut: connections to the outside: %s.", hosts)
		risks = append(risks, "Cut: everything else that goes to other namespaces, to the Kubernetes API or out of the cluster.")
		if p.Live && p.Covers(fixes.KindPod, metav1.NamespaceSystem) && !servesDNS(p.Inventory) {
			risks = append(risks, "No pod in kube-system is labelled k8s-app=kube-dns: add what serves DNS here to "+allowDNS+", or no name resolves.")
		}
	}
	if len(risks) == 0 {
		risks = append(risks, "Nothing that runs is cut. Pods to come reach DNS and each other at most.")
	}
	return risks
}

// exposed names the Services that let traffic from outside in to workloads.
func exposed(inv *fixes.Inventory, namespace string, to []fixes.Workload) []string {
	var out []string
	for _, svc := range fixes.Objects[*corev1.Service](inv, namespace) {
		how := ""
		switch {
		case svc.Spec.Type == corev1.ServiceTypeLoadBalancer, svc.Spec.Type == corev1.ServiceTypeNodePort:
			how = string(svc.Spec.Type)
		case len(svc.Spec.ExternalIPs) > 0:
			how = "externalIPs"
		}
		if how != "" && serves(svc, to) {
			out = append(out, fmt.Sprintf("Service %s (%s)", svc.Name, how))
		}
	}
	return out
}

// routes names the Ingresses that lead to workloads, with their Services.
func routes(inv *fixes.Inventory, namespace string, to []fixes.Workload) []string {
	var out []string
	for _, ing := range fixes.Objects[*networkingv1.Ingress](inv, namespace) {
		var backends []string
		add := func(b *networkingv1.IngressBackend) {
			if b == nil || b.Service == nil || slices.Contains(backends, b.Service.Name) {
				return
			}
			if reaches(inv, target{namespace: namespace, service: b.Service.Name}, to) {
				backends = append(backends, b.Service.Name)
			}
		}
		add(ing.Spec.DefaultBackend)
		for _, rule := range ing.Spec.Rules {
			if rule.HTTP == nil {
				continue
			}
			for _, path := range rule.HTTP.Paths {
				add(&path.Backend)
			}
		}
		if len(backends) > 0 {
			out = append(out, fmt.Sprintf("Ingress %s to Service %s", ing.Name, enumerate(backends)))
		}
	}
	return out
}

// reaches reports whether a Service leads to one of the workloads, or is not
// known, so that it may.
func reaches(inv *fixes.Inventory, t target, to []fixes.Workload) bool {
	svc, ok := fixes.Lookup[*corev1.Service](inv, t.namespace, t.service)
	return !ok || serves(svc, to)
}

// serves reports whether a Service selects one of the workloads. One without
// a selector selects none: its endpoints are written by hand.
func serves(svc *corev1.Service, to []fixes.Workload) bool {
	if len(svc.Spec.Selector) == 0 {
		return false
	}
	selector := labels.SelectorFromSet(svc.Spec.Selector)
	return slices.ContainsFunc(to, func(w fixes.Workload) bool { return selector.Matches(labels.Set(w.Meta.Labels)) })
}

func servesDNS(inv *fixes.Inventory) bool {
	return slices.ContainsFunc(fixes.Objects[*corev1.Pod](inv, metav1.NamespaceSystem), func(pod *corev1.Pod) bool {
		return pod.Labels["k8s-app"] == "kube-dns"
	})
}

// nameOf returns "Deployment web".
func nameOf(w fixes.Workload) string { return w.Ref().Kind.Name + " " + w.Object.GetName() }

func namesOf(workloads []fixes.Workload) []string {
	names := make([]string, len(workloads))
	for i, w := range workloads {
		names[i] = nameOf(w)
	}
	return names
}

// some joins the first names of a list, which may be long.
func some(list []string) string {
	const shown = 12
	if len(list) <= shown {
		return enumerate(list)
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:shown], ", "), len(list)-shown)
}

// enumerate returns "a, b and c".
func enumerate(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " and " + list[last]
}
