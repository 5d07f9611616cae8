package export

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/forms"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/sops"
)

// The files and folders of an exported kustomization.
const (
	kustomizationFile = "kustomization.yaml"
	secretsFile       = "secrets.yaml"
	readmeFile        = "README.md"
	baseDir           = "base"
	patchesDir        = "patches"
	resourcesDir      = "resources"
)

// Kustomize writes the plan into a folder as a kustomization: the objects as
// they are in base/, a patch for each in patches/, new objects in resources/.
//
// No secret is in a file that is meant for Git. Secrets go to secrets.yaml,
// mode 0600 and named in .gitignore, unless their form is one that holds no
// plain text; and a value that the plan takes out of an object is left out of
// the base already.
//
// The folder is made if it is not there, and must be empty. It is filled under
// another name and renamed at the end, so that it is whole or not there.
func Kustomize(dir string, plan *fixes.Plan, redact fixes.Redactor) error {
	return fill(dir, func(staging string) error {
		about, err := writeKustomization(staging, plan, redact)
		if err != nil {
			return err
		}
		return folder{dir: staging}.file(readmeFile, []byte(about.readme()), 0o644)
	})
}

// fill lets a folder be written under another name, and renames it at the end.
func fill(dir string, write func(staging string) error) (err error) {
	if err := CheckDir(dir); err != nil {
		return err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	staging, err := os.MkdirTemp(parent, ".kubectl-harden-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	if err := write(staging); err != nil {
		return err
	}
	if err := os.Chmod(staging, 0o755); err != nil {
		return err
	}
	// An empty folder of that name is in the way of the rename on Windows.
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(staging, dir)
}

// CheckDir reports why a folder cannot be exported into, or nil.
func CheckDir(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("cannot export into %s: %w", dir, err)
	case len(entries) > 0:
		return fmt.Errorf("cannot export into %s: it is not empty; name a new folder", dir)
	}
	return nil
}

type kustomization struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Resources  []string `json:"resources,omitempty"`
	Patches    []patch  `json:"patches,omitempty"`
}

type patch struct {
	Path   string `json:"path"`
	Target target `json:"target"`
}

