// Package connections tells which connections the objects of an inventory
// speak of: who connects to whom, at which port, and why that is believed. It
// sees only what is written down. What only an application's code knows has no
// link here, unless as a guess.
package connections

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Certainty is how far a link is believed.
type Certainty int

// The certainties, in rising order.
const (
	// Guessed: nothing tells of it, and nothing speaks against it.
	Guessed Certainty = iota + 1
	// Inferred: objects suggest it, by a name without a port, say.
	Inferred
	// Proven: an object names both ends.
	Proven
	// Seen: it was observed.
	Seen
	// Decided: the user said so.
	Decided
)

// String returns the certainty's name.
func (c Certainty) String() string {
	return [...]string{"", "guessed", "inferred", "proven", "seen", "decided"}[c]
}

// Place is what an end of a link is, where it is no workload.
type Place string

// The places.
const (
	// Anyone is whoever reaches the cluster from outside, and any pod and node: the
	// address of one who comes through a Service may be that of a node.
	Anyone Place = "anyone"
	// AnyPod is every pod of the cluster.
	AnyPod Place = "any pod"
	// Block is the addresses of End.Name, a CIDR.
	Block Place = "block"
	// Host is the host outside of the cluster that End.Name names.
	Host Place = "host"
	// Pods are all pods of the namespace End.Name.
	Pods Place = "pods"
	// APIServer is the Kubernetes API.
	APIServer Place = "the Kubernetes API"
	// DNS is the cluster's DNS.
	DNS Place = "DNS"
)

// End is one end of a link: the pods of a workload, or a place.
type End struct {
	// Workload names the workload; its kind is empty for a place.
	Workload fixes.Ref
	Place    Place
	// Name tells places of one sort apart.
	Name string
}

// Of is the end that a workload is.
func Of(w fixes.Workload) End { return End{Workload: w.Ref()} }

// IsWorkload reports whether the end is the pods of a workload.
func (e End) IsWorkload() bool { return e.Place == "" }

// String returns "Deployment shop/web", or what the place is.
func (e End) String() string {
	switch {
	case e.IsWorkload():
		return e.Workload.String()
	case e.Place == Pods:
		return "pods of " + e.Name
	case e.Name != "":
		return e.Name
	}
	return string(e.Place)
}

// Port is a port of a pod, not of a Service.
type Port struct {
	Protocol corev1.Protocol
	// Number is the port; 0 is all of them.
	Number int32
}

// String returns "3306/TCP".
func (p Port) String() string {
	if p.Number == 0 {
		return "any/" + string(p.Protocol)
	}
	return fmt.Sprintf("%d/%s", p.Number, p.Protocol)
}

// Reason says why a link is believed, or where it was looked for in vain.
type Reason struct {
	// Object and Path are where it is written. There is no object where the user
	// has decided.
	Object fixes.Ref
	Path   string
	Text   string
}

// String returns "env DB_HOST names Service db (Deployment shop/web)".
func (r Reason) String() string {
	if r.Object == (fixes.Ref{}) {
		return r.Text
	}
	return r.Text + " (" + r.Object.String() + ")"
}

// Link is a connection that one end opens to another.
type Link struct {
	From, To End
	// Ports are those of the pods that are connected to; none where that is not
	// known, which means all of them.
	Ports []Port
	Sure  Certainty
	Why   []Reason

	scrape bool // it only collects metrics
	host   bool // from a workload in its nodes' network
}

// Graph is the links that an inventory tells of.
type Graph struct {
	// Workloads are the nodes: what runs and has a network of its own.
	Workloads []fixes.Workload
	// Links are ordered by their ends.
	Links []Link
	// Blocked are connections that objects tell of and that are to be cut all the
	// same: those to the metadata service of nodes.
	Blocked []Link
	// API is where the Kubernetes API is.
	API API
	// Cut are what would be links, had the user not decided to cut them.
	Cut []Link

	names    *names
	nodes    nodes
	customs  *customs
	index    map[linkKey]int // of Links
	to, from map[End][]int
}

// To returns the links that lead to an end, and From those that begin at one.
func (g *Graph) To(e End) []Link { return g.at(g.to[e]) }

// From returns the links that begin at an end.
func (g *Graph) From(e End) []Link { return g.at(g.from[e]) }

func (g *Graph) at(places []int) []Link {
	out := make([]Link, len(places))
	for i, place := range places {
		out[i] = g.Links[place]
	}
	return out
}

// Workload returns the workload that an end is.
func (g *Graph) Workload(e End) (fixes.Workload, bool) {
	i, ok := g.nodes.places[e]
	if !ok {
		return fixes.Workload{}, false
	}
	return g.Workloads[i], true
}

// In returns the workloads of a namespace, in the order of Workloads. The slice
// belongs to the graph.
func (g *Graph) In(namespace string) []fixes.Workload { return g.nodes.in[namespace] }

// Behind returns the workloads that a Service selects.
func (g *Graph) Behind(svc *corev1.Service) []fixes.Workload {
	s, _ := g.names.service(svc.Namespace, svc.Name)
	return s.to
}

