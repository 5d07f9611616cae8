package rbac

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

var (
	clientImage = regexp.MustCompile(`(?i)(operator|controller|kubectl|kube-state|external-dns|external-secrets|autoscaler|ingress|prometheus|vault|consul|argocd|argoexec|flux|velero|reloader|dashboard)`)
	clientArg   = regexp.MustCompile(`(?i)(kubeconfig|in-?cluster|leader-elect|kubectl\b|/var/run/secrets/kubernetes\.io)`)
	clientEnv   = []string{"KUBECONFIG", "KUBERNETES_MASTER", "KUBE_TOKEN", "VAULT_K8S_ROLE", "VAULT_ROLE"}
)

// ClientHint returns what suggests that the pod talks to the API, or "", and in
// which container.
func ClientHint(w fixes.Workload) (hint, container string) {
	for c := range w.Containers() {
		if hint := containerHint(c); hint != "" {
			return hint, c.Name
		}
	}
	return "", ""
}

func containerHint(c fixes.Container) string {
	// The registry and the organisation say little; the name is what runs.
	name := c.Image[strings.LastIndex(c.Image, "/")+1:]
	if m := clientImage.FindString(name); m != "" {
		return "image " + name
	}
	for _, arg := range slices.Concat(c.Command, c.Args) {
		if m := clientArg.FindString(arg); m != "" {
			return "the command names " + m
		}
	}
	for _, e := range c.Env {
		if slices.Contains(clientEnv, e.Name) {
			return "variable " + e.Name
		}
	}
	return ""
}
