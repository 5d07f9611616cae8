package controlplane

import (
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func anonymousAuth() *fixes.Rule {
	return &fixes.Rule{
		ID: "apiserver-anonymous-auth", Category: fixes.Access,
		Title:      "The API server takes anonymous requests for every path",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.Spoofing, fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("1.2.1"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K06")},
		Docs:       anonymousAuthDocs,
		Check:      checkAnonymousAuth,
	}
}

const anonymousAuthDocs = `
Who shows no credentials is system:anonymous, in the group system:unauthenticated.
By default that user may read little: the version, and whether the server is ready.
One binding by mistake, and everybody may do what it says; a fault in the server is
within everybody's reach.

## What is looked at
The command of kube-apiserver in its pod in kube-system: --anonymous-auth, which is
true by default (false where --authorization-mode is AlwaysAllow, Kubernetes 1.6).
With --authentication-config (Kubernetes 1.30) the file may say otherwise; the API does
not show it: that is said, and nothing claimed.

## The fix
From Kubernetes 1.32: an AuthenticationConfiguration that takes anonymous requests for
the health checks alone, which the kubelet's probes and load balancers make; the steps
hold the whole file. Before: --anonymous-auth=false, where the probes of the static pod
show credentials, or are of another kind.

kubeadm join reads the ConfigMap cluster-info anonymously: use its --discovery-file.

## By hand
    kubectl get --raw /api --as system:anonymous --as-group system:unauthenticated
`

const anonymousFlag = "anonymous-auth"

// anonymousSince is the minor version from which a file can restrict anonymous
// requests to paths (KEP-4633: beta in 1.32), authenticationV1 that from which its
// API is v1.
const (
	anonymousSince   = 32
	authenticationV1 = 34
)

// authenticationFile is the AuthenticationConfiguration that the steps hold.
func authenticationFile(minor int) string {
	version := "v1beta1"
	if minor >= authenticationV1 {
		version = "v1"
	}
	return `apiVersion: apiserver.config.k8s.io/` + version + `
kind: AuthenticationConfiguration
anonymous:
  enabled: true
  conditions:
  - path: /livez
  - path: /readyz
  - path: /healthz
`
}

func checkAnonymousAuth(p *fixes.Pass) {
	for _, proc := range processesOf(p.Inventory).of(apiServer) {
		f := proc.flags
		if f.has(authenticationConfig) || !f.is(anonymousFlag, true, true) {
			continue
		}
		// The server takes none where it would allow them everything
		// (kubeapiserver/options, ApplyAuthorization).
		modes, _ := f.list(authorizationFlag)
		if slices.Contains(modes, "AlwaysAllow") || len(modes) == 0 && !f.has(authorizationConfig) {
			continue
		}
		out := finding{
			flag: anonymousFlag, message: "The API server takes requests without credentials for every path, and leaves it to roles alone to refuse them.",
			evidence: []string{f.evidence(anonymousFlag, "true")},
			title:    "Take anonymous requests for health checks alone",
			risk:     "kubeadm join needs --discovery-file then: it reads the ConfigMap cluster-info anonymously.",
		}
		out.edit = anonymousEdit(proc.minor)
		if proc.minor != 0 && proc.minor < anonymousSince {
			out.title = "Take no anonymous requests"
			out.risk = "Probes and load balancers that ask for /livez, /readyz or /healthz without credentials fail, and the kubelet restarts the API server on it."
		}
		proc.report(p, out)
	}
}

func anonymousEdit(minor int) edit {
	if minor != 0 && minor < anonymousSince {
		return edit{
			before: "First change the static pod's probes from httpGet to what needs no anonymous request\n(an exec of a client with a token, or tcpSocket).\n",
			set:    []string{"--" + anonymousFlag + "=false"},
		}
	}
	const file = "/etc/kubernetes/auth/authentication.yaml"
	return edit{
		before: "Write " + file + ", owned by root, mode 0600 (flags --oidc-… go into its field jwt):\n" + indent(authenticationFile(minor)),
		set:    []string{"--" + authenticationConfig + "=" + file},
		drop:   []string{"--" + anonymousFlag},
		mounts: mountsOf("auth", "/etc/kubernetes/auth", true),
		after:  "It must be refused now: curl -k https://API-SERVER/version; and this must not: curl -k https://API-SERVER/livez\n",
	}
}

// indent sets the lines of a file in by four.
func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + line)
	}
	return b.String()
}

// mountsOf is what gives a container a folder of its node.
func mountsOf(name, folder string, readOnly bool) string {
	mount, kind := "", "DirectoryOrCreate"
	if readOnly {
		mount, kind = ", readOnly: true", "Directory"
	}
	return "  and give the container the folder " + folder + ":\n" +
		"    volumeMounts: [{name: " + name + ", mountPath: " + folder + mount + "}]\n" +
		"    volumes: [{name: " + name + ", hostPath: {path: " + folder + ", type: " + kind + "}}]\n"
}
