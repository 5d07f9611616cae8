package fixes_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const amendable = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: u1, generation: 4}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: web:1
        env:
        - {name: LEVEL, value: info}
        - {name: PASSWORD, value: hunter2}
      - name: side
        image: side:1
status: {readyReplicas: 1}
`

// hardening is a rule that finds what its one fix changes, in two containers,
// the pod and a Secret that it creates.
func hardening() *fixes.Rule {
	return &fixes.Rule{ID: "all", Kinds: []fixes.Kind{fixes.KindDeployment, fixes.KindSecret}, Severity: fixes.Low, Check: func(p *fixes.Pass) {
		for _, w := range p.Workloads("") {
			if m := w.Spec.AutomountServiceAccountToken; m != nil && !*m {
				continue
			}
			ref := w.Ref()
			p.Report(fixes.Finding{Object: ref, Path: "spec", Message: "m", Fixes: []fixes.Fix{{
				Title: "do", Confidence: fixes.Safe, Why: "w",
				Edit: func(d *fixes.Draft) error {
					w, err := d.EditWorkload(ref)
					if err != nil {
						return err
					}
					w.Spec.AutomountServiceAccountToken = new(bool)
					for i := range w.Spec.Containers {
						c := &w.Spec.Containers[i]
						c.SecurityContext = &corev1.SecurityContext{Privileged: new(bool)}
						c.Env = slices.DeleteFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "PASSWORD" })
					}
					w.Spec.Containers[0].Env = append(w.Spec.Containers[0].Env, corev1.EnvVar{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{
						SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "web-env"}, Key: "p"}}})
					s := &corev1.Secret{}
					s.Namespace, s.Name, s.Data = "shop", "web-env", map[string][]byte{"p": []byte("hunter2")}
					return d.Create(s)
				},
			}}})
		}
	}}
}

var (
	webRef    = fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: "web"}
	secretRef = fixes.Ref{Kind: fixes.KindSecret, Namespace: "shop", Name: "web-env"}
)

func hide(o fixes.Object) fixes.Object {
	o = o.DeepCopyObject().(fixes.Object)
	if s, ok := o.(*corev1.Secret); ok {
		s.StringData = map[string]string{}
		for k := range s.Data {
			s.StringData[k] = fixes.Mask
		}
		s.Data = nil
	}
	if w, ok := fixes.AsWorkload(o); ok {
		for c := range w.Containers() {
			for i := range c.Env {
				if c.Env[i].Name == "PASSWORD" {
					c.Env[i].Value = strings.ReplaceAll(c.Env[i].Value, "hunter2", fixes.Mask)
				}
			}
		}
	}
	return o
}

// composed returns the plan of the one fix, without some parts of the
// Deployment.
func composed(t *testing.T, leave ...string) *fixes.Plan {
	t.Helper()
	result := fixes.Scan(fixestest.Load(t, amendable), []*fixes.Rule{hardening()})
	choices := fixes.Choose(result.Findings, fixes.Review)
	for _, path := range leave {
		choices[0].Leave = append(choices[0].Leave, fixes.Part{Object: webRef, Path: path})
	}
	plan, err := fixes.Compose(result, choices)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func changeOf(plan *fixes.Plan, ref fixes.Ref) fixes.Change {
	for _, c := range plan.Changes {
		if c.Object == ref {
			return c
		}
	}
	return fixes.Change{}
}

func partsOf(t *testing.T, c fixes.Change) []string {
	t.Helper()
	parts, err := c.Parts()
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

const template = "/spec/template/spec"

var allParts = []string{
	template + "/automountServiceAccountToken",
	template + "/containers/web/env/PASSWORD/value", template + "/containers/web/env/PASSWORD/valueFrom",
	template + "/containers/web/securityContext", template + "/containers/side/securityContext",
}

func TestLeaveParts(t *testing.T) {
	for _, c := range []struct {
		name        string
		leave, want []string
		open        bool
	}{
		{name: "nothing", want: allParts},
		{"a field", allParts[:1], allParts[1:], true},
		{"an element's field", allParts[4:], allParts[:4], false},
		{"deeper than the change", []string{template + "/containers/side/securityContext/privileged"}, allParts[:4], false},
		{"above the change", []string{template + "/containers/web"}, []string{allParts[0], allParts[4]}, false},
		{"where nothing is", []string{template + "/volumes/x/secret", "/metadata/labels/a~1b"}, allParts, false},
		{"all parts", allParts, nil, true},
		{"the whole object", []string{""}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := composed(t, c.leave...)
			got := changeOf(plan, webRef)
			if c.want == nil {
				if got.Action != "" {
					t.Fatalf("the object is changed at %v", partsOf(t, got))
				}
			} else if parts := partsOf(t, got); !slices.Equal(parts, c.want) {
				t.Errorf("changed at %v, want %v", parts, c.want)
			}
			if open := len(plan.LeftOpen) == 1; open != c.open || len(plan.Remaining) != len(plan.LeftOpen) || !plan.Verified {
				t.Errorf("left open %v, remaining %d, verified %v", open, len(plan.Remaining), plan.Verified)
			}
			if c.want != nil && got.Amended != (len(c.leave) > 0) {
				t.Errorf("amended is %v", got.Amended)
			}
			if d, ok := got.After.(*appsv1.Deployment); ok && (d.Status.ReadyReplicas != 1 || d.UID != "u1" || d.Generation != 4) {
				t.Errorf("what the server keeps is lost: %v", d)
			}
		})
	}
}

// TestLeftOutIsNotReferredTo demands that what a plan refers to cannot be left
// out of it alone.
func TestLeftOutIsNotReferredTo(t *testing.T) {
	result := fixes.Scan(fixestest.Load(t, amendable), []*fixes.Rule{hardening()})
	choices := fixes.Choose(result.Findings, fixes.Review)
	choices[0].Leave = []fixes.Part{{Object: secretRef}}
	if _, err := fixes.Compose(result, choices); err == nil || !strings.Contains(err.Error(), "Deployment shop/web would refer to Secret shop/web-env") {
		t.Errorf("got %v", err)
	}
	choices[0].Leave = append(choices[0].Leave, fixes.Part{Object: webRef, Path: template + "/containers/web/env"})
	plan, err := fixes.Compose(result, choices)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Changes) != 1 || changeOf(plan, secretRef).Action != "" {
		t.Errorf("%d changes", len(plan.Changes))
	}
}

func TestAmendment(t *testing.T) {
	result := fixes.Scan(fixestest.Load(t, amendable), []*fixes.Rule{hardening()})
	choices := fixes.Choose(result.Findings, fixes.Review)
	plan, err := fixes.Compose(result, choices)
	if err != nil {
		t.Fatal(err)
	}
	from := changeOf(plan, webRef).After
	to, err := edit(t, from, "image: side:1", "image: side:2", "automountServiceAccountToken: false", "automountServiceAccountToken: true")
	if err != nil {
		t.Fatal(err)
	}
	a := fixes.Amendment{Object: webRef, From: from, To: to}
	amended, err := fixes.Compose(result, choices, a)
	if err != nil {
		t.Fatal(err)
	}
	c := changeOf(amended, webRef)
	if !c.Amended || !slices.Contains(partsOf(t, c), template+"/containers/side/image") || len(amended.LeftOpen) != 1 || !amended.Verified {
		t.Errorf("amended %v at %v, %d left open, verified %v", c.Amended, partsOf(t, c), len(amended.LeftOpen), amended.Verified)
	}
	if d := c.After.(*appsv1.Deployment); d.Status.ReadyReplicas != 1 || d.UID != "u1" {
		t.Errorf("what the server keeps is lost: %v", d)
	}
	// A part that is left out afterwards does not lose the edit.
	choices[0].Leave = []fixes.Part{{Object: webRef, Path: allParts[4]}}
	if amended, err = fixes.Compose(result, choices, a); err != nil {
		t.Fatal(err)
	}
	if got := partsOf(t, changeOf(amended, webRef)); slices.Contains(got, allParts[4]) || !slices.Contains(got, template+"/containers/side/image") {
		t.Errorf("changed at %v", got)
	}
	// What was edited is not there any more.
	choices[0].Leave = []fixes.Part{{Object: webRef, Path: allParts[0]}}
	if _, err = fixes.Compose(result, choices, a); err == nil || !strings.Contains(err.Error(), "spec.template.spec.automountServiceAccountToken") {
		t.Errorf("got %v", err)
	}
	// An edit stands by itself too.
	alone, err := fixes.Compose(result, nil, fixes.Amendment{Object: webRef, From: result.Inventory.Get(webRef), To: to})
	if err != nil || len(alone.Changes) != 1 || len(alone.Changes[0].Fixes) != 0 {
		t.Errorf("%v, %v", alone, err)
	}
}

func TestLines(t *testing.T) {
	c := changeOf(composed(t), webRef)
	lines, err := c.Lines(hide)
	if err != nil {
		t.Fatal(err)
	}
	parts := partsOf(t, c)
	seen := map[string]bool{}
	for _, l := range lines {
		if strings.Contains(l.Text, "hunter2") {
			t.Errorf("line %q", l.Text)
		}
		if l.Sign == ' ' {
			continue
		}
		one := false
		for _, p := range parts {
			if fixes.Touches(l.Path, p) {
				one, seen[p] = true, true
			}
		}
		if !one {
			t.Errorf("%c%s at %q is of no part", l.Sign, l.Text, l.Path)
		}
	}
	if len(seen) != len(parts) {
		t.Errorf("seen %v of %v", seen, parts)
	}
	text, err := c.Diff(hide, -1)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Join(strings.Split(text, "\n")[3:], "\n")
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(string(l.Sign) + l.Text + "\n")
	}
	if b.String() != body {
		t.Errorf("lines:\n%s\ndiff:\n%s", b.String(), body)
	}
}

func TestHidden(t *testing.T) {
	c := fixes.Change{Action: fixes.Patch, Object: webRef, After: fixestest.Load(t, amendable).Get(webRef)}
	paths, err := c.Hidden(hide)
	want := "spec.template.spec.containers.web.env.PASSWORD.value"
	if err != nil || !slices.Equal(paths, []string{want}) {
		t.Fatalf("%v, %v", paths, err)
	}
	if v, err := c.Reveal(hide, want); v != "hunter2" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if v, err := c.Reveal(hide, "spec.template.spec.containers.web.env.LEVEL.value"); v != "" || err == nil {
		t.Errorf("%q is revealed though nothing hides it", v)
	}
	s := changeOf(composed(t), secretRef)
	if paths, err = s.Hidden(hide); err != nil || !slices.Equal(paths, []string{"data.p"}) {
		t.Errorf("%v, %v", paths, err)
	}
}