type target struct {
	Group     string `json:"group,omitempty"`
	Version   string `json:"version"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// writeKustomization writes all but the README, and returns what that has to say.
func writeKustomization(dir string, plan *fixes.Plan, redact fixes.Redactor) (contents, error) {
	w := folder{dir: dir, used: map[string]bool{}}
	k := kustomization{APIVersion: "kustomize.config.k8s.io/v1beta1", Kind: "Kustomization"}
	about := contents{kinds: map[fixes.Kind]bool{}, entries: forms.Entries(plan)}
	var secrets bytes.Buffer
	if err := checkUnique(plan); err != nil {
		return about, err
	}
	for _, c := range plan.Changes {
		switch {
		case c.Action == fixes.Delete: // an old revision, which Git does not hold
		case forms.Plain(c) || c.Action == fixes.Create && holdsSecret(c, redact):
			manifest, err := c.ApplyManifest()
			if err != nil {
				return about, err
			}
			if secrets.Len() > 0 {
				secrets.WriteString("---\n")
			}
			if err := writeYAML(&secrets, manifest); err != nil {
				return about, err
			}
		case c.Action == fixes.Create:
			manifest, err := c.Manifest()
			if err != nil {
				return about, err
			}
			path, err := w.object(resourcesDir, c.Object, manifest)
			if err != nil {
				return about, err
			}
			k.Resources = append(k.Resources, path)
			about.kinds[c.Object.Kind] = true
			if sops.Encrypted(manifest) {
				about.encrypted = append(about.encrypted, path)
			}
		default:
			base, patched, err := w.patched(c, redact)
			if err != nil {
				return about, err
			}
			k.Resources, k.Patches = append(k.Resources, base), append(k.Patches, patched)
		}
	}
	if secrets.Len() > 0 {
		if err := w.file(secretsFile, secrets.Bytes(), 0o600); err != nil {
			return about, err
		}
		if err := w.file(".gitignore", []byte("# Holds secrets in plain text.\n/"+secretsFile+"\n"), 0o644); err != nil {
			return about, err
		}
	}
	about.plain, about.resources = secrets.Len() > 0, len(k.Resources) > 0
	return about, w.yaml(kustomizationFile, k)
}

// holdsSecret reports whether a new object that is no Secret holds a credential, as a
// workload may in its variables.
func holdsSecret(c fixes.Change, redact fixes.Redactor) bool {
	plain, err := c.Manifest()
	if err != nil || c.Object.Kind.Custom() {
		return false
	}
	masked, err := fixes.Change{Action: c.Action, Object: c.Object, After: redact(c.After)}.Manifest()
	return err == nil && !reflect.DeepEqual(plain, masked)
}

// checkUnique reports two objects of one name, which kustomize refuses.
func checkUnique(plan *fixes.Plan) error {
	for _, c := range plan.Changes {
		if c.Object.Origin != "" {
			return fmt.Errorf("%s is defined in several manifests, one of them %s, and a kustomization holds an object once: export one environment at a time, or use -o yaml",
				c.Object, fixes.Clean(c.Object.Origin))
		}
	}
	return nil
}

// folder writes the files of an export.
type folder struct {
	dir  string
	used map[string]bool
}

// patched writes the base of a changed object and its patch.
func (w folder) patched(c fixes.Change, redact fixes.Redactor) (string, patch, error) {
	base, err := baseManifest(c, redact)
	if err != nil {
		return "", patch{}, err
	}
	basePath, err := w.object(baseDir, c.Object, base)
	if err != nil {
		return "", patch{}, err
	}
	text, err := patchText(c, base)
	if err != nil {
		return "", patch{}, err
	}
	path := w.name(patchesDir, c.Object)
	return basePath, patch{path, target{
		c.Object.Kind.Group, versionOf(base, c.Object.Kind), c.Object.Kind.Name, anchor(c.Object.Name), anchor(fixes.ManifestNamespace(c.Object.Namespace)),
	}}, w.file(path, text, 0o644)
}

// versionOf returns the version of a manifest: that of a custom object is its
// own.
func versionOf(manifest map[string]any, kind fixes.Kind) string {
	apiVersion, _ := manifest["apiVersion"].(string)
	if gv, err := schema.ParseGroupVersion(apiVersion); err == nil && gv.Version != "" {
		return gv.Version
	}
	return kind.Version
}

// anchor makes kustomize, which reads a target's fields as regular
// expressions, match a name as it stands.
func anchor(s string) string {
	if s == "" {
		return ""
	}
	return "^" + regexp.QuoteMeta(s) + "$"
}

// unsafeInName are the characters that a file name is not given: names in a
// cluster may hold path separators and control characters.
var unsafeInName = regexp.MustCompile(`[^a-zA-Z0-9.-]+`)

// maxStem keeps file names under the 255 bytes that file systems allow.
const maxStem = 200

func (w folder) object(dir string, ref fixes.Ref, manifest any) (string, error) {
	path := w.name(dir, ref)
	return path, w.yaml(path, manifest)
}

// name returns a file name that no other object of the export has.
func (w folder) name(dir string, ref fixes.Ref) string {
	parts := []string{strings.ToLower(ref.Kind.Name), ref.Name}
	if ns := fixes.ManifestNamespace(ref.Namespace); ns != "" {
		parts = append([]string{ns}, parts...)
	}
	stem := strings.Trim(unsafeInName.ReplaceAllString(strings.Join(parts, "-"), "_"), ".")
	if len(stem) > maxStem {
		stem = stem[:maxStem]
	}
	path := dir + "/" + stem + ".yaml"
	for n := 2; w.used[path]; n++ {
		path = fmt.Sprintf("%s/%s-%d.yaml", dir, stem, n)
	}
	w.used[path] = true
	return path
}

func (w folder) yaml(path string, v any) error {
	var b bytes.Buffer
	if err := writeYAML(&b, v); err != nil {
		return err
	}
	return w.file(path, b.Bytes(), 0o644)
}

func (w folder) file(path string, text []byte, mode fs.FileMode) error {
	full := filepath.Join(w.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	return os.WriteFile(full, text, mode)
}
