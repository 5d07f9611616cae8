package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

// links returns the graph's links that the policies of the namespace let
// through, each once: into workloads that were open to everybody, and out of
// those that reached everything.
func (n namespace) links(graph *connections.Graph) []connections.Link {
	var out []connections.Link
	type ends struct{ from, to connections.End }
	had := map[ends][]connections.Link{} // there may be thousands
	add := func(list []connections.Link) {
		for _, l := range list {
			e := ends{l.From, l.To}
			if l.To.Place == connections.DNS || slices.ContainsFunc(had[e], func(other connections.Link) bool { return slices.Equal(other.Ports, l.Ports) }) {
				continue
			}
			had[e] = append(had[e], l)
			out = append(out, l)
		}
	}
	if !n.ingress.everything {
		for _, w := range n.ingress.open {
			add(graph.To(connections.Of(w)))
		}
	}
	if !n.egress.everything {
		for _, w := range n.egress.open {
			add(graph.From(connections.Of(w)))
		}
	}
	return out
}

// cut returns the links of the namespace's workloads that the user has decided
// to cut.
func (n namespace) cut(graph *connections.Graph) []connections.Link {
	return slices.DeleteFunc(slices.Clone(graph.Cut), func(l connections.Link) bool { return !within(l.From, n.name) && !within(l.To, n.name) })
}

// kept says how many connections are kept, and how sure they are.
func kept(links []connections.Link) string {
	count := map[connections.Certainty]int{}
	for _, l := range links {
		count[l.Sure]++
	}
	var parts []string
	for _, sure := range []connections.Certainty{connections.Decided, connections.Seen, connections.Proven, connections.Inferred, connections.Guessed} {
		if count[sure] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[sure], sure))
		}
	}
	if len(parts) == 0 {
		return "connections kept: none but those to DNS"
	}
	return "connections kept: " + strings.Join(parts, ", ")
}

// risks names what the fix keeps without proof, and what it cuts, as far as the
// inventory tells, and says what it cannot tell.
func (n namespace) risks(p *fixes.Pass, graph *connections.Graph) []string {
	var risks []string
	say := func(format string, list []string) {
		if len(list) > 0 {
			risks = append(risks, fmt.Sprintf(format, some(list)))
		}
	}
	links, cut := n.links(graph), n.cut(graph)
	say("Cut, as you decided: %s.", linesOf(cut, func(connections.Link) bool { return true }))
	say("Kept by guess, to be tightened: %s.", linesOf(links, func(l connections.Link) bool { return l.Sure == connections.Guessed }))
	if open := n.ingress.open; !n.ingress.everything && len(open) > 0 {
		say("Open to everyone who reaches the cluster: %s.", linesOf(links, func(l connections.Link) bool { return l.From.Place == connections.Anyone }))
		if len(graph.API.Sources) == 0 {
			say("Open to everyone at the port that the API server calls, since a policy cannot name it and its addresses are not known, or change: %s.",
				linesOf(links, func(l connections.Link) bool { return l.From.Place == connections.APIServer }))
		}
		say("Cut: connections from what runs on the host network: %s.", namesOf(n.host))
		var webhooks []string
		for _, w := range open {
			own := connections.Of(w)
			decided := slices.ContainsFunc(cut, func(l connections.Link) bool { return l.To == own })
			if len(graph.To(own)) == 0 && !decided && declaresPorts(w) {
				webhooks = append(webhooks, nameOf(w))
			}
		}
		say("Reached by nobody any more, since nothing tells of a client: %s.", webhooks)
		risks = append(risks, "Cut: every other connection from pods, from other namespaces and from outside that no object tells of.")
		for _, kind := range append([]fixes.Kind{fixes.KindService, fixes.KindIngress, fixes.KindValidatingWebhookConfiguration,
			fixes.KindMutatingWebhookConfiguration, fixes.KindAPIService, fixes.KindServiceMonitor, fixes.KindPodMonitor}, fixes.RouteKinds()...) {
			if !p.Covers(kind, n.name) {
				risks = append(risks, kind.String()+" could not be listed: what they let in is cut.")
			}
		}
	}
	if open := n.egress.open; !n.egress.everything && len(open) > 0 {
		risks = append(risks, hostRisks(p.Inventory, links)...)
		risks = append(risks, addressRisks(graph, links)...)
		risks = append(risks, "Cut: every other connection to other namespaces and out of the cluster, the clouds' metadata address among them.")
		say("Cut, though objects name it, since it gives out the node's credentials: %s.", linesOf(n.blocked(graph), func(connections.Link) bool { return true }))
		if p.Live && p.Covers(fixes.KindPod, metav1.NamespaceSystem) && !servesDNS(p.Inventory) {
			risks = append(risks, "No pod in kube-system is labelled k8s-app=kube-dns: add what serves DNS here to "+allowDNS+", or no name resolves.")
		}
	}
	hosts := slices.ContainsFunc(links, func(l connections.Link) bool { return l.To.Place == connections.Host })
	risks = slices.Concat(risks, n.adminRisks(p.Inventory), enforcementRisks(p.Inventory, hosts))
	if len(n.ingress.open)+len(n.egress.open) == 0 {
		risks = append([]string{"Nothing that runs is cut. Pods to come reach DNS at most."}, enforcementRisks(p.Inventory, false)...)
	}
	return risks
}

