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
	// Note says of an ignore that selects the finding why it does not hide it:
	// it has ended, or is not honoured.
	Note string
}

// Namespace returns the namespace that the finding is about: that of its object,
// or the object itself.
func (f *Finding) Namespace() string {
	if f.Object.Kind == KindNamespace {
		return f.Object.Name
	}
	return f.Object.Namespace
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
	// Deletes says that the edit deletes the finding's own object, and changes
	// nothing in it: that a pod cannot be changed in place is no hindrance.
	Deletes bool
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
	custom, _ := obj.(*Custom)
	var sharers []string
	if isWorkload {
		sharers = inv.sharers(obj)
	}
	twice := ""
	if isWorkload && !inv.Live { // no server holds such an object
		twice = w.nameTwice()
	}
	for i := range f.Fixes {
		fix := &f.Fixes[i]
		if custom != nil && fix.Edit != nil {
			fix.fitCustom(inv, custom)
		}
		if len(sharers) > 0 && fix.Edit != nil {
			fix.Risks = append(fix.Risks, strings.Join(sharers, ", ")+" takes its template from here, and rolls it out as its strategy says.")
		}
		switch {
		case fix.Edit == nil:
		case twice != "":
			fix.manual("two of its containers are called "+twice+", and the API server refuses that",
				"Give each container a name of its own, and scan again. Then: "+fix.Title+".")
		case isWorkload && isStatic(obj, owner):
			node := w.Spec.NodeName
			if owner != nil {
				node = owner.Name
			}
			fix.manual("the kubelet of node "+node+" runs this pod from a file",
				"Edit the static pod's manifest on node "+node+" (the kubelet's staticPodPath): "+fix.Title+".")
		case owner != nil:
			name := owner.Kind + " " + owner.Name
			fix.manual(name+" controls this object and would undo a change below it",
				"Make the change in "+name+" ("+owner.APIVersion+"), where its fields allow it: "+fix.Title+".")
		case fix.Deletes && f.ManagedBy == "":
		case fix.Deletes:
			fix.lower(Review, mayPutBack(f.ManagedBy))
		case inv.Live && isWorkload && w.Finished():
			fix.manual("it has finished: nothing runs that a change could reach",
				"Fix its source, and delete what is left: kubectl delete "+f.Object.KubectlArgs())
		case inv.Live && immutableTemplate(f.Object.Kind):
			if inv.mayRecreate(obj) {
				fix.recreates(f.Object.Kind, f.ManagedBy)
			} else {
				fix.manual("the spec of a running "+f.Object.Kind.Name+" cannot be changed in place", recreateSteps(f.Object))
			}
		case f.ManagedBy != "":
			fix.lower(Review, mayPutBack(f.ManagedBy))
		case IsSystemNamespace(f.Object.Namespace):
			fix.lower(Review, "the cluster itself depends on what runs in "+f.Object.Namespace)
		}
	}
}

func mayPutBack(manager string) string {
	return manager + " manages this object and may put it back: make the change at its source too"
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
	slices.SortStableFunc(findings, compareFindings)
}

func compareFindings(a, b *Finding) int {
	return cmp.Or(
		-cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.Rule.ID, b.Rule.ID),
		a.Object.Compare(b.Object),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Fingerprint, b.Fingerprint))
}
