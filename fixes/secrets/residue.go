package secrets

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func residue() *fixes.Rule {
	return &fixes.Rule{
		ID:         "secret-residue",
		Category:   fixes.Secrets,
		Title:      "A credential that was taken away still stands in what was kept",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.4.1"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K08")},
		Kinds: slices.Concat(fixes.WorkloadKinds(), rbac.Kinds(),
			[]fixes.Kind{fixes.KindSecret, fixes.KindConfigMap, fixes.KindControllerRevision}),
		Docs:  residueDocs,
		Check: checkResidue,
	}
}

const residueDocs = `
Moving a credential into a Secret does not take it out of the copies that
Kubernetes and its tools keep: the annotation in which kubectl apply remembers
the last manifest, the old ReplicaSets and ControllerRevisions that kubectl
rollout undo goes back to, and the records of Helm releases. Whoever may read
those reads the credential as before.

## What is looked at
Values that the object itself holds no more:
- in its annotation kubectl.kubernetes.io/last-applied-configuration;
- in ReplicaSets of a Deployment that are scaled to zero, and in
  ControllerRevisions of a StatefulSet or DaemonSet of which no pod runs;
- in manifests inside Secrets of the type helm.sh/release.v1.

The rule looks at the cluster as it was scanned: a plan that moves a credential
leaves a revision behind that only the next scan can see.

## The fix
The value is taken out of the annotation, and nothing is put in its place: with
a reference there, the next kubectl apply of the old manifest would silently
bring the value back. Old revisions are deleted: kubectl rollout undo cannot go
back to them any more. An undo of that creates them again, but without the
credential: no place holds it. Helm's records are Helm's to change: the steps
say how.

A value that was readable is known: rotate it.

## By hand
    kubectl get replicasets -o json | jq '.items[] | select(.spec.replicas == 0) | .spec.template.spec.containers[].env'
    kubectl apply view-last-applied deployment/web
    helm get manifest shop --revision 1
`

// rotate goes with every fix here.
const rotate = "The value was readable until now: rotate it."

func checkResidue(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		checkApplied(p, w.Object)
		checkRevisions(p, w)
	}
	for _, kind := range []fixes.Kind{fixes.KindConfigMap, fixes.KindSecret} {
		for _, obj := range p.List(kind) {
			checkApplied(p, obj)
		}
	}
	checkReleases(p)
}

// current returns the credentials that an object held in plain text when it was
// scanned, its annotations aside.
func current(inv *fixes.Inventory, obj fixes.Object) values {
	if scanned := inv.Scanned().Get(fixes.RefOf(obj)); scanned != nil {
		obj = scanned
	}
	return own(obj)
}

// own returns the credentials that an object holds, its annotations aside. All
// that a Secret holds is one.
func own(obj fixes.Object) values {
	if s, ok := obj.(*corev1.Secret); ok {
		set := values{}
		for key, value := range s.Data {
			set[string(value)] = true
			for _, part := range parts(key, string(value)) {
				set[part] = true
			}
		}
		for key, value := range s.StringData {
			set[value] = true
			for _, part := range parts(key, value) {
				set[part] = true
			}
		}
		return set
	}
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil
	}
	tree["kind"] = fixes.RefOf(obj).Kind.Name
	return valuesOf(plainIn(tree))
}

// checkApplied looks for credentials that only the last applied manifest holds.
func checkApplied(p *fixes.Pass, obj fixes.Object) {
	if obj.GetAnnotations()[corev1.LastAppliedConfigAnnotation] == "" {
		return
	}
	left := appliedOnly(p.Inventory, obj, false)
	if len(left) == 0 {
		return
	}
	ref := fixes.RefOf(obj)
	f := fixes.Finding{
		Object: ref,
		Path:   "metadata.annotations[" + corev1.LastAppliedConfigAnnotation + "]",
		Key:    "last-applied",
		Message: fmt.Sprintf("The last applied manifest in its annotation still holds a credential that it has no more itself (%s): whoever may read %s can read it.",
			strings.Join(left, ", "), ref.Kind.Resource),
		Evidence: withReaders(p, ref.Kind, ref.Namespace),
	}
	fix := fixes.Fix{
		Title:      "Take the value out of the annotation",
		Confidence: fixes.Safe,
		Why:        "only kubectl apply reads the annotation, and nothing that runs changes",
		Risks:      []string{rotate, "A manifest that still holds the value brings it back with the next kubectl apply: change it as well."},
		Edit: func(d *fixes.Draft) error {
			obj, err := fixes.EditObject(d, ref)
			if err != nil {
				return err
			}
			appliedOnly(d.Inventory, obj, true)
			return nil
		},
	}
	switch {
	case ref.Kind == fixes.KindSecret:
		f.Severity = fixes.Low // who may read the annotation may read what is in force too
	case p.Live && (ref.Kind == fixes.KindPod || ref.Kind == fixes.KindJob):
		fix = fixes.Fix{
			Title: fix.Title, Confidence: fixes.Manual, Risks: fix.Risks,
			Why: "a fix of a running " + ref.Kind.Name + " recreates it, which this does not need",
			Steps: "Take the annotation away:\n  kubectl annotate " + ref.KubectlArgs() + " " + corev1.LastAppliedConfigAnnotation + "-\n" +
				"The next kubectl apply writes it anew.",
		}
	}
	f.Fixes = []fixes.Fix{fix}
	p.Report(f)
}

// appliedOnly returns where in an object's last applied manifest credentials
// stand that the object itself does not hold, and takes them out if told to.
func appliedOnly(inv *fixes.Inventory, obj fixes.Object, drop bool) []string {
	var left []plain
	look := func(applied map[string]any) bool {
		applied["kind"] = fixes.RefOf(obj).Kind.Name // by which it is read; kubectl writes the same
		if left = plainIn(applied); len(left) > 0 {
			left = without(left, current(inv, obj))
		}
		if drop {
			for _, l := range left {
				l.drop()
			}
		}
		return drop && len(left) > 0
	}
	if err := scrubLastApplied(obj, look); err != nil {
		return nil // not JSON: kubectl apply refuses it too, and nothing can be told of it
	}
	return places(left)
}
