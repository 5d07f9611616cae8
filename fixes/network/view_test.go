package network

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func judged(inv *fixes.Inventory) *fixes.Result { return fixes.Scan(inv, Rules()) }

func viewed(t testing.TB, result *fixes.Result) *View {
	t.Helper()
	v, err := NewView(result)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestPoliciesFollowDecisions turns random cells of random clusters over: the
// policies then do what was decided, unless the grid says that they cannot;
// turned over again, all is as it was; and the flags say the same.
func TestPoliciesFollowDecisions(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	kept, cut := 0, 0
	for round := range 150 {
		text := randomShop(rng)
		result := judged(fixestest.Load(t, text))
		v := viewed(t, result)
		if len(v.Segments) == 0 {
			continue
		}
		g := v.Grid(v.Segments[rng.IntN(len(v.Segments))].Namespace)
		row, col := rng.IntN(len(g.Clients)), 0
		if len(g.Servers) > 0 {
			col = rng.IntN(len(g.Servers))
		}
		if len(g.Servers) == 0 || g.Clients[row].Others > 0 || g.Cell(row, col).State == None {
			continue
		}
		keep := !g.Cell(row, col).Kept()
		decisions := v.Decide(nil, g, row, col, keep)
		var read []fixes.Decision
		for _, d := range decisions {
			flag, value := connections.DecisionArgs(d)
			again, err := connections.ParseDecision(value, flag == "--keep")
			if err != nil {
				t.Fatalf("round %d: %s: %v", round, value, err)
			}
			read = append(read, again)
		}
		if !slices.Equal(read, decisions) {
			t.Fatalf("round %d: %v is read as %v", round, decisions, read)
		}
		next := result.Decide(decisions)
		after, err := v.After(next)
		if err != nil {
			t.Fatal(err)
		}
		h := after.Grid(g.Namespace)
		if fresh := viewed(t, next).Grid(g.Namespace); !reflect.DeepEqual(h, fresh) {
			t.Fatalf("round %d: decided %v: the grid after another is not what it is by itself%s", round, decisions, text)
		}
		r, k := slices.Index(h.Clients, g.Clients[row]), slices.Index(h.Servers, g.Servers[col])
		if r < 0 || k < 0 { // nothing leads there any more
			continue
		}
		c := h.Cell(r, k)
		if c.Kept() != keep {
			t.Fatalf("round %d: decided %v, state %v%s", round, decisions, c.State, text)
		}
		if c.After != keep && !c.Unmet() {
			t.Fatalf("round %d: decided %v, allowed %v, and it does not say so%s", round, decisions, c.After, text)
		}
		if c.Unmet() && !strings.Contains(text, "NetworkPolicy") && !strings.Contains(text, "NodePort") && !outsideOpen(after, h, k) {
			t.Fatalf("round %d: decided %v is not met%s", round, decisions, text)
		}
		if keep {
			kept++
		} else {
			cut++
		}
		if back := after.Decide(decisions, h, r, k, !keep); len(back) > 0 {
			t.Fatalf("round %d: turned over twice: %v", round, back)
		}
		plan, err := fixes.Compose(next, fixes.Choose(next.Findings, fixes.Review))
		if err != nil || !plan.Verified {
			t.Fatalf("round %d: %v, unfixed %v, new %v", round, err, plan.Unfixed, plan.New)
		}
	}
	if kept < 25 || cut < 25 {
		t.Errorf("shows too little: %d kept, %d cut", kept, cut)
	}
}

// outsideOpen reports whether a server is a host outside, which shares its
// rule with all other addresses.
func outsideOpen(_ *View, g *Grid, col int) bool { return !g.Servers[col].End.IsWorkload() }

// TestDecisionsAreSaid: evidence and risks of the finding name what the user
// has decided, and the result before stays as it was.
func TestDecisionsAreSaid(t *testing.T) {
	inv := fixestest.Load(t, decided)
	result := judged(inv)
	of := func(r *fixes.Result) *fixes.Finding {
		i := slices.IndexFunc(r.Findings, func(f *fixes.Finding) bool { return f.Rule.ID == RuleNoDefaultDeny })
		return r.Findings[i]
	}
	before := strings.Join(of(result).Evidence, "\n")
	cut, err := connections.ParseDecision("shop/web:shop/db:5432", false)
	if err != nil {
		t.Fatal(err)
	}
	keep, err := connections.ParseDecision("shop/job:shop/db", true)
	if err != nil {
		t.Fatal(err)
	}
	next := result.Decide([]fixes.Decision{cut, keep})
	f := of(next)
	if f.Fingerprint != of(result).Fingerprint || len(next.Findings) != len(result.Findings) {
		t.Error("the finding is another")
	}
	if got := strings.Join(f.Evidence, "\n"); !strings.Contains(got, "connections kept: 1 decided") {
		t.Errorf("evidence %s", got)
	}
	if got := strings.Join(f.Fix().Risks, "\n"); !strings.Contains(got, "Cut, as you decided: web to db 5432/TCP.") {
		t.Errorf("risks %s", got)
	}
	if got := strings.Join(of(result).Evidence, "\n"); got != before || len(result.Inventory.Decisions) > 0 {
		t.Error("the result before has changed")
	}
	m := Compare(next.Inventory, next.Inventory, "")
	if !slices.ContainsFunc(m.Rows, func(r Row) bool { return r.Cut && r.To.Workload.Name == "db" }) {
		t.Errorf("the matrix does not show what is cut: %+v", m.Rows)
	}
}

const decided = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: x, env: [{name: DB, value: "db:5432"}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: job, namespace: shop}
spec:
  selector: {matchLabels: {app: job}}
  template:
    metadata: {labels: {app: job}}
    spec: {containers: [{name: c, image: x}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c, image: postgres, ports: [{containerPort: 5432}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 5432}]}
`

// TestGridAgreesWithMatrix: both count the same.
func TestGridAgreesWithMatrix(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for round := range 50 {
		inv := fixestest.Load(t, randomShop(rng))
		result := judged(inv)
		v := viewed(t, result)
		after, err := CloseAll(result)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range v.Segments {
			g, m := v.Grid(s.Namespace), Compare(inv, after.Inventory, s.Namespace)
			if g.Before != m.Before || g.After != m.After || g.All != m.All {
				t.Fatalf("round %d: grid %d, %d of %d; matrix %d, %d of %d", round, g.Before, g.After, g.All, m.Before, m.After, m.All)
			}
		}
	}
}

// TestSegmentOrder has first what is open and large, and last where nothing
// connects to anything.
func TestSegmentOrder(t *testing.T) {
	idle := strings.ReplaceAll(crowd(1), "x, ports: [{containerPort: 8080}], env: [{name: A_URL, value: \"http://service-000:80\"}, {name: B_URL, value: \"http://service-000:80\"}]", "x")
	inv := fixestest.Load(t, strings.ReplaceAll(idle, "crowd", "a-idle")+strings.ReplaceAll(crowd(2), "crowd", "b-closed")+
		strings.ReplaceAll(crowd(2), "crowd", "c-small")+strings.ReplaceAll(crowd(3), "crowd", "d-large")+`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: b-closed}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`)
	var got []string
	for _, s := range viewed(t, judged(inv)).Segments {
		got = append(got, s.Namespace)
	}
	if want := []string{"d-large", "c-small", "b-closed", "a-idle"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// crowd writes n workloads with Services, each of which names three others.
func crowd(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: service-%03d, namespace: crowd}
spec:
  selector: {matchLabels: {app: service-%03d}}
  template:
    metadata: {labels: {app: service-%03d}}
    spec:
      containers:
      - {name: c, image: x, ports: [{containerPort: 8080}], env: [{name: A_URL, value: "http://service-%03d:80"}, {name: B_URL, value: "http://service-%03d:80"}]}
---
apiVersion: v1
kind: Service
metadata: {name: service-%03d, namespace: crowd}
spec: {selector: {app: service-%03d}, ports: [{port: 80, targetPort: 8080}]}
---
`, i, i, i, (i+1)%n, (i*7+3)%n, i, i)
	}
	return b.String()
}

// BenchmarkDecide measures how long it takes from a decision to the grid, in
// one namespace with 500 workloads.
func BenchmarkDecide(b *testing.B) {
	result := judged(fixestest.Load(b, crowd(500)))
	v := viewed(b, result)
	g := v.Grid("crowd")
	var judging, closing, filling time.Duration
	for i := 0; b.Loop(); i++ {
		from := time.Now()
		next := result.Decide(v.Decide(nil, g, i%500, (i+5)%500, true))
		judging += time.Since(from)
		from = time.Now()
		after, err := v.After(next)
		if err != nil {
			b.Fatal(err)
		}
		closing += time.Since(from)
		from = time.Now()
		after.Grid("crowd")
		filling += time.Since(from)
	}
	for name, d := range map[string]time.Duration{"judge": judging, "close": closing, "grid": filling} {
		b.ReportMetric(float64(d.Milliseconds())/float64(b.N), "ms/"+name)
	}
}
