package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestSELinux(t *testing.T) {
	fixestest.Table(t, seLinux(), []fixestest.Case{{
		Name:    "a type for the pod, a user for a container; levels stay",
		Objects: deployment(`securityContext: {seLinuxOptions: {type: spc_t, level: "s0:c1"}}` + "\ncontainers: [{name: c, image: x, securityContext: {seLinuxOptions: {type: container_t, user: u}}}]"),
		Want:    want("spec.securityContext.seLinuxOptions.type", fixes.Review),
		Diff:    []string{"- type: spc_t", "- user: u"},
		NotDiff: []string{"- level: s0:c1", "- type: container_t"},
	}, {
		Name:    "nothing is left of it",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {seLinuxOptions: {type: spc_t}}}]"),
		Want:    want("spec.containers[0].securityContext.seLinuxOptions.type", fixes.Review),
		Diff:    []string{"- seLinuxOptions:"},
	}, {
		Name:    "types made for containers",
		Objects: deployment("securityContext: {seLinuxOptions: {type: container_engine_t}}\ncontainers: [{name: c, image: x, securityContext: {seLinuxOptions: {}}}]"),
	}})
}

func TestAppArmor(t *testing.T) {
	fixestest.Table(t, appArmor(), []fixestest.Case{{
		Name: "a field and an annotation; what else there is stays",
		Objects: annotated("{container.apparmor.security.beta.kubernetes.io/d: unconfined, container.apparmor.security.beta.kubernetes.io/e: localhost/e}", `
containers:
- {name: c, image: x, securityContext: {appArmorProfile: {type: Unconfined}}}
- {name: d, image: x}
- {name: e, image: x}
`),
		Want:    want("spec.containers[0].securityContext.appArmorProfile", fixes.Review),
		Diff:    []string{"- type: Unconfined", "- container.apparmor.security.beta.kubernetes.io/d: unconfined"},
		NotDiff: []string{"- container.apparmor.security.beta.kubernetes.io/e: localhost/e", "+ type: RuntimeDefault"},
	}, {
		Name:    "an annotation alone",
		Objects: annotated("{container.apparmor.security.beta.kubernetes.io/c: unconfined}", "containers: [{name: c, image: x}]"),
		Want:    want(`metadata.annotations["container.apparmor.security.beta.kubernetes.io/c"]`, fixes.Review),
	}, {
		Name:    "allowed profiles",
		Objects: annotated("{x: unconfined}", "securityContext: {appArmorProfile: {type: RuntimeDefault}}\ncontainers: [{name: c, image: x, securityContext: {appArmorProfile: {type: Localhost, localhostProfile: p}}}]"),
	}})
}

func TestProcMount(t *testing.T) {
	fixestest.Table(t, procMount(), []fixestest.Case{{
		Name:    "unmasked, though in a user namespace",
		Objects: deployment("hostUsers: false\ncontainers: [{name: c, image: x, securityContext: {procMount: Unmasked}}]"),
		Want:    want("spec.containers[0].securityContext.procMount", fixes.Review),
		Diff:    []string{"- procMount: Unmasked", "+ procMount: Default"},
	}, {
		Name:    "masked",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {procMount: Default}}, {name: d, image: x}]"),
	}})
}

func TestSysctls(t *testing.T) {
	fixestest.Table(t, sysctls(), []fixestest.Case{{
		Name:    "one of two",
		Objects: deployment(`securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: "1"}, {name: net.core.somaxconn, value: "9"}]}` + "\ncontainers: [{name: c, image: x}]"),
		Want:    want("spec.securityContext.sysctls[1]", fixes.Review),
		Diff:    []string{"- - name: net.core.somaxconn"},
		NotDiff: []string{"- - name: net.ipv4.tcp_syncookies"},
	}, {
		Name:    "known to be safe",
		Objects: deployment(`securityContext: {sysctls: [{name: net.ipv4.tcp_slow_start_after_idle, value: "0"}]}` + "\ncontainers: [{name: c, image: x}]"),
	}})
}

func TestWindowsHostProcess(t *testing.T) {
	fixestest.Table(t, windowsHostProcess(), []fixestest.Case{{
		Name:    "the pod",
		Objects: deployment("hostNetwork: true\nsecurityContext: {windowsOptions: {hostProcess: true}}\ncontainers: [{name: c, image: x}]"),
		Want:    want("spec.securityContext.windowsOptions.hostProcess", fixes.Manual),
	}, {
		Name:    "a container",
		Objects: deployment("hostNetwork: true\ncontainers: [{name: c, image: x, securityContext: {windowsOptions: {hostProcess: true}}}]"),
		Want:    want("spec.containers[0].securityContext.windowsOptions.hostProcess", fixes.Manual),
	}, {
		Name:    "an ordinary Windows pod",
		Objects: deployment("os: {name: windows}\nsecurityContext: {windowsOptions: {hostProcess: false, runAsUserName: ContainerUser}}\ncontainers: [{name: c, image: x}]"),
	}})
}

func TestVolumeTypes(t *testing.T) {
	fixestest.Table(t, volumeTypes(), []fixestest.Case{{
		Name:    "mounted",
		Objects: deployment("containers: [{name: c, image: x, volumeMounts: [{name: s, mountPath: /s}]}]\nvolumes: [{name: e, emptyDir: {}}, {name: s, nfs: {server: s, path: /p}}]"),
		Want:    want("spec.volumes[1].nfs", fixes.Manual),
	}, {
		Name:    "mounted by nothing",
		Objects: deployment("containers: [{name: c, image: x}]\nvolumes: [{name: g, gitRepo: {repository: r}}]"),
		Want:    want("spec.volumes[0].gitRepo", fixes.Safe),
		Diff:    []string{"- repository: r"},
	}, {
		Name:    "allowed types, an implicit emptyDir, and one that is another rule's",
		Objects: deployment("containers: [{name: c, image: x}]\nvolumes: [{name: a}, {name: b, configMap: {name: m}}, {name: c, image: {reference: r}}, {name: h, hostPath: {path: /}}]"),
	}, {
		Name:    "in a live object a volume without a source is of a type unknown here",
		Objects: deployment("containers: [{name: c, image: x}]\nvolumes: [{name: a}]"),
		Live:    true,
		Want:    want("spec.volumes[0]", fixes.Manual),
	}})
}
