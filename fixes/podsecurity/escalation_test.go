package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestAllowPrivilegeEscalation(t *testing.T) {
	const path = "spec.containers[0].securityContext.allowPrivilegeEscalation"
	fixestest.Table(t, allowPrivilegeEscalation(), []fixestest.Case{{
		Name:    "not set",
		Objects: deployment("containers: [{name: c, image: x}]"),
		Want:    want(path, fixes.Review),
		Diff:    []string{"+ allowPrivilegeEscalation: false"},
	}, {
		Name:    "no capability to gain",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: true, capabilities: {drop: [ALL]}}}]"),
		Want:    want(path, fixes.Safe),
		Diff:    []string{"- allowPrivilegeEscalation: true", "+ allowPrivilegeEscalation: false"},
	}, {
		Name:    "the second of two",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: false}}, {name: d, image: x}]"),
		Want:    want("spec.containers[1].securityContext.allowPrivilegeEscalation", fixes.Review),
	}, {
		Name:    "privileged: the API allows the one only without the other",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {privileged: true, capabilities: {add: [CAP_SYS_ADMIN, SYS_TIME]}}}]"),
		Want:    want(path, fixes.Review),
		Diff:    []string{"- privileged: true", "+ privileged: false", "- - CAP_SYS_ADMIN", "+ allowPrivilegeEscalation: false"},
		NotDiff: []string{"- - SYS_TIME"},
	}, {
		Name:    "it must stay privileged",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {privileged: true}, volumeMounts: [{name: v, mountPath: /v, mountPropagation: Bidirectional}]}]\nvolumes: [{name: v, emptyDir: {}}]"),
		Want:    want(path, fixes.Manual),
	}, {
		Name:    "forbidden",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: false}}]"),
	}, {
		Name:    "Windows",
		Objects: deployment("os: {name: windows}\ncontainers: [{name: c, image: x}]"),
	}, {
		Name:    "Windows by its node selector",
		Objects: deployment("nodeSelector: {kubernetes.io/os: windows}\ncontainers: [{name: c, image: x, securityContext: {runAsNonRoot: true}}]"),
		Want:    want(path, fixes.Safe),
		Diff:    []string{"+ os:"},
		NotDiff: []string{"+ allowPrivilegeEscalation: false"},
	}})
}

// TestWindowsBecomesLinux shows a pod that got a field of Linux from another
// fix after it was found to be for Windows.
func TestWindowsBecomesLinux(t *testing.T) {
	inv := fixestest.Load(t, deployment("nodeSelector: {kubernetes.io/os: windows}\ncontainers: [{name: c, image: x}]"))
	f := allowPrivilegeEscalation().Run(inv)[0]
	d := inv.Draft()
	w, err := d.EditWorkload(f.Object)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := w.Container("c")
	yes := true
	editSecurity(c).ReadOnlyRootFilesystem = &yes
	if err := f.Fix().Edit(d); err != nil {
		t.Fatal(err)
	}
	if w.Spec.OS != nil || !isFalse(c.SecurityContext.AllowPrivilegeEscalation) {
		t.Errorf("got %+v", w.Spec)
	}
}
