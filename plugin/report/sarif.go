package report

import (
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// homepage is where a viewer of SARIF sends people who ask what the tool is.
const homepage = "https://github.com/kubectl-harden/kubectl-harden"

// fingerprintName names the fingerprint's algorithm, for the viewers that
// follow a finding from one run to the next by it.
const fingerprintName = "kubectlHarden/v1"

// SARIF writes findings in the Static Analysis Results Interchange Format
// 2.1.0 (OASIS), which code hosts show beside the changed lines. An object of
// a cluster has no file: its place is written as one
// ("cluster/shop/deployment.apps/web"), since viewers leave out results
// without. What is ignored is among the results, and said to be suppressed.
func SARIF(w io.Writer, version string, rules []*fixes.Rule, result *fixes.Result) error {
	inv := result.Inventory
	run := sarif.NewRunWithInformationURI("kubectl-harden", homepage)
	run.Tool.Driver.Version = &version
	index := map[string]int{}
	for _, r := range rules {
		index[r.ID] = len(run.Tool.Driver.Rules)
		run.Tool.Driver.AddRule(sarifRule(r))
	}
	add := func(f *fixes.Finding) *sarif.Result {
		r := sarif.NewRuleResult(f.Rule.ID).WithRuleIndex(index[f.Rule.ID]).
			WithLevel(sarifLevel(f.Severity)).
			WithMessage(sarif.NewTextMessage(sarifMessage(f))).
			WithPartialFingerprints(map[string]string{fingerprintName: f.Fingerprint})
		r.AddLocation(sarifLocation(inv, f))
		r.WithProperties(sarif.NewPropertyBag().Add("severity", f.Severity.String()))
		run.AddResult(r)
		return r
	}
	for _, f := range result.Findings {
		add(f)
	}
	for _, s := range result.Suppressed {
		add(s.Finding).AddSuppression(sarif.NewSuppression().WithKind("external").WithStatus("accepted").
			WithJustification(fmt.Sprintf("%s (%s, until %s)", s.By.Reason, s.By.At, s.By.Until())))
	}
	done := sarif.NewInvocation().WithExecutionSuccessful(true)
	for _, s := range inv.Skips() {
		text := "not looked at: " + s.Resource
		if s.Namespace != "" {
			text += " in namespace " + s.Namespace
		}
		done.AddToolExecutionNotification(sarif.NewNotification().WithLevel(sarif.LevelNote).
			WithMessage(sarif.NewTextMessage(fixes.Clean(text + " (" + s.Reason + ")"))))
	}
	run.AddInvocation(done)
	return sarif.NewReport().AddRun(run).PrettyWrite(w)
}

func sarifRule(r *fixes.Rule) *sarif.ReportingDescriptor {
	tags := []string{"security", string(r.Category)}
	for _, t := range r.Threats {
		tags = append(tags, string(t))
	}
	for _, ref := range r.References {
		tags = append(tags, ref.Framework+" "+ref.ID)
	}
	out := sarif.NewRule(r.ID).WithDescription(r.Title).WithMarkdownHelp(strings.TrimSpace(r.Docs)).
		WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(sarifLevel(r.Severity)).WithRank(-1)).
		WithProperties(sarif.NewPropertyBag().Add("security-severity", securitySeverity(r.Severity)).WithTags(tags))
	if i := slices.IndexFunc(r.References, func(ref fixes.Reference) bool { return ref.URL != "" }); i >= 0 {
		out.WithHelpURI(r.References[i].URL)
	}
	return out
}

func sarifMessage(f *fixes.Finding) string {
	text := f.Object.String() + ": " + f.Message
	if fix := f.Fix(); fix != nil {
		text += fmt.Sprintf(" Fix (%s): %s.", fix.Confidence, strings.TrimSuffix(fix.Title, "."))
	}
	if f.Note != "" {
		text += " Note: " + f.Note + "."
	}
	return fixes.Clean(text)
}

// sarifLocation is the object's place in a file, and the path within it.
func sarifLocation(inv *fixes.Inventory, f *fixes.Finding) *sarif.Location {
	uri, line := path.Join("/", "cluster", fixes.ManifestNamespace(f.Object.Namespace), f.Object.ResourceName())[1:], 1 // no name leads out
	if at, ok := inv.Position(f.Object); ok {
		uri, line = filepath.ToSlash(at.File), max(at.Line, 1)
	}
	u := url.URL{Path: uri}
	if path.IsAbs(uri) {
		u.Scheme = "file"
	}
	place := sarif.NewPhysicalLocation().
		WithArtifactLocation(sarif.NewSimpleArtifactLocation(u.String())).
		WithRegion(sarif.NewRegion().WithStartLine(line))
	name := fixes.Clean(f.Object.NamespacedName() + " " + f.Path)
	return sarif.NewLocationWithPhysicalLocation(place).AddLogicalLocation(
		sarif.NewLogicalLocation().WithFullyQualifiedName(name).WithKind("resource"))
}

// sarifLevel maps a severity to SARIF's three levels.
func sarifLevel(s fixes.Severity) string {
	switch s {
	case fixes.Critical, fixes.High:
		return sarif.LevelError
	case fixes.Medium:
		return sarif.LevelWarning
	}
	return sarif.LevelNote
}

// securitySeverity is a number in the bands by which GitHub code scanning
// names severities: over 9.0 critical, 7.0 to 8.9 high, 4.0 to 6.9 medium.
func securitySeverity(s fixes.Severity) string {
	switch s {
	case fixes.Critical:
		return "9.5"
	case fixes.High:
		return "8.0"
	case fixes.Medium:
		return "5.5"
	}
	return "2.0"
}
