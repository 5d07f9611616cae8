package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const oneContainer = "containers: [{name: c, image: x}]"

func TestRunAsNonRoot(t *testing.T) {
	const pods, first = "spec.securityContext.runAsNonRoot", "spec.containers[0].securityContext.runAsNonRoot"
	fixestest.Table(t, runAsNonRoot(), []fixestest.Case{{
		Name:    "nothing is known",
		Objects: deployment(oneContainer),
		Want:    want(pods, fixes.Review),
		Diff:    []string{"+ runAsNonRoot: true"},
		NotDiff: []string{"+ runAsUser: 1000"},
	}, {
		Name:    "every container names a user",
		Objects: deployment("securityContext: {runAsUser: 1000}\ncontainers: [{name: c, image: x}, {name: d, image: x, securityContext: {runAsUser: 2000}}]"),
		Want:    want(pods, fixes.Safe),
		Diff:    []string{"+ runAsNonRoot: true"},
	}, {
		Name:    "one says so already, the other says no",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {runAsNonRoot: false, runAsUser: 5}}, {name: d, image: x, securityContext: {runAsNonRoot: true}}]"),
		Want:    want(first, fixes.Safe),
		Diff:    []string{"- runAsNonRoot: false", "+ runAsNonRoot: true"},
		NotDiff: []string{"+ securityContext:"},
	}, {
		Name:    "made to run as root: both cannot stand",
		Objects: deployment("securityContext: {runAsUser: 0, fsGroup: 7}\ncontainers: [{name: c, image: x}]"),
		Want:    want(pods, fixes.Review),
		Diff:    []string{"- runAsUser: 0", "+ runAsNonRoot: true"},
		NotDiff: []string{"- fsGroup: 7"},
	}, {
		Name:    "the running pods show the user",
		Objects: deployment(oneContainer) + pod("{containerStatuses: [{name: c, user: {linux: {uid: 1001, gid: 1002}}}]}", oneContainer),
		Live:    true,
		Want:    want(pods, fixes.Safe),
		Diff:    []string{"+ runAsNonRoot: true", "+ runAsUser: 1001", "+ runAsGroup: 1002"},
	}, {
		Name: "the running pods show the user, the pod names the group",
		Objects: deployment("securityContext: {runAsGroup: 5}\n"+oneContainer) +
			pod("{containerStatuses: [{name: c, user: {linux: {uid: 1001, gid: 5}}}]}", oneContainer),
		Live:    true,
		Want:    want(pods, fixes.Safe),
		Diff:    []string{"+ runAsUser: 1001"},
		NotDiff: []string{"+ runAsGroup: 5"},
	}, {
		Name:    "the running pods show root: it would not start",
		Objects: deployment(oneContainer) + pod("{containerStatuses: [{name: c, user: {linux: {uid: 0, gid: 0}}}]}", oneContainer),
		Live:    true,
		Want:    want(pods, fixes.Manual),
	}, {
		Name: "an init container of which nothing is known",
		Objects: deployment("initContainers: [{name: i, image: x}]\n"+oneContainer) +
			pod("{containerStatuses: [{name: c, user: {linux: {uid: 1001, gid: 1002}}}]}", "initContainers: [{name: i, image: x}]\n"+oneContainer),
		Live: true,
		Want: want(pods, fixes.Review),
		Diff: []string{"+ runAsUser: 1001"},
	}, {
		Name: "pods of another image say nothing",
		Objects: deployment(oneContainer) +
			pod("{containerStatuses: [{name: c, user: {linux: {uid: 1001, gid: 1002}}}]}", "containers: [{name: c, image: other}]"),
		Live:    true,
		Want:    want(pods, fixes.Review),
		NotDiff: []string{"+ runAsUser: 1001"},
	}, {
		Name:    "a user namespace",
		Objects: deployment("hostUsers: false\n" + oneContainer),
	}, {
		Name:    "Windows names its users otherwise",
		Objects: deployment("os: {name: windows}\nsecurityContext: {windowsOptions: {runAsUserName: ContainerUser}}\n" + oneContainer),
		Want:    want(pods, fixes.Safe),
	}, {
		Name:    "said for the pod",
		Objects: deployment("securityContext: {runAsNonRoot: true}\n" + oneContainer),
	}})
}

func TestRunAsUser(t *testing.T) {
	fixestest.Table(t, runAsUser(), []fixestest.Case{{
		Name:    "an init container as root",
		Objects: deployment("securityContext: {runAsUser: 1000}\ninitContainers: [{name: i, image: x, securityContext: {runAsUser: 0, readOnlyRootFilesystem: true}}]\n" + oneContainer),
		Want:    want("spec.initContainers[0].securityContext.runAsUser", fixes.Review),
		Diff:    []string{"- runAsUser: 0"},
		NotDiff: []string{"- runAsUser: 1000", "- readOnlyRootFilesystem: true"},
	}, {
		Name:    "the pod and a container: one finding",
		Objects: deployment("securityContext: {runAsUser: 0}\ncontainers: [{name: c, image: x, securityContext: {runAsUser: 0}}]"),
		Want:    want("spec.securityContext.runAsUser", fixes.Review),
	}, {
		Name:    "another user, root's group, and a user namespace",
		Objects: deployment("securityContext: {runAsUser: 1, runAsGroup: 0}\n" + oneContainer),
	}, {
		Name:    "a user namespace",
		Objects: deployment("hostUsers: false\nsecurityContext: {runAsUser: 0}\n" + oneContainer),
	}})
}
