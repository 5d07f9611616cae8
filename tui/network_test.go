package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// member writes a Deployment with a Service, and what its variables name.
func member(namespace, name, port string, peers ...string) string {
	env := ""
	for i, peer := range peers {
		env += fmt.Sprintf("{name: PEER%d_URL, value: %q}, ", i, peer)
	}
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec: {containers: [{name: c, image: "example.com/%[2]s", ports: [{containerPort: %[3]s}], env: [%[4]s]}]}
---
apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[1]s}
spec: {selector: {app: %[2]s}, ports: [{port: %[3]s}]}
---`, namespace, name, port, env)
}

// market has a connection of each sort.
var market = member("market", "front-end", "8079", "http://catalogue:80", "http://api.example.com") +
	member("market", "catalogue", "80", "tcp://catalogue-db:3306") + member("market", "catalogue-db", "3306") +
	member("market", "orders", "80") + member("tools", "metrics", "9090")

func networkSession(t testing.TB, objects string) Session {
	s := shopSession(t)
	inv := fixestest.Load(t, objects)
	inv.Live = true
	s.Scan = scanOf(func() *fixes.Inventory { return inv }, network.Rules())
	var decided []fixes.Decision
	s.Decide = func(list []fixes.Decision) { decided = list }
	s.NetworkCommand = func() string {
		line := "kubectl harden"
		for _, d := range decided {
			flag, value := connections.DecisionArgs(d)
			line += " " + flag + " " + value
		}
		return line + " --context prod"
	}
	return s
}

// inMarket shows the matrix of the market.
func inMarket(t testing.TB, w, h int) *driver {
	return scanned(t, networkSession(t, market), w, h).press("N", "enter")
}

// onCell puts the cursor on a connection ("catalogue -> orders:80").
func (d *driver) onCell(name string) *driver {
	d.Helper()
	g := d.net.grid
	for row := range g.Clients {
		for col := range g.Servers {
			if g.name(spot{row, col}, "->") != name {
				continue
			}
			for d.net.rows.cursor != row {
				d.press(map[bool]string{true: "j", false: "k"}[d.net.rows.cursor < row])
			}
			for d.net.cols.cursor != col {
				d.press(map[bool]string{true: "l", false: "h"}[d.net.cols.cursor < col])
			}
			return d
		}
	}
	d.Fatalf("no cell %s:\n%s", name, d.screenText())
	return d
}

func (d *driver) flags() string {
	var out []string
	for _, decision := range d.net.decisions {
		flag, value := connections.DecisionArgs(decision)
		out = append(out, flag+" "+value)
	}
	return strings.Join(out, " ")
}

func TestNetworkScreens(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *driver{
		"namespaces_100x24": func(t *testing.T) *driver { return scanned(t, networkSession(t, market), 100, 24).press("N") },
		"namespaces_40x12":  func(t *testing.T) *driver { return scanned(t, networkSession(t, market), 40, 12).press("N") },
		"matrix_140x30": func(t *testing.T) *driver {
			return inMarket(t, 140, 30).onCell("catalogue -> catalogue-db:3306").press("space").onCell("orders -> catalogue-db:3306").press("space", "k")
		},
		"matrix_80x24": func(t *testing.T) *driver { return inMarket(t, 80, 24) },
		"matrix_40x12": func(t *testing.T) *driver { return inMarket(t, 40, 12).press("j", "space") },
		"ascii_80x24": func(t *testing.T) *driver {
			s := networkSession(t, market)
			s.ASCII = true
			return scanned(t, s, 80, 24).press("N", "enter", "s", "space")
		},
		"list_100x24": func(t *testing.T) *driver { return inMarket(t, 100, 24).press("o", "j", "j") },
		"keys_100x44": func(t *testing.T) *driver { return inMarket(t, 100, 44).press("?") },
	} {
		t.Run(name, func(t *testing.T) { golden.RequireEqual(t, start(t).screenText()+"\n") })
	}
}

// TestToggle plays the keys of the matrix, and looks at what was decided.
func TestToggle(t *testing.T) {
	d := inMarket(t, 140, 40)
	before := d.scan.result
	for _, step := range []struct {
		cell  string
		keys  []string
		flags string
		state network.State
	}{
		{"catalogue -> catalogue-db:3306", nil, "", network.Proven},
		{"", []string{"space"}, "--cut market/catalogue:market/catalogue-db:3306", network.Cut},
		{"", []string{"space"}, "", network.Proven},
		{"orders -> catalogue-db:3306", nil, "", network.Lost},
		{"", []string{"space"}, "--keep market/orders:market/catalogue-db:3306", network.Kept},
		{"front-end -> orders:80", nil, "--keep market/orders:market/catalogue-db:3306", network.Guess},
		{"", []string{"c"}, "--keep market/orders:market/catalogue-db:3306 --keep market/front-end:market/orders:80", network.Kept},
		{"", []string{"u"}, "--keep market/orders:market/catalogue-db:3306", network.Guess},
		{"", []string{"ctrl+r", "u", "u"}, "", network.Guess},
		{"", []string{"u"}, "--cut market/catalogue:market/catalogue-db:3306", network.Guess},
		{"", []string{"u", "u"}, "", network.Guess},
	} {
		if step.cell != "" {
			d.onCell(step.cell)
		}
		d.press(step.keys...)
		at, _ := d.net.at()
		if got := d.flags(); got != step.flags {
			t.Fatalf("%s %v: decided %q, want %q", step.cell, step.keys, got, step.flags)
		}
		if got := d.net.grid.Cell(at.row, at.col).State; got != step.state {
			t.Fatalf("%s %v: state %v, want %v", step.cell, step.keys, got, step.state)
		}
		if len(d.net.pending) > 0 {
			t.Fatal("a decision was not worked in")
		}
	}
	d.has("nothing to undo")
	if len(before.Inventory.Decisions) > 0 {
		t.Error("the scan's own result has changed")
	}
}

// TestMovingDecidesNothing presses all that moves, everywhere.
func TestMovingDecidesNothing(t *testing.T) {
	d := inMarket(t, 100, 30)
	version := d.dec.version
	for _, k := range []string{"j", "k", "h", "l", "left", "right", "up", "down", "ctrl+d", "ctrl+u", "g", "G", "J", "K", "tab", "tab", "o", "j", "o", "n", "enter", "esc", "esc", "j", "enter", "?", "esc"} {
		d.press(k)
	}
	if d.net.version > 0 || len(d.net.decisions) > 0 || d.dec.version != version || d.dec.count > 0 {
		t.Errorf("decided %q, staged %d", d.flags(), d.dec.count)
	}
	d.press("esc", "esc", "esc", "esc")
	if d.screen != findingsScreen {
		t.Errorf("esc ends on screen %d", d.screen)
	}
}

// TestPlanFollowsToggles: the policies of the plan are what was decided.
func TestPlanFollowsToggles(t *testing.T) {
	d := inMarket(t, 140, 40).press("s").has("1 staged", "staged the fix of market")
	d.press("p").has("verified")
	allowed := func() string {
		var out []string
		for _, c := range d.plan.changes() {
			p, ok := c.After.(*networkingv1.NetworkPolicy)
			if !ok || p.Name != "allow-catalogue-db" {
				continue
			}
			for _, r := range p.Spec.Ingress {
				for _, from := range r.From {
					out = append(out, from.PodSelector.MatchLabels["app"])
				}
			}
		}
		return strings.Join(out, " ")
	}
	if got := allowed(); got != "catalogue" {
		t.Fatalf("allowed are %q", got)
	}
	d.press("N").press("enter").onCell("orders -> catalogue-db:3306").press("space").press("esc").press("esc")
	if d.screen != planScreen || allowed() != "catalogue orders" {
		t.Fatalf("screen %d, allowed %q", d.screen, allowed())
	}
	d.press("N", "enter").onCell("catalogue -> catalogue-db:3306").press("space", "p").has("verified")
	if got := allowed(); got != "orders" {
		t.Fatalf("allowed are %q", got)
	}
	d.press("esc", "r").has("1 staged") // the next scan is judged the same way
	d.press("p")
	if got := allowed(); got != "orders" {
		t.Errorf("after another scan allowed are %q", got)
	}
}

// TestQuickToggles: decisions that come before the policies were made anew are
// not lost, nor is the screen kept waiting.
func TestQuickToggles(t *testing.T) {
	d := inMarket(t, 140, 40).onCell("orders -> catalogue-db:3306")
	_, cmd := d.Update(keyPress("space")) // nobody runs it yet
	d.has("policies are being made anew", "✓")
	d.Update(keyPress("k"))
	d.Update(keyPress("space"))
	d.Update(keyPress("p"))
	d.has("your decision is being worked in")
	d.run(cmd)
	if got := len(d.net.decisions); got != 2 || d.net.made != d.net.version || len(d.net.grid.Clients) == 0 {
		t.Fatalf("%d decisions, made %d of %d", got, d.net.made, d.net.version)
	}
	if got := d.scan.result.Inventory.Decisions; !slices.Equal(got, d.net.decisions) {
		t.Errorf("judged with %v", got)
	}
}

// TestNetworkCannot says why a key does nothing.
func TestNetworkCannot(t *testing.T) {
	scanned(t, shopSession(t), 120, 30).press("N").has("the rule network-no-default-deny was not asked for")
	d := inMarket(t, 140, 30).onCell("1 other -> orders:80").press("space").has("these are many workloads")
	d.onCell("orders -> orders:80").press("space").has("there is nothing to decide")
	d.onCell("catalogue -> catalogue-db:3306").press("c").has("it is no guess")
}

// TestNetworkEverySize demands of both screens that they fill every size, with
// hostile and wide names, and that nothing hostile is shown.
func TestNetworkEverySize(t *testing.T) {
	sweep(t)
	objects := market + member("market", "widename", "8080", "http://front-end:8079") + member("market", "escaping", "8080")
	objects = strings.ReplaceAll(objects, "{name: widename,", `{name: "wide-\u6f22\u5b57-\u6f22\u5b57\u202e",`)
	objects = strings.ReplaceAll(objects, "{name: escaping,", `{name: "esc\e[31m",`)
	d := scanned(t, networkSession(t, objects), 120, 40).press("N")
	for _, screen := range []func(){func() {}, func() { d.press("enter") }, func() { d.press("o") }} {
		screen()
		for w := 1; w <= 200; w += 3 {
			for h := 1; h <= 60; h += 2 {
				d.Update(tea.WindowSizeMsg{Width: w, Height: h})
				lines := strings.Split(d.View().Content, "\n")
				if len(lines) != h {
					t.Fatalf("%dx%d has %d lines", w, h, len(lines))
				}
				for i, line := range lines {
					if got := ansi.StringWidth(line); got != w {
						t.Fatalf("%dx%d: line %d is %d wide: %q", w, h, i, got, line)
					}
				}
				if text := d.screenText(); strings.ContainsAny(text, "\x1b\u202e") {
					t.Fatalf("%dx%d shows what is hostile:\n%s", w, h, text)
				}
			}
		}
		d.send(tea.WindowSizeMsg{Width: 120, Height: 40})
	}
}

// BenchmarkMatrix measures a key with its frame, in a matrix of 500 clients and
// 500 servers.
func BenchmarkMatrix(b *testing.B) {
	var objects strings.Builder
	for i := range 500 {
		objects.WriteString(member("crowd", fmt.Sprintf("service-%03d", i), "8080", fmt.Sprintf("http://service-%03d:8080", (i+1)%500)))
	}
	s := networkSession(b, objects.String())
	d := scanned(b, s, 200, 60).press("N", "enter")
	if len(d.net.grid.Clients) != 500 || len(d.net.grid.Servers) != 500 {
		b.Fatal(len(d.net.grid.Clients), len(d.net.grid.Servers))
	}
	for _, list := range []bool{false, true} {
		b.Run(map[bool]string{false: "matrix", true: "list"}[list], func(b *testing.B) {
			d.net.asList = list
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				from := time.Now()
				d.Update(keyPress([]string{"j", "ctrl+d", "l", "G", "g", "k", "space", "u"}[i%8])) // commands run beside it
				_ = d.View()
				took = append(took, time.Since(from))
				d.net.making = false
			}
			slices.Sort(took)
			for _, percent := range []int{50, 95, 100} {
				b.ReportMetric(float64(took[(len(took)-1)*percent/100].Microseconds())/1000, fmt.Sprintf("ms/key(p%d)", percent))
			}
		})
	}
}
