package podsecurity

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// windowsHostProcess is the control "HostProcess" of the baseline profile (CIS
// 5.2.10).
func windowsHostProcess() *fixes.Rule {
	return control{
		id:         "pss-windows-host-process",
		check:      "windowsHostProcess",
		title:      "A Windows container runs as a process of its node",
		severity:   fixes.Critical,
		threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure},
		references: []fixes.Reference{fixes.PSS("HostProcess"), fixes.CIS("5.2.10")},
		docs: `
A HostProcess container is no container: its program runs on the Windows node
itself, with the node's files, registry and services, often as SYSTEM.

## The fix
By hand. Its image holds a program for the node, often no Windows at all, and its
user is one of the node's: without hostProcess it does not start. Agents that
need it belong in a namespace of their own.

## By hand
    kubectl get pods -A -o json | jq '.items[] | select([.spec.securityContext, .spec.containers[].securityContext] | any(.windowsOptions.hostProcess?)) | .metadata'
`,
		faults: func(s *subject) []fault {
			var faults []fault
			if hostProcess(podSecurity(s.Spec).WindowsOptions) {
				faults = append(faults, fault{s.SpecPath + ".securityContext.windowsOptions.hostProcess", "the pod", "hostProcess: true"})
			}
			return append(faults, s.inContainers("securityContext.windowsOptions.hostProcess", func(c fixes.Container) string {
				if hostProcess(security(c).WindowsOptions) {
					return "hostProcess: true"
				}
				return ""
			})...)
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return s.say("runs on its Windows node as a process of the node: whoever breaks into it owns the node.",
				"run on their Windows node as processes of the node: whoever breaks into one of them owns the node."), 0
		},
		fix: func(s *subject) fixes.Fix {
			return s.manual("Run it as an ordinary Windows container, or in a namespace of its own",
				"a program made for HostProcess does not start in a container", `
Build the program on a Windows base image, and remove hostProcess, hostNetwork and
a runAsUserName of the node (NT AUTHORITY\...) together: the API server refuses
some without the others. If it must run on the node, move it to a namespace that
holds nothing but such agents, which few people may create pods in, and whose
label pod-security.kubernetes.io/enforce is privileged.`)
		},
	}.rule()
}

func hostProcess(o *corev1.WindowsSecurityContextOptions) bool {
	return o != nil && isTrue(o.HostProcess)
}

// hasHostProcess reports whether a pod has HostProcess containers. The API
// wants all of them to be, and to use the host's network.
func hasHostProcess(w fixes.Workload) bool {
	if hostProcess(podSecurity(w.Spec).WindowsOptions) {
		return true
	}
	for c := range w.Containers() {
		if hostProcess(security(c).WindowsOptions) {
			return true
		}
	}
	return false
}

// byWindowsSelector reports whether the pod lands on Windows nodes only and does
// not say that it is a Windows pod, though it could. Saying so frees it of
// controls that mean nothing on Windows.
func (s *subject) byWindowsSelector() bool {
	return s.Spec.OS == nil && s.Windows() && !hasLinuxFields(s.Workload)
}

// sayWindows is the fix for such a pod. Should another fix have given it a field
// of Linux before, the one for Linux is made instead: kubelets on Windows ignore
// it.
func (s *subject) sayWindows(linux func(fixes.Workload)) fixes.Fix {
	return s.edited("Say that the pod runs on Windows (os.name: windows)", fixes.Safe,
		"its node selector lets it run on Windows only, where the setting does not exist", nil,
		func(w fixes.Workload) {
			if w.Spec.OS == nil && hasLinuxFields(w) {
				linux(w)
				return
			}
			w.Spec.OS = &corev1.PodOS{Name: corev1.Windows}
		})
}

// hasLinuxFields reports whether a pod has a field that the API server refuses
// in a pod that says it is for Windows.
func hasLinuxFields(w fixes.Workload) bool {
	pod := podSecurity(w.Spec)
	if pod.AppArmorProfile != nil || pod.SELinuxOptions != nil || pod.SeccompProfile != nil ||
		pod.FSGroup != nil || pod.FSGroupChangePolicy != nil || len(pod.Sysctls) > 0 ||
		pod.RunAsUser != nil || pod.RunAsGroup != nil || pod.SupplementalGroups != nil ||
		pod.SupplementalGroupsPolicy != nil || pod.SELinuxChangePolicy != nil ||
		w.Spec.HostUsers != nil || w.Spec.HostPID || w.Spec.HostIPC || w.Spec.ShareProcessNamespace != nil {
		return true
	}
	for c := range w.Containers() {
		sc := security(c)
		sc.WindowsOptions, sc.RunAsNonRoot = nil, nil
		if sc != (corev1.SecurityContext{}) {
			return true
		}
	}
	return false
}
