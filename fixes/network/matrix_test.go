package network

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
)

// randomShop writes namespaces of workloads with Services, which name each
// other in many ways, and some policies.
func randomShop(rng *rand.Rand) string {
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	var b strings.Builder
	var services []string
	for n := range 1 + rng.IntN(2) {
		ns := fmt.Sprintf("ns%d", n)
		for m := range 1 + rng.IntN(4) {
			name := fmt.Sprintf("w%d", m)
			kind := pick("Deployment", "StatefulSet", "DaemonSet")
			env := ""
			for i := range rng.IntN(3) {
				if len(services) > 0 {
					env += fmt.Sprintf("{name: PEER%d_URL, value: %q}, ", i, fmt.Sprintf(pick("http://%s:80", "%s", "%s:80", "tcp://%s.svc.cluster.local:80"), pick(services...)))
				}
			}
			env += pick("", "{name: API_URL, value: 'https://api.example.com'}", "{name: OLD, value: 'http://10.1.2.3:8080'}")
			labels := pick("{app: "+name+"}", "{app: "+name+", tier: "+pick("front", "back")+"}")
			account := pick("", "serviceAccountName: robot, ")
			fmt.Fprintf(&b, `
---
apiVersion: apps/v1
kind: %s
metadata: {name: %s, namespace: %s}
spec:
  selector: {matchLabels: %s}
  template:
    metadata: {labels: %s}
    spec: {%scontainers: [{name: c, image: x, ports: [{containerPort: 8080, name: web}, {containerPort: 9090}], env: [%s]}]}
`, kind, name, ns, labels, labels, account, env)
			if rng.IntN(3) > 0 {
				fmt.Fprintf(&b, `
---
apiVersion: v1
kind: Service
metadata: {name: %s, namespace: %s}
spec: {type: %s, selector: {app: %s}, ports: [{port: 80, targetPort: %s}]}
`, name, ns, pick("ClusterIP", "ClusterIP", "NodePort"), name, pick("web", "8080", "9090"))
				services = append(services, name+"."+ns)
			}
		}
		if rng.IntN(3) == 0 {
			fmt.Fprintf(&b, `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: own, namespace: %s}
spec: {podSelector: {matchLabels: {app: w0}}, policyTypes: [%s], ingress: [{from: [{podSelector: {}}]}]}
`, ns, pick("Ingress", "Ingress, Egress"))
		}
	}
	return b.String()
}

// TestKeepsWhatIsTold: whatever the objects, the plan keeps each connection
// that they tell of and that was open, cuts what nothing tells of, opens
// nothing, keeps DNS, and a second plan adds nothing.
func TestKeepsWhatIsTold(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	kept, cut := 0, 0
	for round := range 200 {
		text := randomShop(rng)
		inv := fixestest.Load(t, text)
		draft := segmented(t, inv)
		graph := connections.Find(inv)
		was, is := newSimulation(inv), newSimulation(draft.Inventory)
		for _, l := range graph.Links {
			if l.To.Place == connections.DNS {
				continue
			}
			switch before, after := was.allows(l), is.allows(l); {
			case before && !after:
				t.Fatalf("round %d: cut: %v -> %v %v, %v%s", round, l.From, l.To, l.Ports, l.Why, text)
			case !before && after:
				t.Fatalf("round %d: opened: %v -> %v %v%s", round, l.From, l.To, l.Ports, text)
			}
			kept++
		}
		for _, row := range Compare(inv, draft.Inventory, "").Rows {
			if row.Others > 0 && row.After && !exposed(graph, row) {
				t.Fatalf("round %d: %d workloads reach %v %v, and nothing tells of it%s", round, row.Others, row.To, row.Ports, text)
			} else if row.Others > 0 && row.Before {
				cut++
			}
		}
		for _, w := range graph.Workloads {
			if c := dnsFrom(inv, w); netpol.Compile(fixes.Objects[*networkingv1.NetworkPolicy](inv, "")).Allows(c) &&
				!netpol.Compile(fixes.Objects[*networkingv1.NetworkPolicy](draft.Inventory, "")).Allows(c) {
				t.Fatalf("round %d: %v may not ask DNS%s", round, w.Ref(), text)
			}
		}
		if again := noDefaultDeny().Run(draft.Inventory); len(again) > 0 {
			t.Fatalf("round %d: found again: %v", round, again[0].Message)
		}
	}
	if kept < 200 || cut < 200 {
		t.Errorf("shows too little: %d kept, %d cut", kept, cut)
	}
}

// exposed reports whether a row's target is open to everyone, so that one who
// may go out anywhere reaches it: a workload that a policy of somebody's own
// leaves alone.
func exposed(graph *connections.Graph, row Row) bool {
	for _, l := range graph.To(row.To) {
		if l.From.Place == connections.Anyone {
			return true
		}
	}
	return false
}

func dnsFrom(inv *fixes.Inventory, w fixes.Workload) netpol.Connection {
	return netpol.Connection{From: peerOf(inv, w), Protocol: corev1.ProtocolUDP, Port: 53,
		To: netpol.Peer{Addrs: []netip.Addr{netip.MustParseAddr("169.254.20.10")}}}
}
