package connections

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// references adds the links that the variables, commands and configuration of
// workloads name.
func (g *Graph) references(inv *fixes.Inventory, names *names) {
	for _, w := range inv.Workloads("") {
		host := w.Spec.HostNetwork
		if _, ok := g.Workload(Of(w)); !ok && (!host || w.Finished() || !written(w)) {
			continue
		}
		for t := range texts(inv, w) {
			for _, c := range hosts(t) {
				if host {
					g.fromHost(names, w, t, c)
				} else {
					g.reference(names, w, t, c)
				}
			}
		}
	}
}

// fromHost adds what a workload in the network of its nodes names. A policy knows
// it by no label, and nodes come and go with their addresses.
func (g *Graph) fromHost(names *names, w fixes.Workload, t text, c candidate) {
	svc, known := names.find(w.Object.GetNamespace(), c.host)
	if !known {
		return
	}
	for _, d := range names.destinations(svc, c.port) {
		if d.to.IsWorkload() {
			g.add(Link{From: End{Place: Anyone}, To: d.to, Ports: d.ports, Sure: Inferred, host: true, Why: []Reason{t.because("names Service " + fixes.RefOf(svc.Service).NamespacedName()),
				{w.Ref(), w.SpecPath + ".hostNetwork", "it comes from the addresses of its nodes, which change: from anyone at this port"}}})
		}
	}
}

func (g *Graph) reference(names *names, w fixes.Workload, t text, c candidate) {
	if t.image {
		if _, ok := names.find(w.Object.GetNamespace(), c.host); !ok {
			return
		}
	}
	if namesNodeMetadata(c.host) {
		g.Blocked = append(g.Blocked, Link{From: Of(w), To: End{Place: Host, Name: c.host}, Sure: Inferred, Why: []Reason{t.because("names " + c.host)}})
		return
	}
	svc, known := names.find(w.Object.GetNamespace(), c.host)
	if !known {
		// A name of one label, or with svc in it, is a Service that is not there.
		if c.sure && !clusterName(c.host) && looksOutside(c, t) {
			l := Link{From: Of(w), To: End{Place: Host, Name: c.host}, Sure: Inferred}
			if c.port != 0 {
				l.Ports = tcp(c.port)
			}
			l.Why = []Reason{t.because("names " + c.host)}
			g.add(l)
		}
		return
	}
	if c.port == 0 && namesDatabase(t.key) && !slices.ContainsFunc(svc.to, IsStore) {
		return
	}
	what := "names Service " + fixes.RefOf(svc.Service).NamespacedName()
	sure := Inferred
	if !t.file && (c.sure || strings.EqualFold(c.host, strings.TrimSpace(t.value)) && t.key != "") {
		sure = Proven
	}
	found := names.destinations(svc, c.port)
	if len(found) == 0 && c.port != 0 {
		// The port is not one of the Service: a port of its own program's, perhaps,
		// or one that is written down wrongly.
		found, sure = names.destinations(svc, 0), Inferred
		what += fmt.Sprintf(", which has no port %d", c.port)
	}
	for _, d := range found {
		if d.to == Of(w) {
			continue
		}
		if to, ok := g.Workload(d.to); ok && c.port == 0 && !IsStore(w) && (!isProduct(w) || IsStore(to) && !isExporter(w)) {
			d.ports = portsFor(w, to, d.ports)
		}
		g.add(Link{From: Of(w), To: d.to, Ports: d.ports, Sure: sure, Why: []Reason{t.because(what)}})
	}
}

// looksOutside reports whether a name is more than a word with a dot in it: of
// files (nginx.conf, server.crt) there are many in configurations.
func looksOutside(c candidate, t text) bool {
	if c.port != 0 || !t.file {
		return true
	}
	return strings.Count(c.host, ".") >= 2
}

// because returns the reason that a text is.
func (t text) because(what string) Reason {
	r := t.reason
	r.Text += " " + what
	return r
}
