package podsecurity

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// plain writes a capability as the API has it; runtimes also take lower case
// and the kernel's prefix.
func plain(c corev1.Capability) string {
	return strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_")
}

// runtimeDefault is what containerd gives a container that says nothing.
var runtimeDefault = []string{
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
	"NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

// effective returns the capabilities of a container, sorted, as runtimes read
// the two lists: ALL first, then what is added, then what is dropped.
func effective(caps corev1.Capabilities) []string {
	set := map[string]bool{}
	drop := map[string]bool{}
	for _, c := range caps.Drop {
		drop[plain(c)] = true
	}
	if !drop["ALL"] {
		for _, c := range runtimeDefault {
			set[c] = true
		}
	}
	for _, c := range caps.Add {
		set[plain(c)] = true
	}
	var names []string
	for c := range set {
		if !drop[c] {
			names = append(names, c)
		}
	}
	slices.Sort(names)
	return names
}

// CapabilitiesOf returns the capabilities that a container starts with, without
// CAP_, if it starts as root and is not privileged.
func CapabilitiesOf(c fixes.Container) []corev1.Capability {
	var list []corev1.Capability
	for _, name := range effective(capabilitiesOf(c)) {
		list = append(list, corev1.Capability(name))
	}
	return list
}
