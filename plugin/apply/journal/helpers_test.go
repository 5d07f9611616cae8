package journal_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// plan makes every fix of an inventory, but those of the rules to skip.
func plan(t testing.TB, inv *fixes.Inventory, skip ...string) []fixes.Change {
	t.Helper()
	result := fixes.Scan(inv, slices.DeleteFunc(catalog.Rules(), func(r *fixes.Rule) bool { return slices.Contains(skip, r.ID) }))
	p, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	return p.Changes
}

// planOf makes every fix of a few objects, given as YAML.
func planOf(t testing.TB, objects string) []fixes.Change {
	t.Helper()
	return plan(t, fixestest.Load(t, objects))
}

// plans returns the changes for the demo and for every test manifest.
func plans(t testing.TB) map[string][]fixes.Change {
	t.Helper()
	files, err := filepath.Glob("../../../testdata/manifests/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d manifests: %v", len(files), err)
	}
	out := map[string][]fixes.Change{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(file)] = planOf(t, string(text))
	}
	result, err := source.Scan(t.Context(), source.Demo{}, nil, catalog.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	out["demo"] = plan(t, result.Inventory)
	return out
}

// cluster is what a cluster holds.
type cluster map[fixes.Ref]fixes.Object

func (c cluster) read(_ context.Context, ref fixes.Ref) (fixes.Object, error) {
	if obj := c[ref]; obj != nil {
		return obj, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Group: ref.Kind.Group, Resource: ref.Kind.Resource}, ref.Name)
}

// after returns a cluster in which the first n of some changes are made.
func after(changes []fixes.Change, n int) cluster {
	c := cluster{}
	for i, ch := range changes {
		c[ch.Object] = ch.Before
		if i < n {
			c[ch.Object] = ch.After
		}
	}
	return c
}

// inverse returns the changes that take others back.
func inverse(changes []fixes.Change) []fixes.Change {
	var out []fixes.Change
	for _, c := range slices.Backward(changes) {
		c.Before, c.After = c.After, c.Before
		switch c.Action {
		case fixes.Create:
			c.Action = fixes.Delete
		case fixes.Delete:
			c.Action = fixes.Create
		}
		out = append(out, c)
	}
	return out
}

// written seals changes, writes them into a journal, and returns what is read
// of it, and the file's text.
func written(t testing.TB, changes []fixes.Change) ([]journal.Change, string) {
	t.Helper()
	sealed, err := journal.Seal(changes, secrets.Redact)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "runs")
	store := journal.Open(dir)
	run, err := store.Create(journal.Header{Kind: journal.Apply, Started: time.Unix(1, 0), Changes: sealed})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	rec, err := store.Read(1)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Header.Changes, string(text)
}

// tree returns all of an object that a journal keeps.
func tree(t testing.TB, obj fixes.Object) map[string]any {
	t.Helper()
	if obj == nil || reflect.ValueOf(obj).IsNil() {
		return nil
	}
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		t.Fatal(err)
	}
	delete(m, "status")
	meta := m["metadata"].(map[string]any)
	for _, f := range []string{"creationTimestamp", "managedFields", "selfLink"} {
		delete(meta, f)
	}
	return m
}

// same compares what Unseal made of changes with what they were.
func same(t testing.TB, got, want []fixes.Change) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d changes, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].Action != want[i].Action || got[i].Object != want[i].Object {
			t.Errorf("change %d is %s %s, want %s %s", i, got[i].Action, got[i].Object, want[i].Action, want[i].Object)
		}
		for side, objs := range map[string][2]fixes.Object{"before": {got[i].Before, want[i].Before}, "after": {got[i].After, want[i].After}} {
			g, w := tree(t, objs[0]), tree(t, objs[1])
			if !reflect.DeepEqual(g, w) {
				gotText, _ := json.MarshalIndent(g, "", " ")
				wantText, _ := json.MarshalIndent(w, "", " ")
				t.Errorf("%s %s is\n%s\nwant\n%s", want[i].Object, side, gotText, wantText)
			}
		}
	}
}

// roundTrip seals changes, and unseals them at every point of their making.
func roundTrip(t *testing.T, changes []fixes.Change) (text string) {
	t.Helper()
	sealed, text := written(t, changes)
	for n := range len(changes) + 1 {
		got, lost, err := journal.Unseal(t.Context(), sealed, after(changes, n).read)
		if err != nil {
			t.Fatalf("with %d changes made: %v", n, err)
		}
		if len(lost) > 0 {
			t.Errorf("with %d changes made, lost: %v", n, lost)
		}
		same(t, got, changes)
		if t.Failed() {
			t.Fatalf("with %d changes made", n)
		}
	}
	return text
}

// bothWays makes the round trip for changes and for their undoing, and looks
// for secret values in the files.
func bothWays(t *testing.T, changes []fixes.Change, values ...string) {
	t.Helper()
	values = append(values, moved(changes)...)
	noSecret(t, roundTrip(t, changes), values)
	noSecret(t, roundTrip(t, inverse(changes)), values)
}

// moved returns the values of the Secrets among changes.
func moved(changes []fixes.Change) []string {
	var values []string
	for _, c := range changes {
		for _, obj := range []fixes.Object{c.Before, c.After} {
			if s, ok := obj.(*corev1.Secret); ok {
				for _, v := range s.Data {
					values = append(values, string(v))
				}
			}
		}
	}
	return values
}

// noSecret fails when a text holds a value, however it is written.
func noSecret(t testing.TB, text string, values []string) {
	t.Helper()
	for _, v := range values {
		if len(v) < 6 {
			continue // would be found by chance
		}
		for name, w := range writings(v) {
			if strings.Contains(text, w) {
				i := strings.Index(text, w)
				t.Errorf("the journal holds %q as %s: …%s…", v, name, text[max(0, i-60):min(len(text), i+len(w)+60)])
			}
		}
	}
}

func writings(v string) map[string]string {
	out := map[string]string{
		"text": v, "base64": base64.StdEncoding.EncodeToString([]byte(v)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(v)),
		"env": strings.ReplaceAll(v, "$", "$$"), "query": url.QueryEscape(v), "path": url.PathEscape(v),
	}
	for _, name := range []string{"text", "env"} {
		for range 3 { // JSON within JSON within the journal
			b, _ := json.Marshal(out[name])
			out[name+" in JSON"] = string(b[1 : len(b)-1])
			name += " in JSON"
		}
	}
	return out
}
