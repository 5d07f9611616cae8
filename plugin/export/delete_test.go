package export_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/export"
)

// TestDeletes: a plan that also deletes is exported in every form; only JSON,
// for programs, and the diff have what a manifest cannot say.
func TestDeletes(t *testing.T) {
	gone := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1"}}
	made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "c"}}
	f := &fixes.Finding{Rule: &fixes.Rule{ID: "x"}, Fingerprint: "f"}
	plan := &fixes.Plan{Verified: true, Changes: []fixes.Change{
		{Action: fixes.Delete, Object: fixes.RefOf(gone), Before: gone, Fixes: []*fixes.Finding{f}},
		{Action: fixes.Create, Object: fixes.RefOf(made), After: made, Fixes: []*fixes.Finding{f}},
	}}
	var yaml, json, diff bytes.Buffer
	if err := export.YAML(&yaml, plan); err != nil || strings.HasPrefix(yaml.String(), "---") || strings.Contains(yaml.String(), "web-1") || !strings.Contains(yaml.String(), "name: c") {
		t.Errorf("%v\n%s", err, &yaml)
	}
	if err := export.JSON(&json, plan, fixes.NewInventory(), nil); err != nil || !strings.Contains(json.String(), `"action": "delete"`) || strings.Contains(json.String(), "patch") {
		t.Errorf("%v\n%s", err, &json)
	}
	if err := export.Diff(&diff, plan, secrets.Redact, false); err != nil || !strings.Contains(diff.String(), "+++ /dev/null") {
		t.Errorf("%v\n%s", err, &diff)
	}
	dir := filepath.Join(t.TempDir(), "fixes")
	if err := export.Kustomize(dir, plan, secrets.Redact); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
	if err != nil || strings.Contains(string(text), "web-1") {
		t.Errorf("%v\n%s", err, text)
	}
}
