package secrets

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

func annotationSecret() *fixes.Rule {
	return &fixes.Rule{
		ID:         "annotation-secret",
		Category:   fixes.Secrets,
		Title:      "An annotation, a label, a probe or a hook holds a credential",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.4.1"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K08")},
		Kinds:      append(fixes.WorkloadKinds(), annotatedKinds...),
		Local:      true,
		Docs:       annotationSecretDocs,
		Check:      checkAnnotationSecret,
	}
}

// annotatedKinds are looked at for their annotations and labels, beside the
// workloads.
var annotatedKinds = []fixes.Kind{
	fixes.KindNamespace, fixes.KindService, fixes.KindServiceAccount, fixes.KindIngress, fixes.KindConfigMap, fixes.KindSecret,
}

const annotationSecretDocs = `
Annotations and labels are copied into events, metrics, dashboards and pods;
nobody takes them for secret. A probe's or a hook's command stands in the pod's
spec, and in the kubelet's events when it fails.

## What is looked at
Annotations and labels of workloads, their pod templates, Services, Ingresses,
ConfigMaps, Secrets, ServiceAccounts and Namespaces; HTTP headers of probes and
hooks; the commands of exec probes, postStart and preStop. There a name alone
says little (annotations name Secrets and realms), so the value has to look like
a credential too. last-applied-configuration is secret-residue's.

## The fix
What only people read (the cause of a change, a description) is removed, which is
a matter of review. All else is manual, since what reads an annotation is not in
the cluster's objects: a controller has to be told in its own way to take the
value from a Secret. The kubelet puts no variables into headers, nor into the
commands of probes and hooks; a command of "sh -c" can read a variable of the
container by itself.

It was readable until now: rotate it.

## By hand
    kubectl get deployments,services,ingresses -o json | jq '.items[].metadata | {name, annotations, labels}'
`

func checkAnnotationSecret(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		checkMeta(p, w.Object, &metav1.ObjectMeta{Annotations: w.Object.GetAnnotations(), Labels: w.Object.GetLabels()}, "metadata")
		if w.MetaPath != "metadata" {
			checkMeta(p, w.Object, w.Meta, w.MetaPath)
		}
		for c := range w.Containers() {
			checkHandlers(p, w, c)
		}
	}
	for _, kind := range annotatedKinds {
		for _, obj := range p.List(kind) {
			if metav1.GetControllerOfNoCopy(obj) == nil {
				checkMeta(p, obj, &metav1.ObjectMeta{Annotations: obj.GetAnnotations(), Labels: obj.GetLabels()}, "metadata")
			}
		}
	}
}

func checkMeta(p *fixes.Pass, obj fixes.Object, meta *metav1.ObjectMeta, path string) {
	for _, key := range slices.Sorted(maps.Keys(meta.Annotations)) {
		if key == corev1.LastAppliedConfigAnnotation {
			continue
		}
		if v := detect.Annotation(key, meta.Annotations[key]); v.Secret {
			p.Report(metaFinding(obj, path+".annotations", "annotation", key, v))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(meta.Labels)) {
		if v := detect.Annotation(key, meta.Labels[key]); v.Secret {
			p.Report(metaFinding(obj, path+".labels", "label", key, v))
		}
	}
}

// notes are annotations that only people read.
var notes = []string{"kubernetes.io/change-cause", "kubernetes.io/description", "field.cattle.io/description"}

func metaFinding(obj fixes.Object, path, what, key string, v detect.Verdict) fixes.Finding {
	ref := fixes.RefOf(obj)
	f := fixes.Finding{
		Object: ref,
		Path:   fmt.Sprintf("%s[%q]", path, key),
		Key:    path + "/" + key,
		Message: fmt.Sprintf("The %s %s holds a credential (%s): whoever may read %s can read it.",
			what, key, v.Reason, ref.Kind.Resource),
		Evidence: v.Evidence,
	}
	if v.Confidence < sureness {
		f.Severity = fixes.Medium
	}
	if path == "metadata.annotations" && slices.Contains(notes, key) {
		f.Fixes = []fixes.Fix{{
			Title:      "Remove the annotation " + key,
			Confidence: fixes.Review,
			Why:        "it is a note to people, which no program goes by; old ReplicaSets may have a copy",
			Risks:      []string{"The value was readable until now: rotate it."},
			Edit:       func(d *fixes.Draft) error { return dropAnnotation(d, ref, key) },
		}}
		return f
	}
	f.Fixes = []fixes.Fix{{
		Title:      "Take the credential out of the " + what,
		Confidence: fixes.Manual,
		Why:        "what reads it is not known: a controller, a script, or nothing",
		Steps: fmt.Sprintf("Find out what reads %s, and let it take the value from a Secret; most controllers have an annotation that names one.\n"+
			"Then remove it at its source, and rotate the value:\n  kubectl %s %s %s\n"+
			"Then check: kubectl harden --rule annotation-secret", key, map[string]string{"annotation": "annotate", "label": "label"}[what], ref.KubectlArgs(), key+"-"),
	}}
	if path != "metadata.annotations" && path != "metadata.labels" {
		f.Fixes[0].Steps = fmt.Sprintf("Find out what reads %s in the pods, and let it take the value from a Secret.\n"+
			"Then remove it from %s of %s, which restarts its pods, and rotate the value.\n"+
			"Then check: kubectl harden --rule annotation-secret", key, path, ref)
	}
	return f
}

func dropAnnotation(d *fixes.Draft, ref fixes.Ref, key string) error {
	obj, err := fixes.EditRef[fixes.Object](d, ref)
	if err != nil {
		return err
	}
	annotations := obj.GetAnnotations()
	delete(annotations, key)
	obj.SetAnnotations(annotations)
	return scrubLastApplied(obj, func(applied map[string]any) bool {
		meta, _ := applied["metadata"].(map[string]any)
		of, _ := meta["annotations"].(map[string]any)
		if _, there := of[key]; !there {
			return false
		}
		delete(of, key)
		return true
	})
}
