package network

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

var (
	truthFile    = flag.String("truth", "", "connections that applications need: a JSON object of applications, each with repo, manifest and connections of client, server, pod_port")
	manifestsDir = flag.String("manifests", "", "a folder OWNER+NAME for each repository of -truth")
	listBeyond   = flag.Bool("beyond", false, "list what is open and not needed")
)

// application is what an application needs, as -truth has it.
type application struct {
	Repo, Manifest string
	Connections    []struct {
		Client, Server string
		PodPort        int32 `json:"pod_port"`
		Protocol       corev1.Protocol
		Required       bool
	}
}

// BenchmarkTruth segments applications and prints which of the connections that
// they need are still there, and how much else is.
func BenchmarkTruth(b *testing.B) {
	if *truthFile == "" {
		b.Skip("needs -truth and -manifests")
	}
	text, err := os.ReadFile(*truthFile)
	if err != nil {
		b.Fatal(err)
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &raw); err != nil {
		b.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		var app application
		if json.Unmarshal(raw[name], &app) != nil || app.Manifest == "" {
			continue // a note
		}
		files := filesOf(b, app)
		for _, strictness := range fixes.Strictnesses() {
			// A benchmark of its own each: of what one logs, ten lines are shown.
			b.Run(name+"/"+string(strictness), func(b *testing.B) {
				if len(files) == 0 {
					b.Skip("no manifests")
				}
				inv := inNamespace(fixestest.ReadFiles(b, files...))
				inv.Strictness = strictness
				b.Log(measure(b, inv, app))
			})
		}
	}
}

// inNamespace puts what names no namespace into one, as kubectl does.
func inNamespace(read *fixes.Inventory) *fixes.Inventory {
	inv := fixes.NewInventory()
	for _, kind := range append(connections.Kinds(), fixes.KindNetworkPolicy) {
		for _, obj := range read.List(kind) {
			if kind.Namespaced && obj.GetNamespace() == "" {
				obj.SetNamespace("default")
			}
			inv.Add(obj)
		}
	}
	return inv
}

// filesOf returns the application's files; its manifest may have a {a,b}.
func filesOf(b *testing.B, app application) []string {
	dir := filepath.Join(*manifestsDir, strings.ReplaceAll(app.Repo, "/", "+"))
	patterns := []string{app.Manifest}
	if before, rest, ok := strings.Cut(app.Manifest, "{"); ok {
		choice, after, _ := strings.Cut(rest, "}")
		patterns = nil
		for c := range strings.SplitSeq(choice, ",") {
			patterns = append(patterns, before+c+after)
		}
	}
	var out []string
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(dir, p))
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, found...)
	}
	return out
}

// measure segments an application. Its openness is the share of pairs of workloads
// and ports that stay open; what is beyond its needs is measured as well, since
// the needs of a small application alone can be a fifth of all.
func measure(tb testing.TB, inv *fixes.Inventory, app application) string {
	draft := segmented(tb, inv)
	sim := newSimulation(draft.Inventory)
	ends := map[string]connections.End{}
	for _, w := range draft.Workloads("") {
		ends[w.Object.GetName()] = connections.Of(w)
	}
	var cut []string
	kept := 0
	needed := map[string]bool{}
	for _, c := range app.Connections {
		if !c.Required {
			continue
		}
		port := connections.Port{Protocol: cmp.Or(c.Protocol, corev1.ProtocolTCP), Number: c.PodPort}
		text := fmt.Sprintf("%s -> %s %v", c.Client, c.Server, port)
		needed[text] = true
		if sim.allows(connections.Link{From: ends[c.Client], To: ends[c.Server], Ports: []connections.Port{port}}) {
			kept++
		} else {
			cut = append(cut, text)
		}
	}
	all, needs := 0, 0
	var beyond []string
	for _, to := range draft.Workloads("") {
		for _, port := range portsOfPod(to) {
			for _, from := range draft.Workloads("") {
				if from.Ref() == to.Ref() {
					continue
				}
				all++
				l := connections.Link{From: connections.Of(from), To: connections.Of(to), Ports: []connections.Port{port}}
				switch text := fmt.Sprintf("%s -> %s %v", from.Object.GetName(), to.Object.GetName(), port); {
				case needed[text]:
					needs++
				case sim.allows(l):
					beyond = append(beyond, text)
				}
			}
		}
	}
	share := func(n int) float64 { return float64(n) / float64(max(all, 1)) }
	m := Compare(inv, draft.Inventory, "")
	out := fmt.Sprintf("recall %d of %d, open %d of %d (%.3f), needs %.3f, beyond %d (%.3f); cut: %s", kept, kept+len(cut),
		m.After, m.All, float64(m.After)/float64(max(m.All, 1)), share(needs), len(beyond), share(len(beyond)), strings.Join(cut, ", "))
	if *listBeyond {
		out += "; beyond: " + strings.Join(beyond, ", ") // one line: see above
	}
	return out
}

// segmented returns a draft in which all findings of the rule are fixed.
func segmented(tb testing.TB, inv *fixes.Inventory) *fixes.Draft {
	tb.Helper()
	draft := inv.Draft()
	for _, f := range noDefaultDeny().Run(inv) {
		if err := f.Fix().Edit(draft); err != nil {
			tb.Fatal(err)
		}
	}
	return draft
}
