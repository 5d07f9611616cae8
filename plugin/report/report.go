// Package report writes findings for people and for programs.
package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// SchemaVersion is the version of the JSON report. Fields are added to it,
// never renamed.
const SchemaVersion = "1"

// Report is a scan as programs read it.
type Report struct {
	SchemaVersion string    `json:"schemaVersion"`
	Context       string    `json:"context"`
	GeneratedAt   time.Time `json:"generatedAt"`
	Summary       Summary   `json:"summary"`
	Findings      []Finding `json:"findings"`
	// Suppressed are findings that the user has chosen not to see; the summary
	// does not count them.
	Suppressed []Finding `json:"suppressed"`
	Skipped    []Skip    `json:"skipped"`
}

// Summary counts findings. A finding counts once for each of its threats.
type Summary struct {
	Total      int            `json:"total"`
	BySeverity map[string]int `json:"bySeverity"`
	ByCategory map[string]int `json:"byCategory"`
	ByThreat   map[string]int `json:"byThreat"`
	// Fixable counts findings by the confidence of their recommended fix.
	Fixable map[string]int `json:"fixable"`
}

// Finding is one finding.
type Finding struct {
	Fingerprint string         `json:"fingerprint"`
	Rule        string         `json:"rule"`
	Category    fixes.Category `json:"category"`
	Severity    fixes.Severity `json:"severity"`
	Threats     []fixes.Threat `json:"threats"`
	Object      Object         `json:"object"`
	// Source is where a manifest holds the object; clusters have none.
	Source     *Source     `json:"source,omitempty"`
	Path       string      `json:"path"`
	Message    string      `json:"message"`
	Evidence   []string    `json:"evidence"`
	ManagedBy  string      `json:"managedBy,omitempty"`
	References []Reference `json:"references"`
	// Fix is the recommended fix, or null.
	Fix          *Fix  `json:"fix"`
	Alternatives []Fix `json:"alternatives"`
	// Note says why an ignore that selects the finding does not hide it.
	Note string `json:"note,omitempty"`
	// IgnoredBy says where the ignore stands that hides the finding, Reason why it
	// is there, and Expires its last day, or "never". Only suppressed findings
	// have them.
	IgnoredBy string `json:"ignoredBy,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Expires   string `json:"expires,omitempty"`
}

// Object names an object.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// Source is a place in a manifest.
type Source struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
}

// Reference points to a published standard.
type Reference struct {
	Framework string `json:"framework"`
	ID        string `json:"id"`
	URL       string `json:"url"`
}

// Fix is one way to close a finding.
type Fix struct {
	Confidence fixes.Confidence `json:"confidence"`
	Title      string           `json:"title"`
	Why        string           `json:"why,omitempty"`
	Creates    []string         `json:"creates"`
	Risks      []string         `json:"risks"`
	// Steps tell a person what to do where there is no automatic fix.
	Steps string `json:"steps,omitempty"`
}

// Skip says what was not looked at.
type Skip struct {
	Resource  string `json:"resource"`
	Namespace string `json:"namespace"`
	Reason    string `json:"reason"`
}

// New builds the report of a scan.
func New(context string, at time.Time, result *fixes.Result) Report {
	r := head(context, at, result)
	for _, f := range result.Findings {
		r.Findings = append(r.Findings, describe(result.Inventory, f))
	}
	for i := range result.Suppressed {
		r.Suppressed = append(r.Suppressed, describeSuppressed(result.Inventory, &result.Suppressed[i]))
	}
	return r
}

// head is a report without its findings.
func head(context string, at time.Time, result *fixes.Result) Report {
	return Report{
		SchemaVersion: SchemaVersion, Context: context, GeneratedAt: at.UTC().Truncate(time.Second),
		Summary:  Summarize(result.Findings),
		Findings: []Finding{}, Suppressed: []Finding{},
		Skipped: Skips(result.Inventory),
	}
}

// Summarize counts findings.
func Summarize(findings []*fixes.Finding) Summary {
	s := Summary{
		Total: len(findings), BySeverity: map[string]int{}, ByCategory: map[string]int{},
		ByThreat: map[string]int{}, Fixable: map[string]int{"safe": 0, "review": 0, "manual": 0},
	}
	for _, f := range findings {
		s.BySeverity[f.Severity.String()]++
		s.ByCategory[string(f.Rule.Category)]++
		for _, t := range f.Threats {
			s.ByThreat[string(t)]++
		}
		if fix := f.Fix(); fix != nil {
			s.Fixable[fix.Confidence.String()]++
		}
	}
	return s
}

// Skips lists what a scan could not look at.
func Skips(inv *fixes.Inventory) []Skip {
	skips := []Skip{}
	for _, s := range inv.Skips() {
		skips = append(skips, Skip(s))
	}
	return skips
}

func describe(inv *fixes.Inventory, f *fixes.Finding) Finding {
	out := Finding{
		Fingerprint: f.Fingerprint, Rule: f.Rule.ID, Category: f.Rule.Category,
		Severity: f.Severity, Threats: f.Threats, Object: ObjectOf(f.Object),
		Path: f.Path, Message: f.Message, Evidence: orEmpty(f.Evidence), ManagedBy: f.ManagedBy,
		References: []Reference{}, Alternatives: []Fix{}, Note: f.Note,
	}
	if at, ok := inv.Position(f.Object); ok {
		out.Source = &Source{at.File, at.Line}
	}
	for _, ref := range f.Rule.References {
		out.References = append(out.References, Reference(ref))
	}
	for i := range f.Fixes {
		fix := describeFix(&f.Fixes[i])
		if i == 0 {
			out.Fix = &fix
		} else {
			out.Alternatives = append(out.Alternatives, fix)
		}
	}
	return out
}

func describeSuppressed(inv *fixes.Inventory, s *fixes.Suppressed) Finding {
	out := describe(inv, s.Finding)
	out.IgnoredBy, out.Reason, out.Expires = s.By.At, s.By.Reason, s.By.Until()
	return out
}

// ObjectOf names an object as reports do.
func ObjectOf(ref fixes.Ref) Object {
	return Object{ref.Kind.APIVersion(), ref.Kind.Name, fixes.ManifestNamespace(ref.Namespace), ref.Name}
}

func describeFix(fix *fixes.Fix) Fix {
	out := Fix{Confidence: fix.Confidence, Title: fix.Title, Why: fix.Why, Creates: []string{}, Risks: orEmpty(fix.Risks), Steps: fix.Steps}
	for _, ref := range fix.Creates {
		out.Creates = append(out.Creates, ref.Kind.APIVersion()+"/"+ref.String())
	}
	return out
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// JSON writes the report of a scan as JSON, a line for each finding. It holds
// no more than one of them at a time: a large cluster has tens of thousands.
func JSON(w io.Writer, context string, at time.Time, result *fixes.Result) error {
	text, err := json.Marshal(head(context, at, result))
	if err != nil {
		return err
	}
	const empty = `"findings":[],"suppressed":[]`
	before, after, ok := bytes.Cut(text, []byte(empty))
	if !ok {
		return errors.New("the report's head has no findings to fill in")
	}
	out := bufio.NewWriterSize(w, 1<<16) // keeps its first error for Flush
	enc := json.NewEncoder(out)          // ends each value with a newline
	enc.SetEscapeHTML(false)
	list := func(name string, n int, item func(i int) Finding) error {
		_, _ = fmt.Fprintf(out, `"%s":[`, name)
		for i := range n {
			if i > 0 {
				_ = out.WriteByte(',')
			}
			if err := enc.Encode(item(i)); err != nil {
				return err
			}
		}
		return out.WriteByte(']')
	}
	_, _ = out.Write(before)
	if err := list("findings", len(result.Findings), func(i int) Finding { return describe(result.Inventory, result.Findings[i]) }); err != nil {
		return err
	}
	_ = out.WriteByte(',')
	err = list("suppressed", len(result.Suppressed), func(i int) Finding { return describeSuppressed(result.Inventory, &result.Suppressed[i]) })
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s\n", after)
	return out.Flush()
}

// YAML writes the report as YAML, with the fields of the JSON.
func (r Report) YAML(w io.Writer) error {
	out, err := yaml.Marshal(r)
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

// Names writes each object with a finding once, as kubectl's -o name does
// ("deployment.apps/web").
func Names(w io.Writer, findings []*fixes.Finding) error {
	seen := map[fixes.Ref]bool{}
	for _, f := range findings {
		if seen[f.Object] {
			continue
		}
		seen[f.Object] = true
		if _, err := fmt.Fprintln(w, fixes.Clean(f.Object.ResourceName())); err != nil {
			return err
		}
	}
	return nil
}
