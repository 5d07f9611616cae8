package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// WhoCan are the ways by which somebody may do something.
type WhoCan struct {
	Request rbac.Request
	Paths   []rbac.Path
}

// WhatCan is what gives a subject rights.
type WhatCan struct {
	Subject rbacv1.Subject
	// Runners are workloads whose pods run as it.
	Runners []fixes.Ref
	// All reports that it may do everything, by no role: the group system:masters.
	All      bool
	Bindings []rbac.Held
	// Unresolved are bindings that name it, to roles that are not there.
	Unresolved []rbac.Held
	// Partial reports that these may be roles that nobody looked at: of manifests,
	// or where ClusterRoles may not be listed.
	Partial bool
	// Unseen reports that there may be bindings that nobody looked at.
	Unseen bool
}

type subjectJSON struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

func subjectOf(s rbacv1.Subject) subjectJSON { return subjectJSON{s.Kind, s.Namespace, s.Name} }

func refJSON(ref fixes.Ref) *objectRef {
	if ref.Name == "" {
		return nil
	}
	return &objectRef{ref.Kind.APIVersion(), ref.Kind.Name, fixes.ManifestNamespace(ref.Namespace), ref.Name}
}

// objectRef names an object as the report of findings does.
type objectRef struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// Table prints the ways, a line each.
func (a WhoCan) Table(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tab, "SUBJECT\tRUNS AS IT\tBINDING\tROLE")
	for _, p := range a.Paths {
		binding, role := "none: it may do everything by itself", "-" // system:masters
		if p.Binding.Name != "" {
			binding, role = p.Binding.String(), p.Role.String()
		}
		runner := "-"
		if p.Runner.Name != "" {
			runner = p.Runner.String()
		}
		row(tab, rbac.String(p.Subject), runner, binding, role)
	}
	return tab.Flush()
}

func row(w io.Writer, columns ...string) {
	for i := range columns {
		columns[i] = fixes.Clean(columns[i])
	}
	fmt.Fprintln(w, strings.Join(columns, "\t"))
}

// JSON prints the ways for programs.
func (a WhoCan) JSON(w io.Writer) error {
	type pathJSON struct {
		Subject  subjectJSON `json:"subject"`
		Workload *objectRef  `json:"workload,omitempty"`
		Binding  *objectRef  `json:"binding,omitempty"`
		Role     *objectRef  `json:"role,omitempty"`
		Path     string      `json:"path"`
	}
	out := struct {
		SchemaVersion string      `json:"schemaVersion"`
		Request       requestJSON `json:"request"`
		Allowed       []pathJSON  `json:"allowed"`
	}{"1", requestOf(a.Request), []pathJSON{}}
	for _, p := range a.Paths {
		out.Allowed = append(out.Allowed, pathJSON{subjectOf(p.Subject), refJSON(p.Runner), refJSON(p.Binding), refJSON(p.Role), fixes.Clean(p.String())})
	}
	return encode(w, out)
}

type requestJSON struct {
	Verb      string `json:"verb"`
	Group     string `json:"group,omitempty"`
	Resource  string `json:"resource,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Path      string `json:"path,omitempty"`
}

func requestOf(r rbac.Request) requestJSON {
	return requestJSON{r.Verb, r.Group, r.Resource, r.Namespace, r.Name, r.Path}
}

func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Table prints what a subject may do, a line for each rule.
func (a WhatCan) Table(w io.Writer) error {
	if len(a.Runners) > 0 {
		names := make([]string, len(a.Runners))
		for i, ref := range a.Runners {
			names[i] = ref.String()
		}
		fmt.Fprintln(w, fixes.Clean("Runs as it: "+fixes.Listed(names)))
	}
	if a.All {
		_, err := fmt.Fprintln(w, "May do everything, by no role: the group "+rbac.Masters+".")
		return err
	}
	if len(a.Bindings)+len(a.Unresolved) == 0 {
		none := "May do nothing: no binding names it."
		if a.Unseen {
			none = "No binding that was looked at names it: what it may do is not known."
		}
		_, err := fmt.Fprintln(w, none)
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tab, "WHERE\tAS\tBINDING\tROLE\tMAY")
	line := func(b rbac.Held, may string) {
		where, as := b.Binding.Namespace, "itself"
		if b.Everywhere() {
			where = "*"
		}
		if rbac.String(b.As) != rbac.String(a.Subject) {
			as = rbac.String(b.As)
		}
		row(tab, where, as, b.Binding.String(), b.Role.String(), may) // what is long comes last
	}
	for _, b := range a.Bindings {
		for _, r := range b.Rules {
			line(b, rbac.Describe(r))
		}
		if len(b.Rules) == 0 {
			line(b, "nothing: the role has no rules")
		}
	}
	lost := "nothing: the role is not there"
	if a.Partial {
		lost = "not known: the role was not looked at"
	}
	for _, b := range a.Unresolved {
		line(b, lost)
	}
	return tab.Flush()
}

// JSON prints what a subject may do for programs.
func (a WhatCan) JSON(w io.Writer) error {
	type boundJSON struct {
		Namespace string     `json:"namespace,omitempty"`
		Binding   *objectRef `json:"binding"`
		Role      *objectRef `json:"role"`
		// As is whom the binding names: the subject, or a group that it is in.
		As    subjectJSON         `json:"as"`
		Rules []rbacv1.PolicyRule `json:"rules"`
	}
	out := struct {
		SchemaVersion string       `json:"schemaVersion"`
		Subject       subjectJSON  `json:"subject"`
		Workloads     []*objectRef `json:"workloads"`
		Everything    bool         `json:"everything"`
		Bindings      []boundJSON  `json:"bindings"`
		Unresolved    []boundJSON  `json:"unresolved,omitempty"`
	}{"1", subjectOf(a.Subject), []*objectRef{}, a.All, []boundJSON{}, nil}
	for _, ref := range a.Runners {
		out.Workloads = append(out.Workloads, refJSON(ref))
	}
	bound := func(b rbac.Held) boundJSON {
		rules := b.Rules
		if rules == nil {
			rules = []rbacv1.PolicyRule{}
		}
		return boundJSON{b.Binding.Namespace, refJSON(b.Binding), refJSON(b.Role), subjectOf(b.As), rules}
	}
	for _, b := range a.Bindings {
		out.Bindings = append(out.Bindings, bound(b))
	}
	for _, b := range a.Unresolved {
		out.Unresolved = append(out.Unresolved, bound(b))
	}
	return encode(w, out)
}
