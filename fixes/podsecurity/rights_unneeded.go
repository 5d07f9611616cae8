package podsecurity

import (
	"fmt"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// rightsUnneeded is the rule of what trials have shown: a pod that runs with less than
// it has. See [fixes.Trial].
func rightsUnneeded() *fixes.Rule {
	return &fixes.Rule{
		ID:       "rights-unneeded",
		Category: fixes.PodSecurity,
		Title:    "A pod has more rights than trials have shown it to need",
		Severity: fixes.Medium,
		Threats:  []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering},
		References: []fixes.Reference{fixes.PSS("Restricted"), fixes.CIS("5.2"),
			fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K01")},
		Kinds: append(fixes.WorkloadKinds(), fixes.KindTrial),
		Docs: `
Copies of the pod were started with ever fitter settings (--canary): all that the
restricted level asks for and a read-only root file system, less what the logs of
failed copies spoke against. With the tightest of these a copy became ready and
stayed so; the workload has more.

## The fix
Gives the workload those settings: user and group, capabilities, privilege
escalation, the filter of system calls, a read-only root file system, and empty
folders over the paths that it writes. What a folder held in the image is copied
into it where the copy needed that. The evidence lists every try, what came of it
and what was changed for that reason; what the workload keeps against the
restricted level is there with its reason.

The copies were cut off from the network and had empty folders for claims. What a
program does only later, or only when it is asked, they did not show.

## By hand
    kubectl harden --fix --confidence=review --canary
`,
		Check: checkRightsUnneeded,
	}
}

func checkRightsUnneeded(p *fixes.Pass) {
	if p.Len(fixes.KindTrial) == 0 {
		return
	}
	for _, w := range p.Workloads("") {
		t := trialOf(p.Inventory, w)
		if t == nil || t.Err != "" || t.Confinement.HeldBy(w) {
			continue
		}
		s := &subject{Workload: w, inv: p.Inventory}
		p.Report(fixes.Finding{
			Object: w.Ref(), Path: w.SpecPath, Key: "rights",
			Message:  "Runs with more rights than a copy of its pod needed to become ready.",
			Evidence: append(append([]string{}, t.Log...), t.Kept...),
			Fixes:    []fixes.Fix{s.asTried(t)},
		})
	}
}

// trialOf returns the trial of a workload, or nil where there is none, or one of
// another pod template than the scan found.
func trialOf(inv *fixes.Inventory, w fixes.Workload) *fixes.Trial {
	t, ok := fixes.Lookup[*fixes.Trial](inv, w.Object.GetNamespace(), fixes.TrialName(w.Ref()))
	if !ok || t.Workload != w.Ref() {
		return nil
	}
	scanned, ok := fixes.AsWorkload(inv.Scanned().Get(w.Ref()))
	if !ok || fixes.TemplateDigest(scanned) != t.Template {
		return nil
	}
	return t
}

// asTried is the fix that trials have shown to work.
func (s *subject) asTried(t *fixes.Trial) fixes.Fix {
	confinement := t.Confinement.Clone()
	return s.edited("Run it with the tightest settings that ran in trials", fixes.Safe,
		fmt.Sprintf("a copy of its pod became ready with these settings and stayed so, in the last of %d tries or before", len(t.Log)), nil,
		func(w fixes.Workload) { confinement.Apply(w) })
}

// fit fits the fix of a control to what trials of the workload have shown, and
// adds to the evidence: settings that satisfy the control are the fix; where
// they do not for the sake of an exception, there is none. What a confinement
// does not speak of stays as it is. The control refuses what broken reports.
func (s *subject) fit(fix fixes.Fix, broken func(fixes.Workload) bool) (fixes.Fix, []string) {
	t := trialOf(s.inv, s.Workload)
	switch {
	case t == nil:
		return fix, nil
	case t.Err != "":
		if fix.Confidence == fixes.Safe {
			fix.Confidence, fix.Why = fixes.Review, "no trial has shown that it runs with this"
		}
		return fix, []string{"tried on copies of its pod: " + t.Err}
	case !broken(confined(s.Workload, t.Confinement)):
		return s.asTried(t), t.Log
	case !broken(confined(s.Workload, fixes.Confinement{})):
		why := "trials have shown that it does not run otherwise"
		if len(t.Kept) > 0 {
			why += ": " + listed(t.Kept)
		}
		return s.manual("Keep what it needs, in a namespace of its own", why, `
Copies of the pod did not run without it: the evidence says what they failed at.
Change the program or its image so that it can do without, or keep the workload
in a namespace in which few people may create pods, whose Pod Security level
allows it.`), append(append([]string{}, t.Log...), t.Kept...)
	}
	return fix, nil
}

// confined returns a copy of a workload's pod that is confined.
func confined(w fixes.Workload, c fixes.Confinement) fixes.Workload {
	w.Meta, w.Spec = w.Meta.DeepCopy(), w.Spec.DeepCopy()
	c.Apply(w)
	return w
}