// hostRisks names the gap that hosts known by name leave, and the choices.
func hostRisks(inv *fixes.Inventory, links []connections.Link) []string {
	hosts := linesOf(links, func(l connections.Link) bool {
		_, err := netip.ParseAddr(l.To.Name)
		return l.To.Place == connections.Host && err != nil
	})
	if len(hosts) == 0 {
		return nil
	}
	if writesCilium(inv) {
		return []string{"Let out by name, in policies of Cilium, which learns the addresses from the answers of the cluster's DNS: " + some(hosts) +
			". The other choice is a NetworkPolicy that opens the port to every address: take it if Cilium does not enforce policies here."}
	}
	risks := []string{"A NetworkPolicy knows no names, so these are let out to every address that is not private, at the port alone: " + some(hosts) + "."}
	switch {
	case inv.Serves(fixes.KindCiliumNetworkPolicy):
		risks = append(risks, "The other choice is a policy that knows names: this edition of Cilium has none in its CiliumNetworkPolicy, or only as an option; GKE has FQDNNetworkPolicy.")
	case slices.Contains(inv.APIVersions, "projectcalico.org/v3"):
		risks = append(risks, "The other choice is a policy that knows names: NetworkPolicies of projectcalico.org/v3 do in Calico Enterprise and Calico Cloud (destination.domains).")
	}
	return risks
}

// addressRisks says what happens when the Kubernetes API moves.
func addressRisks(graph *connections.Graph, links []connections.Link) []string {
	users := linesOf(links, func(l connections.Link) bool { return l.To.Place == connections.APIServer })
	if len(users) == 0 || !graph.API.Exact() {
		return nil
	}
	var at []string
	for _, addr := range slices.Concat(graph.API.Servers, graph.API.Service) {
		at = append(at, addr.String())
	}
	risk := "Let out to the Kubernetes API at its present addresses alone, " + some(at) + ": " + some(users) + ". "
	if len(graph.API.Nodes) > 0 {
		return []string{risk + "When a server is added on another node, make the policies anew."}
	}
	return []string{risk + "Managed control planes change their addresses, by an upgrade say: then these lose the API until the policies are made anew."}
}

// blocked returns the connections of open workloads that are cut although objects
// tell of them.
func (n namespace) blocked(graph *connections.Graph) []connections.Link {
	return slices.DeleteFunc(slices.Clone(graph.Blocked), func(l connections.Link) bool {
		return !slices.ContainsFunc(n.egress.open, func(w fixes.Workload) bool { return connections.Of(w) == l.From })
	})
}

func declaresPorts(w fixes.Workload) bool {
	for c := range w.Containers() {
		if len(c.Ports) > 0 {
			return true
		}
	}
	return false
}

// linesOf writes the links that are wanted, those of one target together.
func linesOf(links []connections.Link, want func(connections.Link) bool) []string {
	type target struct{ to, ports string }
	from := map[target][]string{}
	var order []target
	for _, l := range links {
		if !want(l) {
			continue
		}
		var ports []string
		for _, p := range l.Ports {
			ports = append(ports, p.String())
		}
		t := target{endName(l.To), strings.Join(ports, ", ")}
		if from[t] == nil {
			order = append(order, t)
		}
		from[t] = append(from[t], endName(l.From))
	}
	var lines []string
	for _, t := range order {
		lines = append(lines, strings.TrimSpace(some(from[t])+" to "+t.to+" "+t.ports))
	}
	return lines
}

func endName(e connections.End) string {
	if e.IsWorkload() {
		return e.Workload.Name
	}
	return e.String()
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
