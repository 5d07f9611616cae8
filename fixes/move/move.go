// Package move writes out what an application becomes in another namespace. No object
// can change its namespace, so it is made anew beside the old one, clients are led
// over, and the old one goes at the end: three steps, each of which can be looked at,
// and the first two taken back.
package move

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// Move is an application's move into another namespace.
type Move struct {
	// From and To are the namespaces, App is the application's name.
	From, To, App string
	// New are the objects to be made, what others refer to first.
	New []fixes.Object
	// Switch leads clients over: the old Services lead to the new ones, and Ingresses
	// go over.
	Switch []fixes.Change
	// Back takes the switch back.
	Back []fixes.Change
	// There are objects of New's names that are there already, and left as they are.
	There []fixes.Ref
	// Old are the objects that nobody needs afterwards, workloads first.
	Old []fixes.Ref
	// Stays are what does not go by itself, a sentence each.
	Stays []string

	workloads []fixes.Workload
}

// Kinds are what a move looks at.
func Kinds() []fixes.Kind {
	return slices.Concat(fixes.WorkloadKinds(), rbac.Kinds(), []fixes.Kind{fixes.KindNamespace, fixes.KindService,
		fixes.KindServiceAccount, fixes.KindConfigMap, fixes.KindIngress, fixes.KindNetworkPolicy, fixes.KindHPA})
}

// AllKinds are [Kinds] with those of which a move copies more than their names.
func AllKinds() []fixes.Kind {
	return append(Kinds(), fixes.KindSecret, fixes.KindPersistentVolumeClaim)
}

// Of returns the move of some workloads of a namespace.
func Of(inv *fixes.Inventory, app, from, to string, workloads []fixes.Workload) *Move {
	m := &Move{From: from, To: to, App: app, workloads: workloads}
	b := collect(inv, from, workloads)
	m.copies(inv, b)
	m.lead(inv, b)
	m.Old = b.old(from)
	m.Stays = m.stays(inv, b)
	return m
}

// Plan is the making of the new objects, as a plan that can be exported.
func (m *Move) Plan() *fixes.Plan {
	plan := &fixes.Plan{}
	for _, obj := range m.New {
		plan.Changes = append(plan.Changes, fixes.Change{Action: fixes.Create, Object: fixes.RefOf(obj), After: obj})
	}
	return plan
}

// Application names what a workload is a part of: its Helm release, else what its
// labels say, else itself.
func Application(w fixes.Workload) string {
	if release, ok := strings.CutPrefix(fixes.ManagedBy(w.Object), "helm:"); ok {
		return release
	}
	for _, key := range []string{"app.kubernetes.io/part-of", "app.kubernetes.io/instance", "app"} {
		if name := w.Object.GetLabels()[key]; name != "" {
			return name
		}
	}
	return w.Object.GetName()
}

// Movable reports whether a workload can be made anew elsewhere: not what is done, and
// not what a kubelet runs by itself.
func Movable(w fixes.Workload) bool {
	_, mirror := w.Object.GetAnnotations()[corev1.MirrorPodAnnotationKey]
	return !mirror && !w.Finished()
}

var notInName = regexp.MustCompile(`[^a-z0-9-]+`)

// FreeNamespace returns a name for an application's own namespace that none has.
func FreeNamespace(inv *fixes.Inventory, app string) string {
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(app), "-"), "-")
	if len(name) > 55 {
		name = strings.Trim(name[:55], "-")
	}
	if name == "" || name == "default" {
		name = "app"
	}
	taken := inv.Namespaces()
	free := name
	for n := 2; slices.Contains(taken, free); n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}
