package connections

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// callBack returns guesses of those who connect to a pod since that has told them
// of itself: Consul asks what registers with it whether it is well, and what
// listens without a Service has its address told by somebody, to whom it connects
// first (workers of a hub).
func (g *Graph) callBack() []Link {
	var out []Link
	for _, w := range g.Workloads {
		var ports []Port
		why := Reason{w.Ref(), "", "it listens and has no Service: whom it names may connect back"}
		if !g.serves(w) && !isProduct(w) {
			ports = slices.DeleteFunc(declared(w), func(p Port) bool { return measures(w, p) || probed(w, p) })
		}
		for _, l := range g.From(Of(w)) {
			to, ok := g.Workload(l.To)
			if !ok || l.To == l.From || l.scrape || l.Sure == Guessed {
				continue
			}
			back := Link{From: l.To, To: l.From, Ports: ports, Sure: Guessed, Why: []Reason{why}}
			switch {
			case runsNamed(to, []string{"consul"}):
				back.Ports = forClients(w, declared(w))
				back.Why = []Reason{{w.Ref(), "", "it may have registered with Consul, which asks whether it is well"}}
			case IsStore(to), isProduct(to):
				continue
			}
			if len(back.Ports) > 0 && !g.linked(to, w) {
				out = append(out, back)
			}
		}
	}
	return out
}

// probed reports whether a port is that of a probe: it may be there for nothing
// else.
func probed(w fixes.Workload, port Port) bool {
	for c := range w.Containers() {
		for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
			var at intstr.IntOrString
			switch {
			case p == nil:
				continue
			case p.HTTPGet != nil:
				at = p.HTTPGet.Port
			case p.TCPSocket != nil:
				at = p.TCPSocket.Port
			case p.GRPC != nil:
				at = intstr.FromInt32(p.GRPC.Port)
			}
			for _, d := range c.Ports {
				if d.ContainerPort == port.Number && (at.IntVal == d.ContainerPort || at.Type == intstr.String && at.StrVal == d.Name) {
					return true
				}
			}
		}
	}
	return false
}
