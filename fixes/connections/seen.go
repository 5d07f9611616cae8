package connections

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Elsewhere names the [Host] that stands for all of those outside that no
// observer could name.
const Elsewhere = "addresses outside of the cluster"

// ends are the two of a link.
type ends struct{ from, to End }

// observe adds the connections that were observed. A link that is there already
// becomes Seen at the ports at which it was; what is only guessed of a port is
// dropped where a client of it was seen: what is known takes its place.
func (g *Graph) observe(flows []*fixes.Flows, names *names) {
	seen := map[ends]map[Port][]Reason{}
	for _, f := range flows {
		for _, flow := range f.Seen {
			g.sight(seen, names, f, flow)
		}
	}
	if len(seen) == 0 {
		return
	}
	links := confirmed(g.Links, seen)
	reached := map[ends]bool{}
	at := func(to End, p Port) ends { return ends{End{Name: p.String()}, to} }
	for _, l := range links {
		for _, p := range l.Ports {
			if l.Sure == Seen {
				reached[at(l.To, p)] = true
			}
		}
	}
	g.replace(slices.DeleteFunc(links, func(l Link) bool {
		return l.Sure == Guessed && len(l.Ports) > 0 &&
			!slices.ContainsFunc(l.Ports, func(p Port) bool { return !reached[at(l.To, p)] })
	}))
}

// sight notes what one flow tells: between which ends, at which ports of pods.
func (g *Graph) sight(seen map[ends]map[Port][]Reason, names *names, f *fixes.Flows, flow fixes.Flow) {
	from, ok := g.endOf(flow.From)
	if !ok || flow.From.Host != "" { // nobody is a client by a name outside
		return
	}
	if from.Place == Host {
		from = End{Place: Anyone}
	}
	why := Reason{fixes.RefOf(f), "", seenText(f, flow)}
	for _, d := range g.reachedBy(names, flow) {
		if d.to == from && !d.to.IsWorkload() || !d.to.IsWorkload() && !from.IsWorkload() {
			continue // no pod has a part in it
		}
		key := ends{from, d.to}
		if seen[key] == nil {
			seen[key] = map[Port][]Reason{}
		}
		for _, p := range d.ports {
			if !slices.Contains(seen[key][p], why) {
				seen[key][p] = append(seen[key][p], why)
			}
		}
	}
}

// endOf returns what one end of a flow is here. Pods that policies do not reach
// are no end of a link.
func (g *Graph) endOf(e fixes.FlowEnd) (End, bool) {
	switch {
	case e.IsWorkload():
		_, ok := g.Workload(End{Workload: e.Object})
		return End{Workload: e.Object}, ok
	case e.Namespace != "":
		return End{Place: Pods, Name: e.Namespace}, true
	case e.Block.IsValid():
		return End{Place: Block, Name: e.Block.String()}, true
	case e.Host != "":
		return End{Place: Host, Name: e.Host}, true
	case e.Outside:
		return End{Place: Host, Name: Elsewhere}, true
	case e.API:
		return End{Place: APIServer}, true
	}
	return End{}, false
}

// reachedBy returns what a flow leads to.
func (g *Graph) reachedBy(names *names, f fixes.Flow) []destination {
	port := Port{f.Protocol, f.Port}
	if f.To.Object.Kind == fixes.KindService {
		s, ok := names.service(f.To.Object.Namespace, f.To.Object.Name)
		switch {
		case !ok:
			return nil
		case f.Port == dnsPort && isDNS(s.Namespace, s.Name, s.Labels):
			return []destination{{End{Place: DNS}, []Port{port}}}
		}
		var out []destination
		for _, d := range names.destinations(s, f.Port) {
			d.ports = slices.DeleteFunc(slices.Clone(d.ports), func(p Port) bool { return p.Protocol != f.Protocol })
			if len(d.ports) > 0 {
				out = append(out, d)
			}
		}
		return out
	}
	to, ok := g.endOf(f.To)
	if !ok {
		return nil
	}
	if f.Port == dnsPort && g.servesDNS(f.To) {
		to = End{Place: DNS}
	}
	return []destination{{to, []Port{port}}}
}

const dnsPort = 53

// isDNS reports whether something of kube-system is the cluster's DNS, which
// carries the name or the label kube-dns whatever serves it.
func isDNS(namespace, name string, labels map[string]string) bool {
	return namespace == metav1.NamespaceSystem && (name == "kube-dns" || labels["k8s-app"] == "kube-dns")
}

func (g *Graph) servesDNS(e fixes.FlowEnd) bool {
	if e.Namespace == metav1.NamespaceSystem {
		return true // a port 53 of a pod there
	}
	w, ok := g.Workload(End{Workload: e.Object})
	return ok && isDNS(e.Object.Namespace, e.Object.Name, w.Meta.Labels)
}