// add puts a link into the graph. One between the same ends at the same ports
// is joined with it.
func (g *Graph) add(l Link) {
	l.Ports = slices.Clone(l.Ports)
	slices.SortFunc(l.Ports, comparePorts)
	l.Ports = slices.Compact(l.Ports)
	key := keyOf(l)
	i, ok := g.index[key]
	if !ok {
		g.index[key] = len(g.Links)
		g.to[l.To] = append(g.to[l.To], len(g.Links))
		g.from[l.From] = append(g.from[l.From], len(g.Links))
		g.Links = append(g.Links, l)
		return
	}
	had := &g.Links[i]
	had.scrape, had.host = had.scrape && l.scrape, had.host && l.host
	had.Sure = max(had.Sure, l.Sure)
	for _, why := range l.Why {
		if !slices.Contains(had.Why, why) {
			had.Why = append(had.Why, why)
		}
	}
}

// replace makes a list of links the graph's.
func (g *Graph) replace(links []Link) {
	g.Links, g.index, g.to, g.from = nil, make(map[linkKey]int, len(links)), map[End][]int{}, map[End][]int{}
	for _, l := range links {
		g.add(l)
	}
}

func comparePorts(a, b Port) int {
	return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Protocol, b.Protocol))
}

// hasClient reports whether some link that counts leads to a workload's port,
// other than of one who collects metrics.
func (g *Graph) hasClient(to End, port Port, counts func(Link) bool) bool {
	return slices.ContainsFunc(g.to[to], func(i int) bool {
		l := g.Links[i]
		return !l.scrape && counts(l) && (len(l.Ports) == 0 || slices.Contains(l.Ports, port))
	})
}

// Scraped reports whether objects ask for metrics to be collected from a
// workload at a port, and of nobody but its own pods who uses it for anything else.
func (g *Graph) Scraped(w fixes.Workload, port int32) bool {
	own := Of(w)
	collected := slices.ContainsFunc(g.to[own], func(i int) bool {
		return g.Links[i].scrape && slices.ContainsFunc(g.Links[i].Ports, func(p Port) bool { return p.Number == port })
	})
	return collected && !g.hasClient(own, Port{corev1.ProtocolTCP, port}, func(l Link) bool { return l.Sure > Guessed && l.From != own })
}

// Kinds are what [Find] looks at.
func Kinds() []fixes.Kind {
	return append(slices.Concat(fixes.WorkloadKinds(), fixes.RouteKinds()), fixes.KindNamespace, fixes.KindService, fixes.KindConfigMap, fixes.KindSecret,
		fixes.KindIngress, fixes.KindServiceAccount, fixes.KindRoleBinding, fixes.KindClusterRoleBinding, fixes.KindGateway, fixes.KindGatewayClass, fixes.KindReferenceGrant,
		fixes.KindNode, fixes.KindEndpointSlice, fixes.KindValidatingWebhookConfiguration, fixes.KindMutatingWebhookConfiguration, fixes.KindAPIService,
		fixes.KindServiceMonitor, fixes.KindPodMonitor, fixes.KindProbe, fixes.KindFlows, fixes.KindImage)
}

// Find returns the connections that an inventory's objects speak of, with as
// many guesses as its Strictness allows, and as its Decisions want it. It is
// kept with the inventory.
func Find(inv *fixes.Inventory) *Graph {
	return deciderOf(inv).with(inv.Decisions)
}

// Told returns the connections as [Find] does, but as if nobody had decided
// anything.
func Told(inv *fixes.Inventory) *Graph { return deciderOf(inv).told }

func deciderOf(inv *fixes.Inventory) *decider {
	return fixes.Memo(inv, Kinds(), func(inv *fixes.Inventory) *decider { return &decider{told: find(inv)} })
}

// written reports whether a workload is one that an API server takes, by its name
// and labels: templates of manifests ("{{name}}") are none.
func written(w fixes.Workload) bool {
	for _, value := range w.Meta.Labels {
		if len(validation.IsValidLabelValue(value)) > 0 {
			return false
		}
	}
	name := w.Object.GetName()
	return name == "" || len(validation.IsDNS1123Subdomain(name)) == 0
}

func find(inv *fixes.Inventory) *Graph {
	g := &Graph{API: apiOf(inv)}
	g.replace(nil)
	for _, w := range inv.Workloads("") {
		if !w.Finished() && !w.Spec.HostNetwork && written(w) {
			g.Workloads = append(g.Workloads, w)
		}
	}
	g.nodes = newNodes(g.Workloads)
	names := newNames(inv, g.nodes)
	g.names = names
	g.references(inv, names)
	g.routes(inv, names)
	g.gateways(inv, names)
	g.called(inv, names)
	g.scrapes(inv)
	g.monitors(inv, names)
	g.peers(names)
	g.system(inv, names)
	flows := fixes.Objects[*fixes.Flows](inv, "")
	g.observe(flows, names)
	around := detours(inv, names)
	g.follow(around)
	g.guess(names, inv.Strictness)
	g.follow(around)
	g.doubt(flows)
	g.order()
	return g
}

func (g *Graph) order() {
	links := g.Links
	slices.SortStableFunc(links, compareLinks)
	g.replace(links)
}

func compareLinks(a, b Link) int {
	return cmp.Or(compareEnds(a.From, b.From), compareEnds(a.To, b.To), slices.CompareFunc(a.Ports, b.Ports, comparePorts))
}

func compareEnds(a, b End) int {
	return cmp.Or(a.Workload.Compare(b.Workload), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Name, b.Name))
}
