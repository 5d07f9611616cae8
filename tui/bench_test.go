package tui

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// many returns a scan of 5,000 Deployments in 100 namespaces with ten
// findings each.
func many() *fixes.Result {
	inv := fixes.NewInventory()
	result := &fixes.Result{Inventory: inv}
	for r := range 10 {
		result.Rules = append(result.Rules, &fixes.Rule{
			ID: fmt.Sprintf("rule-number-%d", r), Category: fixes.PodSecurity, Title: "Something is wrong",
			Severity: fixes.Severity(1 + r%4), Threats: fixes.Threats()[r%5 : r%5+2], Kinds: fixes.WorkloadKinds(), Docs: "Docs.",
			Check: func(p *fixes.Pass) {
				for _, w := range p.Workloads("") {
					ref := w.Ref()
					p.Report(fixes.Finding{
						Object: ref, Path: "spec.template.spec.containers[0].securityContext.privileged",
						Message:  "Container main of " + ref.Name + " may do something that it should not be able to do.",
						Evidence: []string{"the field is set"},
						Fixes: []fixes.Fix{{Title: "Set it", Confidence: fixes.Confidence(2 + r%2), Why: "it can be", Edit: func(d *fixes.Draft) error {
							w, err := d.EditWorkload(ref)
							if err == nil {
								w.Spec.Hostname = "changed"
							}
							return err
						}}},
					})
				}
			},
		})
	}
	for i := range 5000 {
		inv.Add(&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("team-%02d", i%100), Name: fmt.Sprintf("service-%04d", i)},
			Spec:       appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "x"}}}}},
		})
	}
	for _, r := range result.Rules {
		result.Findings = append(result.Findings, r.Run(inv)...)
	}
	fixes.SortFindings(result.Findings)
	return result
}

func manySession(result *fixes.Result) Session {
	return Session{Context: "prod", Scope: "all namespaces", Redact: mask,
		Scan: func(context.Context, func(fixes.Progress)) (*fixes.Result, error) { return result, nil }}
}

// BenchmarkKey measures a key with what it leads to on the screen, without
// the commands, which run beside it: that is how long the user waits.
func BenchmarkKey(b *testing.B) {
	result := many()
	if len(result.Findings) != 50_000 {
		b.Fatal(len(result.Findings))
	}
	for _, c := range []struct {
		name string
		keys []string
	}{
		{"down", []string{"j"}},
		{"half_page_down", []string{"ctrl+d"}},
		{"end_and_top", []string{"G", "g"}},
		{"stage_one", []string{"space"}},
		{"open_and_close_group", []string{"left", "enter"}},
		{"stage_all_safe_and_undo", []string{"S", "u"}},
		{"group_by_next", []string{"t"}},
		{"group_by_next_open", []string{"=", "t"}},
		{"sort", []string{"s"}},
		{"sort_with_groups_open", []string{"=", "s", "s", "s", "s", "t"}},
		{"mark_all", []string{"*"}},
		{"mark_range_to_the_end", []string{"=", "g", "v", "G", "k", "j", "x", "esc"}},
		{"stage_marked", []string{"*", "space", "u", "*"}},
		{"open_all_and_close", []string{"=", "-"}},
		{"filter", []string{"/", "s", "e", "r", "v", "4", "2", "backspace", "esc"}},
		{"filter_fields", strings.Split("/ n s : t e a m - 0 tab "+"tab , t e a m - 4 2 space s e v : h i g h + space n a m e : 4 2 esc", " ")},
		{"filter_fuzzy", strings.Split("/ s r v c 4 2 space ! x backspace esc", " ")},
		{"filter_without", strings.Split("/ ! t e a m - 4 2 esc", " ")},
		{"filter_misspelt", strings.Split("/ n x : y esc", " ")},
		{"copy_menu_of_all", []string{"y", "esc"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := scanned(b, manySession(result), 120, 40).press("enter", "j")
			b.ResetTimer()
			var took []time.Duration
			for b.Loop() {
				for _, k := range c.keys {
					from := time.Now()
					d.Update(keyPress(k))
					_ = d.View()
					took = append(took, time.Since(from))
				}
			}
			slices.Sort(took)
			for _, percent := range []int{50, 95, 100} {
				t := took[(len(took)-1)*percent/100]
				b.ReportMetric(float64(t.Microseconds())/1000, fmt.Sprintf("ms/key(p%d)", percent))
			}
		})
	}
}

// BenchmarkStream measures what one look at a running scan costs, when 2,000
// findings come onto a list of tens of thousands.
func BenchmarkStream(b *testing.B) {
	result := many()
	report := newScanReport(1, []fixes.Progress{{Kinds: 14, Loaded: 3, Found: result.Findings[:48_000]}})
	more := newScanReport(1, []fixes.Progress{{Kinds: 14, Loaded: 4, Found: result.Findings[48_000:]}})
	for b.Loop() {
		b.StopTimer()
		d := newDriver(b, manySession(result), 120, 40)
		d.startScan()
		d.Update(report)
		b.StartTimer()
		d.Update(more)
		_ = d.View()
	}
}

