package connections

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
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
func (g *Graph) system(inv *fixes.Inventory, names *names) {
	for _, w := range g.Workloads {
		g.add(Link{From: Of(w), To: End{Place: DNS}, Sure: Proven,
			Why: []Reason{{w.Ref(), w.SpecPath + ".dnsPolicy", "names are looked up there"}}})
		g.resolvers(names, w)
		if why, ok := usesAPI(inv, w); ok {
			g.add(Link{From: Of(w), To: End{Place: APIServer}, Sure: Inferred, Why: []Reason{why, g.API.to()}})
		}
		g.credentials(inv, w)
	}
}

// resolvers adds the servers of names that a workload has of its own: those that
// its dnsConfig lists, or those of its node, whose addresses nothing tells.
func (g *Graph) resolvers(names *names, w fixes.Workload) {
	ports := []Port{{corev1.ProtocolTCP, 53}, {corev1.ProtocolUDP, 53}}
	if c := w.Spec.DNSConfig; c != nil {
		for i, server := range c.Nameservers {
			why := Reason{w.Ref(), fmt.Sprintf("%s.dnsConfig.nameservers[%d]", w.SpecPath, i), "names are looked up there"}
			if s, ok := names.find(w.Object.GetNamespace(), server); ok {
				for _, d := range names.destinations(s, 53) {
					g.add(Link{From: Of(w), To: d.to, Ports: d.ports, Sure: Proven, Why: []Reason{why}})
				}
			}
			g.add(Link{From: Of(w), To: End{Place: Host, Name: server}, Ports: ports, Sure: Proven, Why: []Reason{why}})
		}
	}
	if w.Spec.DNSPolicy == corev1.DNSDefault {
		for _, all := range []string{"0.0.0.0/0", "::/0"} {
			g.add(Link{From: Of(w), To: End{Place: Block, Name: all}, Ports: ports, Sure: Proven,
				Why: []Reason{{w.Ref(), w.SpecPath + ".dnsPolicy", "names are looked up as its node does, whose servers nothing tells"}}})
		}
	}
}

// usesAPI reports whether a workload's pods talk to the Kubernetes API: they
// have a token, and asked for it, have rights with it, or look like a client. An account
// that is not known may have rights.
func usesAPI(inv *fixes.Inventory, w fixes.Workload) (Reason, bool) {
	if auto := w.Spec.AutomountServiceAccountToken; auto != nil {
		return Reason{w.Ref(), w.SpecPath + ".automountServiceAccountToken", "it has a token for the Kubernetes API"}, *auto
	}
	for i, v := range w.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, src := range v.Projected.Sources {
			if src.ServiceAccountToken != nil && !strings.HasPrefix(v.Name, "kube-api-access-") && !slices.Contains(cloudAudiences, src.ServiceAccountToken.Audience) {
				return Reason{w.Ref(), fmt.Sprintf("%s.volumes[%d]", w.SpecPath, i), "it mounts a token for the Kubernetes API"}, true
			}
		}
	}
	namespace, name := w.Object.GetNamespace(), rbac.AccountOf(w).Name
	sa, there := fixes.Lookup[*corev1.ServiceAccount](inv, namespace, name)
	if there && sa.AutomountServiceAccountToken != nil && !*sa.AutomountServiceAccountToken {
		return Reason{}, false
	}
	path, as := w.SpecPath+".serviceAccountName", "it runs as ServiceAccount "+name
	hint, _ := rbac.ClientHint(w)
	switch {
	case rbac.Named(inv).Has(namespace, name):
		return Reason{w.Ref(), path, as + ", which has a binding"}, true
	case name == "default":
		return Reason{}, false
	case hint != "":
		return Reason{w.Ref(), w.SpecPath, hint + " looks like a client of the Kubernetes API"}, true
	case there && inv.Covers(fixes.KindRoleBinding, namespace) && inv.Covers(fixes.KindClusterRoleBinding, ""):
		return Reason{}, false // it was made to have no rights
	}
	return Reason{w.Ref(), path, as}, true
}
