package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// TestIgnored demands of every report that what is ignored does not count, and
// is told with the reason.
func TestIgnored(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	all := demo(t)
	result := all.Ignore([]fixes.Ignore{
		{Rules: []string{"env-secret"}, Reason: "moved <soon>", At: "conf.yaml:4", Expires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)},
		{Rules: []string{"psa-*"}, Reason: "x", At: "conf.yaml:9", Expires: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)},
	}, at)
	hidden := len(result.Suppressed)
	if hidden == 0 || hidden+len(result.Findings) != len(all.Findings) {
		t.Fatalf("%d of %d are hidden", hidden, len(all.Findings))
	}
	write := func(err error, out *bytes.Buffer) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	var out bytes.Buffer
	var got struct {
		Summary    struct{ Total int }
		Findings   []struct{ Rule, Note string }
		Suppressed []struct{ Rule, IgnoredBy, Reason, Expires string }
	}
	if err := json.Unmarshal([]byte(write(report.JSON(&out, "prod", at, result), &out)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Summary.Total != len(result.Findings) || len(got.Suppressed) != hidden {
		t.Errorf("JSON: %d findings, %d suppressed", got.Summary.Total, len(got.Suppressed))
	}
	if s := got.Suppressed[0]; s.Rule != "env-secret" || s.IgnoredBy != "conf.yaml:4" || s.Reason != "moved <soon>" || s.Expires != "2027-01-31" {
		t.Errorf("JSON: %+v", s)
	}
	notes := 0
	for _, f := range got.Findings {
		if strings.HasPrefix(f.Rule, "psa-") != (f.Note == "the ignore of conf.yaml:9 ended on 2026-01-31") {
			t.Errorf("JSON: %+v", f)
		}
		notes += len(f.Note)
	}
	if notes == 0 {
		t.Error("no ignore has ended")
	}

	var log bytes.Buffer
	run := func() *sarif.Run {
		parsed, err := sarif.FromString(write(report.SARIF(&log, "v1", catalog.Rules(), result), &log), sarif.WithStrictValidation())
		if err != nil {
			t.Fatal(err)
		}
		return parsed.Runs[0]
	}()
	suppressed := 0
	for _, r := range run.Results {
		if len(r.Suppressions) == 1 && *r.RuleID == "env-secret" && *r.Suppressions[0].Kind == "external" && *r.Suppressions[0].Justification == "moved <soon> (conf.yaml:4, until 2027-01-31)" {
			suppressed++
		} else if len(r.Suppressions) > 0 {
			t.Errorf("SARIF: %+v", r.Suppressions[0])
		}
	}
	if suppressed != hidden || len(run.Results) != len(all.Findings) {
		t.Errorf("SARIF: %d of %d suppressed", suppressed, len(run.Results))
	}

	var junit, page, policies, table bytes.Buffer
	text := write(report.JUnit(&junit, catalog.Rules(), result), &junit)
	if n := strings.Count(text, `message="ignored until 2027-01-31 by conf.yaml:4: moved &lt;soon&gt;"`); n != hidden || !strings.Contains(text, fmt.Sprintf(`failures="%d"`, len(result.Findings))) {
		t.Errorf("JUnit: %d skipped", n)
	}
	text = write(report.HTML(&page, "prod", at, result), &page)
	if n := strings.Count(text, "ignored by conf.yaml:4 until 2027-01-31: moved &lt;soon&gt;"); n != hidden || !strings.Contains(text, fmt.Sprintf("%d ignored", hidden)) {
		t.Errorf("HTML: %d ignored", n)
	}
	if n := strings.Count(write(report.PolicyReport(&policies, at, result), &policies), "result: skip"); n != hidden {
		t.Errorf("PolicyReport: %d skipped", n)
	}
	text = write(report.Table{}.Ignored(&table, result.Suppressed), &table)
	if n := strings.Count(text, "env-secret"); n != hidden || !strings.HasPrefix(text, "IGNORED\n") || strings.Count(text, "conf.yaml:4  moved <soon>\n") != hidden {
		t.Errorf("table:\n%s", text)
	}
	table.Reset()
	text = write(report.Table{}.Write(&table, result.Findings), &table)
	if !strings.Contains(text, "(the ignore of conf.yaml:9 ended on 2026-01-31)") || strings.Contains(text, "env-secret") {
		t.Errorf("table:\n%s", text)
	}
}
