package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

func demo(t *testing.T) *fixes.Result {
	t.Helper()
	result, err := source.Scan(t.Context(), source.Demo{}, nil, catalog.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	result.Inventory.Skip(fixes.Skip{Resource: "secrets", Namespace: "x", Reason: "forbidden"})
	return result
}

// TestJSON demands that the report that is written piece by piece is the one
// that is built whole, and that its fields have the names of the contract.
func TestJSON(t *testing.T) {
	result := demo(t)
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	if err := report.JSON(&out, "prod", at, result); err != nil {
		t.Fatal(err)
	}
	whole, err := json.Marshal(report.New("prod", at, result))
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	if err := json.Unmarshal(whole, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("the report written piece by piece differs from the whole")
	}
	for _, field := range []string{"schemaVersion", "context", "generatedAt", "summary", "findings", "suppressed", "skipped"} {
		if _, ok := got[field]; !ok {
			t.Errorf("no field %s", field)
		}
	}
	first := got["findings"].([]any)[0].(map[string]any)
	for _, field := range []string{"fingerprint", "rule", "category", "severity", "threats", "object", "path", "message", "evidence", "references", "fix", "alternatives"} {
		if _, ok := first[field]; !ok {
			t.Errorf("a finding has no field %s", field)
		}
	}
	var none bytes.Buffer
	if err := report.JSON(&none, "prod", at, &fixes.Result{Inventory: fixes.NewInventory()}); err != nil || !json.Valid(none.Bytes()) {
		t.Errorf("without findings: %v\n%s", err, none.Bytes())
	}
}

// TestTable compares the table of a few rules with the golden file; run with
// UPDATE_GOLDEN=1 to write it.
func TestTable(t *testing.T) {
	result := demo(t)
	var few []*fixes.Finding
	for _, f := range result.Findings {
		switch f.Rule.ID {
		case "env-secret", "image-mutable-tag", "psa-missing":
			few = append(few, f)
		}
	}
	for _, wide := range []bool{false, true} {
		table := report.Table{Wide: wide}
		var out bytes.Buffer
		if err := table.Write(&out, few); err != nil {
			t.Fatal(err)
		}
		out.WriteString(table.Summary(report.Summarize(few), true) + "\n")
		file := "testdata/table.golden"
		if wide {
			file = "testdata/wide.golden"
		}
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if out.String() != string(want) {
			t.Errorf("%s differs:\n%s", file, out.String())
		}
	}
	var coloured bytes.Buffer
	if err := (report.Table{Color: true}).Write(&coloured, few); err != nil || !strings.Contains(coloured.String(), "\x1b[") {
		t.Errorf("no colour: %v", err)
	}
}

func TestSummary(t *testing.T) {
	for complete, want := range map[bool]string{true: "No findings.", false: "No findings in what could be looked at."} {
		if got := (report.Table{}).Summary(report.Summarize(nil), complete); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if report.Count(1, "finding") != "1 finding" || report.Count(2, "finding") != "2 findings" {
		t.Error("plurals")
	}
}
