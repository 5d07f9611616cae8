package fixes_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"web", "web", true},
		{"web", "web-1", false},
		{"", "", true},
		{"*", "", true},
		{"*", "anything/at.all[0]", true},
		{"web-*", "web-1", true},
		{"web-*", "web", false},
		{"*-secret", "env-secret", true},
		{"*-secret", "env-secrets", false},
		{"a*b*c", "abc", true},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "acb", false},
		{"*a*a", "a", false},
		{"aa*a", "aa", false},
		{"**", "x", true},
		{"spec.containers[*].env[0]", "spec.containers[3].env[0]", true},
		{"[a-z]", "a", false}, // no class of characters
		{"?", "x", false},
	} {
		if got := fixes.Matches(c.pattern, c.text); got != c.want {
			t.Errorf("%q of %q: %v", c.pattern, c.text, got)
		}
	}
}

const ignoreShop = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec: {hostPID: true, containers: [{name: web, image: x}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: pay}
spec:
  template:
    spec: {hostPID: true, containers: [{name: api, image: x}]}
`

// ignoreRules finds pods in their hosts' namespaces, and all Namespaces.
func ignoreRules() []*fixes.Rule {
	return []*fixes.Rule{{
		ID: "host-pid", Category: fixes.PodSecurity, Severity: fixes.High, Kinds: fixes.WorkloadKinds(),
		Check: func(p *fixes.Pass) {
			for _, w := range p.Workloads("") {
				if !w.Spec.HostPID {
					continue
				}
				ref := w.Ref()
				p.Report(fixes.Finding{Object: ref, Path: w.SpecPath + ".hostPID", Message: "It sees its host.", Fixes: []fixes.Fix{{
					Title: "Take it away", Confidence: fixes.Safe, Edit: func(d *fixes.Draft) error {
						w, err := d.EditWorkload(ref)
						if err == nil {
							w.Spec.HostPID = false
						}
						return err
					}}}})
			}
		},
	}, {
		ID: "ns-open", Category: fixes.Network, Severity: fixes.Low, Kinds: []fixes.Kind{fixes.KindNamespace},
		Check: func(p *fixes.Pass) {
			for _, ns := range p.List(fixes.KindNamespace) {
				p.Report(fixes.Finding{Object: fixes.RefOf(ns), Path: "metadata.name", Message: "It is open."})
			}
		},
	}}
}

var ignoreDay = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func day(s string) time.Time {
	d, err := fixes.ParseDay(s)
	if err != nil {
		panic(err)
	}
	return d
}

// told writes the findings of a result, what hides the hidden ones, and the
// notes of the others.
func told(r *fixes.Result) string {
	var out []string
	for _, f := range r.Findings {
		line := f.Rule.ID + " " + f.Object.NamespacedName()
		if f.Note != "" {
			line += " (" + f.Note + ")"
		}
		out = append(out, line)
	}
	for _, s := range r.Suppressed {
		out = append(out, "-"+s.Rule.ID+" "+s.Object.NamespacedName()+" by "+s.By.At)
	}
	return strings.Join(out, "\n")
}

func TestIgnoreSelects(t *testing.T) {
	result := fixes.Scan(fixestest.Load(t, ignoreShop), ignoreRules())
	all := []string{"host-pid pay/api", "host-pid shop/web", "ns-open shop"}
	web := result.Findings[1].Fingerprint
	for _, c := range []struct {
		name   string
		ignore fixes.Ignore
		hidden []string
	}{
		{"a rule", fixes.Ignore{Rules: []string{"host-pid"}}, all[:2]},
		{"rules by a pattern", fixes.Ignore{Rules: []string{"x", "host-*"}}, all[:2]},
		{"a namespace, with itself", fixes.Ignore{Namespace: "shop"}, all[1:]},
		{"namespaces", fixes.Ignore{Rules: []string{"*"}, Namespace: "p*"}, all[:1]},
		{"a kind", fixes.Ignore{Kind: "deployment"}, all[:2]},
		{"another kind", fixes.Ignore{Kind: "Pod"}, nil},
		{"a name", fixes.Ignore{Name: "web"}, all[1:2]},
		{"a path", fixes.Ignore{Path: "spec.template.*"}, all[:2]},
		{"a fingerprint", fixes.Ignore{Fingerprints: []string{"0", web}}, all[1:2]},
		{"all must fit", fixes.Ignore{Rules: []string{"ns-open"}, Fingerprints: []string{web}}, nil},
		{"to its last day", fixes.Ignore{Name: "web", Expires: day("2026-11-24")}, all[1:2]},
		{"not after it", fixes.Ignore{Name: "web", Expires: day("2026-11-23")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.ignore.At = "f:1"
			got := result.Ignore([]fixes.Ignore{c.ignore}, ignoreDay)
			var hidden []string
			for _, s := range got.Suppressed {
				hidden = append(hidden, s.Rule.ID+" "+s.Object.NamespacedName())
			}
			if !slices.Equal(hidden, c.hidden) || len(got.Findings)+len(hidden) != len(all) {
				t.Errorf("hides %q, want %q; left:\n%s", hidden, c.hidden, told(got))
			}
			if again := got.Ignore(nil, ignoreDay); told(again) != told(result) {
				t.Errorf("without it:\n%s", told(again))
			}
		})
	}
}

func TestIgnoreThatHasEnded(t *testing.T) {
	result := fixes.Scan(fixestest.Load(t, ignoreShop), ignoreRules())
	ended := fixes.Ignore{Rules: []string{"ns-open"}, At: "f:7", Expires: day("2026-11-01")}
	got := result.Ignore([]fixes.Ignore{ended}, ignoreDay)
	if !strings.Contains(told(got), "ns-open shop (the ignore of f:7 ended on 2026-11-01)") {
		t.Errorf("got:\n%s", told(got))
	}
	if result.Findings[2].Note != "" {
		t.Error("the finding itself was changed")
	}
	renewed := ended
	renewed.Expires = day("2026-12-31")
	if got := got.Ignore([]fixes.Ignore{ended, renewed}, ignoreDay); len(got.Suppressed) != 1 || got.Suppressed[0].Note != "" {
		t.Errorf("renewed:\n%s", told(got))
	}
}

func TestIgnoreAnnotations(t *testing.T) {
	const pod = "\n    spec: {hostPID: true, containers: [{name: c, image: x}]}\n"
	deployment := func(annotations, template string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, uid: u1, annotations: {" + annotations + "}}\n" +
			"spec:\n  template:\n    metadata: {annotations: {" + template + "}}" + pod
	}
	const (
		rule, globs = "kubectl-harden.dev/ignore: host-pid", `kubectl-harden.dev/ignore: "x, host-*"`
		reason      = "kubectl-harden.dev/ignore-reason: needs it"
		until       = "kubectl-harden.dev/ignore-until: "
		shown       = "host-pid shop/web"
	)
	for _, c := range []struct{ name, objects, want string }{
		{"on the object", deployment(rule+", "+reason, ""), "-" + shown + " by Deployment shop/web (annotation)"},
		{"by a pattern", deployment(globs+", "+reason, ""), "-" + shown + " by Deployment shop/web (annotation)"},
		{"on the pod template", deployment("", rule+", "+reason), "-" + shown + " by Deployment shop/web (annotation of its pod template)"},
		{"of another rule", deployment("kubectl-harden.dev/ignore: ns-open, "+reason, ""), shown},
		{"to its last day", deployment(rule+", "+reason+", "+until+`"2026-11-24"`, ""), "-" + shown + " by Deployment shop/web (annotation)"},
		{"not after it", deployment(rule+", "+reason+", "+until+`"2026-11-23"`, ""),
			shown + " (the ignore of Deployment shop/web (annotation) ended on 2026-11-23)"},
		{"without a reason", deployment(globs, ""),
			shown + " (the ignore of Deployment shop/web (annotation) does not count: it gives no reason (kubectl-harden.dev/ignore-reason))"},
		{"with no date", deployment(rule+", "+reason+", "+until+`"soon\e[31m"`, ""),
			shown + ` (the ignore of Deployment shop/web (annotation) does not count: kubectl-harden.dev/ignore-until: "soon\x1b[31m" is no date; write one as 2027-01-31, or never)`},
		{"of no rule", deployment(`kubectl-harden.dev/ignore: " , "`+", "+reason, ""), shown},
		{"on a Namespace, for itself alone",
			"apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, annotations: {kubectl-harden.dev/ignore: \"*\", " + reason + "}}\n---\n" + deployment("", ""),
			shown + "\n-ns-open shop by Namespace shop (annotation)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := told(fixes.Scan(fixestest.Load(t, c.objects), ignoreRules()).Ignore(nil, ignoreDay))
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if strings.ContainsAny(got, "\x1b") {
				t.Error("a control character passes")
			}
		})
	}
}

// TestIgnoreAnnotationOfTheOwner takes the annotation of what controls the
// object of a finding.
func TestIgnoreAnnotationOfTheOwner(t *testing.T) {
	inv := fixestest.Load(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d1, annotations: {kubectl-harden.dev/ignore: old, kubectl-harden.dev/ignore-reason: kept for a rollback}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-1, namespace: shop, uid: r1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d1, controller: true}]}
`)
	rules := []*fixes.Rule{{ID: "old", Severity: fixes.Low, Kinds: fixes.WorkloadKinds(), Check: func(p *fixes.Pass) {
		for _, rs := range p.List(fixes.KindReplicaSet) {
			p.Report(fixes.Finding{Object: fixes.RefOf(rs), Path: "spec"})
		}
	}}}
	if got := told(fixes.Scan(inv, rules).Ignore(nil, ignoreDay)); got != "-old shop/web-1 by Deployment shop/web (annotation)" {
		t.Errorf("got %s", got)
	}
}

