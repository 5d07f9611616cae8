// Package fixestest judges rules by tables: what they find in a few objects,
// what their fixes do, and that a fix closes what was found.
package fixestest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Case is one row of a rule's table.
type Case struct {
	Name string
	// Objects are YAML documents.
	Objects string
	// Facts are added to the objects; see [fixes.Kind.Fact].
	Facts []fixes.Object
	// Live makes them objects of a running cluster.
	Live bool
	// Now is when that cluster is looked at.
	Now time.Time
	// Images is what the user asks of images.
	Images fixes.ImagePolicy
	// Admission is what the user asks of admission policies.
	Admission fixes.AdmissionPolicy
	// Logs is what the user asks of logs.
	Logs fixes.LogPolicy
	// Want lists the findings as "Kind namespace/name path confidence", in
	// reading order; the confidence is "none" where there is no fix.
	Want []string
	// Diff lists lines, trimmed, that the diff of all fixes must hold
	// ("+ automountServiceAccountToken: false").
	Diff []string
	// NotDiff lists lines that it must not hold.
	NotDiff []string
}

// Load decodes YAML documents into an inventory, as a source of manifests does.
func Load(t testing.TB, objects string) *fixes.Inventory {
	t.Helper()
	inv := fixes.NewInventory()
	reader := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(objects)))
	for {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return inv
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(doc)) == 0 {
			continue
		}
		obj, err := decode(doc)
		if err != nil {
			t.Fatalf("decode %q: %v", doc, err)
		}
		if kind, ok := fixes.KindOf(obj.(fixes.Object)); ok && kind.Namespaced && obj.(fixes.Object).GetNamespace() == "" {
			obj.(fixes.Object).SetNamespace(fixes.Unnamed)
		}
		if !inv.Add(obj.(fixes.Object)) {
			t.Fatalf("unknown kind %T", obj)
		}
	}
}

// Table runs a rule over every case. For each it compares the findings, makes
// all fixes that have an edit, and demands that the plan is verified, that
// each fix made alone creates just what it says, and that a second fix
// changes nothing.
func Table(t *testing.T, rule *fixes.Rule, cases []Case) {
	t.Helper()
	if rule.ID == "" || rule.Title == "" || rule.Severity == 0 || len(rule.Threats) == 0 || rule.Docs == "" || len(rule.Kinds) == 0 {
		t.Fatalf("rule %q is not complete", rule.ID)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			inv := Load(t, c.Objects)
			for _, fact := range c.Facts {
				if !inv.Add(fact.DeepCopyObject().(fixes.Object)) {
					t.Fatalf("%T is no fact", fact)
				}
			}
			inv.Live, inv.ServerMinor, inv.Now = c.Live, 37, c.Now
			inv.Images, inv.Admission, inv.Logs = c.Images, c.Admission, c.Logs
			result := fixes.Scan(inv, []*fixes.Rule{rule})
			if got := Lines(result.Findings); !slices.Equal(got, c.Want) {
				t.Fatalf("findings:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(c.Want, "\n  "))
			}
			diff := ClosedLoop(t, result)
			for _, want := range c.Diff {
				if !slices.Contains(diff, want) {
					t.Errorf("the diff lacks %q:\n%s", want, strings.Join(diff, "\n"))
				}
			}
			for _, not := range c.NotDiff {
				if slices.Contains(diff, not) {
					t.Errorf("the diff holds %q:\n%s", not, strings.Join(diff, "\n"))
				}
			}
		})
	}
}

// Lines writes findings as [Case.Want] has them.
func Lines(findings []*fixes.Finding) []string {
	var lines []string
	for _, f := range findings {
		confidence := "none"
		if fix := f.Fix(); fix != nil {
			confidence = fix.Confidence.String()
		}
		lines = append(lines, fmt.Sprintf("%s %s %s", f.Object, f.Path, confidence))
	}
	return lines
}

// ClosedLoop makes every fix of a scan, verifies the plan, and returns the
// lines of its diff, each as its sign, a space, and the trimmed text.
func ClosedLoop(t testing.TB, result *fixes.Result) []string {
	t.Helper()
	for _, f := range result.Findings {
		CheckFinding(t, result, f)
	}
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Verified {
		t.Fatalf("not verified: unfixed %q, new %q", Lines(plan.Unfixed), Lines(plan.New))
	}
	var diff []string
	for _, c := range plan.Changes {
		if len(c.Fixes) == 0 {
			t.Errorf("no finding is served by the change of %s", c.Object)
		}
		text, err := c.Diff(func(o fixes.Object) fixes.Object { return o }, 3)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(text, "\n") {
			if line != "" {
				diff = append(diff, strings.TrimSpace(line[:1]+" "+strings.TrimSpace(line[1:])))
			}
		}
	}
	second := fixes.Scan(Applied(result.Inventory, plan), result.Rules)
	plan, err = fixes.Compose(second, fixes.Choose(second.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Changes) != 0 {
		t.Errorf("a second fix changes %v", plan.Changes[0].Object)
	}
	return diff
}

// CheckFinding demands of a finding that it is complete, and of each of its
// fixes that, made alone, it closes the finding and creates what it says.
func CheckFinding(t testing.TB, result *fixes.Result, f *fixes.Finding) {
	t.Helper()
	if f.Message == "" || f.Path == "" || f.Fingerprint == "" {
		t.Errorf("finding is not complete: %+v", f)
	}
	for i := range f.Fixes {
		fix := &f.Fixes[i]
		if fix.Title == "" || fix.Confidence == 0 || fix.Why == "" {
			t.Errorf("fix of %s is not complete: %+v", f.Object, fix)
		}
		if fix.Edit == nil {
			if fix.Confidence != fixes.Manual || fix.Steps == "" {
				t.Errorf("fix of %s has neither an edit nor steps: %+v", f.Object, fix)
			}
			continue
		}
		plan, err := fixes.Compose(result, []fixes.Choice{{Finding: f, Fix: fix}})
		if err != nil {
			t.Fatal(err)
		}
		if !plan.Verified {
			t.Errorf("%s %s: %q alone is not verified: unfixed %q, new %q",
				f.Rule.ID, f.Object, fix.Title, Lines(plan.Unfixed), Lines(plan.New))
		}
		var created []fixes.Ref
		for _, c := range plan.Changes {
			if c.Action == fixes.Create {
				created = append(created, c.Object)
			}
		}
		byName := func(a, b fixes.Ref) int { return a.Compare(b) }
		want := slices.Clone(fix.Creates)
		slices.SortFunc(created, byName)
		slices.SortFunc(want, byName)
		if !slices.Equal(created, want) {
			t.Errorf("%s %s: %q creates %v, and says %v", f.Rule.ID, f.Object, fix.Title, created, want)
		}
	}
}
