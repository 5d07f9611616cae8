package journal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

const password = "Tr0ub4dor&3-horse"

// unsealed seals changes and unseals them in a cluster.
func unsealed(t *testing.T, changes []fixes.Change, c cluster) ([]fixes.Change, []string) {
	t.Helper()
	sealed, _ := written(t, changes)
	got, lost, err := journal.Unseal(t.Context(), sealed, c.read)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, l := range lost {
		paths = append(paths, fmt.Sprintf("%d %s %s", l.Change, l.Object, l.Path))
	}
	return got, paths
}

func env(obj fixes.Object) []string {
	var out []string
	for _, e := range container(obj.(*appsv1.Deployment)).Env {
		if e.ValueFrom != nil {
			out = append(out, e.Name+" from "+e.ValueFrom.SecretKeyRef.Key)
		} else {
			out = append(out, e.Name+"="+e.Value)
		}
	}
	return out
}

// TestLost deletes the Secret that a run made: its values are nowhere any more.
// The change then leaves all that has to do with them alone, and still does the
// rest.
func TestLost(t *testing.T) {
	vars := []string{"LOG", "info", "DB_PASSWORD", password, "DATABASE_URL", "postgres://$(USER):Qx7-vT2pL9@db/shop"}
	changes := fixed(t, deployment(vars...))
	c := after(changes, len(changes))
	delete(c, changes[0].Object)
	got, lost := unsealed(t, changes, c)
	want := []string{
		"0 Secret shop/web-env data.DATABASE_URL_CREDENTIAL", "0 Secret shop/web-env data.DB_PASSWORD",
		"1 Deployment shop/web spec.template.spec.containers[0].env[1].value",
		"1 Deployment shop/web spec.template.spec.containers[0].env[2].value",
	}
	if !slices.Equal(lost, want) {
		t.Errorf("lost:\n%s", strings.Join(lost, "\n"))
	}
	if b, a := env(got[1].Before), env(got[1].After); !slices.Equal(b, a) || !slices.Contains(a, "DB_PASSWORD from DB_PASSWORD") {
		t.Errorf("the environment is changed from %q to %q", b, a)
	}
	if got[1].Before.(*appsv1.Deployment).Spec.Template.Spec.SecurityContext != nil ||
		got[1].After.(*appsv1.Deployment).Spec.Template.Spec.SecurityContext == nil {
		t.Error("the rest of the change is lost with it")
	}
}

// TestLostInPlaces loses values in other kinds of places.
func TestLostInPlaces(t *testing.T) {
	before := deployment()
	before.Annotations = map[string]string{"example.com/db-password": password, "kept": "x"}
	container(before).Args = []string{"--a", "--password=" + password}
	before.Spec.Template.Spec.NodeSelector = map[string]string{"pool": "a"}
	gone := patch(before, func(d *appsv1.Deployment) {
		delete(d.Annotations, "example.com/db-password")
		container(d).Args = []string{"--a", "--b"}
		d.Spec.Template.Spec.NodeSelector["pool"] = "b"
	})
	got, lost := unsealed(t, []fixes.Change{gone}, cluster{gone.Object: gone.After})
	want := []string{
		"0 Deployment shop/web spec.template.spec.containers[0].args[1]",
		`0 Deployment shop/web metadata.annotations["example.com/db-password"]`,
	}
	slices.Sort(lost)
	slices.Sort(want)
	if !slices.Equal(lost, want) {
		t.Errorf("lost %q", lost)
	}
	// All is as it is after the change, but for what is not lost.
	expected := gone.After.(*appsv1.Deployment).DeepCopy()
	expected.Spec.Template.Spec.NodeSelector["pool"] = "a"
	same(t, got, []fixes.Change{{Action: fixes.Patch, Object: gone.Object, Before: expected, After: gone.After}})
	// Before the change is made, all is there.
	got, lost = unsealed(t, []fixes.Change{gone}, cluster{gone.Object: gone.Before})
	if len(lost) > 0 {
		t.Errorf("lost %q", lost)
	}
	same(t, got, []fixes.Change{gone})
	// To undo it is to be told what is gone: nothing can bring it back.
	back := inverse([]fixes.Change{gone})
	if got, lost = unsealed(t, back, cluster{gone.Object: gone.After}); len(lost) != 2 {
		t.Errorf("lost %q", lost)
	}
	same(t, got, []fixes.Change{{Action: fixes.Patch, Object: gone.Object, Before: gone.After, After: expected}})
}

