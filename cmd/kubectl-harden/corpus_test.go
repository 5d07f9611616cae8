package main

import (
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

var corpusDir = flag.String("manifests", "", "folder of manifests that BenchmarkCorpus fixes; the project's own without it")

// BenchmarkCorpus fixes every folder of manifests by itself, as --confidence=review
// does, asks a real API server about all that came of it, and prints a row for
// each folder at the top:
//
//	go test ./cmd/kubectl-harden -run '^$' -bench Corpus -benchtime 1x -manifests DIR
//
// An object that the server takes as it was, and not as it is after the fix, is
// refused: that is a fault of ours, as is a plan that is not verified.
func BenchmarkCorpus(b *testing.B) {
	root := cmp.Or(*corpusDir, "../../testdata/manifests")
	s := newServer(b)
	for b.Loop() {
		rows, all := map[string]*row{}, &row{name: "all"}
		for _, dir := range foldersOf(b, root) {
			name := top(root, dir)
			r := cmp.Or(rows[name], &row{name: name})
			rows[name] = r
			for _, problem := range r.measure(b, s, dir) {
				b.Logf("%s: %s", dir, problem)
			}
		}
		for _, r := range rows {
			all.add(r)
		}
		printMatrix(append(slices.SortedFunc(maps.Values(rows), func(x, y *row) int { return cmp.Compare(x.name, y.name) }), all))
		b.ReportMetric(float64(all.objects), "objects")
		b.ReportMetric(float64(all.before), "findings")
		b.ReportMetric(float64(all.after), "findings-left")
		b.ReportMetric(float64(all.unverified), "unverified")
		b.ReportMetric(float64(all.refused), "refused")
		if all.objects == 0 || all.taken == 0 {
			b.Error("nothing was measured")
		}
		if all.unverified+all.refused > 0 {
			b.Error("a plan is not verified, or the server refuses what a fix made")
		}
	}
}

// foldersOf lists the folders below one that hold files.
func foldersOf(tb testing.TB, root string) []string {
	var dirs []string
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !slices.Contains(dirs, filepath.Dir(p)) {
			dirs = append(dirs, filepath.Dir(p))
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return dirs
}

// top is the first folder on the way from the root to another.
func top(root, dir string) string {
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return dir
	}
	first, _, _ := strings.Cut(rel, string(filepath.Separator))
	return first
}

// row is a line of the matrix.
type row struct {
	name                 string
	objects              int
	before, after        int // findings
	safe, review, manual int // fixes of those before
	workloads            int
	below, stillBelow    int // workloads that restricted does not admit
	plans, unverified    int
	taken, refused       int // objects and pods that the server takes as they were
	longest              time.Duration
}

func (r *row) add(o *row) {
	r.objects, r.before, r.after = r.objects+o.objects, r.before+o.before, r.after+o.after
	r.safe, r.review, r.manual = r.safe+o.safe, r.review+o.review, r.manual+o.manual
	r.workloads, r.below, r.stillBelow = r.workloads+o.workloads, r.below+o.below, r.stillBelow+o.stillBelow
	r.plans, r.unverified = r.plans+o.plans, r.unverified+o.unverified
	r.taken, r.refused, r.longest = r.taken+o.taken, r.refused+o.refused, max(r.longest, o.longest)
}

func printMatrix(rows []*row) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nmanifests\tobjects\tfindings\tafter\tsafe\treview\tmanual\tworkloads\tbelow restricted\tafter\tplans\tunverified\tserver takes\trefused\tlongest\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%v\t\n", r.name, r.objects, r.before, r.after,
			r.safe, r.review, r.manual, r.workloads, r.below, r.stillBelow, r.plans, r.unverified, r.taken, r.refused, r.longest.Round(time.Millisecond))
	}
	_ = w.Flush()
}

// measure fixes the manifests of a folder, and says what is wrong with the plan.
func (r *row) measure(b *testing.B, s *server, dir string) (problems []string) {
	start := time.Now()
	result, err := source.Scan(b.Context(), &source.Files{Paths: []string{dir}, Namespace: "default"}, nil, catalog.Rules(), nil)
	if result == nil {
		if !strings.Contains(err.Error(), "no Kubernetes object found") {
			problems = append(problems, err.Error())
		}
		return problems
	}
	for _, kind := range fixes.Needs(result.Rules) {
		r.objects += result.Inventory.Len(kind)
	}
	r.before += len(result.Findings)
	for _, f := range result.Findings {
		if fix := f.Fix(); fix != nil {
			switch fix.Confidence {
			case fixes.Safe:
				r.safe++
			case fixes.Review:
				r.review++
			case fixes.Manual:
				r.manual++
			}
		}
	}
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		r.unverified++
		return append(problems, err.Error())
	}
	r.longest = max(r.longest, time.Since(start))
	r.plans++
	if !plan.Verified {
		r.unverified++
		problems = append(problems, fmt.Sprintf("not verified: unfixed %q, new %q", fixestest.Lines(plan.Unfixed), fixestest.Lines(plan.New)))
	}
	r.after += len(plan.Remaining)
	count, below := belowRestricted(result.Inventory)
	_, still := belowRestricted(fixestest.Applied(result.Inventory, plan))
	r.workloads, r.below, r.stillBelow = r.workloads+count, r.below+below, r.stillBelow+still
	taken, refusals := s.ask(b.Context(), plan)
	r.taken, r.refused = r.taken+taken, r.refused+len(refusals)
	return append(problems, refusals...)
}

func belowRestricted(inv *fixes.Inventory) (workloads, below int) {
	judge := podsecurity.NewJudge(inv)
	for _, w := range inv.Workloads("") {
		workloads++
		if level, _ := judge.Level(w.Meta, w.Spec); level != api.LevelRestricted {
			below++
		}
	}
	return workloads, below
}
