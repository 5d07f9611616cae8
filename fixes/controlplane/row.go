package controlplane

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// row is a rule about one setting, which flags tell by themselves.
type row struct {
	id, title string
	program   program
	severity  fixes.Severity
	threats   []fixes.Threat
	// cis are the recommendations of the benchmark.
	cis []string
	// flag is the flag that is judged; byDefault is its default, as a person is
	// told of it.
	flag, byDefault string
	// weak reports whether the flags are wrong.
	weak func(f flags) bool
	// hides are flags with which the others do not count, or not alone.
	hides []string
	// message says in a sentence what is wrong; why explains it in the docs.
	message, why string
	// set and drop are the fix: flags as they should be, and to be taken out.
	set, drop []string
	// before says what to do first, risk what the change may break.
	before, risk string
}

// rule makes the rule.
func (r *row) rule() *fixes.Rule {
	refs := make([]fixes.Reference, 0, len(r.cis)+1)
	for _, id := range r.cis {
		refs = append(refs, fixes.CIS(id))
	}
	return &fixes.Rule{
		ID: r.id, Category: fixes.Access, Title: r.title, Severity: r.severity, Threats: r.threats,
		References: append(refs, fixes.OWASP("K09")),
		Docs:       r.docs(),
		Check:      r.check,
	}
}

func (r *row) docs() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n## What is looked at\nThe command of %s in its pod in kube-system: --%s.", r.why, r.program, r.flag)
	if r.byDefault != "" {
		fmt.Fprintf(&b, " Where it is not given,\nthe default is %s.", r.byDefault)
	}
	if len(r.hides) > 0 {
		fmt.Fprintf(&b, " Where --%s is given, a file that the API does not\nshow decides, and nothing is claimed.", strings.Join(r.hides, " or --"))
	}
	b.WriteString(" Where no pod shows the control\nplane (managed clusters), that is said, and nothing claimed.\n\n## The fix\nIn the static pod's manifest on each control plane node:\n\n")
	for _, line := range r.set {
		b.WriteString("    - " + line + "\n")
	}
	for _, line := range r.drop {
		b.WriteString("    take out " + line + "\n")
	}
	if r.risk != "" {
		b.WriteString("\n" + r.risk + "\n")
	}
	fmt.Fprintf(&b, "\n## By hand\n    kubectl get pods -n kube-system -l component=%s -o yaml | grep -e --%s\n", r.program, r.flag)
	return b.String()
}

func (r *row) check(p *fixes.Pass) {
	for _, proc := range processesOf(p.Inventory).of(r.program) {
		if r.hidden(proc.flags) || !r.weak(proc.flags) {
			continue
		}
		proc.report(p, finding{
			flag: r.flag, message: r.message, evidence: []string{proc.flags.evidence(r.flag, r.byDefault)},
			title: "Change the flags of " + string(r.program), risk: r.risk,
			edit: edit{before: r.before, set: r.set, drop: r.drop},
		})
	}
}

func (r *row) hidden(f flags) bool {
	return slices.ContainsFunc(r.hides, func(name string) bool { return f.has(name) })
}

// finding is a fault of a process's flags.
type finding struct {
	// flag, and where there may be several findings of it key, identify the fault.
	flag, key string
	severity  fixes.Severity
	message   string
	evidence  []string
	title     string
	risk      string
	edit      edit
}

// report reports a fault, with what a person is to do about it.
func (proc process) report(p *fixes.Pass, f finding) {
	risks := []string{string(proc.program) + " restarts."}
	if f.risk != "" {
		risks = append(risks, f.risk)
	}
	key := "--" + f.flag
	if f.key != "" {
		key += " " + f.key
	}
	p.Report(fixes.Finding{
		Object: proc.workload.Ref(), Path: proc.path(), Key: key, Severity: f.severity,
		Message: f.message, Evidence: f.evidence,
		Fixes: []fixes.Fix{{
			Title: f.title, Confidence: fixes.Manual,
			Why:   string(proc.program) + " reads its flags from a file on the node, and the cluster hangs on it",
			Risks: risks, Steps: proc.steps(f.edit),
		}},
	})
}
