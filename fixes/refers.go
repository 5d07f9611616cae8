package fixes

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// Refers reports whether an object refers to a Secret, a ConfigMap or a
// ServiceAccount, so that it misses it when it is gone: pods and what makes
// them, ServiceAccounts, Ingresses, bindings of roles, and Secrets that hold a
// ServiceAccount's token. It knows nothing of custom resources and of
// controllers that read names in annotations.
func Refers(obj Object, to Ref) bool {
	switch o := obj.(type) {
	case *rbacv1.RoleBinding:
		return bindsTo(o.Namespace, o.Subjects, to)
	case *rbacv1.ClusterRoleBinding:
		return bindsTo("", o.Subjects, to)
	}
	if obj.GetNamespace() != to.Namespace {
		return false
	}
	if w, ok := AsWorkload(obj); ok {
		return podRefers(w, to)
	}
	switch o := obj.(type) {
	case *corev1.ServiceAccount:
		return to.Kind == KindSecret && slices.Contains(SecretNames(o), to.Name)
	case *corev1.Secret:
		return to.Kind == KindServiceAccount && o.Type == corev1.SecretTypeServiceAccountToken &&
			o.Annotations[corev1.ServiceAccountNameKey] == to.Name
	case *networkingv1.Ingress:
		return to.Kind == KindSecret && slices.Contains(SecretNames(o), to.Name)
	}
	return false
}

func bindsTo(namespace string, subjects []rbacv1.Subject, to Ref) bool {
	if to.Kind != KindServiceAccount {
		return false
	}
	return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool {
		switch s.Kind {
		case rbacv1.ServiceAccountKind:
			return s.Name == to.Name && cmp.Or(s.Namespace, namespace) == to.Namespace
		case rbacv1.UserKind:
			return s.Name == strings.Join([]string{"system:serviceaccount", to.Namespace, to.Name}, ":")
		}
		return false
	})
}

func podRefers(w Workload, to Ref) bool {
	switch to.Kind {
	case KindSecret:
		return slices.Contains(podSecrets(w), to.Name)
	case KindConfigMap:
		return slices.ContainsFunc(w.Spec.Volumes, func(v corev1.Volume) bool { return volumeConfigMap(v, to.Name) }) ||
			containerRefers(w, func(from *corev1.EnvVarSource, all *corev1.EnvFromSource) bool {
				return from != nil && from.ConfigMapKeyRef != nil && from.ConfigMapKeyRef.Name == to.Name ||
					all != nil && all.ConfigMapRef != nil && all.ConfigMapRef.Name == to.Name
			})
	case KindServiceAccount:
		return cmp.Or(w.Spec.ServiceAccountName, w.Spec.DeprecatedServiceAccount, "default") == to.Name
	}
	return false
}

// containerRefers reports whether a variable of a container, or all of them
// from one source, come from where a function says.
func containerRefers(w Workload, from func(*corev1.EnvVarSource, *corev1.EnvFromSource) bool) bool {
	for c := range w.Containers() {
		for i := range c.Env {
			if from(c.Env[i].ValueFrom, nil) {
				return true
			}
		}
		for i := range c.EnvFrom {
			if from(nil, &c.EnvFrom[i]) {
				return true
			}
		}
	}
	return false
}

// SecretNames returns the names of the Secrets of its own namespace that an
// object refers to, as [Refers] knows them; a name may stand there twice.
func SecretNames(obj Object) []string {
	if w, ok := AsWorkload(obj); ok {
		return podSecrets(w)
	}
	var names []string
	switch o := obj.(type) {
	case *corev1.ServiceAccount:
		names = localNames(o.ImagePullSecrets)
		for _, r := range o.Secrets {
			names = append(names, r.Name)
		}
	case *networkingv1.Ingress:
		for _, t := range o.Spec.TLS {
			names = append(names, t.SecretName)
		}
	}
	return names
}

func podSecrets(w Workload) []string {
	names := localNames(w.Spec.ImagePullSecrets)
	for _, v := range w.Spec.Volumes {
		names = append(names, volumeSecrets(v)...)
	}
	for c := range w.Containers() {
		for i := range c.Env {
			if from := c.Env[i].ValueFrom; from != nil && from.SecretKeyRef != nil {
				names = append(names, from.SecretKeyRef.Name)
			}
		}
		for i := range c.EnvFrom {
			if ref := c.EnvFrom[i].SecretRef; ref != nil {
				names = append(names, ref.Name)
			}
		}
	}
	return names
}

func localNames(refs []corev1.LocalObjectReference) []string {
	var names []string
	for _, r := range refs {
		names = append(names, r.Name)
	}
	return names
}

// volumeSecrets returns the Secrets that a volume holds, or is mounted with as
// credentials.
func volumeSecrets(v corev1.Volume) []string {
	local := func(r *corev1.LocalObjectReference) []string {
		if r == nil {
			return nil
		}
		return []string{r.Name}
	}
	switch {
	case v.Secret != nil:
		return []string{v.Secret.SecretName}
	case v.Projected != nil:
		var names []string
		for _, s := range v.Projected.Sources {
			if s.Secret != nil {
				names = append(names, s.Secret.Name)
			}
		}
		return names
	case v.CSI != nil:
		return local(v.CSI.NodePublishSecretRef)
	case v.AzureFile != nil:
		return []string{v.AzureFile.SecretName}
	case v.CephFS != nil:
		return local(v.CephFS.SecretRef)
	case v.Cinder != nil:
		return local(v.Cinder.SecretRef)
	case v.FlexVolume != nil:
		return local(v.FlexVolume.SecretRef)
	case v.ISCSI != nil:
		return local(v.ISCSI.SecretRef)
	case v.RBD != nil:
		return local(v.RBD.SecretRef)
	case v.ScaleIO != nil:
		return local(v.ScaleIO.SecretRef)
	case v.StorageOS != nil:
		return local(v.StorageOS.SecretRef)
	}
	return nil
}

func volumeConfigMap(v corev1.Volume, name string) bool {
	switch {
	case v.ConfigMap != nil:
		return v.ConfigMap.Name == name
	case v.Projected != nil:
		return slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool { return s.ConfigMap != nil && s.ConfigMap.Name == name })
	}
	return false
}
