package secrets

import (
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

// handler is what the kubelet runs or asks for in a container: a probe or a
// hook.
type handler struct {
	// path leads to it from the container ("lifecycle.preStop").
	path    string
	exec    *corev1.ExecAction
	httpGet *corev1.HTTPGetAction
}

func handlers(c *corev1.Container) iter.Seq[handler] {
	return func(yield func(handler) bool) {
		for _, probe := range []struct {
			path string
			*corev1.Probe
		}{{"livenessProbe", c.LivenessProbe}, {"readinessProbe", c.ReadinessProbe}, {"startupProbe", c.StartupProbe}} {
			if probe.Probe != nil && !yield(handler{probe.path, probe.Exec, probe.HTTPGet}) {
				return
			}
		}
		if c.Lifecycle == nil {
			return
		}
		for _, hook := range []struct {
			path string
			*corev1.LifecycleHandler
		}{{"lifecycle.postStart", c.Lifecycle.PostStart}, {"lifecycle.preStop", c.Lifecycle.PreStop}} {
			if hook.LifecycleHandler != nil && !yield(handler{hook.path, hook.Exec, hook.HTTPGet}) {
				return
			}
		}
	}
}

func checkHandlers(p *fixes.Pass, w fixes.Workload, c fixes.Container) {
	if c.Ephemeral {
		return
	}
	for h := range handlers(c.Container) {
		if h.httpGet != nil {
			for i, header := range h.httpGet.HTTPHeaders {
				if v := detect.Classify(header.Name, header.Value); v.Secret {
					p.Report(handlerFinding(w, c, h.path, fmt.Sprintf("httpGet.httpHeaders[%d].value", i), header.Name, "Header "+header.Name, v,
						"The kubelet sends headers as they stand. Let the probe ask for a path that needs no credential, or use an exec probe with a program that has it in its environment."))
				}
			}
		}
		if h.exec != nil {
			for _, found := range commandSecrets(h.exec.Command) {
				what := "Option or variable " + found.Flag
				if found.Flag == "" {
					what = fmt.Sprintf("Word %d", found.Index)
				}
				p.Report(handlerFinding(w, c, h.path, fmt.Sprintf("exec.command[%d]", found.Index), found.Flag, what, found.Verdict,
					fmt.Sprintf("Give container %s a variable with valueFrom.secretKeyRef, and let the command read it: the kubelet puts no $(NAME) into it, but [sh, -c, 'program \"$NAME\"'] reads it by itself.", c.Name)))
			}
		}
	}
}

func handlerFinding(w fixes.Workload, c fixes.Container, path, place, name, what string, v detect.Verdict, steps string) fixes.Finding {
	f := fixes.Finding{
		Object: w.Ref(),
		Path:   c.Path + "." + path + "." + place,
		Key:    c.Name + "/" + path + "/" + name,
		Message: fmt.Sprintf("%s of %s in container %s is a literal (%s): whoever may read %s can read it.",
			what, path, c.Name, v.Reason, w.Ref().Kind.Resource),
		Evidence: v.Evidence,
		Fixes: []fixes.Fix{{
			Title:      "Take the credential out of " + path,
			Confidence: fixes.Manual,
			Why:        "the kubelet puts no variables into probes and hooks",
			Steps:      steps + "\nRotate the value.\nThen check: kubectl harden --rule annotation-secret",
		}},
	}
	if v.Confidence < sureness {
		f.Severity = fixes.Medium
	}
	return f
}
