package podsecurity

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// volumePermissions finds files of Secrets that are open wider than is of use,
// and volumes whose every file changes hands at every start.
func volumePermissions() *fixes.Rule {
	return &fixes.Rule{
		ID: "volume-permissions", Category: fixes.PodSecurity,
		Title:      "The files of a volume have the wrong permissions, or take long to get the right ones",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.4.1"), fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K08")},
		Kinds:      fixes.WorkloadKinds(),
		Check:      each(checkVolumePermissions),
		Docs: `
The files of Secrets, ConfigMaps and the like have mode 0644 unless the pod says
otherwise. 0666 and 0777 are set by people whose program could not read them; that
these files cannot be written through the mount whatever their mode (since 1.9.6,
CVE-2017-1002102) is luck that copies of them do not have: tar, cp -p and an init
container that copies to a shared volume keep the mode.

With fsGroup, the kubelet gives every file of a volume to that group whenever a pod
starts. On a big volume that takes minutes, for which the pod is away: after each
rollout, and after each crash of its node.

## What is looked at
A mode, of a volume or of one of its files, that lets the group or others write.
The default, and modes that only let read, are left alone: a process that is
neither root nor in fsGroup needs them.
fsGroup without fsGroupChangePolicy: OnRootMismatch where a StatefulSet claims
10Gi or more.

## The fix
Takes write permission from group and others. Of Secrets it takes all of others'
rights where the pod shows that nobody needs them: every container that mounts the
volume runs as a user that is named and not root, with fsGroup, which gives the
files to the pod's group.

OnRootMismatch changes a volume's files only if those of its root folder are not
the group's already. Files that another pod or the storage's administrator put
there meanwhile stay as they are.

## By hand
    kubectl exec POD -- ls -lL /path/of/the/volume
`,
	}
}

// big is the size of a volume from which it matters how many files change hands.
var big = resource.MustParse("10Gi")

const writableByOthers = 0o022

func checkVolumePermissions(p *fixes.Pass, s *subject) {
	for i, v := range s.Spec.Volumes {
		modes := modesOf(&v)
		if !slices.ContainsFunc(modes, func(m mode) bool { return m.wide() }) {
			continue
		}
		widest := slices.MaxFunc(modes, func(a, b mode) int { return int(*a.value&writableByOthers) - int(*b.value&writableByOthers) })
		path := fmt.Sprintf("%s.volumes[%d].%s", s.SpecPath, i, widest.path)
		f := fixes.Finding{
			Object: s.Ref(), Path: path, Key: "mode " + v.Name, Severity: fixes.Low,
			Threats: []fixes.Threat{fixes.InformationDisclosure, fixes.Tampering},
			Message: fmt.Sprintf("The files of volume %s let everybody in the container write (mode %04o).", v.Name, *widest.value),
		}
		for _, m := range modes {
			if m.wide() {
				f.Evidence = append(f.Evidence, fmt.Sprintf("%s: %04o", m.path, *m.value))
			}
		}
		keep, why := s.keepBits(v)
		f.Evidence = append(f.Evidence, why)
		f.Fixes = []fixes.Fix{s.edited("Take write permission from group and others", fixes.Safe,
			"the kubelet mounts these volumes read-only: nobody could write; and "+why, nil,
			func(w fixes.Workload) { narrowModes(w, v.Name, keep) })}
		p.Report(f)
	}
	if f, ok := s.slowOwnership(); ok {
		p.Report(f)
	}
}

func narrowModes(w fixes.Workload, volume string, keep int32) {
	for i := range w.Spec.Volumes {
		v := &w.Spec.Volumes[i]
		if v.Name != volume {
			continue
		}
		for _, m := range modesOf(v) {
			if m.wide() {
				*m.value &= keep
			}
		}
	}
}

// keepBits returns which bits of a mode the pod may need, and why.
func (s *subject) keepBits(v corev1.Volume) (int32, string) {
	const readers = "others may still read: who has to is not known"
	if !holdsSecret(v) || podSecurity(s.Spec).FSGroup == nil {
		return ^writableByOthers, readers
	}
	for _, m := range mounts(s.Workload, v.Name) {
		if uid := s.uid(m.in); uid == nil || *uid == 0 {
			return ^writableByOthers, readers
		}
	}
	return 0o750, "fsGroup gives the files to a group that every container's user is in"
}

