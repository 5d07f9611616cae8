package secrets

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func atRest() *fixes.Rule {
	return &fixes.Rule{
		ID:         "secret-plaintext-at-rest",
		Category:   fixes.Secrets,
		Title:      "Secrets are stored in etcd in plain text",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("1.2.27"), fixes.CIS("1.2.28"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K08")},
		Kinds:      []fixes.Kind{fixes.KindPod},
		Docs:       atRestDocs,
		Check:      checkAtRest,
	}
}

const atRestDocs = `
Without an encryption provider, the API server writes Secrets to etcd as they
are. Whoever gets hold of a backup, a snapshot or a disk of etcd has them all.

## What is looked at
The command of the API server's static pod in kube-system. Where the control
plane is not seen (managed clusters, K3s), nothing is reported: ask the provider.

## The fix
A file on each control plane node and a flag: the steps hold both, and the
command that writes every Secret anew, encrypted. Keep the key elsewhere too: a
backup of etcd is worth nothing without it. A KMS provider is better still, since
the key is not on the same disk then.

## By hand
    kubectl get pods -n kube-system -l component=kube-apiserver -o yaml | grep encryption-provider-config
`

// encryptionFlag names the API server's flag.
const encryptionFlag = "--encryption-provider-config"

func checkAtRest(p *fixes.Pass) {
	for _, pod := range fixes.Objects[*corev1.Pod](p.Inventory, "kube-system") {
		c, ok := apiServer(pod)
		if !ok {
			continue
		}
		words := slices.Concat(c.Command, c.Args)
		if slices.ContainsFunc(words, func(w string) bool { return w == encryptionFlag || strings.HasPrefix(w, encryptionFlag+"=") }) {
			continue
		}
		p.Report(fixes.Finding{
			Object:   fixes.RefOf(pod),
			Path:     c.Path + ".command",
			Key:      encryptionFlag,
			Message:  "The API server writes Secrets to etcd in plain text: whoever has a disk or a backup of etcd has them.",
			Evidence: []string{"its command has no " + encryptionFlag},
			Fixes: []fixes.Fix{{
				Title:      "Encrypt Secrets at rest",
				Confidence: fixes.Manual,
				Why:        "the API server reads its flags from a file on the node, and the key must be nobody's but yours",
				Risks:      []string{"The API server restarts. If the key is lost, so are all Secrets."},
				Steps:      atRestSteps,
			}},
		})
	}
}

// apiServer returns the container of a pod that is the API server.
func apiServer(pod *corev1.Pod) (fixes.Container, bool) {
	w, _ := fixes.AsWorkload(pod)
	for c := range w.Containers() {
		words := slices.Concat(c.Command, c.Args)
		if len(words) > 0 && path.Base(words[0]) == "kube-apiserver" ||
			pod.Labels["component"] == "kube-apiserver" && c.Name == "kube-apiserver" {
			return c, true
		}
	}
	return fixes.Container{}, false
}

const atRestSteps = `On every control plane node, with the same key on all of them:
1. Make a key:
     head -c 32 /dev/urandom | base64
2. Write /etc/kubernetes/enc/encryption.yaml, owned by root, mode 0600:
     apiVersion: apiserver.config.k8s.io/v1
     kind: EncryptionConfiguration
     resources:
     - resources: [secrets]
       providers:
       - secretbox:
           keys:
           - name: key1
             secret: <the key from step 1>
       - identity: {}
3. In /etc/kubernetes/manifests/kube-apiserver.yaml add to the command
     - --encryption-provider-config=/etc/kubernetes/enc/encryption.yaml
   and give the container the folder:
     volumeMounts: [{name: enc, mountPath: /etc/kubernetes/enc, readOnly: true}]
     volumes: [{name: enc, hostPath: {path: /etc/kubernetes/enc, type: Directory}}]
   The kubelet restarts the API server by itself; wait until it is ready:
     kubectl get --raw /readyz
4. When all API servers have it, write every Secret anew:
     kubectl get secrets -A -o json | kubectl replace -f -
5. Check that etcd holds none in plain text: the value of a Secret begins with k8s:enc:secretbox:v1:
     etcdctl get /registry/secrets/NAMESPACE/NAME | head -c 80
6. Then take "- identity: {}" out of the file, so that nothing is ever read unencrypted, and restart again.`
