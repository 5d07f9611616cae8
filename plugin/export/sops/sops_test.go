package sops_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/plugin/export/sops"
)

// program builds sops from testdata/tools/sops, or finds it in the build cache
// of Go, and returns its path. "make testbins" builds it: the first time that
// takes some minutes.
func program(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("go", "tool", "-modfile="+filepath.Join("..", "..", "..", "testdata", "tools", "sops", "go.mod"), "-n", "sops")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("building sops: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// decrypt has sops decrypt a file, which checks its MAC.
func decrypt(t *testing.T, identity *age.X25519Identity, name string, text []byte) (map[string]any, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program(t), "decrypt", path)
	cmd.Env = []string{"HOME=" + t.TempDir(), "SOPS_AGE_KEY=" + identity.String()}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, stderr.String()
	}
	var out map[string]any
	if err := yaml.Unmarshal([]byte(stdout.String()), &out); err != nil {
		t.Fatal(err)
	}
	return out, ""
}

func identity(t *testing.T) (*age.X25519Identity, sops.Recipient) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	r, err := sops.ParseRecipient(id.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	return id, r
}

func document(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// objects are documents on which a writer of the format may go wrong: the
// order of keys, what looks like another type, what is empty, other types,
// lists, other scripts, and data deeper down.
var objects = map[string]string{
	"order": `
apiVersion: v1
kind: Secret
metadata: {name: web, namespace: shop}
type: Opaque
immutable: true
data: {A10: b25l, A9: dHdv, a: dGhyZWU=, "a.b": Zm91cg==, Z: ""}
`,
	"looks": `
apiVersion: v1
kind: Secret
metadata:
  name: "1234"
  annotations: {a: "true", b: "2024-01-01", c: "0x10", d: "1e3", e: "null", f: "", g: "a: b # c", h: "äöü\n漢字\t\"", i: "~", j: "012", k: " x "}
stringData: {a: "true", b: "2024-01-01", c: "12", d: "many\nlines\n", e: "$(HOME) ${x} $$", f: "пароль 🔑", g: " ", h: "ENC[AES256_GCM,data:x]"}
`,
	"types": `
apiVersion: types.kubefed.io/v1beta1
kind: FederatedSecret
metadata: {name: web, namespace: shop}
spec:
  number: 3
  float: 1.5
  nothing: null
  placement: {clusters: [{name: a}, {name: b}]}
  template:
    type: Opaque
    data: {A: b25l, nested: {list: [one, two, true, 3, 1.25, null], empty: {}}}
`,
}

func TestDecryptedBySops(t *testing.T) {
	id, recipient := identity(t)
	other, second := identity(t)
	for name, text := range objects {
		t.Run(name, func(t *testing.T) {
			want := integers(document(t, text)).(map[string]any)
			got, err := sops.Encrypt(want, []sops.Recipient{recipient, second}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if !sops.Encrypted(got) || sops.Encrypted(want) {
				t.Error("what is encrypted is not told from what is not")
			}
			asYAML, err := sops.YAML(got)
			if err != nil {
				t.Fatal(err)
			}
			asJSON, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			for file, text := range map[string][]byte{"x.yaml": asYAML, "x.json": asJSON} {
				for _, id := range []*age.X25519Identity{id, other} {
					plain, failed := decrypt(t, id, file, text)
					if failed != "" {
						t.Fatalf("%s: %s\n%s", file, failed, text)
					}
					if w := document(t, objects[name]); !reflect.DeepEqual(plain, w) {
						t.Errorf("%s is decrypted as\n%v\nwant\n%v", file, plain, w)
					}
				}
			}
		})
	}
}

// integers makes an object's whole numbers what they are in one that was
// decoded for Kubernetes.
func integers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = integers(v[key])
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return v
}

// TestTamperedWith checks that the MAC is one: sops refuses a file that was
// changed outside the encrypted values too, and another's key.
func TestTamperedWith(t *testing.T) {
	id, recipient := identity(t)
	stranger, _ := identity(t)
	got, err := sops.Encrypt(document(t, objects["order"]), []sops.Recipient{recipient}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text, err := sops.YAML(got)
	if err != nil {
		t.Fatal(err)
	}
	if _, failed := decrypt(t, stranger, "x.yaml", text); failed == "" {
		t.Error("another's key opens it")
	}
	changed := strings.Replace(string(text), "namespace: shop", "namespace: shoq", 1)
	if _, failed := decrypt(t, id, "x.yaml", []byte(changed)); !strings.Contains(failed, "MAC mismatch") {
		t.Errorf("a changed file is taken: %q", failed)
	}
}

func TestParseRecipient(t *testing.T) {
	id, _ := identity(t)
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sops.ParseRecipient(hybrid.Recipient().String()); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "age1", "ssh-ed25519 AAAA", id.Recipient().String() + "q", "age1pq1x"} {
		if _, err := sops.ParseRecipient(text); err == nil || !strings.Contains(err.Error(), "not an age recipient") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := sops.ParseRecipient(id.String()); err == nil || strings.Contains(err.Error(), id.String()) {
		t.Errorf("a private key: %v", err)
	}
}
