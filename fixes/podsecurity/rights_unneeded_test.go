package podsecurity

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// trialFact is what trials have shown of the test's Deployment.
func trialFact(t *testing.T, objects string, c fixes.Confinement, kept ...string) *fixes.Trial {
	t.Helper()
	w := fixestest.Load(t, objects).Workloads("")[0]
	fact := &fixes.Trial{Workload: w.Ref(), Template: fixes.TemplateDigest(w), Confinement: c,
		Log: []string{"1. Everything: it runs"}, Kept: kept}
	fact.Namespace, fact.Name = w.Object.GetNamespace(), fixes.TrialName(w.Ref())
	return fact
}

func user33() fixes.Confinement {
	id := int64(33)
	return fixes.Confinement{Containers: map[string]fixes.ContainerConfinement{
		"c": {User: &id, Group: &id, Scratch: []fixes.Scratch{{Path: "/run"}}}}}
}

func rootC() fixes.Confinement {
	return fixes.Confinement{Containers: map[string]fixes.ContainerConfinement{
		"c": {Root: true, Add: []corev1.Capability{"SETGID", "SETUID"}, WritableRoot: true}}}
}

const plainPod = "containers: [{name: c, image: x}]"

func TestRightsUnneeded(t *testing.T) {
	objects := deployment(plainPod)
	tight := deployment(`securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
containers: [{name: c, image: x, volumeMounts: [{name: scratch-run, mountPath: /run}], securityContext: {runAsUser: 33, runAsGroup: 33, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]
volumes: [{name: scratch-run, emptyDir: {sizeLimit: 256Mi}}]`)
	other := trialFact(t, objects, user33())
	other.Template = "of another template"
	failed := trialFact(t, objects, fixes.Confinement{})
	failed.Err = "a copy does not run"
	fixestest.Table(t, rightsUnneeded(), []fixestest.Case{{
		Name: "more than it needs", Objects: objects, Facts: []fixes.Object{trialFact(t, objects, user33())},
		Want: want("spec", fixes.Safe),
		Diff: []string{"+ runAsUser: 33", "+ readOnlyRootFilesystem: true", "+ - mountPath: /run", "+ sizeLimit: 256Mi", "+ type: RuntimeDefault"},
	}, {
		Name: "it starts as root", Objects: objects, Facts: []fixes.Object{trialFact(t, objects, rootC(), "container c keeps root: it says so")},
		Want:    want("spec", fixes.Safe),
		Diff:    []string{"+ - SETUID"},
		NotDiff: []string{"+ readOnlyRootFilesystem: true", "+ runAsNonRoot: true"},
	}, {
		Name: "fixed", Objects: tight, Facts: []fixes.Object{trialFact(t, tight, user33())},
	}, {
		Name: "never tried", Objects: objects,
	}, {
		Name: "another template was tried", Objects: objects, Facts: []fixes.Object{other},
	}, {
		Name: "nothing was learned", Objects: objects, Facts: []fixes.Object{failed},
	}})
}

// Where trials have shown what runs, the controls' fixes are what ran; where
// they have shown that a control cannot be met, there is no fix but a reason.
func TestControlsAfterTrials(t *testing.T) {
	objects := deployment("containers: [{name: c, image: x, ports: [{containerPort: 80, hostPort: 80}]}]")
	failed := trialFact(t, objects, fixes.Confinement{})
	failed.Err = "a copy does not run"
	for name, test := range map[string]struct {
		fact *fixes.Trial
		want map[string]fixes.Confidence
	}{
		"never tried": {nil, map[string]fixes.Confidence{"pss-run-as-non-root": fixes.Review, "pss-capabilities": fixes.Review, "pss-host-ports": fixes.Review}},
		"as a user": {trialFact(t, objects, user33()), map[string]fixes.Confidence{"pss-run-as-non-root": fixes.Safe, "pss-capabilities": fixes.Safe,
			"pss-seccomp": fixes.Safe, "pss-allow-privilege-escalation": fixes.Safe, "pss-host-ports": fixes.Review, "rights-unneeded": fixes.Safe}},
		"as root": {trialFact(t, objects, rootC(), "container c keeps runAsNonRoot: false: it changes its user"), map[string]fixes.Confidence{
			"pss-run-as-non-root": fixes.Manual, "pss-capabilities": fixes.Manual, "pss-seccomp": fixes.Safe, "pss-host-ports": fixes.Review}},
		"in vain": {failed, map[string]fixes.Confidence{"pss-run-as-non-root": fixes.Review, "pss-capabilities": fixes.Review}},
	} {
		t.Run(name, func(t *testing.T) {
			inv := fixestest.Load(t, objects)
			if test.fact != nil {
				inv.Add(test.fact)
			}
			result := fixes.Scan(inv, Rules())
			got := map[string]*fixes.Finding{}
			for _, f := range result.Findings {
				got[f.Rule.ID] = f
			}
			for id, confidence := range test.want {
				f := got[id]
				if f == nil {
					t.Errorf("%s: no finding", id)
					continue
				}
				if f.Fix().Confidence != confidence {
					t.Errorf("%s: %s (%s)", id, f.Fix().Confidence, f.Fix().Why)
				}
				if name == "in vain" && !slices.ContainsFunc(f.Evidence, func(e string) bool { return strings.Contains(e, failed.Err) }) {
					t.Errorf("%s: evidence %q", id, f.Evidence)
				}
				if confidence == fixes.Manual && !strings.Contains(f.Fix().Why, test.fact.Kept[0]) {
					t.Errorf("%s: why %q", id, f.Fix().Why)
				}
			}
			fixestest.ClosedLoop(t, result)
		})
	}
}
