package flows

import (
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// candidate is a workload that may stand above a pod, by the pod's name.
type candidate struct {
	name string
	// kinds are those whose pods are named so; none is any.
	kinds []fixes.Kind
}

// fits reports whether a workload is such a one. Controllers of others name
// their pods as those of Kubernetes do.
func (c candidate) fits(w fixes.Workload) bool {
	kind := w.Ref().Kind
	return len(c.kinds) == 0 || kind.Custom() || slices.Contains(c.kinds, kind)
}

// Who names pods how: a random end behind the name of the controller, which for a
// Deployment is that of a ReplicaSet, and for a CronJob that of a Job; or a
// number.
var (
	ofReplicaSets = []fixes.Kind{fixes.KindDeployment}
	ofJobs        = []fixes.Kind{fixes.KindCronJob}
	numbered      = []fixes.Kind{fixes.KindStatefulSet}
	direct        = []fixes.Kind{fixes.KindDaemonSet, fixes.KindReplicaSet, fixes.KindReplicationController, fixes.KindJob}
	itself        = []fixes.Kind{fixes.KindPod}
)

// candidates returns who may stand above a peer's pod, the surest first.
func candidates(p Peer) []candidate {
	var out []candidate
	if p.Owner != "" {
		switch p.Kind {
		case "ReplicaSet":
			out = append(out, above(p.Owner)...)
		case "Job":
			out = append(out, candidate{p.Owner, []fixes.Kind{fixes.KindJob}})
			out = append(out, above(p.Owner)...)
		default:
			out = append(out, candidate{name: p.Owner})
		}
	}
	if stem, ok := strings.CutSuffix(p.Prefix, "-"); ok {
		out = append(out, candidate{stem, slices.Concat(direct, numbered)})
		out = append(out, above(stem)...)
	}
	if p.Pod == "" {
		return out
	}
	out = append(out, candidate{p.Pod, itself})
	stem, end := cut(p.Pod)
	if isNumber(end) {
		out = append(out, candidate{stem, numbered})
	}
	if len(end) == randomLength && isLower(end) {
		out = append(out, candidate{stem, direct})
		out = append(out, above(stem)...)
		if job, index := cut(stem); isNumber(index) { // of an indexed Job
			out = append(out, candidate{job, []fixes.Kind{fixes.KindJob}})
		}
	}
	return out
}

// above returns who may stand above a ReplicaSet or a Job of a name.
func above(name string) []candidate {
	out := []candidate{{name, direct}}
	stem, end := cut(name)
	if isRandom(end) && len(end) <= maxHash {
		out = append(out, candidate{stem, ofReplicaSets})
	}
	if isNumber(end) {
		out = append(out, candidate{stem, ofJobs})
	}
	return out
}

// cut parts a name at its last hyphen.
func cut(name string) (stem, end string) {
	i := strings.LastIndexByte(name, '-')
	if i <= 0 {
		return "", ""
	}
	return name[:i], name[i+1:]
}

// The random ends of names (k8s.io/apimachinery/pkg/util/rand): five characters,
// and for the hash of a template up to ten, of an alphabet without vowels. Of
// five at the end any letters are taken: old servers, and others, use them.
const (
	randomLength = 5
	maxHash      = 10
	alphabet     = "bcdfghjklmnpqrstvwxz2456789"
)

func isRandom(s string) bool { return s != "" && strings.Trim(s, alphabet) == "" }

func isLower(s string) bool { return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == "" }

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
