package connections

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Who has no password cannot log in. Where a store asks for one, and some workload
// beside it has been given that very one, those who have been given nothing that
// could be a password are no clients.

// password is one as it stands in a pod: a key of a Secret, which is empty for all of
// it, or a plain value. It is compared and never told.
type password struct{ secret, key, value string }

func (p password) is(other password) bool {
	if p.secret != other.secret || p.secret == "" {
		return p == other
	}
	return p.key == "" || other.key == "" || p.key == other.key
}

// passwords returns those of a workload's variables, by their names, and the Secrets
// that it takes all variables of.
func passwords(w fixes.Workload) []password {
	var out []password
	for c := range w.Containers() {
		for _, from := range c.EnvFrom {
			if from.SecretRef != nil {
				out = append(out, password{secret: from.SecretRef.Name})
			}
		}
		for _, e := range c.Env {
			if !namesPassword(e.Name) {
				continue
			}
			if src := e.ValueFrom; src != nil && src.SecretKeyRef != nil {
				out = append(out, password{secret: src.SecretKeyRef.Name, key: src.SecretKeyRef.Key})
			} else if len(e.Value) > 3 { // no yes or no
				out = append(out, password{value: e.Value})
			}
		}
	}
	return out
}

func namesPassword(variable string) bool {
	name := strings.ToUpper(variable)
	return (strings.Contains(name, "PASSWORD") || strings.HasSuffix(name, "_PASS") || strings.HasSuffix(name, "_PWD")) &&
		!strings.Contains(name, "ALLOW") && !strings.Contains(name, "RANDOM")
}

// provided returns the clients of a store that have been given some credential, if
// one of them has been given that of the store; none if not.
func provided(store fixes.Workload, clients []fixes.Workload) []fixes.Workload {
	own := passwords(store)
	if !slices.ContainsFunc(clients, func(w fixes.Workload) bool {
		return isService(w) && slices.ContainsFunc(passwords(w), func(p password) bool { return slices.ContainsFunc(own, p.is) })
	}) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(clients), givenNothing)
}

// givenNothing reports whether a pod gets no Secret, no file that others have
// written, and no variable or argument that could hold a credential.
func givenNothing(w fixes.Workload) bool {
	if slices.ContainsFunc(w.Spec.Volumes, givesFiles) || len(w.Meta.Annotations) > 0 { // of those who inject Secrets
		return false
	}
	for c := range w.Containers() {
		if len(c.EnvFrom) > 0 || slices.ContainsFunc(c.Env, mayHoldCredential) ||
			slices.ContainsFunc(slices.Concat(c.Command, c.Args), func(arg string) bool { return strings.ContainsAny(arg, "@$") || namesPassword(arg) }) {
			return false
		}
	}
	return true
}

// mayHoldCredential reports whether a variable could: one of another kind than a
// plain word, a number, or a field of the pod.
func mayHoldCredential(e corev1.EnvVar) bool {
	if e.ValueFrom != nil {
		return e.ValueFrom.FieldRef == nil && e.ValueFrom.ResourceFieldRef == nil
	}
	name := strings.ToUpper(e.Name)
	return strings.ContainsAny(e.Value, "@$") || slices.ContainsFunc([]string{"PASS", "PWD", "SECRET", "TOKEN", "CRED", "AUTH", "KEY", "DSN", "CONN"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}
