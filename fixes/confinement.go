package fixes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Confinement is how tightly a pod is confined: the exceptions that it needs
// from what the restricted Pod Security Standard asks for together with a
// read-only root file system. The zero value has none.
type Confinement struct {
	// FSGroup is the group that owns the pod's volumes; nil leaves it as it is.
	FSGroup *int64
	// Sysctls are set for the pod (net.ipv4.ip_unprivileged_port_start).
	Sysctls []corev1.Sysctl
	// Containers has the exceptions of containers by their names.
	Containers map[string]ContainerConfinement
}

// ContainerConfinement is the part of a [Confinement] that is a container's
// own.
type ContainerConfinement struct {
	// User and Group are set as runAsUser and runAsGroup; nil leaves them to
	// the image and the pod.
	User, Group *int64
	// Root: it has to start as root, so runAsNonRoot is false.
	Root bool
	// Add are capabilities that it needs, beside none at all.
	Add []corev1.Capability
	// Escalates: its processes gain privileges (setuid programs), so
	// allowPrivilegeEscalation stays true.
	Escalates bool
	// Unconfined: the runtime's default seccomp profile stops it.
	Unconfined bool
	// WritableRoot: it does not run with a read-only root file system.
	WritableRoot bool
	// Scratch are empty folders over paths that it writes.
	Scratch []Scratch
}

// Scratch is an empty folder over a path that a container writes.
type Scratch struct {
	// Path is absolute, of a folder.
	Path string
	// Seed: what the image has at the path is copied there first, by an init
	// container of the same image.
	Seed bool
	// Limit bounds its size.
	Limit resource.Quantity
}

// Clone returns a copy that shares nothing with the original.
func (c Confinement) Clone() Confinement {
	c.Sysctls, c.Containers = slices.Clone(c.Sysctls), maps.Clone(c.Containers)
	for name, own := range c.Containers {
		own.Add, own.Scratch = slices.Clone(own.Add), slices.Clone(own.Scratch)
		c.Containers[name] = own
	}
	return c
}

// TemplateDigest identifies a pod's template: two that differ in anything but
// metadata have different ones.
func TemplateDigest(w Workload) string {
	text, err := json.Marshal(w.Spec)
	if err != nil {
		panic(fmt.Sprintf("fixes: a pod that is no JSON: %v", err)) // typed objects always are
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
