package source

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
)

const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: x}]}\n"

// tree writes files below a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// places scans and lists the objects with the places where they stand.
func places(t *testing.T, f *Files) []string {
	t.Helper()
	result, err := Scan(t.Context(), f, nil, catalog.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, obj := range result.Inventory.List(fixes.KindPod) {
		at, _ := result.Inventory.Position(fixes.RefOf(obj))
		out = append(out, fixes.RefOf(obj).String()+" "+filepath.Base(filepath.Dir(at.File))+"/"+filepath.Base(at.File))
	}
	return out
}

func TestFiles(t *testing.T) {
	dir := tree(t, map[string]string{
		"base/a.yaml": pod, "base/b.json": `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"j"}}`,
		"base/c.txt": pod, "base/deep/d.yml": strings.Replace(pod, "name: p", "name: d", 1), "base/.git/e.yaml": pod,
	})
	base := filepath.Join(dir, "base")
	for _, c := range []struct {
		name string
		from Files
		want []string
	}{
		{"a folder", Files{Paths: []string{base}}, []string{"Pod j base/b.json", "Pod p base/a.yaml"}},
		{"all the way down", Files{Paths: []string{base}, Recursive: true}, []string{"Pod d deep/d.yml", "Pod j base/b.json", "Pod p base/a.yaml"}},
		{"a file of any name", Files{Paths: []string{filepath.Join(base, "c.txt")}}, []string{"Pod p base/c.txt"}},
		{"standard input", Files{Paths: []string{"-"}, Stdin: strings.NewReader(pod)}, []string{"Pod p ./stdin"}},
		{"a namespace for what has none", Files{Paths: []string{filepath.Join(base, "a.yaml")}, Namespace: "n"}, []string{"Pod n/p base/a.yaml"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := places(t, &c.from); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestSameNameTwice keeps objects of one name that stand in several
// environments apart, and fixes each.
func TestSameNameTwice(t *testing.T) {
	deployment := func(image string) string {
		return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: ` + image + `, env: [{name: DB_PASSWORD, value: correct-horse-battery}]}]}
`
	}
	dir := tree(t, map[string]string{"dev/web.yaml": deployment("web:dev"), "prod/web.yaml": deployment("web:prod") + "---" + deployment("web:canary")})
	result, err := Scan(t.Context(), &Files{Paths: []string{dir}, Recursive: true}, nil, catalog.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	fingerprints := map[string]bool{}
	secrets := 0
	for _, f := range result.Findings {
		if fingerprints[f.Fingerprint] {
			t.Errorf("two findings have the fingerprint %s", f.Fingerprint)
		}
		fingerprints[f.Fingerprint] = true
		if f.Rule.ID == "env-secret" {
			secrets++
		}
	}
	if secrets != 3 {
		t.Errorf("%d of 3 secrets were found", secrets)
	}
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Safe))
	if err != nil {
		t.Fatal(err)
	}
	patched := 0
	for _, c := range plan.Changes {
		if c.Object.Kind == fixes.KindDeployment {
			patched++
		}
	}
	if patched != 3 || !plan.Verified {
		t.Errorf("%d of 3 Deployments are patched, verified %v", patched, plan.Verified)
	}
}

func TestKustomize(t *testing.T) {
	dir := tree(t, map[string]string{"kustomization.yaml": "namespace: shop\nresources: [p.yaml]\n", "p.yaml": pod})
	if got := places(t, &Files{Kustomize: dir}); len(got) != 1 || !strings.HasPrefix(got[0], "Pod shop/p ") {
		t.Errorf("%q", got)
	}
}

// TestDemo demands a finding of every chapter that has rules.
func TestDemo(t *testing.T) {
	result, err := Scan(t.Context(), Demo{}, nil, catalog.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	found := map[fixes.Category]bool{}
	for _, f := range result.Findings {
		found[f.Rule.Category] = true
	}
	for _, r := range catalog.Rules() {
		if !found[r.Category] {
			t.Errorf("no finding of category %s", r.Category)
		}
	}
}
