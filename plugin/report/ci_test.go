package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// TestSARIF demands a report that the format's schema accepts, with a result
// for each finding and a rule for each of them.
func TestSARIF(t *testing.T) {
	result := demo(t)
	hostile := *result.Findings[0]
	hostile.Message = "\x1b[2J%20\u202e <b>"
	hostile.Object.Name = "../../../../x y\n"
	result.Findings = append(result.Findings, &hostile)
	for name, findings := range map[string][]*fixes.Finding{"demo": result.Findings, "none": nil} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report.SARIF(&out, "v1.2.3", catalog.Rules(), &fixes.Result{Inventory: result.Inventory, Findings: findings}); err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(out.String(), "\x1b\u202e") {
				t.Error("control characters pass")
			}
			got, err := sarif.FromBytes(out.Bytes(), sarif.WithStrictValidation())
			if err != nil {
				t.Fatal(err)
			}
			if err := got.Validate(); err != nil {
				t.Fatal(err)
			}
			run := got.Runs[0]
			if len(run.Results) != len(findings) {
				t.Fatalf("%d results for %d findings", len(run.Results), len(findings))
			}
			for i, r := range run.Results {
				f := findings[i]
				if rule := run.Tool.Driver.Rules[r.RuleIndex]; *rule.ID != f.Rule.ID || *r.RuleID != f.Rule.ID {
					t.Errorf("%s refers to %s", f.Rule.ID, *rule.ID)
				}
				if r.PartialFingerprints["kubectlHarden/v1"] != f.Fingerprint {
					t.Error("no fingerprint")
				}
				if strings.Contains(*r.Locations[0].PhysicalLocation.ArtifactLocation.URI, "..") {
					t.Errorf("a place above its root: %s", *r.Locations[0].PhysicalLocation.ArtifactLocation.URI)
				}
			}
			if n := run.Invocations[0].ToolExecutionNotifications; len(n) != 1 || *n[0].Message.Text != "not looked at: secrets in namespace x (forbidden)" {
				t.Errorf("what was skipped is not said: %v", n)
			}
		})
	}
}

// TestJUnit demands well-formed XML whose counts are those of its cases.
func TestJUnit(t *testing.T) {
	result := demo(t)
	var out bytes.Buffer
	if err := report.JUnit(&out, catalog.Rules(), result); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	dec := xml.NewDecoder(&out)
	var total, failures string
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			count[e.Name.Local]++
			if e.Name.Local == "testsuites" {
				attr := func(name string) string {
					return e.Attr[slices.IndexFunc(e.Attr, func(a xml.Attr) bool { return a.Name.Local == name })].Value
				}
				total, failures = attr("tests"), attr("failures")
			}
		}
	}
	if count["failure"] != len(result.Findings) || failures != strconv.Itoa(count["failure"]) || total != strconv.Itoa(count["testcase"]) {
		t.Errorf("%d failures of %d cases for %d findings, said to be %s of %s", count["failure"], count["testcase"], len(result.Findings), failures, total)
	}
	if count["testsuite"] != len(catalog.Rules())+1 || count["skipped"] != 1 {
		t.Errorf("%d suites, %d skipped", count["testsuite"], count["skipped"])
	}
}

// TestHTML demands that every finding is on the page, and that no name breaks
// out of it.
func TestHTML(t *testing.T) {
	result := demo(t)
	hostile := *result.Findings[0]
	hostile.Object.Name = `"><script>alert(1)</script>`
	findings := slices.Concat(result.Findings, []*fixes.Finding{&hostile})
	var out bytes.Buffer
	if err := report.HTML(&out, "prod", time.Now(), &fixes.Result{Inventory: result.Inventory, Findings: findings}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "<details>"); n != len(findings) {
		t.Errorf("%d findings on the page, want %d", n, len(findings))
	}
	if strings.Contains(out.String(), "<script") {
		t.Error("a name breaks out")
	}
	if !strings.Contains(out.String(), "not looked at: secrets in namespace x (forbidden)") {
		t.Error("what was skipped is not said")
	}
}

// TestPolicyReport demands a report for each namespace, whose summary counts
// its results.
func TestPolicyReport(t *testing.T) {
	result := demo(t)
	var out bytes.Buffer
	if err := report.PolicyReport(&out, time.Unix(1_700_000_000, 0), result); err != nil {
		t.Fatal(err)
	}
	total := 0
	seen := map[string]bool{}
	for doc := range strings.SplitSeq(strings.TrimPrefix(out.String(), "---\n"), "\n---\n") {
		var r struct {
			Kind     string
			Metadata struct{ Name, Namespace string }
			Summary  struct{ Fail int }
			Results  []struct {
				Policy, Result, Severity string
				Resources                []struct{ Namespace, Name string }
			}
		}
		if err := yaml.Unmarshal([]byte(doc), &r); err != nil {
			t.Fatal(err)
		}
		if (r.Kind == "ClusterPolicyReport") != (r.Metadata.Namespace == "") || seen[r.Metadata.Namespace] || r.Summary.Fail != len(r.Results) {
			t.Errorf("%s %+v: %d of %d results", r.Kind, r.Metadata, r.Summary.Fail, len(r.Results))
		}
		seen[r.Metadata.Namespace] = true
		total += len(r.Results)
		for _, one := range r.Results {
			if one.Result != "fail" || one.Policy == "" || one.Resources[0].Namespace != r.Metadata.Namespace {
				t.Errorf("%+v", one)
			}
		}
	}
	if total != len(result.Findings) || !seen[""] {
		t.Errorf("%d results for %d findings, namespaces %v", total, len(result.Findings), seen)
	}
}