// TestChangedSince unseals in a cluster that others have changed.
func TestChangedSince(t *testing.T) {
	changes := fixed(t, deployment("LOG", "info", "DB_PASSWORD", "t0p$$ecret-9Kx", "DATABASE_URL", "postgres://$(USER):Qx7-vT2pL9@db/shop"))
	literal := func(got []fixes.Change, want ...string) {
		t.Helper()
		if e := env(got[1].Before); !slices.Equal(e, want) {
			t.Errorf("before: %q\nwant %q", e, want)
		}
	}
	t.Run("the Secret's values", func(t *testing.T) {
		c := after(changes, len(changes))
		s := c[changes[0].Object].DeepCopyObject().(*corev1.Secret)
		s.Data["DB_PASSWORD"] = []byte("new$one")
		c[changes[0].Object] = s
		got, lost := unsealed(t, changes, c)
		literal(got, "LOG=info", "DB_PASSWORD=new$$one", "DATABASE_URL=postgres://$(USER):Qx7-vT2pL9@db/shop")
		if len(lost) > 0 {
			t.Errorf("lost %q", lost)
		}
	})
	t.Run("the order of variables", func(t *testing.T) {
		// Not written yet: the values stand in the environment only, at another
		// place than before.
		d := changes[1].Before.(*appsv1.Deployment).DeepCopy()
		c := container(d)
		c.Env = slices.Insert(c.Env, 0, corev1.EnvVar{Name: "ADDED", Value: "x"})
		slices.Reverse(c.Env[1:])
		d.Spec.Template.Spec.Containers = slices.Insert(d.Spec.Template.Spec.Containers, 0, corev1.Container{Name: "sidecar", Env: []corev1.EnvVar{{Name: "DB_PASSWORD", Value: "another"}}})
		got, lost := unsealed(t, changes, cluster{changes[1].Object: d})
		same(t, got[:2], changes[:2])
		if len(lost) > 0 {
			t.Errorf("lost %q", lost)
		}
	})
	t.Run("a value that also stays", func(t *testing.T) {
		// The same password in an argument, which no change moves, is not replaced
		// by the Secret's new one.
		d := deployment("DB_PASSWORD", password)
		container(d).Args = []string{"--password", password}
		inv := fixes.NewInventory()
		inv.Add(d)
		changes := plan(t, inv, "args-secret")
		c := after(changes, len(changes))
		s := c[changes[0].Object].DeepCopyObject().(*corev1.Secret)
		s.Data["DB_PASSWORD"] = []byte("s3cr3t-and-new")
		c[changes[0].Object] = s
		got, _ := unsealed(t, changes, c)
		for _, obj := range []fixes.Object{got[1].Before, got[1].After} {
			if args := container(obj.(*appsv1.Deployment)).Args; args[1] != password {
				t.Errorf("arguments %q", args)
			}
		}
	})
	t.Run("an object that goes", func(t *testing.T) {
		// What it holds is what it is to be deleted with, whatever the Secret holds.
		d := deployment("DB_PASSWORD", password)
		label := patch(secret("db", map[string][]byte{"k": []byte(password)}), func(s *corev1.Secret) { s.Labels = map[string]string{"a": "b"} })
		gone := fixes.Change{Action: fixes.Delete, Object: fixes.RefOf(d), Before: d}
		rotated := label.Before.DeepCopyObject().(*corev1.Secret)
		rotated.Data["k"] = []byte("s3cr3t-and-new")
		got, _ := unsealed(t, []fixes.Change{label, gone}, cluster{label.Object: rotated, gone.Object: d})
		same(t, got[1:], []fixes.Change{gone})
	})
	t.Run("a Secret elsewhere", func(t *testing.T) {
		// It holds the very literal, as another value; it has nothing to do with it.
		other := secret("other", map[string][]byte{"k": []byte("t0p$$ecret-9Kx")})
		other.Namespace = "aa"
		label := patch(other, func(s *corev1.Secret) { s.Labels = map[string]string{"a": "b"} })
		all := append([]fixes.Change{label}, changes...)
		c := after(all, len(all))
		rotated := other.DeepCopy()
		rotated.Data["k"] = []byte("s3cr3t-and-new")
		c[label.Object] = rotated
		got, lost := unsealed(t, all, c)
		same(t, got[1:], changes)
		if len(lost) > 0 {
			t.Errorf("lost %q", lost)
		}
	})
	t.Run("a part of the change", func(t *testing.T) {
		// The variable is as after the change, though the Secret is not there.
		d := changes[1].Before.(*appsv1.Deployment).DeepCopy()
		container(d).Env = container(changes[1].After.(*appsv1.Deployment)).Env
		_, lost := unsealed(t, changes, cluster{changes[1].Object: d})
		if len(lost) != 4 {
			t.Errorf("lost %q", lost)
		}
	})
}

