package connections

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

var (
	began = time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	ended = began.Add(26 * time.Hour)
)

// record is a file in which flows stand.
func record(seen ...fixes.Flow) *fixes.Flows {
	f := &fixes.Flows{First: began, Last: ended, Seen: seen}
	f.Name = "f.json"
	return f
}

func app(name string) fixes.FlowEnd {
	return fixes.FlowEnd{Object: fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: name}}
}

func flow(from, to fixes.FlowEnd, port int32) fixes.Flow {
	return fixes.Flow{From: from, To: to, Protocol: corev1.ProtocolTCP, Port: port, Count: 12, First: began, Last: began.Add(time.Hour)}
}

func TestSeen(t *testing.T) {
	const namesDB = `
        env: [{name: DB, value: "db:5432"}]`
	service := fixes.FlowEnd{Object: fixes.Ref{Kind: fixes.KindService, Namespace: "shop", Name: "db"}}
	tests := map[string]struct {
		web   string // of its container
		extra string
		seen  []fixes.Flow
		want  []string // with a last word: "vain" where it was looked for in vain
	}{
		"no flows":                           {want: []string{"cart -> db 5432/TCP guessed", "web -> db 5432/TCP guessed"}},
		"what is seen takes a guess's place": {seen: []fixes.Flow{flow(app("cart"), app("db"), 5432)}, want: []string{"cart -> db 5432/TCP seen"}},
		"through a Service":                  {seen: []fixes.Flow{flow(app("cart"), service, 5432)}, want: []string{"cart -> db 5432/TCP seen"}},
		"a Service's other port":             {seen: []fixes.Flow{flow(app("cart"), service, 99)}, want: []string{"cart -> db 5432/TCP guessed vain", "web -> db 5432/TCP guessed vain"}},
		"what is known is seen":              {web: namesDB, seen: []fixes.Flow{flow(app("web"), app("db"), 5432)}, want: []string{"web -> db 5432/TCP seen"}},
		"what is known is not seen":          {web: namesDB, seen: []fixes.Flow{flow(app("cart"), app("web"), 80)}, want: []string{"cart -> web 80/TCP seen", "web -> db 5432/TCP proven vain"}},
		"somebody looked elsewhere":          {web: namesDB, seen: []fixes.Flow{flow(fixes.FlowEnd{Namespace: "a"}, fixes.FlowEnd{Object: fixes.Ref{Kind: fixes.KindDeployment, Namespace: "b", Name: "x"}}, 80)}, want: []string{"web -> db 5432/TCP proven"}},
		"one port of two": {web: `
        env: [{name: DB_HOST, value: two}]`, extra: workload("two", "1}, {name: b, port: 2", ""), seen: []fixes.Flow{flow(app("web"), app("two"), 1)},
			want: []string{"cart -> db 5432/TCP guessed vain", "web -> db 5432/TCP guessed vain", "two -> db 5432/TCP guessed vain", "web -> two 1/TCP seen", "web -> two 2/TCP proven vain"}},
		"places": {seen: []fixes.Flow{
			flow(fixes.FlowEnd{Outside: true}, app("web"), 80), flow(app("web"), fixes.FlowEnd{Outside: true}, 443), flow(app("web"), fixes.FlowEnd{Host: "api.example.com"}, 443),
			flow(app("web"), fixes.FlowEnd{Block: netip.MustParsePrefix("10.9.0.7/32")}, 5432), flow(app("web"), fixes.FlowEnd{API: true}, 6443),
			flow(fixes.FlowEnd{Namespace: "mon"}, app("web"), 80), flow(app("cart"), app("db"), 5432), flow(app("gone"), app("db"), 5432),
			flow(fixes.FlowEnd{Outside: true}, fixes.FlowEnd{API: true}, 6443),
		}, want: []string{"anyone -> web 80/TCP seen", "pods of mon -> web 80/TCP seen", "cart -> db 5432/TCP seen", "web -> the Kubernetes API seen",
			"web -> 10.9.0.7/32 5432/TCP seen", "web -> addresses outside of the cluster 443/TCP seen", "web -> api.example.com 443/TCP seen"}},
		"a host that is named": {web: `
        env: [{name: API, value: "https://api.example.com"}, {name: DB, value: "db:5432"}]`, seen: []fixes.Flow{flow(app("web"), fixes.FlowEnd{Host: "api.example.com"}, 443)},
			want: []string{"web -> db 5432/TCP proven vain", "web -> api.example.com 443/TCP seen"}},
		"a collector of metrics, and no other client": {extra: `
apiVersion: apps/v1
kind: Deployment
metadata: {name: prom, namespace: mon}
spec:
  selector: {matchLabels: {app: prom}}
  template: {metadata: {labels: {app: prom}}, spec: {containers: [{name: c, image: prom/prometheus}]}}
---
apiVersion: v1
kind: Service
metadata: {name: more, namespace: shop, annotations: {prometheus.io/scrape: "true"}}
spec: {selector: {app: db}, ports: [{port: 5432}]}
`, seen: []fixes.Flow{flow(fixes.FlowEnd{Object: fixes.Ref{Kind: fixes.KindDeployment, Namespace: "mon", Name: "prom"}}, app("db"), 5432)},
			want: []string{"prom -> db 5432/TCP seen", "cart -> db 5432/TCP guessed vain", "web -> db 5432/TCP guessed vain"}},
		"a collector that nobody knows": {extra: `
apiVersion: v1
kind: Service
metadata: {name: more, namespace: shop, annotations: {prometheus.io/scrape: "true"}}
spec: {selector: {app: db}, ports: [{port: 5432}]}
`, seen: []fixes.Flow{flow(app("cart"), app("db"), 5432)}, want: []string{"cart -> db 5432/TCP seen"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inv := fixestest.Load(t, workload("web", "", tt.web)+workload("cart", "", "")+workload("db", "5432", "")+tt.extra)
			if len(tt.seen) > 0 {
				inv.Add(record(tt.seen...))
			}
			g := Find(inv)
			got := links(g)
			i := 0
			for _, l := range g.Links {
				if l.To.Place == DNS {
					continue
				}
				if l.NotSeen() {
					got[i] += " vain"
				}
				i++
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

func TestSeenReasons(t *testing.T) {
	inv := fixestest.Load(t, workload("web", "", `
        env: [{name: DB, value: "db:5432"}]`)+workload("cart", "", `
        env: [{name: WEB, value: "db:5432"}]`)+workload("db", "5432", ""))
	inv.Add(record(flow(app("web"), app("db"), 5432)))
	look := &fixes.Flows{First: ended, Last: ended, Look: true, Seen: []fixes.Flow{{From: app("web"), To: app("db"), Protocol: corev1.ProtocolTCP, Port: 5432, Count: 1, First: ended, Last: ended}}}
	look.Name = "--inspect"
	inv.Add(look)
	var got []string
	for _, l := range Find(inv).To(End{Workload: app("db").Object}) {
		for _, why := range l.Why {
			got = append(got, short(l.From)+": "+why.Text)
		}
	}
	want := []string{
		"cart: variable WEB names Service shop/db", "cart: not seen in the 26 hours of f.json",
		"web: variable DB names Service shop/db", "web: seen once at 2026-11-02 12:00 UTC by --inspect", "web: seen 12 times from 2026-11-01 10:00 UTC to 2026-11-01 11:00 UTC in f.json",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestSeenDNS(t *testing.T) {
	inv := fixestest.Load(t, workload("web", "", "")+`
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10, selector: {k8s-app: kube-dns}, ports: [{port: 53, protocol: UDP}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: kube-dns}}
  template: {metadata: {labels: {k8s-app: kube-dns}}, spec: {containers: [{name: c, image: coredns}]}}
`)
	for _, to := range []fixes.FlowEnd{
		{Namespace: "kube-system"}, {Object: fixes.Ref{Kind: fixes.KindService, Namespace: "kube-system", Name: "kube-dns"}},
		{Object: fixes.Ref{Kind: fixes.KindDeployment, Namespace: "kube-system", Name: "coredns"}},
	} {
		f := flow(app("web"), to, 53)
		f.Protocol = corev1.ProtocolUDP
		inv.Add(record(f))
		from := Find(inv).From(End{Workload: app("web").Object})
		if len(from) != 1 || from[0].To.Place != DNS || from[0].Sure != Seen {
			t.Errorf("%v: %+v", to, from)
		}
	}
}
