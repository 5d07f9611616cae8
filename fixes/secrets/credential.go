package secrets

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

// isCredential reports whether a Secret holds a credential that somebody made
// and may have to rotate: not certificates, which expire by themselves, nor
// tokens of ServiceAccounts and nodes, nor the records of Helm, nor plain
// settings that happen to be in a Secret.
func isCredential(s *corev1.Secret) bool {
	switch s.Type {
	case corev1.SecretTypeServiceAccountToken, corev1.SecretTypeBootstrapToken, corev1.SecretTypeTLS, helmRelease:
		return false
	case corev1.SecretTypeBasicAuth, corev1.SecretTypeSSHAuth, corev1.SecretTypeDockercfg, corev1.SecretTypeDockerConfigJson:
		return true
	}
	for key, value := range s.Data {
		if detect.Classify(key, string(value)).Secret {
			return true
		}
	}
	for key, value := range s.StringData {
		if detect.Classify(key, value).Secret {
			return true
		}
	}
	return false
}

// keeperMarks begin the names of labels and annotations that controllers put on
// the Secrets that they fill, or look for on those that they read.
var keeperMarks = []string{
	"sealedsecrets.bitnami.com/", "reconcile.external-secrets.io/", "cert-manager.io/", "secrets-store.csi.k8s.io/",
	"vault.security.banzaicloud.io/", "secrets.hashicorp.com/", "argocd.argoproj.io/secret-type", "operator.min.io/",
	"strimzi.io/", "cnpg.io/", "postgres-operator.", "kubed.appscode.com/", "reflector.v1.k8s.emberstack.com/",
}

// keeper names what makes or reads a Secret without being a pod, or returns "":
// an owner, a manager, a controller that has left its mark.
func keeper(s *corev1.Secret) string {
	if len(s.OwnerReferences) > 0 {
		return s.OwnerReferences[0].Kind + " " + s.OwnerReferences[0].Name
	}
	for _, marks := range []map[string]string{s.Labels, s.Annotations} {
		for name := range marks {
			for _, mark := range keeperMarks {
				if strings.HasPrefix(name, mark) {
					return strings.TrimSuffix(mark, "/")
				}
			}
		}
	}
	return fixes.ManagedBy(s)
}
