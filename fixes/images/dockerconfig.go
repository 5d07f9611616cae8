package images

import (
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// RegistryLogin is one entry of a pull secret.
type RegistryLogin struct {
	// Registry is the entry's name as it is written: a host, perhaps with a
	// scheme, a path, or "*" for a part of the host's name.
	Registry string
	// Auth is the entry's value, in the form of docker's config.json: a credential.
	Auth json.RawMessage
}

// PullLogins returns the entries of a pull secret, in the order of their names,
// or false when the Secret is none, or cannot be read.
func PullLogins(s *corev1.Secret) ([]RegistryLogin, bool) {
	var config struct {
		Auths map[string]json.RawMessage `json:"auths"`
	}
	switch s.Type {
	case corev1.SecretTypeDockerConfigJson:
		if json.Unmarshal(s.Data[corev1.DockerConfigJsonKey], &config) != nil {
			return nil, false
		}
	case corev1.SecretTypeDockercfg:
		if json.Unmarshal(s.Data[corev1.DockerConfigKey], &config.Auths) != nil {
			return nil, false
		}
	default:
		return nil, false
	}
	logins := make([]RegistryLogin, 0, len(config.Auths))
	for registry, auth := range config.Auths {
		logins = append(logins, RegistryLogin{registry, auth})
	}
	slices.SortFunc(logins, func(a, b RegistryLogin) int { return strings.Compare(a.Registry, b.Registry) })
	return logins, true
}

// Fits reports whether the kubelet would use the entry for an image: host and
// port are the same, part by part where the entry has a "*", and its path is the
// beginning of the image's (Kubernetes, pkg/credentialprovider/keyring.go). Unlike
// there, a path ends at a slash: what is for acme is not sent for acme-evil.
func (l RegistryLogin) Fits(image string) bool {
	entry := l.Registry
	if !strings.Contains(entry, "://") {
		entry = "https://" + entry
	}
	u, err := url.Parse(entry)
	if err != nil || u.Host == "" {
		return false
	}
	host := u.Host
	if host == "index.docker.io" {
		host = dockerHub
	}
	prefix := u.Path
	if prefix == "/v1" || prefix == "/v2" || strings.HasPrefix(prefix, "/v1/") || strings.HasPrefix(prefix, "/v2/") {
		prefix = prefix[len("/v1"):]
	}
	prefix = strings.Trim(prefix, "/")
	repo := repository(image)
	imageHost, imagePath, _ := strings.Cut(repo, "/")
	return sameHost(host, imageHost) &&
		(prefix == "" || imagePath == prefix || strings.HasPrefix(imagePath, prefix+"/"))
}

func sameHost(glob, host string) bool {
	globName, globPort, _ := strings.Cut(glob, ":")
	name, port, _ := strings.Cut(host, ":")
	globs, parts := strings.Split(globName, "."), strings.Split(name, ".")
	if globPort != port || len(globs) != len(parts) {
		return false
	}
	for i := range globs {
		if ok, err := path.Match(globs[i], parts[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// PullSecretNames returns the pull secrets that a workload's pods are given:
// those that it names, or else those of its ServiceAccount. It returns false when
// the ServiceAccount counts, and is not in the inventory.
func PullSecretNames(inv *fixes.Inventory, w fixes.Workload) ([]corev1.LocalObjectReference, bool) {
	if len(w.Spec.ImagePullSecrets) > 0 {
		// The ServiceAccount admission controller adds its own only where there are none.
		return w.Spec.ImagePullSecrets, true
	}
	name := w.Spec.ServiceAccountName
	if name == "" {
		name = "default"
	}
	account, ok := fixes.Lookup[*corev1.ServiceAccount](inv, w.Object.GetNamespace(), name)
	if !ok {
		return nil, false
	}
	return account.ImagePullSecrets, true
}
