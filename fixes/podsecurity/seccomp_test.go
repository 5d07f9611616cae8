package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestSeccomp(t *testing.T) {
	fixestest.Table(t, seccomp(), []fixestest.Case{{
		Name:    "nothing is said",
		Objects: deployment("containers: [{name: c, image: x}, {name: d, image: x}]"),
		Want:    want("spec.securityContext.seccompProfile", fixes.Review),
		Diff:    []string{"+ securityContext:", "+ seccompProfile:", "+ type: RuntimeDefault"},
	}, {
		Name: "one container has its own profile, another switches it off",
		Objects: deployment(`
containers:
- {name: a, image: x, securityContext: {seccompProfile: {type: Localhost, localhostProfile: a.json}}}
- {name: b, image: x, securityContext: {seccompProfile: {type: Unconfined}}}
`),
		Want:    want("spec.containers[1].securityContext.seccompProfile", fixes.Review),
		Diff:    []string{"- type: Unconfined", "+ type: RuntimeDefault"},
		NotDiff: []string{"- localhostProfile: a.json", "+ securityContext:"},
	}, {
		Name:    "old annotations that say otherwise",
		Objects: annotated("{seccomp.security.alpha.kubernetes.io/pod: unconfined, other: x}", "containers: [{name: c, image: x}]"),
		Want:    want("spec.securityContext.seccompProfile", fixes.Review),
		Diff:    []string{"- seccomp.security.alpha.kubernetes.io/pod: unconfined", "+ type: RuntimeDefault"},
		NotDiff: []string{"- other: x"},
	}, {
		Name:    "an old annotation that says the same",
		Objects: annotated("{seccomp.security.alpha.kubernetes.io/pod: runtime/default}", "containers: [{name: c, image: x}]"),
		Want:    want("spec.securityContext.seccompProfile", fixes.Review),
		NotDiff: []string{"- seccomp.security.alpha.kubernetes.io/pod: runtime/default"},
	}, {
		Name:    "the pod's profile, or every container's",
		Objects: deployment("securityContext: {seccompProfile: {type: RuntimeDefault}}\ncontainers: [{name: c, image: x}]"),
	}, {
		Name:    "Windows",
		Objects: deployment("os: {name: windows}\ncontainers: [{name: c, image: x}]"),
	}})
}
