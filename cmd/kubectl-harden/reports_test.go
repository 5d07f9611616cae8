package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reportsCRD is the custom resource of Trivy Operator, without its schema's
// details.
const reportsCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: vulnerabilityreports.aquasecurity.github.io}
spec:
  group: aquasecurity.github.io
  names: {kind: VulnerabilityReport, listKind: VulnerabilityReportList, plural: vulnerabilityreports, singular: vulnerabilityreport}
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// TestVulnerabilityReports reads the reports of Trivy Operator from a cluster,
// over several pages, and does not mind where there are none.
func TestVulnerabilityReports(t *testing.T) {
	ns := namespace(t, "reports")
	control.Kubectl(t, "create", "deployment", "web", "-n", ns, "--image=registry.example.com/shop/web:1.8")
	args := []string{"-n", ns, "--rule", "image-vulnerable", "-o", "json"}
	none := runAs(t, control.KubeconfigNoRights, "", args...)
	if strings.Contains(none.stderr+none.stdout, "vulnerabilityreports") {
		t.Errorf("reports that no server has are said to be forbidden: %s%s", none.stderr, none.stdout)
	}
	if r := runAs(t, control.Kubeconfig, "", args...); r.status != 0 || len(parseReport(t, r).Findings) > 0 {
		t.Fatalf("without reports: status %d, %s%s", r.status, r.stderr, r.stdout)
	}

	dir := t.TempDir()
	crd, reports := filepath.Join(dir, "crd.yaml"), filepath.Join(dir, "reports.yaml")
	var text strings.Builder
	for i := range 60 { // more than two pages; the last one is the deployment's
		fmt.Fprintf(&text, `---
apiVersion: aquasecurity.github.io/v1alpha1
kind: VulnerabilityReport
metadata: {name: "report-%02d", namespace: %s}
report:
  scanner: {name: Trivy, vendor: Aqua Security, version: 0.74.0}
  registry: {server: registry.example.com}
  artifact: {repository: shop/web, tag: "1.%d"}
  vulnerabilities:
  - {vulnerabilityID: CVE-2024-%d, resource: openssl, installedVersion: 3.0.1, fixedVersion: 3.0.2, severity: CRITICAL, title: t}
`, i, ns, 67-i, 67-i)
	}
	for file, content := range map[string]string{crd: reportsCRD, reports: text.String()} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	control.Kubectl(t, "apply", "-f", crd)
	t.Cleanup(func() { control.Kubectl(t, "delete", "-f", crd) })
	control.Kubectl(t, "wait", "--for=condition=Established", "--timeout=180s", "-f", crd)
	control.Kubectl(t, "create", "-f", reports)

	r := runAs(t, control.Kubeconfig, "", args...)
	findings := parseReport(t, r).Findings
	if len(findings) != 1 || findings[0].Object.Name != "web" || !strings.Contains(r.stdout, "CVE-2024-8 (critical) in openssl 3.0.1, fixed in 3.0.2") ||
		!strings.Contains(r.stdout, "reported by Trivy 0.74.0: VulnerabilityReport "+ns+"/report-59") {
		t.Errorf("%d findings:\n%s%s", len(findings), r.stderr, r.stdout)
	}
	forbidden := runAs(t, control.KubeconfigNoRights, "", args...)
	if !strings.Contains(forbidden.stdout, "vulnerabilityreports.aquasecurity.github.io") {
		t.Errorf("forbidden reports are not said: %s%s", forbidden.stderr, forbidden.stdout)
	}
}