// TestWords: a password that is also the name of a program is not written into
// an image when it is changed.
func TestWords(t *testing.T) {
	d := deployment("POSTGRES_PASSWORD", "postgres")
	container(d).Image = "docker.io/library/postgres:16"
	d.Spec.Template.Labels["app"] = "postgres"
	s := secret("web-env", map[string][]byte{"POSTGRES_PASSWORD": []byte("postgres")})
	s.UID, s.ResourceVersion = "", ""
	changes := []fixes.Change{
		{Action: fixes.Create, Object: fixes.RefOf(s), After: s},
		patch(d, func(d *appsv1.Deployment) {
			container(d).Env[0] = corev1.EnvVar{Name: "POSTGRES_PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: "web-env"}, Key: "POSTGRES_PASSWORD"}}}
			container(d).Image += "@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"
		}),
	}
	bothWays(t, changes)
	c := after(changes, 2)
	rotated := s.DeepCopy()
	rotated.Data["POSTGRES_PASSWORD"] = []byte("s3cr3t-and-new")
	c[changes[0].Object] = rotated
	got, _ := unsealed(t, changes, c)
	if image := container(got[1].Before.(*appsv1.Deployment)).Image; image != "docker.io/library/postgres:16" {
		t.Errorf("the image before is %q", image)
	}
	if e := env(got[1].Before); e[0] != "POSTGRES_PASSWORD=s3cr3t-and-new" {
		t.Errorf("the variable before is %q", e)
	}
}

// TestReads: an object is read once, and only where a secret is looked for; who
// may not read it goes to the next place.
func TestReads(t *testing.T) {
	first, second := deployment("DB_PASSWORD", password), deployment("DB_PASSWORD", password)
	second.Name, second.UID = "worker", "u9"
	quiet := deployment("LOG", "info")
	quiet.Name = "quiet"
	changes := fixed(t, first, second, quiet)
	sealed, _ := written(t, changes)
	made := after(changes, len(changes))
	reads := map[fixes.Ref]int{}
	count := func(ctx context.Context, ref fixes.Ref) (fixes.Object, error) {
		reads[ref]++
		return made.read(ctx, ref)
	}
	if _, _, err := journal.Unseal(t.Context(), sealed, count); err != nil {
		t.Fatal(err)
	}
	if len(reads) != 1 || reads[changes[0].Object] != 1 {
		t.Errorf("reads: %v", reads)
	}
	made = after(changes, 1) // the Secret is there, but not for everybody
	forbidden := func(ctx context.Context, ref fixes.Ref) (fixes.Object, error) {
		if ref.Kind == fixes.KindSecret {
			return nil, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, ref.Name, errors.New("no"))
		}
		return made.read(ctx, ref)
	}
	got, lost, err := journal.Unseal(t.Context(), sealed, forbidden)
	if err != nil || len(lost) > 0 {
		t.Error(err, lost)
	}
	same(t, got, changes)
	broken := errors.New("connection refused")
	_, _, err = journal.Unseal(t.Context(), sealed, func(context.Context, fixes.Ref) (fixes.Object, error) { return nil, broken })
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "read Secret shop/web-env: ") {
		t.Errorf("error: %v", err)
	}
}

// TestAmbiguous: a place that may hold either of two secrets is no source.
func TestAmbiguous(t *testing.T) {
	change := patch(deployment("DB_PASSWORD", password), func(d *appsv1.Deployment) { container(d).Env[0].Value = "Qx7-vT2pL9zR4" })
	got, lost := unsealed(t, []fixes.Change{change}, cluster{change.Object: change.After})
	if len(lost) != 1 {
		t.Errorf("lost %q", lost)
	}
	if b, a := env(got[0].Before), env(got[0].After); !slices.Equal(b, a) {
		t.Errorf("changed from %q to %q", b, a)
	}
	// A reference to a variable is not taken for the password that it stands for,
	// though another secret stands beside it both before and after.
	beside := fixed(t, deployment("DB_PASSWORD", "Qx7-vT2pL9zR4", "DATABASE_URL", "postgres://$(DB_USER):Tr0ub4dor-3@db/Qx7-vT2pL9zR4"))
	c := after(beside, len(beside))
	delete(c, beside[0].Object)
	if _, lost = unsealed(t, beside, c); !slices.Contains(lost, "0 Secret shop/web-env data.DATABASE_URL_CREDENTIAL") {
		t.Errorf("lost %q", lost)
	}
	// Where the texts around tell them apart, it is one.
	url := patch(deployment("DATABASE_URL", "http://u:"+password+"@db/x"), func(d *appsv1.Deployment) {
		container(d).Env[0].Value = "https://u:" + password + "@db/x"
	})
	bothWays(t, []fixes.Change{url}, password)
}