func holdsSecret(v corev1.Volume) bool {
	return v.Secret != nil || v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(p corev1.VolumeProjection) bool { return p.Secret != nil })
}

// mode is a mode that a volume's files are given explicitly.
type mode struct {
	path  string
	value *int32
}

func (m mode) wide() bool { return *m.value&writableByOthers != 0 }

// modesOf lists the modes that a volume names. Its pointers reach into it.
func modesOf(v *corev1.Volume) []mode {
	var modes []mode
	add := func(path string, value *int32) {
		if value != nil {
			modes = append(modes, mode{path, value})
		}
	}
	keys := func(path string, items []corev1.KeyToPath) {
		for i := range items {
			add(fmt.Sprintf("%s.items[%d].mode", path, i), items[i].Mode)
		}
	}
	files := func(path string, items []corev1.DownwardAPIVolumeFile) {
		for i := range items {
			add(fmt.Sprintf("%s.items[%d].mode", path, i), items[i].Mode)
		}
	}
	switch {
	case v.Secret != nil:
		add("secret.defaultMode", v.Secret.DefaultMode)
		keys("secret", v.Secret.Items)
	case v.ConfigMap != nil:
		add("configMap.defaultMode", v.ConfigMap.DefaultMode)
		keys("configMap", v.ConfigMap.Items)
	case v.DownwardAPI != nil:
		add("downwardAPI.defaultMode", v.DownwardAPI.DefaultMode)
		files("downwardAPI", v.DownwardAPI.Items)
	case v.Projected != nil:
		add("projected.defaultMode", v.Projected.DefaultMode)
		for i, source := range v.Projected.Sources {
			at := fmt.Sprintf("projected.sources[%d].", i)
			switch {
			case source.Secret != nil:
				keys(at+"secret", source.Secret.Items)
			case source.ConfigMap != nil:
				keys(at+"configMap", source.ConfigMap.Items)
			case source.DownwardAPI != nil:
				files(at+"downwardAPI", source.DownwardAPI.Items)
			}
		}
	}
	return modes
}

// slowOwnership finds big volumes of which every file changes hands.
func (s *subject) slowOwnership() (fixes.Finding, bool) {
	set, ok := s.Object.(*appsv1.StatefulSet)
	sc := podSecurity(s.Spec)
	if !ok || sc.FSGroup == nil || sc.FSGroupChangePolicy != nil && *sc.FSGroupChangePolicy == corev1.FSGroupChangeOnRootMismatch {
		return fixes.Finding{}, false
	}
	var claims []string
	for _, claim := range set.Spec.VolumeClaimTemplates {
		size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
		if size.Cmp(big) >= 0 && len(mounts(s.Workload, claim.Name)) > 0 && (claim.Spec.VolumeMode == nil || *claim.Spec.VolumeMode == corev1.PersistentVolumeFilesystem) {
			claims = append(claims, claim.Name+" ("+size.String()+")")
		}
	}
	if len(claims) == 0 {
		return fixes.Finding{}, false
	}
	return fixes.Finding{
		Object: s.Ref(), Key: "fsGroupChangePolicy", Path: s.SpecPath + ".securityContext.fsGroupChangePolicy",
		Severity: fixes.Low, Threats: []fixes.Threat{fixes.DenialOfService},
		Message:  fmt.Sprintf("At every start the kubelet gives all files of %s to group %d, and the pod waits.", listed(claims), *sc.FSGroup),
		Evidence: []string{fmt.Sprintf("fsGroup: %d, fsGroupChangePolicy is Always unless it is set", *sc.FSGroup), "claimed: " + join(claims)},
		Fixes: []fixes.Fix{s.edited("Set fsGroupChangePolicy: OnRootMismatch", fixes.Safe,
			"a volume that a pod has had is the group's already, a new one is still given to it", nil,
			func(w fixes.Workload) {
				policy := corev1.FSGroupChangeOnRootMismatch
				editPodSecurity(w).FSGroupChangePolicy = &policy
			})},
	}, true
}
