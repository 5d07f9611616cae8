package export_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/export"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/forms"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/sops"
)

// hard are values of every shape that a writer could let through.
var hard = map[string]string{
	"DB_PASSWORD":     "correct-horse-battery-staple",
	"DOLLAR_PASSWORD": "pa$$w0rd-$(HOME)-${x}-`id`",
	"TLS_PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\nzq9c5bRk3uJwWv0oXmDk\n-----END PRIVATE KEY-----\n",
	"UTF8_PASSWORD":   "пароль-секрет-漢字-🔑",
	"QUOTED_PASSWORD": `"quoted": 'both' \n \t: # not a comment`,
	"SPACE_PASSWORD":  "  leading-and-trailing-space  ",
	"BOOL_LIKE":       "on-0x1f-1e9-true-null",
	"A9_TOKEN":        "ghp_9aQ8sWd7eRf6tGy5hUj4iKo3lPz2xCv1bNm0",
	"A10_TOKEN":       "xoxb-10-aQ8sWd7eRf6tGy5hUj4iKo3lP",
	"URL":             "postgres://shop:hunter2-hunter2@db.shop:5432/shop?sslmode=require",
	"binary.dat":      "\x00\x01\x02\xfe\xff\x80binary\x00tail",
	"carriage.return": "line-one-of-it\r\nline-two-of-it\r\n",
}

// hardPlan returns a plan that moves some values out of a Deployment, and
// creates a Secret with all the others.
func hardPlan(t *testing.T) *fixes.Plan {
	t.Helper()
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
        - {name: DB_PASSWORD, value: correct-horse-battery-staple}
        - {name: URL, value: "postgres://shop:hunter2-hunter2@db.shop:5432/shop?sslmode=require"}
        - {name: GITHUB_TOKEN, value: ghp_9aQ8sWd7eRf6tGy5hUj4iKo3lPz2xCv1bNm0}
`), secrets.Rules())
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "hard", Namespace: "shop"}, Type: corev1.SecretTypeOpaque, Data: map[string][]byte{}}
	for key, value := range hard {
		s.Data[key] = []byte(value)
	}
	plan.Changes = append(plan.Changes, fixes.Change{Action: fixes.Create, Object: fixes.RefOf(s), After: s})
	if len(moved(plan)) < len(hard)+3 {
		t.Fatalf("the plan moves too little: %d values", len(moved(plan)))
	}
	return plan
}

// marksOf returns what shows that a text holds a value: itself, a line of it,
// itself in JSON, and its base64 in each of the three phases.
func marksOf(value string) []string {
	quoted, _ := json.Marshal(value)
	marks := []string{value, strings.Trim(string(quoted), `"`)}
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); len(line) >= 12 && !strings.HasPrefix(line, "-----") {
			marks = append(marks, line)
		}
	}
	for skip := range 3 {
		if len(value) < skip+9 {
			continue
		}
		text := base64.RawStdEncoding.EncodeToString([]byte(value[skip : skip+(len(value)-skip)/3*3]))
		marks = append(marks, text)
	}
	return marks
}

func leaks(text []byte, plan *fixes.Plan) []string {
	var found []string
	for _, v := range moved(plan) {
		for _, mark := range marksOf(v) {
			if bytes.Contains(text, []byte(mark)) {
				found = append(found, mark)
			}
		}
	}
	return found
}

type formCase struct {
	name  string
	forms []forms.Form
	// kinds are those of what stands for the Secrets, and beside them.
	kinds []string
	// readme is what the README.md has to say.
	readme string
	// plain tells that the values are in it.
	plain bool
}