// TestIdentity: what guards a change comes back with it, and what tells what
// the author of a pod wrote, where that is to be created again.
func TestIdentity(t *testing.T) {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "job", UID: "u5", ResourceVersion: "12", Generation: 3,
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:nodeName":{}}}`)}}},
		Spec: corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Name: "main", Env: []corev1.EnvVar{{Name: "DB_PASSWORD", Value: password}}}}},
	}
	change := patch(pod, func(p *corev1.Pod) { p.Spec.HostNetwork = true })
	change.Action = fixes.Recreate
	change.Fixes = []*fixes.Finding{{Rule: &fixes.Rule{ID: "b"}}, {Rule: &fixes.Rule{ID: "a"}}, {Rule: &fixes.Rule{ID: "b"}}}
	got, _ := unsealed(t, []fixes.Change{change}, cluster{change.Object: pod})
	same(t, got, []fixes.Change{change})
	for _, obj := range []fixes.Object{got[0].Before, got[0].After} {
		if f := obj.GetManagedFields(); len(f) != 1 || f[0].FieldsV1.GetRawString() != `{"f:spec":{"f:nodeName":{}}}` {
			t.Errorf("managed fields: %v", f)
		}
	}
	sealed, err := journal.Seal([]fixes.Change{change}, secrets.Redact)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b"}; !slices.Equal(sealed[0].Rules, want) {
		t.Errorf("rules %q", sealed[0].Rules)
	}
}

// TestUnsealRefuses journals that somebody else has written.
func TestUnsealRefuses(t *testing.T) {
	ref := fixes.Ref{Kind: fixes.KindSecret, Namespace: "shop", Name: "source"}
	source := secret("source", map[string][]byte{"k": []byte(strings.Repeat("x", 1000))})
	sealed, err := journal.Seal([]fixes.Change{{Action: fixes.Create, Object: ref, After: source}}, secrets.Redact)
	if err != nil {
		t.Fatal(err)
	}
	object := journal.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: "x"}
	doc := func(at string, parts ...journal.Part) *journal.Doc {
		return &journal.Doc{
			Object:  map[string]any{"metadata": map[string]any{"name": "x"}, "a": "", "s": []any{""}},
			Secrets: []journal.Hidden{{At: at, Parts: parts}},
		}
	}
	found := func(encoding ...string) journal.Part { return journal.Part{Secret: 1, Encoding: encoding} }
	for want, c := range map[string]journal.Change{
		`no kind "Widget" is known in version "v1"`:               {Object: journal.ObjectRef{APIVersion: "v1", Kind: "Widget"}},
		`no kind "Deployment" is known in version "apps/v1beta1"`: {Object: journal.ObjectRef{APIVersion: "apps/v1beta1", Kind: "Deployment"}},
		"unexpected GroupVersion string":                          {Object: journal.ObjectRef{APIVersion: "a/b/c", Kind: "Deployment"}},
		"no string at /b":                                         {Object: object, Before: doc("/b")},
		"no string at ":                                           {Object: object, Before: doc("")},
		"no string at a":                                          {Object: object, Before: doc("a")},
		"no string at /s/7":                                       {Object: object, Before: doc("/s/7")},
		"no string at /s/-1":                                      {Object: object, Before: doc("/s/-1")},
		`s[0]: unknown encoding "rot13"`:                          {Object: object, Before: doc("/s/0", found("rot13"))},
		"a: 4 encodings":                                          {Object: object, Before: doc("/a", found("env", "env", "env", "env"))},
		"a: larger than an object can be":                         {Object: object, Before: doc("/a", slices.Repeat([]journal.Part{found()}, 1<<15)...)},
		"decode Namespace x: it holds Namespace ":                 {Object: object, After: &journal.Doc{}},
		"decode Namespace x: cannot restore struct":               {Object: object, After: &journal.Doc{Object: map[string]any{"metadata": "x"}}},
	} {
		_, _, err := journal.Unseal(t.Context(), append([]journal.Change{c}, sealed...), cluster{ref: source}.read)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
