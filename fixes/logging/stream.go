package logging

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

const (
	// streamImage has tail.
	streamImage = "docker.io/library/busybox:1.37.0@sha256:9db7b59979c38555a39def84a31fb98b5296952f9e3afd4f6f11f05b07adfab0"
	// sidecarsSince is the minor version from which init containers may restart
	// without a feature gate (KEP-753).
	sidecarsSince = 29
)

// streamFix adds a container that prints a log file, where the file's folder can
// be shared: it is a volume already, or one for logs that can become one.
func streamFix(p *fixes.Pass, w fixes.Workload, c fixes.Container, l logFile) (fixes.Fix, bool) {
	mount, mounted := mountOf(c, l.folder())
	ends := w.Ref().Kind == fixes.KindJob || w.Ref().Kind == fixes.KindCronJob || w.Spec.RestartPolicy == corev1.RestartPolicyNever || w.Spec.RestartPolicy == corev1.RestartPolicyOnFailure
	switch {
	case l.dir, c.Init: // which files are in it, and when, is not known
		return fixes.Fix{}, false
	case ends && p.ServerMinor < sidecarsSince:
		return fixes.Fix{}, false
	case mounted && (mount.ReadOnly || mount.SubPath != "" || mount.SubPathExpr != "" || !scratch(w, mount.Name)):
		return fixes.Fix{}, false
	case !mounted && !logFolder(l.folder()):
		return fixes.Fix{}, false
	}
	ref, name := w.Ref(), c.Name
	fix := fixes.Fix{
		Title: "Add a container that prints " + l.file, Confidence: fixes.Review,
		Why:   "whether the program takes the file up again after a restart, and how much it writes, is not known",
		Risks: []string{"The pods restart.", "The file is not rotated: a program that does not do so fills its volume."},
		Edit: func(d *fixes.Draft) error {
			w, err := d.EditWorkload(ref)
			if err != nil {
				return err
			}
			if c, ok := w.Container(name); ok {
				addStream(w, c, l, ends)
			}
			return nil
		},
	}
	if !mounted {
		fix.Risks = append(fix.Risks, "What the image has in "+l.folder()+" is hidden by an empty volume, at most 256 MiB.")
	}
	return fix, true
}

// addStream adds to a pod the container that prints a file of another, and the
// volume that they share where there is none.
func addStream(w fixes.Workload, c fixes.Container, l logFile, ends bool) {
	if read(w, c, l) {
		return
	}
	mount, mounted := mountOf(c, l.folder())
	if !mounted {
		mount = corev1.VolumeMount{Name: freeVolume(w, c.Name+"-logs"), MountPath: l.folder()}
		w.Spec.Volumes = append(w.Spec.Volumes, corev1.Volume{Name: mount.Name, VolumeSource: emptyDir("256Mi")})
		c.VolumeMounts = append(c.VolumeMounts, mount)
	}
	mount.ReadOnly = true
	stream := corev1.Container{
		Name:    freeContainer(w, c.Name+"-"+word(path.Base(l.file))),
		Image:   streamImage,
		Command: []string{"tail", "-n", "+1", "-F", l.file}, // -F waits for the file, and follows its name
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("16Mi"), corev1.ResourceEphemeralStorage: resource.MustParse("16Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("32Mi"), corev1.ResourceEphemeralStorage: resource.MustParse("64Mi")},
		},
		SecurityContext: streamSecurity(c),
		VolumeMounts:    []corev1.VolumeMount{mount},
	}
	if ends {
		always := corev1.ContainerRestartPolicyAlways
		stream.RestartPolicy = &always
		w.Spec.InitContainers = append([]corev1.Container{stream}, w.Spec.InitContainers...)
		return
	}
	w.Spec.Containers = append(w.Spec.Containers, stream)
}

// streamSecurity has the user that wrote the file, and else the least.
func streamSecurity(c fixes.Container) *corev1.SecurityContext {
	yes, no := true, false
	sc := &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	if own := c.SecurityContext; own != nil {
		sc.RunAsUser, sc.RunAsGroup, sc.RunAsNonRoot, sc.SELinuxOptions = own.RunAsUser, own.RunAsGroup, own.RunAsNonRoot, own.SELinuxOptions
	}
	return sc
}

// word makes a file's name a part of a container's (RFC 1123).
func word(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	return strings.Trim(name, "-")
}

const maxName = 63

func freeContainer(w fixes.Workload, base string) string {
	return free(base, func(name string) bool { _, taken := w.Container(name); return taken })
}

func freeVolume(w fixes.Workload, base string) string {
	return free(base, func(name string) bool {
		return slices.ContainsFunc(w.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
	})
}

func free(base string, taken func(string) bool) string {
	base = strings.Trim(base[:min(len(base), maxName-3)], "-")
	name := base
	for n := 2; taken(name); n++ {
		name = base + "-" + string(rune('0'+n%10))
		if n > 9 {
			break
		}
	}
	return name
}