func formCases(t *testing.T) ([]formCase, *age.X25519Identity) {
	t.Helper()
	private, _, err := crypto.GeneratePrivateKeyAndCert(2048, time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := sops.ParseRecipient(id.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	encrypt := forms.Encrypt(func(m map[string]any) (map[string]any, error) {
		return sops.Encrypt(m, []sops.Recipient{recipient}, time.Now())
	})
	seal := forms.Seal(&private.PublicKey)
	store := forms.External(forms.SecretStore, "vault")
	karmada := forms.Karmada([]string{"east"})
	return []formCase{
		{"sealed", []forms.Form{seal}, []string{"SealedSecret"}, "## Sealed", false},
		{"external", []forms.Form{store}, []string{"ExternalSecret"}, "    SecretStore vault: key shop/hard, property A10_TOKEN\n", false},
		{"sops", []forms.Form{encrypt}, []string{"Secret"}, "    sops -d resources/shop-secret-hard.yaml | kubectl apply -f -\n", false},
		{"sealed, karmada", []forms.Form{seal, karmada}, []string{"SealedSecret", "PropagationPolicy"}, "## Propagated", false},
		{"external, karmada", []forms.Form{store, karmada}, []string{"ExternalSecret", "PropagationPolicy"}, "## Propagated", false},
		{"sops, karmada", []forms.Form{encrypt, karmada}, []string{"Secret", "PropagationPolicy"}, "## Propagated", false},
		{"sops, kubefed", []forms.Form{forms.KubeFed(nil), encrypt}, []string{"FederatedSecret"}, "## Federated", false},
		{"karmada", []forms.Form{karmada}, []string{"Secret", "PropagationPolicy"}, "apply -f secrets.yaml", true},
		{"kubefed", []forms.Form{forms.KubeFed(nil)}, []string{"FederatedSecret"}, "apply -f secrets.yaml", true},
	}, id
}

// TestNoPlaintextInForms exports a plan in every form, and looks for every
// value in everything that may get into Git or onto a screen.
func TestNoPlaintextInForms(t *testing.T) {
	original := hardPlan(t)
	cases, id := formCases(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			plan, err := forms.Apply(original, c.forms...)
			if err != nil {
				t.Fatal(err)
			}
			var diff, asYAML, asJSON bytes.Buffer
			err = errors.Join(
				export.Diff(&diff, plan, forms.Redact(secrets.Redact, secrets.Mask), false),
				export.YAML(&asYAML, plan), export.JSON(&asJSON, plan, fixes.NewInventory(), nil))
			if err != nil {
				t.Fatal(err)
			}
			// A diff shows what it takes out masked, so the original is in no line.
			if found := leaks(diff.Bytes(), original); len(found) > 0 {
				t.Errorf("the diff holds %q", found)
			}
			for name, text := range map[string][]byte{"YAML": asYAML.Bytes(), "JSON": asJSON.Bytes()} {
				found := leaks(text, original)
				if c.plain != (len(found) > 0) {
					t.Errorf("the %s holds %q", name, found)
				}
				for _, kind := range c.kinds {
					if !bytes.Contains(text, []byte(kind)) {
						t.Errorf("the %s lacks a %s", name, kind)
					}
				}
			}
			dir := filepath.Join(t.TempDir(), "fixes")
			if err := export.Kustomize(dir, plan, secrets.Redact); err != nil {
				t.Fatal(err)
			}
			checkFolder(t, dir, original, c)
			checkBuild(t, dir, c)
			if strings.HasPrefix(c.name, "sops") {
				checkDecrypted(t, dir, original, id, c)
			}
		})
	}
}

func checkFolder(t *testing.T, dir string, original *fixes.Plan, c formCase) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if d.Name() == "secrets.yaml" || d.Name() == ".gitignore" {
			if !c.plain {
				t.Errorf("%s is there", d.Name())
			}
			return nil
		}
		seen++
		text, err := os.ReadFile(path)
		if found := leaks(text, original); len(found) > 0 {
			t.Errorf("%s holds %q", path, found)
		}
		if d.Name() == "README.md" && !bytes.Contains(text, []byte(c.readme)) {
			t.Errorf("README.md lacks %q:\n%s", c.readme, text)
		}
		return err
	})
	if err != nil || seen < 4 {
		t.Errorf("%d files: %v", seen, err)
	}
}

func checkBuild(t *testing.T, dir string, c formCase) {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, r := range built.Resources() {
		kinds[r.GetKind()]++
	}
	want := map[string]int{"Deployment": 1}
	for _, kind := range c.kinds {
		if !c.plain || kind == "PropagationPolicy" {
			want[kind] = 2
		}
	}
	if !reflect.DeepEqual(kinds, want) {
		t.Errorf("the kustomization builds %v, want %v", kinds, want)
	}
}

// checkDecrypted has sops itself decrypt what is in resources/.
func checkDecrypted(t *testing.T, dir string, original *fixes.Plan, id *age.X25519Identity, c formCase) {
	t.Helper()
	find := exec.Command("go", "tool", "-modfile="+filepath.Join("..", "..", "testdata", "tools", "sops", "go.mod"), "-n", "sops")
	find.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath", "GOWORK=off")
	program, err := find.Output()
	if err != nil {
		t.Fatalf("building sops: %v", err)
	}
	got := map[string]map[string][]byte{}
	files, err := filepath.Glob(filepath.Join(dir, "resources", "*-"+strings.ToLower(c.kinds[0])+"-*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		cmd := exec.Command(strings.TrimSpace(string(program)), "decrypt", file)
		cmd.Env = []string{"HOME=" + t.TempDir(), "SOPS_AGE_KEY=" + id.String()}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", file, err, stderr.String())
		}
		var obj struct {
			Metadata metav1.ObjectMeta
			Data     map[string][]byte
			Spec     struct {
				Template struct{ Data map[string][]byte }
			}
		}
		if err := yaml.Unmarshal(text, &obj); err != nil {
			t.Fatal(err)
		}
		got[obj.Metadata.Name] = obj.Data
		if obj.Data == nil {
			got[obj.Metadata.Name] = obj.Spec.Template.Data
		}
	}
	want := map[string]map[string][]byte{}
	for _, c := range original.Changes {
		if s, ok := c.After.(*corev1.Secret); ok {
			want[s.Name] = s.Data
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("decrypted: %q\nwant %q", got, want)
	}
}
