package secrets

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// store puts a value into a Secret of the draft and returns the reference to
// it. An equal value that the plan has moved already is shared.
func store(d *fixes.Draft, w fixes.Workload, container, name, value string) (*corev1.EnvVarSource, error) {
	if secret, key, ok := stored(d, w.Object.GetNamespace(), []byte(value)); ok {
		return reference(secret, key), nil
	}
	secret, err := secretOf(d, w.Object.GetNamespace(), ownerOf(w.Ref()), secretBase(w.Object), len(value))
	if err != nil {
		return nil, err
	}
	key := freeKey(secret.Data, container, name)
	secret.Data[key] = []byte(value)
	return reference(secret.Name, key), nil
}

// stored finds a value among those that the plan has moved in a namespace.
func stored(d *fixes.Draft, namespace string, value []byte) (secret, key string, ok bool) {
	made := fixes.CreatedIn[*corev1.Secret](d, namespace)
	slices.SortFunc(made, func(a, b *corev1.Secret) int { return cmp.Compare(a.Name, b.Name) })
	for _, s := range made {
		for _, key := range slices.Sorted(maps.Keys(s.Data)) {
			if bytes.Equal(s.Data[key], value) {
				return s.Name, key, true
			}
		}
	}
	return "", "", false
}

// secretOf returns the Secret that the plan makes for the values of an owner
// and that has room for more bytes, made now if need be. A Secret that was
// there before is never touched: what else reads it is not known.
func secretOf(d *fixes.Draft, namespace, owner, base string, room int) (*corev1.Secret, error) {
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		ref := fixes.Ref{Kind: fixes.KindSecret, Namespace: namespace, Name: name}
		if !taken(d.Inventory, ref) {
			secret := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: namespace, Name: name,
					Labels:      map[string]string{"app.kubernetes.io/managed-by": "kubectl-harden"},
					Annotations: map[string]string{ownerAnnotation: owner},
				},
				Type: corev1.SecretTypeOpaque,
				Data: map[string][]byte{},
			}
			return secret, d.Create(secret)
		}
		if !d.Created(ref) {
			continue
		}
		secret, err := fixes.Edit[*corev1.Secret](d, namespace, name)
		if err != nil || secret.Annotations[ownerAnnotation] == owner && size(secret)+room <= corev1.MaxSecretSize {
			return secret, err
		}
	}
}

// size counts what the API server limits to [corev1.MaxSecretSize].
func size(s *corev1.Secret) int {
	n := 0
	for _, value := range s.Data {
		n += len(value)
	}
	return n
}

// ownerAnnotation tells which object's values a Secret holds: objects of
// different kinds may have one name.
const ownerAnnotation = "kubectl-harden.dev/from"

// ownerOf names an object in [ownerAnnotation].
func ownerOf(ref fixes.Ref) string { return ref.Kind.Title() + "." + ref.Name }

func reference(secret, key string) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key,
	}}
}

// notInKey are the characters that a key of a Secret or a ConfigMap may not
// hold, notInName those of a name (RFC 1123 subdomain).
var (
	notInKey  = regexp.MustCompile(`[^-._a-zA-Z0-9]+`)
	notInName = regexp.MustCompile(`[^-.a-z0-9]+`)
)

// freeKey returns the variable's name, or with its container's before it
// where another container has one of that name.
func freeKey(data map[string][]byte, container, name string) string {
	name = notInKey.ReplaceAllString(name, "_")
	key := name
	for n := 1; ; n++ {
		if _, taken := data[key]; !taken {
			return key
		}
		key = container + "." + name
		if n > 1 {
			key = fmt.Sprintf("%s.%d", key, n)
		}
	}
}

// workloadSecretRef names the Secret that a workload's values move to.
func workloadSecretRef(inv *fixes.Inventory, w fixes.Workload) fixes.Ref {
	return freeSecret(inv, w.Object.GetNamespace(), secretBase(w.Object))
}

// freeSecret names the Secret that [secretOf] makes first.
func freeSecret(inv *fixes.Inventory, namespace, base string) fixes.Ref {
	ref := fixes.Ref{Kind: fixes.KindSecret, Namespace: namespace, Name: base}
	for n := 2; taken(inv, ref); n++ {
		ref.Name = fmt.Sprintf("%s-%d", base, n)
	}
	return ref
}

// taken reports whether a Secret is there, or a pod waits for one of that name:
// manifests often refer to Secrets that are made elsewhere.
func taken(inv *fixes.Inventory, ref fixes.Ref) bool {
	return inv.Get(ref) != nil || slices.ContainsFunc(inv.Workloads(ref.Namespace), func(w fixes.Workload) bool {
		return fixes.Refers(w.Object, ref)
	})
}

// maxObjectName is the length limit of a Secret's name.
const maxObjectName = 253

// secretBase derives a Secret's name from its workload's. A pod or Job that is
// to be named by the server has only the beginning of a name.
func secretBase(obj fixes.Object) string {
	return nameBase(cmp.Or(obj.GetName(), obj.GetGenerateName()), "-env")
}

// nameBase appends a suffix to an object's name such that the result, with a
// number behind it, is a valid name.
func nameBase(name, suffix string) string {
	name = notInName.ReplaceAllString(strings.ToLower(name), "-")
	if room := maxObjectName - len(suffix) - len("-99"); len(name) > room {
		name = name[:room]
	}
	return cmp.Or(strings.Trim(name, "-."), "harden") + suffix
}
