package network

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

// RuleNoDefaultDeny is the rule whose fix segments a namespace.
const RuleNoDefaultDeny = "network-no-default-deny"

func noDefaultDeny() *fixes.Rule {
	return &fixes.Rule{
		ID:       RuleNoDefaultDeny,
		Category: fixes.Network,
		Title:    "Pods of a namespace are open to every connection",
		Severity: fixes.Medium,
		Threats: []fixes.Threat{fixes.ElevationOfPrivilege, fixes.DenialOfService,
			fixes.Tampering, fixes.InformationDisclosure},
		References:  []fixes.Reference{fixes.CIS("5.3.2"), fixes.NSA("Network separation and hardening"), fixes.OWASP("K07")},
		Connections: true,
		Kinds:       policyKinds(),
		Phase:       fixes.Enforce,
		Docs:        noDefaultDenyDocs,
		Check:       checkNoDefaultDeny,
	}
}

const noDefaultDenyDocs = `
A pod that no NetworkPolicy selects accepts connections from every pod of the
cluster and may open them to anything, the cloud's metadata service included.
One pod broken into then leads to the databases of all namespaces.

## What is looked at
A namespace is reported for a direction, ingress or egress, in which no policy
selects all pods. The evidence counts the workloads that no policy selects at
all; when every one of them is selected only pods to come are open, and the
severity is low. A policy that selects all pods and allows everything counts as
selecting them: that it allows too much is another finding. Pods on the host
network are left out, since policies do not reach them. The finding's path,
networkPolicies, stands for the namespace's policies.

## The fix
Creates, for the directions that are open,

- default-deny, which selects all pods and allows nothing;
- allow-dns, which lets them query the cluster's DNS: its pods and Service
  address, whatever serves it, the addresses at which it answers on nodes if it
  does, and NodeLocal DNSCache;
- for each workload, a policy of the connections that objects tell of: host names
  and ports in variables, commands, ConfigMaps and Secrets (their values are never
  shown), Services and their selectors, Ingresses with their controllers, load
  balancers, node ports, routes of the Gateway API, scrapes by Prometheus (by
  annotation, ServiceMonitor, PodMonitor and Probe), peers of a StatefulSet, webhooks
  and API services, which the API server calls, and the Kubernetes API for pods whose
  account has rights or is not known, and for what looks like its client;
- where Cilium's policies are served, a CiliumNetworkPolicy for each workload that
  connects to hosts by name, or has to do with the Kubernetes API.

The Kubernetes API is let out to at the addresses of EndpointSlice and Service
default/kubernetes, where they are known. It comes to webhooks from the addresses of
the nodes that its servers run on; where they run on none, or that is not known, the
webhook's port, and no other, stays open to everyone, since a policy cannot name the
API server. Pods with credentials of their own, by EKS Pod Identity or Workload
Identity Federation for GKE, keep the addresses where they get them.

What has a Service, but no client that anything tells of, stays reachable from its
own namespace, on the Service's ports: many applications have the names of their
peers in code. The risks list these guesses. They leave out who is hardly a client:
databases, caches and queues; other versions of the same Service; what watches
applications; who has a database of its own, by its name or its settings, of other
databases; and ports for metrics, for management and for peers of a store. A front
that the outside reaches is not called by what is behind it.

--strictness proven keeps only what objects name; namespace keeps everything within
the namespace. --keep and --cut decide about one connection (--cut
shop/web:shop/db:5432), as does the matrix of the terminal UI.

What the cluster's administrators deny to all pods of a namespace (an
AdminNetworkPolicy, a BaselineAdminNetworkPolicy or a ClusterNetworkPolicy) counts
as denied; ingress policies of theirs know no sources but pods.

Connections that were observed (--flows FILE, or --inspect) are kept too, as seen.
Where a client of a port was seen, no client is guessed for it; what is kept and was
not seen, is listed.

Policies add up, so these leave out pods that a policy isolates already: what
somebody closed stays closed. The allowances are applied before the denial.

Everything else is cut. A NetworkPolicy knows no host names: those outside are let
out to every address that is not a private one, at their port, unless Cilium's
policies are there, which know them.

Policies need a network plugin that enforces them (network-policies-not-enforced).
Where Calico does, --policies-as calico-staged exports them as staged policies, which
only log. Where Cilium does, the agent can log instead of dropping, and is set back
when hubble observe --verdict AUDIT shows no more that must work:
    cilium config set policy-audit-mode true
    kubectl exec -n kube-system ds/cilium -- cilium-dbg endpoint config ENDPOINT PolicyAuditMode=Enabled
Elsewhere go namespace by namespace: a run can be undone. Probes
by the kubelet get through in all but a few versions (kind#3875, k3s#10030). Some
plugins look at packets before a Service's address is replaced by a pod's: try
one Service after the change.

## By hand
    kubectl get networkpolicy -n shop
    kubectl describe networkpolicy default-deny -n shop
    kubectl exec -n shop deploy/web -- nc -zvw2 example.com 443
`

