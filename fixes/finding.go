package fixes

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Finding is a rule broken by one object at one path.
type Finding struct {
	Rule   *Rule
	Object Ref
	// Path leads to the fault from the object's root ("spec.template.spec.hostPID").
	Path string
	// Key identifies the fault within the object across scans. It is the path
	// unless the rule knows something that does not shift when lists change.
	Key      string
	Severity Severity
	Threats  []Threat
	// Message says in a sentence what is wrong here. It never holds a secret.
	Message string
	// Evidence lists the facts that the judgement rests on.
	Evidence []string
	// ManagedBy names what would put the object back ("helm:shop").
	ManagedBy string
	// Fixes are alternatives, the recommended one first; at most one is taken.
	Fixes []Fix
	// Fingerprint is stable across scans of the same cluster.
	Fingerprint string
}

// Fix is one way to make a finding go away.
type Fix struct {
	// Title is a verb phrase ("Move to Secret shop/web-env").
	Title      string
	Confidence Confidence
	// Why gives the reason for the confidence.
	Why string
	// Risks say what the fix may break, and what it restarts.
	Risks []string
	// Creates names the objects that the edit adds when made alone.
	Creates []Ref
	// Edit makes the change to a draft. It must find its place by names, since
	// other fixes may have been made before, and do nothing when there is
	// nothing left to do. It is nil where no edit exists.
	Edit func(*Draft) error
	// Steps tell a person exactly what to do and how to check it, where no edit
	// exists.
	Steps string
}

// Fix returns the recommended fix, or nil.
func (f *Finding) Fix() *Fix {
	if len(f.Fixes) == 0 {
		return nil
	}
	return &f.Fixes[0]
}

// Confidence says how far a fix can be trusted without a look.
type Confidence int

// The confidences, in rising order of trust.
const (
	// Manual: no edit exists; the text says what to do.
	Manual Confidence = iota + 1
	// Review: right as far as can be known; a person looks first.
	Review
	// Safe: cannot break a running workload, or evidence shows that it does not.
	Safe
)

var confidenceNames = []string{"", "manual", "review", "safe"}

// String returns the confidence's name as it stands in reports and flags.
func (c Confidence) String() string { return confidenceNames[c] }

// MarshalText implements encoding.TextMarshaler.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// lower brings the fix down to a confidence, giving the reason, unless it is
// there or below already.
func (f *Fix) lower(to Confidence, why string) {
	if f.Confidence <= to {
		return
	}
	f.Confidence = to
	f.Why = why
}

// manual withdraws the edit and says what to do instead.
func (f *Fix) manual(why, steps string) {
	f.Confidence, f.Why, f.Steps = Manual, why, steps
	f.Edit, f.Creates, f.Risks = nil, nil, nil
}

// settle fits the fixes to what stands above the object.
func (f *Finding) settle(inv *Inventory) {
	defer f.cleanFixes()
	obj := inv.Get(f.Object)
	if obj == nil {
		return
	}
	f.ManagedBy = Clean(ManagedBy(obj))
	_, owner := inv.Top(obj)
	w, isWorkload := AsWorkload(obj)
	for i := range f.Fixes {
		fix := &f.Fixes[i]
		switch {
		case fix.Edit == nil:
		case owner != nil && owner.Kind == "Node":
			fix.manual("the kubelet of node "+owner.Name+" runs this pod from a file",
				"Edit the static pod's manifest on node "+owner.Name+" (the kubelet's staticPodPath): "+fix.Title+".")
		case owner != nil:
			name := owner.Kind + " " + owner.Name
			fix.manual(name+" controls this object and would undo a change below it",
				"Make the change in "+name+" ("+owner.APIVersion+"), where its fields allow it: "+fix.Title+".")
		case inv.Live && isWorkload && w.Finished():
			fix.manual("it has finished: nothing runs that a change could reach",
				"Fix its source, and delete what is left: kubectl delete "+f.Object.KubectlArgs())
		case inv.Live && isWorkload && immutableTemplate(f.Object.Kind):
			fix.manual("the spec of a running "+f.Object.Kind.Name+" cannot be changed in place", recreateSteps(f.Object))
		case f.ManagedBy != "":
			fix.lower(Review, f.ManagedBy+" manages this object and may put it back: make the change at its source too")
		case IsSystemNamespace(f.Object.Namespace):
			fix.lower(Review, "the cluster itself depends on what runs in "+f.Object.Namespace)
		}
	}
}

// cleanFixes makes the texts of the fixes safe to show: they name objects.
func (f *Finding) cleanFixes() {
	for i := range f.Fixes {
		fix := &f.Fixes[i]
		fix.Title, fix.Why, fix.Steps = Clean(fix.Title), Clean(fix.Why), CleanLines(fix.Steps)
		for j := range fix.Risks {
			fix.Risks[j] = Clean(fix.Risks[j])
		}
	}
}

func immutableTemplate(k Kind) bool { return k == KindPod || k == KindJob }

func recreateSteps(ref Ref) string {
	name := ref.KubectlArgs()
	return strings.Join([]string{
		"Recreate it from a fixed manifest, when its downtime is acceptable:",
		"  kubectl get " + name + " -o yaml > object.yaml",
		"  kubectl harden -f object.yaml --fix --dry-run --confidence=review -o yaml > fixed.yaml",
		"  kubectl replace --force -f fixed.yaml",
		"Then check: kubectl harden -n " + ref.Namespace,
	}, "\n")
}

// fingerprint identifies a finding by what is broken where, so that it is the
// same on the next scan.
func fingerprint(rule string, ref Ref, key string) string {
	h := sha256.New()
	for _, part := range []string{rule, ref.Kind.Group, ref.Kind.Name, ref.Namespace, ref.Name, ref.Origin, key} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// SortFindings orders findings for reading: the worst first, then by rule,
// object and path.
func SortFindings(findings []*Finding) {
	slices.SortStableFunc(findings, func(a, b *Finding) int {
		return cmp.Or(
			-cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.Rule.ID, b.Rule.ID),
			a.Object.Compare(b.Object),
			cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
}
