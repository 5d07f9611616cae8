package podsecurity

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/policy"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/agents"
)

// control is one control of the Pod Security Standards. A workload gets one
// finding of it, however many containers break it: a fix of some of them would
// satisfy nobody.
type control struct {
	id string
	// check is the library's check that decides. Of two for the same thing it is
	// the restricted one, which stands in for the one of the baseline profile;
	// instead is for versions that do not have it yet. Where both are empty the
	// standards do not ask for it: what has faults is reported.
	check, instead policy.CheckID
	// view, where set, leaves out of a pod what another control judges.
	view func(*corev1.PodSpec) *corev1.PodSpec

	title      string
	severity   fixes.Severity
	threats    []fixes.Threat
	references []fixes.Reference
	docs       string

	// faults lists where the control is broken. The library has refused the pod
	// already; this says which fields it is about.
	faults func(*subject) []fault
	// judge says what the faults mean and how grave they are (0: as the rule is).
	judge func(*subject) (message string, severity fixes.Severity)
	fix   func(*subject) fixes.Fix
}

// fault is a field that breaks a control.
type fault struct {
	path string
	// who is what the field belongs to ("container web"), and what its value
	// ("privileged: true").
	who, what string
}

// subject is a workload that a control refuses.
type subject struct {
	fixes.Workload
	inv    *fixes.Inventory
	judge  *Judge
	refuse func(*metav1.ObjectMeta, *corev1.PodSpec) bool
	faults []fault
	// agent is set for a known agent of nodes. The workload is then a view of it
	// without what it needs; needed counts the faults that it has with that.
	agent  *agents.Agent
	needed int

	// known is what is known of the containers, by name, and observed the users
	// that they are reported to run as; see needs.go. said is the part of it that
	// a fix rests on.
	known    map[string]needs
	observed map[string]user
	said     []string
}

// note records evidence that a fix rests on.
func (s *subject) note(c fixes.Container, evidence string) {
	if evidence != "" {
		s.said = append(s.said, who(c)+": "+evidence)
	}
}

func (c control) rule() *fixes.Rule {
	return &fixes.Rule{
		ID:         c.id,
		Category:   fixes.PodSecurity,
		Title:      c.title,
		Severity:   c.severity,
		Threats:    c.threats,
		References: append(c.references, fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K01")),
		Kinds:      slices.Concat(fixes.WorkloadKinds(), evidenceKinds, []fixes.Kind{fixes.KindTrial}),
		Local:      true,
		Docs:       c.docs,
		Check:      c.run,
	}
}

func (c control) run(p *fixes.Pass) {
	judge := NewJudge(p.Inventory)
	if c.check == "" {
		for _, w := range p.Workloads("") {
			s := &subject{Workload: w, inv: p.Inventory, judge: judge}
			if len(c.faults(s)) > 0 {
				p.Report(c.finding(s, ""))
			}
		}
		return
	}
	check := judge.check(c.check)
	if check == nil {
		check = judge.check(c.instead)
	}
	if check == nil {
		return
	}
	verdict := func(meta *metav1.ObjectMeta, spec *corev1.PodSpec) policy.CheckResult {
		if c.view != nil {
			spec = c.view(judge.explicit(spec))
		}
		return check(meta, spec)
	}
	refuse := func(meta *metav1.ObjectMeta, spec *corev1.PodSpec) bool { return !verdict(meta, spec).Allowed }
	for _, w := range p.Workloads("") {
		result := verdict(w.Meta, w.Spec)
		if result.Allowed {
			continue
		}
		s := &subject{Workload: w, inv: p.Inventory, judge: judge, refuse: refuse}
		if agent, ok := agents.Of(w); ok {
			s.agent, s.needed = agent, len(c.faults(s))
			s.Workload = agent.Excess(w)
			if result = verdict(s.Meta, s.Spec); result.Allowed {
				continue // it has what its work takes, and no more
			}
		}
		p.Report(c.finding(s, "PodSecurity "+judge.Version()+": "+words(result)))
	}
}

func (c control) finding(s *subject, verdict string) fixes.Finding {
	f := fixes.Finding{Object: s.Ref(), Key: c.id}
	if s.faults = c.faults(s); len(s.faults) == 0 {
		// A newer library may know fields that this code does not.
		f.Path = s.SpecPath
		f.Message = c.title + "."
		f.Evidence = []string{verdict}
		f.Fixes = []fixes.Fix{s.manual("Change what the control refuses",
			"which field is meant is only told in words", "Change what this names: "+verdict)}
		return f
	}
	f.Path = s.faults[0].path
	f.Message, f.Severity = c.judge(s)
	for _, fault := range s.faults {
		f.Evidence = append(f.Evidence, fault.who+": "+fault.what)
	}
	if verdict != "" {
		f.Evidence = append(f.Evidence, verdict)
	}
	fix, shown := s.fit(c.fix(s), func(w fixes.Workload) bool { return c.broken(s, w) })
	f.Fixes = []fixes.Fix{fix}
	f.Evidence = append(append(f.Evidence, s.said...), shown...)
	s.sparing(&f)
	return f
}

// broken reports whether a workload, which is the subject as it might be, breaks
// the control.
func (c control) broken(s *subject, w fixes.Workload) bool {
	if s.refuse != nil {
		return s.refuse(w.Meta, w.Spec)
	}
	return len(c.faults(&subject{Workload: w, inv: s.inv, judge: s.judge})) > 0
}

// words returns a verdict as the API server's warnings have it.
func words(r policy.CheckResult) string {
	if r.ForbiddenDetail == "" {
		return r.ForbiddenReason
	}
	return r.ForbiddenReason + " (" + r.ForbiddenDetail + ")"
}

// refuses asks the control about a pod that consists of what is in doubt.
func (s *subject) refuses(spec corev1.PodSpec) bool { return s.refuse(&metav1.ObjectMeta{}, &spec) }

// inContainers collects the faults of each container: what returns the value
// of a field that is at fault, or "".
func (s *subject) inContainers(field string, what func(fixes.Container) string) []fault {
	var faults []fault
	for c := range s.Containers() {
		if v := what(c); v != "" {
			faults = append(faults, fault{c.Path + "." + field, who(c), v})
		}
	}
	return faults
}

func who(c fixes.Container) string {
	switch {
	case c.Init:
		return "init container " + c.Name
	case c.Ephemeral:
		return "ephemeral container " + c.Name
	}
	return "container " + c.Name
}

// maxNames bounds how many of a list a sentence names.
const maxNames = 3

// say makes a sentence about who is at fault: with one or with many of them as
// its subject.
func (s *subject) say(one, many string) string {
	names := s.culprits()
	text := listed(names)
	text = strings.ToUpper(text[:1]) + text[1:]
	if len(names) == 1 {
		return text + " " + one
	}
	return text + " " + many
}

// culprits names what the faults belong to, each once.
func (s *subject) culprits() []string {
	var names []string
	for _, f := range s.faults {
		if !slices.Contains(names, f.who) {
			names = append(names, f.who)
		}
	}
	return names
}

// security returns a container's security context, for reading.
func security(c fixes.Container) corev1.SecurityContext {
	if c.SecurityContext == nil {
		return corev1.SecurityContext{}
	}
	return *c.SecurityContext
}

// podSecurity returns a pod's security context, for reading.
func podSecurity(spec *corev1.PodSpec) corev1.PodSecurityContext {
	if spec.SecurityContext == nil {
		return corev1.PodSecurityContext{}
	}
	return *spec.SecurityContext
}

func isTrue(b *bool) bool  { return b != nil && *b }
func isFalse(b *bool) bool { return b != nil && !*b }