// namespace is what the rule looks at together.
type namespace struct {
	name string
	// workloads are those whose pods policies reach; host are those on the host
	// network.
	workloads, host []fixes.Workload
	ingress, egress isolation
}

func namespaceOf(inv *fixes.Inventory, name string, workloads []fixes.Workload) namespace {
	n := namespace{name: name}
	for _, w := range workloads {
		switch {
		case w.Finished():
		case w.Spec.HostNetwork:
			n.host = append(n.host, w)
		default:
			n.workloads = append(n.workloads, w)
		}
	}
	n.ingress = isolationOf(inv, name, networkingv1.PolicyTypeIngress, n.workloads)
	n.egress = isolationOf(inv, name, networkingv1.PolicyTypeEgress, n.workloads)
	return n
}

// broken returns the directions in which some pods are open, or would be.
func (n namespace) broken() []isolation {
	return slices.DeleteFunc([]isolation{n.ingress, n.egress}, func(iso isolation) bool { return iso.everything })
}

func checkNoDefaultDeny(p *fixes.Pass) {
	workloads := map[string][]fixes.Workload{}
	for _, w := range p.Workloads("") {
		ns := w.Object.GetNamespace()
		workloads[ns] = append(workloads[ns], w)
	}
	graph := connections.Find(p.Inventory)
	for _, name := range p.UserNamespaces() {
		n := namespaceOf(p.Inventory, name, workloads[name])
		if !p.Covers(fixes.KindNetworkPolicy, name) || len(n.broken()) == 0 {
			continue
		}
		f := fixes.Finding{
			Object:  fixes.Ref{Kind: fixes.KindNamespace, Name: name},
			Path:    "networkPolicies",
			Message: n.message(),
			Evidence: slices.Concat(n.evidence(p), n.adminEvidence(p.Inventory), []string{kept(n.links(graph))},
				observed(p.Inventory, n.links(graph))),
			Fixes: []fixes.Fix{n.fix(p, graph)},
		}
		if len(n.ingress.open)+len(n.egress.open) == 0 {
			f.Severity = fixes.Low // nothing is open yet
		}
		p.Report(f)
	}
}

func (n namespace) fix(p *fixes.Pass, graph *connections.Graph) fixes.Fix {
	fix := fixes.Fix{
		Confidence: fixes.Review,
		Why:        "objects do not tell all connections: some have them in their code",
		Risks:      n.risks(p, graph),
		Edit: func(d *fixes.Draft) error {
			_, err := namespaceOf(d.Inventory, n.name, d.Workloads(n.name)).isolate(d)
			return err
		},
	}
	created, err := n.isolate(p.Draft())
	if err != nil { // cannot be: the names are free
		fix.Risks = append(fix.Risks, err.Error())
	}
	fix.Creates = created
	var names []string
	for _, ref := range created {
		if ref.Kind == fixes.KindNetworkPolicy {
			names = append(names, ref.Name)
		}
	}
	kind := "NetworkPolicy "
	if len(names) > 1 {
		kind = "NetworkPolicies "
	}
	fix.Title = "Create " + kind + some(names)
	if more := len(created) - len(names); more > 0 {
		fix.Title += fmt.Sprintf(", and %d of Cilium for what they cannot say", more)
	}
	return fix
}

// message says how far the namespace is open.
func (n namespace) message() string {
	var open, closed []string
	for _, iso := range n.broken() {
		closed = append(closed, strings.ToLower(string(iso.direction)))
		if len(iso.open) == 0 {
			continue
		}
		does := "may connect to anything"
		if iso.direction == networkingv1.PolicyTypeIngress {
			does = "accept connections from every pod of the cluster"
		}
		open = append(open, fmt.Sprintf("%d of %d workloads %s", len(iso.open), len(n.workloads), does))
	}
	if len(open) > 0 {
		return "No NetworkPolicy denies by default: " + enumerate(open) + "."
	}
	return "No NetworkPolicy denies " + enumerate(closed) + " by default: nothing is open now, but pods to come will be."
}

// evidence names the workloads that are open.
func (n namespace) evidence(p *fixes.Pass) []string {
	var out []string
	for _, iso := range n.broken() {
		line := strings.ToLower(string(iso.direction)) + ": "
		switch {
		case len(n.workloads) == 0:
			line += "no policy selects all pods, and there is no workload yet"
		case len(iso.open) == 0:
			line += fmt.Sprintf("policies select all %d workloads, but no policy selects all pods", len(n.workloads))
		default:
			line += fmt.Sprintf("no policy selects %d of %d workloads: %s", len(iso.open), len(n.workloads), some(namesOf(iso.open)))
		}
		out = append(out, line)
	}
	if len(n.host) > 0 {
		out = append(out, "on the host network, where no policy applies: "+some(namesOf(n.host)))
	}
	for _, kind := range fixes.WorkloadKinds() {
		if !p.Covers(kind, n.name) {
			out = append(out, kind.String()+" could not be listed: there may be more")
		}
	}
	return out
}
