package trial

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// exception is one thing that a container keeps against what the restricted
// level or a read-only root asks for.
type exception struct {
	container, what string
	capability      corev1.Capability
}

// String returns the field and its value.
func (e exception) String() string {
	if e.capability != "" {
		return "capability " + string(e.capability)
	}
	return e.what
}

const (
	keptRoot      = "runAsNonRoot: false"
	keptEscalates = "allowPrivilegeEscalation: true"
	keptCalls     = "seccompProfile: Unconfined"
	keptWritable  = "readOnlyRootFilesystem: false"
)

// exceptions lists what settings keep, in the order of the containers.
func (s *Search) exceptions(of settings) []exception {
	var list []exception
	for c := range s.w.Containers() {
		own := of.Containers[c.Name]
		for what, is := range map[string]bool{keptRoot: own.Root, keptEscalates: own.Escalates, keptCalls: own.Unconfined, keptWritable: own.WritableRoot} {
			if is {
				list = append(list, exception{container: c.Name, what: what})
			}
		}
		for _, add := range own.Add {
			list = append(list, exception{c.Name, "capability", add})
		}
	}
	slices.SortStableFunc(list, func(a, b exception) int {
		return strings.Compare(fmt.Sprint(a.container, "\x00", a.what, a.capability), fmt.Sprint(b.container, "\x00", b.what, b.capability))
	})
	return list
}

// keeps says of each exception why it is there; of those for one reason at once.
func (s *Search) keeps(list []exception) []string {
	type because struct{ container, why string }
	var order []because
	kept := map[because][]string{}
	for _, e := range list {
		b := because{e.container, s.reasons[e].text}
		if b.why == "" {
			b.why = "without it the pod did not run"
		}
		if kept[b] == nil {
			order = append(order, b)
		}
		kept[b] = append(kept[b], e.String())
	}
	var lines []string
	for _, b := range order {
		lines = append(lines, fixes.Clean(fmt.Sprintf("container %s keeps %s: %s", b.container, strings.Join(kept[b], ", "), b.why)))
	}
	return lines
}