// TestIgnoreAndPlans demands that a plan neither leaves nor brings what is
// ignored, and still is not verified when it leaves what it was to fix.
func TestIgnoreAndPlans(t *testing.T) {
	rules := append(ignoreRules(), &fixes.Rule{ID: "brought", Severity: fixes.Low, Kinds: fixes.WorkloadKinds(), Check: func(p *fixes.Pass) {
		for _, w := range p.Workloads("") {
			if !w.Spec.HostPID { // a fix of host-pid brings it
				p.Report(fixes.Finding{Object: w.Ref(), Path: "spec"})
			}
		}
	}})
	result := fixes.Scan(fixestest.Load(t, ignoreShop), rules)
	ids := func(list []*fixes.Finding) (out []string) {
		for _, f := range list {
			out = append(out, f.Rule.ID+" "+f.Object.NamespacedName())
		}
		return out
	}
	for _, c := range []struct {
		rules          []string
		remaining, new []string
	}{
		{nil, []string{"host-pid pay/api", "brought shop/web", "ns-open shop"}, []string{"brought shop/web"}},
		{[]string{"brought"}, []string{"host-pid pay/api", "ns-open shop"}, nil},
		{[]string{"host-pid", "ns-open", "brought"}, nil, nil},
	} {
		judged := result
		if c.rules != nil {
			judged = result.Ignore([]fixes.Ignore{{Rules: c.rules, Reason: "x"}}, ignoreDay)
		}
		plan, err := fixes.Compose(judged, []fixes.Choice{{Finding: result.Findings[1], Fix: result.Findings[1].Fix()}})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ids(plan.Remaining), c.remaining) || !slices.Equal(ids(plan.New), c.new) || plan.Verified != (c.new == nil) {
			t.Errorf("ignoring %q: remaining %q, new %q, verified %v", c.rules, ids(plan.Remaining), ids(plan.New), plan.Verified)
		}
	}
	stubborn := *result.Findings[1]
	stubborn.Fixes = []fixes.Fix{{Title: "Do nothing", Confidence: fixes.Safe, Edit: func(*fixes.Draft) error { return nil }}}
	ignored := result.Ignore([]fixes.Ignore{{Rules: []string{"*"}}}, ignoreDay)
	plan, err := fixes.Compose(ignored, []fixes.Choice{{Finding: &stubborn, Fix: stubborn.Fix()}})
	if err != nil || plan.Verified || len(plan.Unfixed) != 1 {
		t.Errorf("what was to be fixed and is there: %v, verified %v", err, plan.Verified)
	}
}

