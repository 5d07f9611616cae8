package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// policyReport is an object of the Kubernetes Policy Working Group's API
// wgpolicyk8s.io/v1alpha2, which policy-reporter, Kyverno's UI and others show.
type policyReport struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        policyReportMeta     `json:"metadata"`
	Summary         map[string]int       `json:"summary"`
	Results         []policyReportResult `json:"results"`
}

type policyReportMeta struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace,omitempty"`
	Labels    map[string]string `json:"labels"`
}

type policyReportResult struct {
	Source     string                 `json:"source"`
	Policy     string                 `json:"policy"`
	Rule       string                 `json:"rule"`
	Category   string                 `json:"category"`
	Severity   string                 `json:"severity"`
	Result     string                 `json:"result"`
	Scored     bool                   `json:"scored"`
	Message    string                 `json:"message"`
	Timestamp  policyReportTime       `json:"timestamp"`
	Resources  []policyReportResource `json:"resources"`
	Properties map[string]string      `json:"properties"`
}

type policyReportTime struct {
	Seconds int64 `json:"seconds"`
	Nanos   int32 `json:"nanos"`
}

type policyReportResource struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// PolicyReport writes a PolicyReport for each namespace with findings, and a
// ClusterPolicyReport for what is in none, as YAML documents that kubectl apply
// takes where their definitions are installed. What is ignored has the result
// skip.
func PolicyReport(w io.Writer, at time.Time, result *fixes.Result) error {
	byNamespace := map[string]*policyReport{}
	var order []string
	add := func(f *fixes.Finding, r policyReportResult) {
		ns := fixes.ManifestNamespace(f.Object.Namespace)
		report := byNamespace[ns]
		if report == nil {
			report = newPolicyReport(ns)
			byNamespace[ns] = report
			order = append(order, ns)
		}
		report.Summary[r.Result]++
		report.Results = append(report.Results, r)
	}
	for _, f := range result.Findings {
		add(f, policyResult(at, f))
	}
	for _, s := range result.Suppressed {
		r := policyResult(at, s.Finding)
		r.Result = "skip"
		r.Properties["ignoredBy"], r.Properties["reason"], r.Properties["expires"] = s.By.At, s.By.Reason, s.By.Until()
		add(s.Finding, r)
	}
	slices.Sort(order) // the cluster's own comes first
	for _, ns := range order {
		text, err := yaml.Marshal(byNamespace[ns])
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "---\n%s", text); err != nil {
			return err
		}
	}
	return nil
}

func newPolicyReport(namespace string) *policyReport {
	r := &policyReport{
		TypeMeta: metav1.TypeMeta{APIVersion: "wgpolicyk8s.io/v1alpha2", Kind: "PolicyReport"},
		Metadata: policyReportMeta{Name: "kubectl-harden", Namespace: namespace,
			Labels: map[string]string{"app.kubernetes.io/managed-by": "kubectl-harden"}},
		Summary: map[string]int{"pass": 0, "fail": 0, "warn": 0, "error": 0, "skip": 0},
	}
	if namespace == "" {
		r.Kind = "ClusterPolicyReport"
	}
	return r
}

func policyResult(at time.Time, f *fixes.Finding) policyReportResult {
	threats := make([]string, len(f.Threats))
	for i, t := range f.Threats {
		threats[i] = string(t)
	}
	properties := map[string]string{"fingerprint": f.Fingerprint, "path": f.Path, "threats": strings.Join(threats, ", ")}
	if fix := f.Fix(); fix != nil {
		properties["fix"], properties["confidence"] = fix.Title, fix.Confidence.String()
	}
	return policyReportResult{
		Source: "kubectl-harden", Policy: f.Rule.ID, Rule: f.Rule.ID, Category: string(f.Rule.Category),
		Severity: f.Severity.String(), Result: "fail", Scored: true, Message: f.Message,
		Timestamp:  policyReportTime{Seconds: at.Unix()},
		Resources:  []policyReportResource{policyReportResource(ObjectOf(f.Object))},
		Properties: properties,
	}
}
