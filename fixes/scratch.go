package fixes

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// DefaultScratch is the size limit of a scratch folder of which nothing better
// is known.
var DefaultScratch = resource.MustParse("256Mi")

// A seed's container sees its folder at seedFolder, and copies into the folder
// seedContent below it. That one belongs to the copying user: of a volume's own
// folder it could set neither times nor mode, and cp would fail.
const (
	seedFolder  = "/kubectl-harden/seed"
	seedContent = "content"
)

// AddScratch mounts empty folders with a size limit over paths that a
// container writes. Paths that a volume covers already are left alone, also
// where the volume is read-only: that is somebody's decision. So is the root, over
// which nothing can be mounted. It is idempotent.
//
// A folder that is seeded gets an init container of the same image, before all
// others, that copies what the image has at the path.
func (w Workload) AddScratch(container string, list []Scratch) {
	c, ok := w.Container(container)
	if !ok || c.Ephemeral {
		return
	}
	var seeds []Scratch
	for _, s := range list {
		s.Path = path.Clean(s.Path)
		if s.Path == "/" || covered(c.VolumeMounts, s.Path) {
			continue
		}
		name := w.addEmptyDir(s)
		mount := corev1.VolumeMount{Name: name, MountPath: s.Path}
		if s.Seed {
			mount.SubPath = seedContent
			seeds = append(seeds, s)
		}
		c.VolumeMounts = append(c.VolumeMounts, mount)
	}
	// Adding to the list of init containers may move it, and c with it.
	image, pull, uses := c.Image, c.ImagePullPolicy, slices.Clone(c.VolumeMounts)
	security, resources := c.SecurityContext.DeepCopy(), *c.Resources.DeepCopy()
	for i, s := range seeds {
		at := slices.IndexFunc(uses, func(m corev1.VolumeMount) bool { return m.MountPath == s.Path })
		w.Spec.InitContainers = slices.Insert(w.Spec.InitContainers, i, corev1.Container{
			Name:            w.freeContainerName("seed-" + dashed(s.Path)),
			Image:           image,
			ImagePullPolicy: pull,
			Command:         []string{"cp", "-a", s.Path + "/.", seedFolder + "/" + seedContent},
			Resources:       resources,
			SecurityContext: security,
			VolumeMounts:    []corev1.VolumeMount{{Name: uses[at].Name, MountPath: seedFolder}},
		})
	}
}

// Seeds reports whether a container is one that [Workload.AddScratch] added,
// for which container and at which path.
func (w Workload) Seeds(seed Container) (container, at string, ok bool) {
	i := slices.IndexFunc(seed.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == seedFolder })
	if i < 0 {
		return "", "", false
	}
	for c := range w.Containers() {
		for _, m := range c.VolumeMounts {
			if m.Name == seed.VolumeMounts[i].Name && m.MountPath != seedFolder {
				return c.Name, m.MountPath, true
			}
		}
	}
	return "", "", false
}

// SeedsScratch reports whether it is an init container that [Workload.AddScratch]
// made. What is wrong with its image is said of the container whose image it is.
func (c Container) SeedsScratch() bool {
	return c.Init && len(c.Command) == 4 && c.Command[0] == "cp" && c.Command[3] == seedFolder+"/"+seedContent
}

// SetImage gives a container another image, and those that seed its scratch
// folders the same.
func (w Workload) SetImage(container, image string) {
	c, ok := w.Container(container)
	if !ok {
		return
	}
	for other := range w.Containers() {
		if other.SeedsScratch() && other.Image == c.Image && other.Name != container {
			other.Image = image
		}
	}
	c.Image = image
}

// covered reports whether a mount is at a path or above it, other than at the
// root.
func covered(mounts []corev1.VolumeMount, at string) bool {
	return slices.ContainsFunc(mounts, func(m corev1.VolumeMount) bool {
		mounted := path.Clean(m.MountPath)
		return mounted == at || strings.HasPrefix(at, mounted+"/")
	})
}

// IsScratch reports whether a mount is one that [Workload.AddScratch] made, by its
// name. Such a folder is there lest a program fail to write: that it does write
// there, nobody has said.
func IsScratch(m corev1.VolumeMount) bool {
	name := scratchName(path.Clean(m.MountPath))
	return m.Name == name || strings.HasPrefix(m.Name, name+"-")
}

func scratchName(at string) string { return "scratch-" + dashed(at) }

func (w Workload) addEmptyDir(s Scratch) string {
	limit := s.Limit.DeepCopy()
	if limit.IsZero() {
		limit = DefaultScratch.DeepCopy()
	}
	base := scratchName(s.Path)
	name := base
	for n := 2; slices.ContainsFunc(w.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name }); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	w.Spec.Volumes = append(w.Spec.Volumes, corev1.Volume{Name: name,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit}}})
	return name
}

func (w Workload) freeContainerName(base string) string {
	name := base
	for n := 2; ; n++ {
		if _, taken := w.Container(name); !taken {
			return name
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// dashed makes a part of a name (RFC 1123) of a path.
func dashed(p string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, p)
	name = strings.Trim(name, "-")
	const most = 40 // of 63, with what goes around it
	if len(name) > most {
		name = strings.Trim(name[len(name)-most:], "-")
	}
	return cmp.Or(name, "root")
}
