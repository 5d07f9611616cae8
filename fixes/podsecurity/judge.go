package podsecurity

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// oldest is the first version whose standards are applied as they are: with it
// PodSecurity admission became stable, and Windows pods were freed of what only
// Linux knows. Older servers are judged as if they were this one.
const oldest = 25

// Judge applies the Pod Security Standards as one version of Kubernetes has
// them. It is safe for concurrent use.
type Judge struct {
	version api.Version
	// implicit says that a volume without a source is an emptyDir, as the API
	// server will make it. A live object that has one is of a type that this
	// program does not know.
	implicit bool
	checks   []check
}

// check is one check of the library in the judge's version.
type check struct {
	id    policy.CheckID
	level api.Level
	pod   policy.CheckPodFn
}

// NewJudge returns a judge for the server that an inventory comes from: its
// version where that is known and not newer than the library's.
func NewJudge(inv *fixes.Inventory) *Judge {
	checks := policy.DefaultChecks()
	j := &Judge{version: newest(checks), implicit: !inv.Live}
	if server := api.MajorMinorVersion(1, max(inv.ServerMinor, oldest)); inv.ServerMinor != 0 && server.Older(j.version) {
		j.version = server
	}
	for _, c := range checks {
		for _, v := range slices.Backward(c.Versions) {
			if !j.version.Older(v.MinimumVersion) {
				j.checks = append(j.checks, check{c.ID, c.Level, v.CheckPod})
				break
			}
		}
	}
	return j
}

// newest returns the last version in which a check changed.
func newest(checks []policy.Check) api.Version {
	last := api.MajorMinorVersion(1, oldest)
	for _, c := range checks {
		for _, v := range c.Versions {
			if last.Older(v.MinimumVersion) {
				last = v.MinimumVersion
			}
		}
	}
	return last
}

// Version returns the version of the standards that the judge applies, as it
// stands in a namespace's labels ("v1.37").
func (j *Judge) Version() string { return j.version.String() }

// Level returns the strictest level that admits a pod, and why the next
// stricter one does not, in the library's words ("privileged", "hostPort").
//
// The checks that a restricted one overrides need no attention: what the
// stricter of two admits, the weaker does.
func (j *Judge) Level(meta *metav1.ObjectMeta, spec *corev1.PodSpec) (level api.Level, refused []string) {
	spec = j.explicit(spec)
	level = api.LevelRestricted
	for _, c := range j.checks {
		// Of a pod that is refused at baseline, restricted is of no interest.
		if level == api.LevelPrivileged && c.level == api.LevelRestricted {
			continue
		}
		result := c.pod(meta, spec)
		if result.Allowed {
			continue
		}
		if below := weaker(c.level); below != level {
			level, refused = below, nil
		}
		refused = append(refused, result.ForbiddenReason)
	}
	return level, refused
}

// weaker returns the level below one.
func weaker(level api.Level) api.Level {
	if level == api.LevelRestricted {
		return api.LevelBaseline
	}
	return api.LevelPrivileged
}

// check returns one of the library's checks, or nil where the judge's version
// has none of that name.
func (j *Judge) check(id policy.CheckID) policy.CheckPodFn {
	for _, c := range j.checks {
		if c.id == id {
			return c.pod
		}
	}
	return nil
}

// explicit returns the pod without the volumes that are emptyDirs for want of
// a source: the library judges objects that have their defaults.
func (j *Judge) explicit(spec *corev1.PodSpec) *corev1.PodSpec {
	if !j.implicit {
		return spec
	}
	return withoutVolumes(spec, func(v corev1.Volume) bool { return v.VolumeSource == corev1.VolumeSource{} })
}

// withoutVolumes returns the pod without some of its volumes; the pod itself
// when there are none of them.
func withoutVolumes(spec *corev1.PodSpec, drop func(corev1.Volume) bool) *corev1.PodSpec {
	if !slices.ContainsFunc(spec.Volumes, drop) {
		return spec
	}
	view := *spec
	view.Volumes = slices.DeleteFunc(slices.Clone(spec.Volumes), drop)
	return &view
}
