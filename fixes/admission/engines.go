package admission

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/vap"
)

// kyvernoSpec is the part of a ValidatingPolicy's spec that is read.
type kyvernoSpec struct {
	ValidationActions []string                                `json:"validationActions"`
	MatchConstraints  *admissionregistrationv1.MatchResources `json:"matchConstraints"`
	MatchConditions   []map[string]any                        `json:"matchConditions"`
}

// engine reads what policies of a kind of another engine cover.
type engine struct {
	kind fixes.Kind
	// covers returns what a policy looks at, and which of some namespaces it
	// leaves alone; false where it is about something else.
	covers func(inv *fixes.Inventory, policy *fixes.Custom, namespaces []string) (cover, bool)
}

// engines are the kinds that are read. What they hold is not evaluated, but
// recognised by what it names.
var engines = []engine{
	{fixes.KindKyvernoClusterPolicy, kyvernoCluster},
	{fixes.KindKyvernoValidatingPolicy, kyvernoValidating},
	{fixes.KindGatekeeperHostNamespaces, constraint("hostPID hostIPC")},
	{fixes.KindGatekeeperHostNetwork, constraint("hostNetwork")},
	{fixes.KindGatekeeperHostPaths, constraint("hostPath")},
}

func engineKinds() []fixes.Kind {
	kinds := make([]fixes.Kind, len(engines))
	for i, e := range engines {
		kinds[i] = e.kind
	}
	return kinds
}

func engineCovers(inv *fixes.Inventory, namespaces []string) []cover {
	var list []cover
	for _, e := range engines {
		for _, policy := range fixes.Customs(inv, e.kind, "") {
			if c, ok := e.covers(inv, policy, namespaces); ok {
				list = append(list, c)
			}
		}
	}
	return joinHalves(list)
}

// joinHalves makes one cover of Gatekeeper's two constraints about the hosts'
// namespaces, which come in parts.
func joinHalves(list []cover) []cover {
	var whole cover
	var halves []string
	list = slices.DeleteFunc(list, func(c cover) bool {
		if c.half == "" {
			return false
		}
		if c.short == "" {
			whole.half += c.half + " "
		}
		halves = append(halves, c.by)
		whole.short = c.short
		return true
	})
	if len(halves) == 0 {
		return list
	}
	whole.by = strings.Join(halves, " and ")
	if whole.namespaces = true; strings.Contains(whole.half, "hostPID") && strings.Contains(whole.half, "hostNetwork") {
		whole.short = ""
	} else if whole.short == "" {
		whole.short = "not all three of them"
	}
	return append(list, whole)
}

// kyvernoCluster reads a ClusterPolicy: each rule for itself, since each matches
// for itself (kyverno.io/v1).
func kyvernoCluster(_ *fixes.Inventory, policy *fixes.Custom, namespaces []string) (cover, bool) {
	by := "Kyverno ClusterPolicy " + policy.GetName()
	action, _, _ := unstructured.NestedString(policy.Object, "spec", "validationFailureAction")
	rules, _, _ := unstructured.NestedSlice(policy.Object, "spec", "rules")
	all := cover{by: by}
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		validate, _ := rule["validate"].(map[string]any)
		if validate == nil || !namesPods(rule["match"]) {
			continue
		}
		c := coverOf(by, textOf(validate))
		if level, _, _ := unstructured.NestedString(validate, "podSecurity", "level"); level == "baseline" || level == "restricted" {
			c.namespaces, c.paths = true, true
		}
		if !c.namespaces && !c.paths {
			continue
		}
		own, _, _ := unstructured.NestedString(validate, "failureAction")
		switch {
		case !strings.EqualFold(cmp.Or(own, action), "enforce"):
			all.short = "it only audits"
		case len(kyvernoExcluded(rule, namespaces)) > 0:
			all.short = "it leaves out namespaces: " + fixes.Listed(kyvernoExcluded(rule, namespaces))
		case narrows(rule):
			all.short = "it matches some pods only"
		}
		all.namespaces, all.paths = all.namespaces || c.namespaces, all.paths || c.paths
	}
	return all, all.namespaces || all.paths
}

// namesPods reports whether a match of Kyverno names the kind Pod.
func namesPods(match any) bool {
	return slices.ContainsFunc(resourceFilters(match), func(f map[string]any) bool {
		kinds, _, _ := unstructured.NestedStringSlice(f, "kinds")
		return slices.ContainsFunc(kinds, func(k string) bool { return k == "Pod" || k == "*" || strings.HasSuffix(k, "/Pod") })
	})
}

// narrows reports whether a rule has conditions beside kinds and namespaces.
func narrows(rule map[string]any) bool {
	if rule["preconditions"] != nil || rule["celPreconditions"] != nil {
		return true
	}
	return slices.ContainsFunc(resourceFilters(rule["match"]), func(f map[string]any) bool {
		return f["selector"] != nil || f["namespaces"] != nil || f["names"] != nil || f["name"] != nil || f["namespaceSelector"] != nil || f["annotations"] != nil
	})
}

