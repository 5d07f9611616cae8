package fixes_test

import (
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// edit returns what a person makes of the Deployment as the fix leaves it.
func edit(t *testing.T, obj fixes.Object, replace ...string) (fixes.Object, error) {
	t.Helper()
	text, err := fixes.EditText(obj, hide)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.NewReplacer(replace...).Replace(text)
	if edited == text && len(replace) > 0 {
		t.Fatalf("nothing is replaced in\n%s", text)
	}
	return fixes.ReadEdit(obj, hide, edited)
}

func TestReadEdit(t *testing.T) {
	obj := fixestest.Load(t, amendable).Get(webRef)
	secret := &corev1.Secret{Data: map[string][]byte{"p": []byte("hunter2"), "bin": {0xff, 0}}}
	secret.Namespace, secret.Name = "shop", "web-env"
	for _, c := range []struct {
		name    string
		obj     fixes.Object
		replace []string
		want    string // of the error
		check   func(fixes.Object) bool
	}{
		{name: "nothing", obj: obj, want: fixes.ErrNoEdit.Error()},
		{name: "a masked value left alone", obj: obj, replace: []string{"web:1", "web:2"}, check: func(o fixes.Object) bool {
			c := o.(*appsv1.Deployment).Spec.Template.Spec.Containers
			return c[0].Image == "web:2" && c[0].Env[1].Value == "hunter2"
		}},
		{name: "a masked value replaced", obj: obj, replace: []string{fixes.Mask, "other"}, check: func(o fixes.Object) bool {
			return o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Env[1].Value == "other"
		}},
		{name: "a Secret", obj: secret, replace: []string{"p: " + fixes.Mask, "p: new\n  q: more"}, check: func(o fixes.Object) bool {
			s := o.(*corev1.Secret)
			return string(s.Data["p"]) == "new" && string(s.Data["q"]) == "more" && string(s.Data["bin"]) == "\xff\x00" && len(s.StringData) == 0
		}},
		{name: "a mask in part", obj: obj, replace: []string{fixes.Mask, "x" + fixes.Mask}, want: "env.PASSWORD.value: a mask stands"},
		{name: "a mask moved", obj: obj, replace: []string{"name: PASSWORD", "name: PASS"}, want: "a mask stands only for what it hid"},
		{name: "another name", obj: obj, replace: []string{"name: web\n  namespace", "name: wob\n  namespace"}, want: "metadata.name may not be changed"},
		{name: "another namespace", obj: obj, replace: []string{"namespace: shop", "namespace: pay"}, want: "metadata.namespace may not"},
		{name: "another kind", obj: obj, replace: []string{"kind: Deployment", "kind: DaemonSet"}, want: "kind may not"},
		{name: "another version", obj: obj, replace: []string{"apps/v1", "apps/v2"}, want: "apiVersion may not"},
		{name: "an unknown field", obj: obj, replace: []string{"image: side:1", "imagge: side:1"}, want: `unknown field "spec.template.spec.containers[1].imagge"`},
		{name: "a wrong type", obj: obj, replace: []string{"image: side:1", "image: [side]"}, want: "cannot unmarshal array"},
		{name: "a field twice", obj: obj, replace: []string{"image: side:1", "image: side:1\n        image: side:2"}, want: "already set"},
		{name: "no YAML", obj: obj, replace: []string{"spec:\n  selector", "spec: [\n  selector"}, want: "line"},
		{name: "status", obj: obj, replace: []string{"kind: Deployment", "kind: Deployment\nstatus: {}"}, want: "status is the server's"},
		{name: "uid", obj: obj, replace: []string{"namespace: shop", "namespace: shop\n  uid: u2"}, want: "metadata.uid is the server's"},
		{name: "two objects", obj: obj, replace: []string{"apiVersion: apps/v1", "---\na: b\n---\napiVersion: apps/v1"}, want: "more than one object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := edit(t, c.obj, c.replace...)
			if c.want == "" {
				if err != nil || !c.check(got) {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	for _, text := range []string{"", "# only\n# comments\n", "{}", "\n---\n"} {
		if _, err := fixes.ReadEdit(obj, hide, text); !errors.Is(err, fixes.ErrNoEdit) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestEditStaysHidden demands that a value that was left alone stays masked
// when what told that it is secret goes.
func TestEditStaysHidden(t *testing.T) {
	obj := fixestest.Load(t, amendable).Get(webRef)
	loose := func(o fixes.Object) fixes.Object {
		if o.(*appsv1.Deployment).Spec.Paused {
			return o
		}
		return hide(o)
	}
	text, err := fixes.EditText(obj, loose)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fixes.ReadEdit(obj, loose, strings.Replace(text, "spec:\n", "spec:\n  paused: true\n", 1))
	if err == nil || !strings.Contains(err.Error(), "would not be masked any more") {
		t.Errorf("got %v", err)
	}
}

func FuzzReadEdit(f *testing.F) {
	obj := fixestest.Load(f, amendable).Get(webRef)
	text, err := fixes.EditText(obj, hide)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(strings.Replace(text, "web:1", "web:2", 1))
	f.Add("a: &a [*a]")
	f.Add("- " + fixes.Mask)
	f.Add("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: null")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := fixes.ReadEdit(obj, hide, text)
		if err != nil {
			return
		}
		if fixes.RefOf(got) != webRef {
			t.Errorf("it became %s", fixes.RefOf(got))
		}
		out, err := fixes.EditText(got, hide)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := fixes.ReadEdit(got, hide, out); !errors.Is(err, fixes.ErrNoEdit) {
			t.Errorf("what was written reads as %v, %v", again, err)
		}
		if strings.Contains(out, "hunter2") && !strings.Contains(text, "hunter2") {
			t.Errorf("the secret is shown:\n%s", out)
		}
	})
}
