package access

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

const (
	// tokenVolume is the name of the volume, tokenPath where clients look for it
	// (k8s.io/client-go/rest, InClusterConfig).
	tokenVolume = "api-token"
	tokenPath   = "/var/run/secrets/kubernetes.io/serviceaccount"
	// tokenSeconds is how long a token is valid; the kubelet renews it before.
	tokenSeconds = 3600
	vaultHint    = "variable VAULT_"
)

// projectToken gives a token to the one container that looks like a client, and
// to no other of the pod.
func projectToken(w fixes.Workload, account, container, hint string) fixes.Fix {
	audience, risk := "", "The other containers of the pod have no token any more."
	if strings.HasPrefix(hint, vaultHint) {
		audience = "vault"
		risk += " The role in Vault must have the audience vault; the API server takes the token no more."
	}
	return fixes.Fix{
		Title:      "Project a token of an hour into container " + container + " only",
		Confidence: fixes.Review,
		Why:        hint + " looks like a client of the API",
		Risks:      []string{"The pods restart.", risk},
		Edit: func(d *fixes.Draft) error {
			w, err := d.EditWorkload(w.Ref())
			if err != nil {
				return err
			}
			c, ok := w.Container(container)
			if !ok || rbac.AccountOf(w).Name != account || w.Spec.AutomountServiceAccountToken != nil && !*w.Spec.AutomountServiceAccountToken {
				return nil
			}
			w.Spec.AutomountServiceAccountToken = new(bool)
			for _, m := range c.VolumeMounts {
				if m.MountPath == tokenPath {
					return nil // it has one of its own there
				}
			}
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: tokenVolume, MountPath: tokenPath, ReadOnly: true})
			w.Spec.Volumes = append(w.Spec.Volumes, corev1.Volume{Name: tokenVolume, VolumeSource: corev1.VolumeSource{
				Projected: &corev1.ProjectedVolumeSource{Sources: tokenSources(audience)},
			}})
			return nil
		},
	}
}

// tokenSources are what the API server itself puts beside a token
// (plugin/pkg/admission/serviceaccount, TokenVolumeSource).
func tokenSources(audience string) []corev1.VolumeProjection {
	seconds := int64(tokenSeconds)
	return []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: audience, ExpirationSeconds: &seconds, Path: "token"}},
		{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
			Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
		}},
		{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
			{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}},
		}}},
	}
}
