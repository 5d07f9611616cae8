package podsecurity

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/agents"
)

// hostPathWritable finds parts of a node that a pod may change and is not known
// to have to.
func hostPathWritable() *fixes.Rule {
	return &fixes.Rule{
		ID: "volume-hostpath-writable", Category: fixes.PodSecurity,
		Title:      "A pod may change the files of its node",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.Tampering, fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.PSS("HostPath Volumes"), fixes.CIS("5.2.11"), fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K01")},
		Kinds:      fixes.WorkloadKinds(),
		Check:      each(checkHostPathWritable),
		Docs: `
Whoever may write to a node's own folders owns the node: a line in /etc/cron.d or
authorized_keys, a static pod's manifest, a CNI plugin replaced, core_pattern in
/proc. In /var/log a link is enough to read any file through the kubelet's logs.
Reading them gives away less, and most pods that mount them only read.

## What is looked at
hostPath volumes of the node's own folders, mounted read-write. Not looked at are
folders that a pod keeps for itself on the node (/data, /mnt/…, /var/log/app),
which are pss-host-path's and whose point is to be written; sockets and devices,
which take orders through read-only mounts too; and what a known agent of nodes
(CNI plugins, CSI drivers, collectors of logs) has to write.

## The fix
Sets readOnly: true on the mounts. A program that does write there fails then, so
a person looks first. A mount that is to be seen by the node (Bidirectional) has
no edit.

## By hand
    kubectl get pods -A -o json | jq '.items[] | select(.spec.volumes[]?.hostPath) | .metadata.name, (.spec.containers[].volumeMounts[] | select(.readOnly != true))'
`,
	}
}

func checkHostPathWritable(p *fixes.Pass, s *subject) {
	agent, known := agents.Of(s.Workload)
	for _, v := range s.Spec.Volumes {
		if !isHostPath(v) || !ofFiles(v.HostPath) {
			continue
		}
		at := agents.NodePath(v.HostPath.Path)
		severity := ownFolder(at)
		if severity == 0 || known && agent.Writes(at) {
			continue
		}
		writable := slices.DeleteFunc(mounts(s.Workload, v.Name), func(m mount) bool { return m.ReadOnly || m.in.Ephemeral })
		if len(writable) == 0 {
			continue
		}
		first := writable[0]
		f := fixes.Finding{
			Object: s.Ref(), Key: v.Name, Severity: severity,
			Path:    fmt.Sprintf("%s.volumeMounts[%d]", first.in.Path, slices.IndexFunc(first.in.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == first.MountPath })),
			Message: fmt.Sprintf("The pod may change %s of the node that it runs on.", v.HostPath.Path),
		}
		for _, m := range writable {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s mounts volume %s read-write at %s", who(m.in), v.Name, m.MountPath))
		}
		if known {
			f.Evidence = append(f.Evidence, fmt.Sprintf("it is %s, which does not need to: %s", agent.Name, agent.Source))
		}
		f.Fixes = []fixes.Fix{s.readOnly(v, writable)}
		p.Report(f)
	}
}

// readOnly is the fix that mounts a volume read-only.
func (s *subject) readOnly(v corev1.Volume, writable []mount) fixes.Fix {
	title := "Mount " + v.HostPath.Path + " read-only"
	if slices.ContainsFunc(writable, func(m mount) bool { return bidirectional(m.VolumeMount) }) {
		s.faults = []fault{{path: s.SpecPath + ".volumes", who: "volume " + v.Name}}
		return s.manual(title, "what is mounted there is to be seen by the node too", `
A Bidirectional mount shows the node what the pod mounts in it, as CSI drivers do.
If the pod mounts nothing, set mountPropagation: HostToContainer and readOnly: true.
Else narrow the volume to the folder in which it does.`)
	}
	return s.edited(title, fixes.Review, "nothing shows that it writes there, and nothing proves that it does not",
		[]string{"A program that writes below " + v.HostPath.Path + " fails with a read-only file system."},
		func(w fixes.Workload) {
			for _, volume := range w.Spec.Volumes {
				if volume.Name != v.Name || !isHostPath(volume) {
					continue
				}
				for c := range w.Containers() {
					for i := range c.VolumeMounts {
						if m := &c.VolumeMounts[i]; m.Name == v.Name && !c.Ephemeral {
							m.ReadOnly = true
						}
					}
				}
			}
		})
}

func bidirectional(m corev1.VolumeMount) bool {
	return m.MountPropagation != nil && *m.MountPropagation == corev1.MountPropagationBidirectional
}

// ofFiles reports whether a read-only mount keeps anyone from changing what a
// hostPath names: it does not for sockets and devices.
func ofFiles(h *corev1.HostPathVolumeSource) bool {
	if h.Type != nil && slices.Contains([]corev1.HostPathType{corev1.HostPathSocket, corev1.HostPathCharDev, corev1.HostPathBlockDev}, *h.Type) {
		return false
	}
	p := agents.NodePath(h.Path)
	return !isSocket(p) && !agents.Within(p, []string{"/dev"})
}

// ownFolder returns what an attacker gains who may write to a path of a node, 0
// where it is not one of the node's own.
func ownFolder(p string) fixes.Severity {
	switch {
	case agents.Within(p, []string{"/home"}) && strings.Count(p, "/") > 2 && !strings.Contains(p, "/.ssh"):
		return 0 // somebody's folder for the pod
	case agents.Within(p, harmless):
		return fixes.High // what is harmless to read: the node's time, its authorities
	case wholeNode(p), agents.Within(p, takeover), agents.Within(p, []string{"/sys", "/lib64", "/var/spool"}):
		return fixes.Critical
	case p == "/opt" || p == "/srv" || p == "/var/log" || agents.Within(p, []string{"/var/log/pods", "/var/log/containers", "/var/log/journal", "/var/log/audit"}):
		return fixes.High
	}
	return 0
}