// TestIgnoreSurvivesDecisions demands that what is ignored stays so when the
// user decides about connections.
func TestIgnoreSurvivesDecisions(t *testing.T) {
	rules := ignoreRules()
	rules[1].Connections = true
	result := fixes.Scan(fixestest.Load(t, ignoreShop), rules).Ignore([]fixes.Ignore{{Namespace: "shop", At: "f:1"}}, ignoreDay)
	if got := result.Decide([]fixes.Decision{{Keep: true}}); told(got) != told(result) || len(got.Suppressed) != 2 {
		t.Errorf("got:\n%s\nwant:\n%s", told(got), told(result))
	}
}

func TestUnusedIgnores(t *testing.T) {
	all := append(ignoreRules(),
		&fixes.Rule{ID: "asked-for", Option: "x", Check: func(*fixes.Pass) {}},
		&fixes.Rule{ID: "host-ipc", Kinds: fixes.WorkloadKinds(), Check: func(*fixes.Pass) {}},
		&fixes.Rule{ID: "image-old", Kinds: []fixes.Kind{fixes.KindImage}, Check: func(*fixes.Pass) {}},
		&fixes.Rule{ID: "flags", Unseen: func(*fixes.Inventory) []fixes.Skip { return []fixes.Skip{{Resource: "flags"}} }, Check: func(*fixes.Pass) {}})
	ran := slices.DeleteFunc(slices.Clone(all), func(r *fixes.Rule) bool { return r.Option != "" })
	for _, c := range []struct {
		name   string
		ignore fixes.Ignore
		change func(*fixes.Inventory)
		rules  []*fixes.Rule
		unused bool
	}{
		{"used", fixes.Ignore{Rules: []string{"host-pid"}}, nil, ran, false},
		{"of an object that is gone", fixes.Ignore{Rules: []string{"host-pid"}, Name: "gone"}, nil, ran, true},
		{"of a rule without findings", fixes.Ignore{Rules: []string{"host-ipc"}}, nil, ran, true},
		{"used by one rule of several", fixes.Ignore{Rules: []string{"host-*"}}, nil, ran, false},
		{"of a rule that was not checked", fixes.Ignore{Rules: []string{"host-ipc"}}, nil, ran[:2], false},
		{"of a rule that is checked when asked for", fixes.Ignore{Rules: []string{"asked-for"}}, nil, ran, false},
		{"of a rule that there is not", fixes.Ignore{Rules: []string{"nosuch"}}, nil, ran, false},
		{"of a rule that sees facts when asked for", fixes.Ignore{Rules: []string{"image-old"}}, nil, ran, false},
		{"of a rule that could not see", fixes.Ignore{Rules: []string{"flags"}}, nil, ran, false},
		{"of what may not be listed", fixes.Ignore{Rules: []string{"host-pid"}, Name: "gone"}, func(inv *fixes.Inventory) {
			inv.Skip(fixes.Skip{Resource: "pods", Namespace: "other", Reason: "forbidden"})
		}, ran, false},
		{"in another namespace than the one scanned", fixes.Ignore{Rules: []string{"host-ipc"}, Namespace: "pay"}, func(inv *fixes.Inventory) { inv.Namespace = "shop" }, ran, false},
		{"in the one scanned", fixes.Ignore{Rules: []string{"host-ipc"}, Namespace: "shop"}, func(inv *fixes.Inventory) { inv.Namespace = "shop" }, ran, true},
		{"ended, and used", fixes.Ignore{Rules: []string{"host-pid"}, Expires: day("2020-01-01")}, nil, ran, false},
	} {
		inv := fixestest.Load(t, ignoreShop)
		if c.change != nil {
			c.change(inv)
		}
		got := fixes.Scan(inv, c.rules).Ignore([]fixes.Ignore{c.ignore}, ignoreDay).UnusedIgnores(all)
		if (len(got) == 1) != c.unused {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