// BenchmarkPlan measures a key, and one look at what is reported, with a plan
// of thousands of changes.
func BenchmarkPlan(b *testing.B) {
	result := many()
	session := manySession(result)
	session.WaveSize = 5
	session.Apply = scripted(nil)
	plan := func(b *testing.B) *driver {
		d := scanned(b, session, 120, 40).press("S", "p")
		if n := len(d.plan.plan.Changes); n != 5000 {
			b.Fatal(n)
		}
		return d
	}
	measure := func(b *testing.B, d *driver, step func(i int)) {
		b.ResetTimer()
		var took []time.Duration
		for i := 0; b.Loop(); i++ {
			from := time.Now()
			step(i)
			_ = d.View()
			took = append(took, time.Since(from))
		}
		slices.Sort(took)
		for _, percent := range []int{50, 95, 100} {
			b.ReportMetric(float64(took[(len(took)-1)*percent/100].Microseconds())/1000, fmt.Sprintf("ms/step(p%d)", percent))
		}
	}
	b.Run("key", func(b *testing.B) {
		d := plan(b)
		measure(b, d, func(i int) { d.Update(keyPress([]string{"j", "ctrl+d", "G", "g", "k"}[i%5])) })
	})
	b.Run("answers", func(b *testing.B) { // 100 at a look, the whole plan in the details
		d := plan(b)
		d.session.Check = checked(nil)
		d.lookUpCheck()
		measure(b, d, func(i int) {
			for n := range 100 {
				d.plan.check.feed.put(say{change: (100*i + n) % 5000, state: fixes.Checked, warnings: []string{"deprecated"}}.of(d.plan.plan))
			}
			d.Update(checkReport{d.plan.check.number})
		})
	})
	b.Run("begin", func(b *testing.B) {
		d := plan(b)
		measure(b, d, func(int) { d.startApply(); d.measure() })
	})
	b.Run("outcomes", func(b *testing.B) {
		d := plan(b).underWay()
		measure(b, d, func(i int) {
			for n := range 100 {
				d.apply.feed.put(say{change: (100*i + n) % 5000, state: []fixes.State{fixes.Applying, fixes.RollingOut, fixes.Applied}[i%3],
					detail: "1 of 2 pods replaced"}.of(d.apply.plan))
			}
			d.Update(applyReport{d.apply.number})
		})
	})
}

// BenchmarkFrame measures a frame with nothing to work out: what is drawn when
// the spinner turns. The floor is the writing of as many cells to memory.
func BenchmarkFrame(b *testing.B) {
	result := many()
	for name, keys := range map[string][]string{
		"groups": nil, "findings": {"="}, "filter": {"/", "w", "enter", "="}, "marked": {"=", "*"}, "typing": {"/", "n", "a", "m", "e", ":"},
	} {
		b.Run(name, func(b *testing.B) {
			d := scanned(b, manySession(result), 120, 40).press(keys...)
			for b.Loop() {
				_ = d.View()
			}
		})
	}
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			var out strings.Builder
			for range 120 * 40 {
				out.WriteByte(' ')
			}
			_ = out.String()
		}
	})
}

// BenchmarkFirstFinding measures how long a first report of 500 findings takes
// to the screen, by a new program, beside the sorting of those.
func BenchmarkFirstFinding(b *testing.B) {
	found := many().Findings[:500]
	var took, floor time.Duration
	for b.Loop() {
		list := slices.Clone(found)
		from := time.Now()
		fixes.SortFindings(list)
		floor += time.Since(from)

		from = time.Now()
		d := newDriver(b, Session{Context: "prod", Redact: mask}, 120, 40)
		d.startScan()
		d.scan.feed.put(fixes.Progress{Kinds: 14, Loaded: 1, Found: found})
		d.Update(newScanReport(1, d.scan.feed.take()))
		screen := d.View().Content
		took += time.Since(from)
		if !strings.Contains(screen, "rule-number-") {
			b.Fatal("no finding is on the screen")
		}
	}
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took)/n/1e6, "ms")
	b.ReportMetric(float64(floor)/n/1e6, "ms(floor)")
}

// BenchmarkMemory measures what the program holds of 50,000 findings, beside
// what the findings and their objects take themselves.
func BenchmarkMemory(b *testing.B) {
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what finalizers kept
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for b.Loop() {
		before := heap()
		result := many()
		floor := heap()
		d := scanned(b, manySession(result), 120, 40).press("enter", "j")
		_ = d.View()
		all := heap()
		b.ReportMetric((all-floor)/50_000, "B/finding")
		b.ReportMetric((floor-before)/50_000, "B/finding(floor)")
		b.ReportMetric((all-before)/(1<<20), "MiB")
		runtime.KeepAlive(d)
	}
	b.ReportMetric(0, "ns/op")
}
