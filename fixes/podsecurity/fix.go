package podsecurity

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// edited is a fix that changes the workload's pod or template.
func (s *subject) edited(title string, confidence fixes.Confidence, why string, risks []string, change func(fixes.Workload)) fixes.Fix {
	ref := s.Ref()
	fix := fixes.Fix{
		Title:      title,
		Confidence: confidence,
		Why:        why,
		Edit: func(d *fixes.Draft) error {
			w, err := d.EditWorkload(ref)
			if err != nil {
				return err
			}
			change(w)
			return nil
		},
	}
	for _, risk := range append(risks, restarts(s.Workload)) {
		if risk != "" {
			fix.Risks = append(fix.Risks, fixes.Clean(risk))
		}
	}
	return fix
}

// manual is a fix that a person makes. The steps end with how to check it.
func (s *subject) manual(title, why, steps string) fixes.Fix {
	path := s.SpecPath
	if len(s.faults) > 0 {
		path = s.faults[0].path
	}
	return fixes.Fix{
		Title:      title,
		Confidence: fixes.Manual,
		Why:        why,
		Steps: fixes.CleanLines(fmt.Sprintf("%s\nThen check: kubectl get %s -o jsonpath='{.%s}'",
			strings.TrimSpace(steps), s.Ref().KubectlArgs(), path)),
	}
}

// restarts says when a changed template takes effect.
func restarts(w fixes.Workload) string {
	const later = "Pods that run now keep their old settings until they are replaced."
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		return "Its pods restart."
	case *appsv1.StatefulSet:
		if o.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
			return later
		}
		return "Its pods restart."
	case *appsv1.DaemonSet:
		if o.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType {
			return later
		}
		return "Its pods restart."
	case *appsv1.ReplicaSet, *corev1.ReplicationController:
		return later
	case *fixes.Custom:
		if w.Ref().Kind.Rolls() {
			return "Its pods restart."
		}
		return later
	case *batchv1.CronJob:
		return "It takes effect with the next run."
	}
	return ""
}

// editSecurity returns a container's security context, for editing.
func editSecurity(c fixes.Container) *corev1.SecurityContext {
	if c.SecurityContext == nil {
		c.SecurityContext = &corev1.SecurityContext{}
	}
	return c.SecurityContext
}

// editPodSecurity returns a pod's security context, for editing.
func editPodSecurity(w fixes.Workload) *corev1.PodSecurityContext {
	if w.Spec.SecurityContext == nil {
		w.Spec.SecurityContext = &corev1.PodSecurityContext{}
	}
	return w.Spec.SecurityContext
}

// listed writes names as a sentence has them, at most a few.
func listed(names []string) string {
	switch n := len(names); {
	case n == 0:
		return ""
	case n == 1:
		return names[0]
	case n > maxNames:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), n-maxNames)
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}