// confirmed returns the links with what was seen of them, and those that only
// the observers know.
func confirmed(links []Link, seen map[ends]map[Port][]Reason) []Link {
	var out []Link
	known := map[ends]map[Port]bool{}
	for _, l := range links {
		key := ends{l.From, l.To}
		if known[key] == nil {
			known[key] = map[Port]bool{}
		}
		if wholePlace(l.To) && len(seen[key]) > 0 {
			l.Sure, l.Why = Seen, slices.Concat(l.Why, reasons(seen[key]))
			out = append(out, l)
			for p := range seen[key] {
				known[key][p] = true
			}
			continue
		}
		rest := l
		rest.Ports = nil
		for _, p := range l.Ports {
			why, ok := seen[key][p]
			if !ok {
				rest.Ports = append(rest.Ports, p)
				continue
			}
			known[key][p] = true
			out = append(out, Link{From: l.From, To: l.To, Ports: []Port{p}, Sure: Seen, Why: slices.Concat(l.Why, why), scrape: l.scrape})
		}
		if len(l.Ports) == 0 || len(rest.Ports) > 0 {
			out = append(out, rest)
		}
	}
	for key, ports := range seen {
		if wholePlace(key.to) {
			if len(known[key]) == 0 {
				out = append(out, Link{From: key.from, To: key.to, Sure: Seen, Why: reasons(ports)})
			}
			continue
		}
		for p, why := range ports {
			if !known[key][p] {
				out = append(out, Link{From: key.from, To: key.to, Ports: []Port{p}, Sure: Seen, Why: why})
			}
		}
	}
	return out
}

// wholePlace reports whether links to an end name no ports: they are known.
func wholePlace(e End) bool { return e.Place == DNS || e.Place == APIServer }

func reasons(ports map[Port][]Reason) []Reason {
	var out []Reason
	for _, p := range slices.SortedFunc(maps.Keys(ports), comparePorts) {
		for _, why := range ports[p] {
			if !slices.Contains(out, why) {
				out = append(out, why)
			}
		}
	}
	return out
}

// doubt says of links that were not seen that they were not, where somebody
// looked: at the namespace of what they lead to, or come from.
func (g *Graph) doubt(flows []*fixes.Flows) {
	var watched []watcher
	for _, f := range flows {
		if w := watcherOf(f); !f.Look && len(w.namespaces) > 0 {
			watched = append(watched, w)
		}
	}
	if len(watched) == 0 {
		return
	}
	seen := map[ends]bool{}
	for _, l := range g.Links {
		if l.Sure == Seen {
			seen[ends{l.From, l.To}] = true
		}
	}
	for i := range g.Links {
		l := &g.Links[i]
		if l.Sure == Seen || l.To.Place == DNS || l.From.Place == Pods || l.To.Place == Pods || len(l.Ports) == 0 && seen[ends{l.From, l.To}] {
			continue
		}
		end := l.To
		if !end.IsWorkload() {
			end = l.From
		}
		for _, w := range watched {
			if w.namespaces[end.Workload.Namespace] {
				l.Why = append(slices.Clip(l.Why), w.vain)
			}
		}
	}
}

// watcher is where an observer looked.
type watcher struct {
	namespaces map[string]bool
	vain       Reason
}

func watcherOf(f *fixes.Flows) watcher {
	w := watcher{map[string]bool{}, Reason{Object: fixes.RefOf(f), Text: "not seen in " + f.Name}}
	if window := f.Window(); window != "" {
		w.vain.Text = "not seen in the " + window + " of " + f.Name
	}
	for _, flow := range f.Seen {
		w.namespaces[flow.From.In()] = true
		w.namespaces[flow.To.In()] = true
	}
	delete(w.namespaces, "")
	return w
}

// NotSeen reports whether a link was looked for in vain.
func (l Link) NotSeen() bool {
	return l.Sure < Seen && slices.ContainsFunc(l.Why, func(r Reason) bool { return r.Object.Kind == fixes.KindFlows })
}

// seenText says how often a flow was seen, when, and by whom.
func seenText(f *fixes.Flows, flow fixes.Flow) string {
	var b strings.Builder
	b.WriteString("seen")
	switch {
	case flow.Count == 1:
		b.WriteString(" once")
	case flow.Count > 1:
		fmt.Fprintf(&b, " %d times", flow.Count)
	}
	first, last := minute(flow.First), minute(flow.Last)
	switch {
	case flow.First.IsZero():
	case first == last:
		b.WriteString(" at " + first)
	default:
		b.WriteString(" from " + first + " to " + last)
	}
	if f.Look {
		return b.String() + " by " + f.Name
	}
	return b.String() + " in " + f.Name
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
