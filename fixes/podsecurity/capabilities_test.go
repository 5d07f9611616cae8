package podsecurity

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestCapabilities(t *testing.T) {
	const drop, add = "spec.containers[0].securityContext.capabilities.drop", "spec.containers[0].securityContext.capabilities.add"
	fixestest.Table(t, capabilities(), []fixestest.Case{{
		Name:    "nothing is said",
		Objects: deployment("containers: [{name: c, image: x, ports: [{containerPort: 8080}]}]"),
		Want:    want(drop, fixes.Review),
		Diff:    []string{"+ drop:", "+ - ALL"},
		NotDiff: []string{"+ - NET_BIND_SERVICE"},
	}, {
		Name:    "a low port keeps what it may need",
		Objects: deployment("containers: [{name: c, image: x, ports: [{containerPort: 80}]}]"),
		Want:    want(drop, fixes.Review),
		Diff:    []string{"+ - ALL", "+ - NET_BIND_SERVICE"},
	}, {
		Name:    "a low port that did without",
		Objects: deployment("containers: [{name: c, image: x, ports: [{containerPort: 80}], securityContext: {capabilities: {drop: [NET_BIND_SERVICE]}}}]"),
		Want:    want(drop, fixes.Review),
		NotDiff: []string{"+ - NET_BIND_SERVICE"},
	}, {
		Name:    "added beyond the baseline, and what may stay",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {capabilities: {add: [NET_ADMIN, NET_BIND_SERVICE, CHOWN], drop: [ALL]}}}]"),
		Want:    want(add, fixes.Review),
		Diff:    []string{"- - NET_ADMIN", "- - CHOWN"},
		NotDiff: []string{"- - NET_BIND_SERVICE"},
	}, {
		Name:    "written as runtimes take it, but not the standard: nothing changes in effect",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {capabilities: {drop: [all], add: [cap_net_bind_service]}}}]"),
		Want:    want(add, fixes.Safe),
		Diff:    []string{"- - all", "+ - ALL", "+ - NET_BIND_SERVICE"},
	}, {
		Name:    "a privileged container has all of them, whatever it drops",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {privileged: true, capabilities: {drop: [all]}}}]"),
		Want:    want(drop, fixes.Review),
	}, {
		Name:    "restricted",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {capabilities: {drop: [NET_RAW, ALL], add: [NET_BIND_SERVICE]}}}]"),
	}, {
		Name:    "Windows knows no capabilities",
		Objects: deployment("os: {name: windows}\ncontainers: [{name: c, image: x}]"),
	}, {
		Name:    "Windows by its node selector: the pod can say so",
		Objects: deployment("nodeSelector: {kubernetes.io/os: windows}\ncontainers: [{name: c, image: x}]"),
		Want:    want(drop, fixes.Safe),
		Diff:    []string{"+ os:", "+ name: windows"},
		NotDiff: []string{"+ - ALL"},
	}, {
		Name:    "Windows by its node selector, with a field that Windows pods must not have",
		Objects: deployment("nodeSelector: {kubernetes.io/os: windows}\nsecurityContext: {runAsUser: 5}\ncontainers: [{name: c, image: x}]"),
		Want:    want(drop, fixes.Review),
		Diff:    []string{"+ - ALL"},
	}})
}

func TestCapabilitiesSeverity(t *testing.T) {
	for caps, want := range map[string]fixes.Severity{
		"{}":                             fixes.Medium,
		"{add: [CHOWN]}":                 fixes.Medium,
		"{add: [NET_ADMIN]}":             fixes.High,
		"{add: [CAP_SYS_ADMIN]}":         fixes.Critical,
		"{add: [ALL]}":                   fixes.Critical,
		"{drop: [ALL], add: [SYS_TIME]}": fixes.High,
	} {
		inv := fixestest.Load(t, deployment("containers: [{name: c, image: x, securityContext: {capabilities: "+caps+"}}]"))
		if got := capabilities().Run(inv); len(got) != 1 || got[0].Severity != want {
			t.Errorf("%s: got %v, want %v", caps, got[0].Severity, want)
		}
	}
}

func TestEffectiveCapabilities(t *testing.T) {
	for _, c := range []struct {
		add, drop, want []corev1.Capability
	}{
		{drop: []corev1.Capability{"ALL"}},
		{drop: []corev1.Capability{"all"}, add: []corev1.Capability{"CAP_CHOWN"}, want: []corev1.Capability{"CHOWN"}},
		{drop: []corev1.Capability{"ALL", "CHOWN"}, add: []corev1.Capability{"CHOWN", "KILL"}, want: []corev1.Capability{"KILL"}},
		{drop: []corev1.Capability{"ALL"}, add: []corev1.Capability{"ALL"}},
	} {
		got := effective(corev1.Capabilities{Add: c.add, Drop: c.drop})
		var want []string
		for _, w := range c.want {
			want = append(want, string(w))
		}
		if !slices.Equal(got, want) {
			t.Errorf("add %q drop %q: got %q, want %q", c.add, c.drop, got, want)
		}
	}
	if got := effective(corev1.Capabilities{}); len(got) != 14 {
		t.Errorf("the default set: %q", got)
	}
}
