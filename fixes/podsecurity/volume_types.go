package podsecurity

import (
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// volumeTypes is the control "Volume Types" of the restricted profile, without
// hostPath volumes, which are pss-host-path's.
func volumeTypes() *fixes.Rule {
	return control{
		id:    "pss-volume-types",
		check: "restrictedVolumes",
		view: func(spec *corev1.PodSpec) *corev1.PodSpec {
			return withoutVolumes(spec, isHostPath)
		},
		title:      "A pod reaches storage past PersistentVolumes",
		severity:   fixes.Medium,
		threats:    []fixes.Threat{fixes.Tampering, fixes.InformationDisclosure},
		references: []fixes.Reference{fixes.PSS("Volume Types")},
		docs: `
Who may create a pod may name any NFS export, iSCSI target or disk in it, and the
node mounts that with its own rights. PersistentVolumes are made by those who run
the cluster, and a claim can only get what was made for it. A gitRepo volume is
worse: the node runs git as root on a repository of the pod's choice.

## The fix
A volume that no container mounts is removed, which is safe. For one that is
mounted there is no edit: a PersistentVolume is not the pod's to make. The steps
say what to write.

## By hand
    kubectl get pods -A -o json | jq '.items[] | {(.metadata.name): [.spec.volumes[] | keys[]]}'
`,
		faults: func(s *subject) []fault {
			return s.volumeFaults(s.badVolume, func(v corev1.Volume) (string, string) {
				return volumeType(v), "volume of " + named(volumeType(v))
			})
		},
		judge: func(s *subject) (string, fixes.Severity) {
			var names []string
			severity := fixes.Severity(0)
			for _, v := range s.Spec.Volumes {
				if s.badVolume(v) {
					names = append(names, v.Name+" ("+named(volumeType(v))+")")
				}
				if v.GitRepo != nil {
					severity = fixes.High
				}
			}
			return "The pod names storage of its own choice, which its node mounts: " + listed(names) + ".", severity
		},
		fix: func(s *subject) fixes.Fix {
			return s.withoutUnused(s.badVolume, func(v corev1.Volume) string {
				return "- " + v.Name + ": " + volumeAdvice(v)
			})
		},
	}.rule()
}

func (s *subject) badVolume(v corev1.Volume) bool {
	return s.refuses(corev1.PodSpec{Volumes: []corev1.Volume{v}})
}

// volumeType returns the field that gives a volume its source, or "" where this
// program does not know the field.
func volumeType(v corev1.Volume) string {
	source := reflect.ValueOf(v.VolumeSource)
	for i := range source.NumField() {
		if !source.Field(i).IsNil() {
			name, _, _ := strings.Cut(source.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return ""
}

func named(volumeType string) string {
	if volumeType == "" {
		return "a type that this version does not know"
	}
	return "type " + volumeType
}

func volumeAdvice(v corev1.Volume) string {
	switch kind := volumeType(v); kind {
	case "gitRepo":
		return "use an emptyDir, and clone the repository in an init container."
	case "nfs":
		return `make a PersistentVolume and a claim for it, and mount the claim:
    kind: PersistentVolume
    spec:
      capacity: {storage: 1Gi}
      accessModes: [ReadWriteMany]
      storageClassName: ""
      nfs: {server: "` + v.NFS.Server + `", path: "` + v.NFS.Path + `"}`
	case "":
		return "this version does not know its type; use a PersistentVolumeClaim."
	default:
		return "make a PersistentVolume with the same " + kind + " source (or its CSI driver's) and a claim for it, and mount the claim."
	}
}
