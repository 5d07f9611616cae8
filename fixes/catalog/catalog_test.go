package catalog_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestRulesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range catalog.Rules() {
		if r.ID == "" || seen[r.ID] {
			t.Errorf("the id %q is empty or taken", r.ID)
		}
		seen[r.ID] = true
		if r.Title == "" || strings.HasSuffix(r.Title, ".") || r.Check == nil || r.Severity == 0 ||
			len(r.Kinds) == 0 || len(r.Threats) == 0 || len(r.References) == 0 {
			t.Errorf("%s is not complete", r.ID)
		}
		if !slices.Contains(fixes.Categories(), r.Category) {
			t.Errorf("%s: no category %q", r.ID, r.Category)
		}
		for _, part := range []string{"## The fix", "## By hand"} {
			if !strings.Contains(r.Docs, part) {
				t.Errorf("%s: the docs lack %q", r.ID, part)
			}
		}
	}
}

// manifests returns the inventories of all test manifests, as manifests and
// as what a running cluster would show.
func manifests(t *testing.T) map[string]*fixes.Inventory {
	t.Helper()
	files, err := filepath.Glob("../../testdata/manifests/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d manifests: %v", len(files), err)
	}
	files = append(files, "../../plugin/source/demo.yaml")
	all := map[string]*fixes.Inventory{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = fixestest.Load(t, string(text))
		live := fixestest.Load(t, string(text))
		live.Live, live.ServerMinor = true, 37
		all[filepath.Base(file)+" live"] = live
		tried := fixestest.Load(t, string(text))
		addTrials(tried)
		all[filepath.Base(file)+" tried"] = tried
	}
	return all
}

// addTrials adds what trials of the workloads might have shown.
func addTrials(inv *fixes.Inventory) {
	for i, w := range inv.Workloads("") {
		id := int64(1000 + i)
		fact := &fixes.Trial{Workload: w.Ref(), Template: fixes.TemplateDigest(w), Log: []string{"1. Everything: it runs"},
			Confinement: fixes.Confinement{FSGroup: &id, Containers: map[string]fixes.ContainerConfinement{}}}
		fact.Namespace, fact.Name = w.Object.GetNamespace(), fixes.TrialName(w.Ref())
		for c := range w.Containers() {
			own := fixes.ContainerConfinement{User: &id, Scratch: []fixes.Scratch{{Path: "/run"}, {Path: "/var/lib/app", Seed: true}}}
			if i%3 == 1 {
				own = fixes.ContainerConfinement{Root: true, Add: []corev1.Capability{"SETGID", "SETUID"}, Scratch: own.Scratch}
				fact.Kept = []string{"container " + c.Name + " keeps runAsNonRoot: false: it changes its user itself"}
			}
			fact.Confinement.Containers[c.Name] = own
		}
		if i%5 == 4 {
			fact.Confinement, fact.Err = fixes.Confinement{}, "a copy of its pod does not run by itself"
		}
		if !w.Windows() {
			inv.Add(fact)
		}
	}
}

// TestClosedLoop fixes everything in every manifest: the plan is verified,
// each fix does alone what it says, and a second round finds nothing to do.
func TestClosedLoop(t *testing.T) {
	for name, inv := range manifests(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fixestest.ClosedLoop(t, fixes.Scan(inv, catalog.Rules()))
		})
	}
}

// TestCarefulIsLeftAlone scans what is as strict as it can be.
func TestCarefulIsLeftAlone(t *testing.T) {
	result := fixes.Scan(manifests(t)["careful.yaml"], catalog.Rules())
	if len(result.Findings) > 0 {
		t.Errorf("findings: %q", fixestest.Lines(result.Findings))
	}
}

// TestAnyOrder chooses random fixes in random order: the plan is always
// verified, and the same for the same choice.
func TestAnyOrder(t *testing.T) {
	for name, inv := range manifests(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := fixes.Scan(inv, catalog.Rules())
			all := fixes.Choose(result.Findings, fixes.Review)
			random := rand.New(rand.NewPCG(1, uint64(len(name))))
			rounds := 40
			if testing.Short() { // under the race detector, which each round would show the same
				rounds = 3
			}
			for range rounds {
				var some []fixes.Choice
				for _, c := range all {
					if random.IntN(3) > 0 {
						some = append(some, c)
					}
				}
				first := changes(t, result, some)
				random.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
				if second := changes(t, result, some); first != second {
					t.Fatalf("the order of the choice changes the plan:\n%s\n%s", first, second)
				}
			}
		})
	}
}

func changes(t *testing.T, result *fixes.Result, choices []fixes.Choice) string {
	t.Helper()
	plan, err := fixes.Compose(result, choices)
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Verified {
		var chosen []*fixes.Finding
		for _, c := range choices {
			chosen = append(chosen, c.Finding)
		}
		t.Fatalf("not verified: unfixed %q, new %q; chosen %q",
			fixestest.Lines(plan.Unfixed), fixestest.Lines(plan.New), fixestest.Lines(chosen))
	}
	var out strings.Builder
	for _, c := range plan.Changes {
		if c.Action == fixes.Delete {
			out.WriteString("delete " + c.Object.String() + "\n")
			continue
		}
		manifest, err := c.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(manifest)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
		out.WriteByte('\n')
	}
	return out.String()
}
