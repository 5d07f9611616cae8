package export_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/export"
)

// plans returns a plan of all fixes for every test manifest.
func plans(t *testing.T) map[string]*fixes.Plan {
	t.Helper()
	files, err := filepath.Glob("../../testdata/manifests/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d manifests: %v", len(files), err)
	}
	out := map[string]*fixes.Plan{}
	for _, file := range append(files, "../source/demo.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		result := fixes.Scan(fixestest.Load(t, string(text)), catalog.Rules())
		plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(file)] = plan
	}
	return out
}

// moved returns the values that a plan puts into Secrets.
func moved(plan *fixes.Plan) []string {
	var values []string
	for _, c := range plan.Changes {
		if s, ok := c.After.(*corev1.Secret); ok {
			for _, v := range s.Data {
				values = append(values, string(v))
			}
		}
	}
	return values
}

// TestKustomizeIsExact builds each export with kustomize's own library, and
// compares the result with what the plan says, object by object.
func TestKustomizeIsExact(t *testing.T) {
	for name, plan := range plans(t) {
		if len(plan.Changes) == 0 {
			continue // kustomize refuses an empty kustomization
		}
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "fixes")
			if err := export.Kustomize(dir, plan, secrets.Redact); err != nil {
				t.Fatal(err)
			}
			built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]map[string]any{}
			for _, r := range built.Resources() {
				m, err := r.Map()
				if err != nil {
					t.Fatal(err)
				}
				got[r.GetGvk().Group+" "+r.GetKind()+" "+r.GetNamespace()+"/"+r.GetName()] = asJSON(t, m)
			}
			for _, c := range plan.Changes {
				key := c.Object.Kind.Group + " " + c.Object.Kind.Name + " " + c.Object.Namespace + "/" + c.Object.Name
				if c.Object.Kind == fixes.KindSecret {
					if _, there := got[key]; there {
						t.Errorf("the kustomization holds %s", key)
					}
					continue
				}
				if c.Action == fixes.Delete { // kustomize deletes nothing; the README says how
					if _, there := got[key]; there {
						t.Errorf("the kustomization holds %s, which is to go", key)
					}
					continue
				}
				manifest, err := c.Manifest()
				if err != nil {
					t.Fatal(err)
				}
				if want := asJSON(t, manifest); !reflect.DeepEqual(got[key], want) {
					t.Errorf("%s is built as\n%v\nwant\n%v", key, got[key], want)
				}
				delete(got, key)
			}
			if len(got) > 0 {
				t.Errorf("the build holds more: %v", got)
			}
			noPlaintext(t, dir, moved(plan))
		})
	}
}

func noPlaintext(t *testing.T, dir string, values []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if d.Name() == "secrets.yaml" {
			info, statErr := d.Info()
			if statErr != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v %v", path, info.Mode(), statErr)
			}
			return err
		}
		for _, v := range values {
			if bytes.Contains(text, []byte(v)) {
				t.Errorf("%s holds a value that was moved into a Secret", path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func asJSON(t *testing.T, v any) (out map[string]any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRepeatedName exports a change that no strategic merge patch can say:
// two variables of one name.
func TestRepeatedName(t *testing.T) {
	result := fixes.Scan(fixestest.Load(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: x
        env:
        - {name: DB_PASSWORD, value: first-horse-battery}
        - {name: DB_PASSWORD, value: second-horse-battery}
`), secrets.Rules())
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "fixes")
	if err := export.Kustomize(dir, plan, secrets.Redact); err != nil {
		t.Fatal(err)
	}
	patch, err := os.ReadFile(filepath.Join(dir, "patches", "shop-deployment-web.yaml"))
	if err != nil || !bytes.Contains(patch, []byte("op: add")) {
		t.Errorf("not a JSON patch: %v\n%s", err, patch)
	}
	if _, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir); err != nil {
		t.Error(err)
	}
	noPlaintext(t, dir, moved(plan))
}

func TestDiffMasks(t *testing.T) {
	for name, plan := range plans(t) {
		var plain, coloured strings.Builder
		if err := errors.Join(export.Diff(&plain, plan, secrets.Redact, false), export.Diff(&coloured, plan, secrets.Redact, true)); err != nil {
			t.Fatal(err)
		}
		for _, v := range moved(plan) {
			if strings.Contains(plain.String(), v) {
				t.Errorf("%s: the diff shows a secret", name)
			}
		}
		if len(plan.Changes) > 0 && (!strings.Contains(coloured.String(), "\x1b[") || strings.Contains(plain.String(), "\x1b")) {
			t.Errorf("%s: colour is not where it was asked for", name)
		}
	}
}

// TestJSONContract pins the field names that scripts depend on.
func TestJSONContract(t *testing.T) {
	plan := plans(t)["demo.yaml"]
	var out bytes.Buffer
	if err := export.JSON(&out, plan, fixes.NewInventory(), nil); err != nil {
		t.Fatal(err)
	}
	var got struct {
		SchemaVersion string           `json:"schemaVersion"`
		Changes       []map[string]any `json:"changes"`
		Verified      *bool            `json:"verified"`
		Remaining     []map[string]any `json:"remaining"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.SchemaVersion != "1" || got.Verified == nil || !*got.Verified || got.Remaining == nil {
		t.Errorf("%s", out.String())
	}
	for _, c := range got.Changes {
		_, patched := c["patch"]
		_, created := c["manifest"]
		if c["action"] == "create" && (!created || patched) || c["action"] == "patch" && (created || !patched || c["patchType"] == nil) {
			t.Errorf("%v", c)
		}
		if fingerprints, ok := c["fixes"].([]any); !ok || len(fingerprints) == 0 {
			t.Errorf("no fixes: %v", c)
		}
	}
}

func TestCheckDir(t *testing.T) {
	dir := t.TempDir()
	if err := export.CheckDir(dir); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	if err := export.CheckDir(filepath.Join(dir, "new")); err != nil {
		t.Errorf("a new folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := export.CheckDir(dir); err == nil {
		t.Error("a folder that is not empty is taken")
	}
}