// kyvernoExcluded lists which of some namespaces a rule excludes by name.
func kyvernoExcluded(rule map[string]any, namespaces []string) []string {
	var out []string
	for _, f := range resourceFilters(rule["exclude"]) {
		patterns, _, _ := unstructured.NestedStringSlice(f, "namespaces")
		for _, ns := range namespaces {
			if slices.ContainsFunc(patterns, func(p string) bool { ok, err := path.Match(p, ns); return ok && err == nil }) {
				out = append(out, ns)
			}
		}
	}
	return out
}

// resourceFilters are the resources of a match or an exclude of Kyverno, in any
// of its three forms.
func resourceFilters(match any) []map[string]any {
	m, _ := match.(map[string]any)
	var out []map[string]any
	add := func(filter any) {
		f, _ := filter.(map[string]any)
		if resources, ok := f["resources"].(map[string]any); ok {
			out = append(out, resources)
		}
	}
	add(m)
	for _, how := range []string{"any", "all"} {
		list, _ := m[how].([]any)
		for _, f := range list {
			add(f)
		}
	}
	return out
}

// kyvernoValidating reads a ValidatingPolicy, whose spec is that of a
// ValidatingAdmissionPolicy and more (policies.kyverno.io).
func kyvernoValidating(inv *fixes.Inventory, policy *fixes.Custom, namespaces []string) (cover, bool) {
	by := "Kyverno ValidatingPolicy " + policy.GetName()
	var spec kyvernoSpec
	content, _, _ := unstructured.NestedMap(policy.Object, "spec")
	if runtime.DefaultUnstructuredConverter.FromUnstructured(content, &spec) != nil || !vap.Matches(spec.MatchConstraints, "CREATE", "", "pods") {
		return cover{}, false
	}
	c := coverOf(by, textOf(map[string]any{"v": content["variables"], "w": content["validations"]}))
	switch {
	case !c.namespaces && !c.paths:
		return cover{}, false
	case !slices.Contains(spec.ValidationActions, "Deny"):
		c.short = "it only warns or audits"
	case len(spec.MatchConditions) > 0:
		c.short = "it matches some pods only"
	default:
		c.short = vap.LeftOut(inv, namespaces, spec.MatchConstraints)
	}
	return c, true
}

// constraint reads a constraint of Gatekeeper, whose kind says what it covers:
// host paths, or a half of the host's namespaces.
func constraint(what string) func(*fixes.Inventory, *fixes.Custom, []string) (cover, bool) {
	return func(inv *fixes.Inventory, policy *fixes.Custom, namespaces []string) (cover, bool) {
		c := cover{by: "Gatekeeper " + policy.GetKind() + " " + policy.GetName(), paths: what == "hostPath"}
		if !c.paths {
			c.half = what
		}
		action, _, _ := unstructured.NestedString(policy.Object, "spec", "enforcementAction")
		match, _, _ := unstructured.NestedMap(policy.Object, "spec", "match")
		excluded, _, _ := unstructured.NestedStringSlice(match, "excludedNamespaces")
		included, _, _ := unstructured.NestedStringSlice(match, "namespaces")
		out := slices.DeleteFunc(slices.Clone(namespaces), func(ns string) bool {
			return !globs(excluded, ns) && (len(included) == 0 || globs(included, ns)) && len(vap.NotSelected(inv, []string{ns}, selectorOf(match["namespaceSelector"]))) == 0
		})
		switch {
		case action != "" && action != "deny":
			c.short = fmt.Sprintf("its enforcementAction is %s", action)
		case len(out) > 0:
			c.short = "it leaves out namespaces: " + fixes.Listed(out)
		case !vap.SelectsAll(selectorOf(match["labelSelector"])):
			c.short = "labels of the objects themselves decide whether it looks at them"
		}
		return c, true
	}
}

// globs reports whether a name is one of some that may begin or end with "*".
func globs(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if rest, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(name, rest) {
			return true
		}
		rest, ok := strings.CutPrefix(p, "*")
		return p == name || ok && strings.HasSuffix(name, rest)
	})
}

// selectorOf reads a label selector; one that is none selects nothing.
func selectorOf(v any) *metav1.LabelSelector {
	if v == nil {
		return nil
	}
	m, _ := v.(map[string]any)
	var s metav1.LabelSelector
	if m == nil || runtime.DefaultUnstructuredConverter.FromUnstructured(m, &s) != nil {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{}}}
	}
	return &s
}

// textOf is content as one text, to look for the names of fields in.
func textOf(content map[string]any) string {
	text, err := json.Marshal(content)
	if err != nil {
		return ""
	}
	return string(text)
}
