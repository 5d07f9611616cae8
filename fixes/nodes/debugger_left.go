package nodes

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func debuggerLeft() *fixes.Rule {
	return &fixes.Rule{
		ID:         "node-debugger-left",
		Category:   fixes.Nodes,
		Title:      "A pod of kubectl debug node is still there",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.2.3"), fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K01")},
		Kinds:      fixes.WorkloadKinds(),
		Phase:      fixes.Enforce, // when nothing edits the pod any more
		Docs:       debuggerLeftDocs,
		Check:      checkDebuggerLeft,
	}
}

const debuggerLeftDocs = `
kubectl debug node/NAME makes a pod in the node's process, network and IPC namespaces,
with the node's root file system at /host, and leaves it there when the session ends.
Whoever may exec into pods of its namespace is on the node with it; one that has ended
can be looked at, and holds what was typed in its log.

## What is looked at
Pods without a controller that kubectl made so: named node-debugger-NODE-…, or labelled
app.kubernetes.io/managed-by: kubectl-debug, and with the host's processes or root file
system. A pod of that name without either is left alone.

## The fix
Deletes the pod. A session that still runs in it ends. It is for review, since nobody
but its owner knows whether it is done.

## By hand
    kubectl get pods -A | grep node-debugger-
    kubectl delete pod -n NAMESPACE NAME
`

const (
	// debuggerPrefix begins the names of the pods of kubectl debug node, and the
	// label stands on them since kubectl 1.30 (kubectl/pkg/cmd/debug/debug.go).
	debuggerPrefix                = "node-debugger-"
	managedByLabel, managedByThis = "app.kubernetes.io/managed-by", "kubectl-debug"
)

func checkDebuggerLeft(p *fixes.Pass) {
	for _, pod := range fixes.Objects[*corev1.Pod](p.Inventory, "") {
		named := strings.HasPrefix(pod.Name, debuggerPrefix)
		if pod.DeletionTimestamp != nil || metav1.GetControllerOfNoCopy(pod) != nil || !named && pod.Labels[managedByLabel] != managedByThis {
			continue
		}
		got := hostShare(&pod.Spec)
		if len(got) == 0 {
			continue
		}
		ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		f := fixes.Finding{
			Object: fixes.RefOf(pod), Path: "spec",
			Message:  "A debugging pod was left behind: whoever may exec into it is on the node, with " + strings.Join(got, " and ") + ".",
			Evidence: debuggerEvidence(p.Inventory, pod),
		}
		why, risk := "nobody but its owner knows whether the session is done", "A session that still runs in it ends."
		if ended {
			f.Severity = fixes.Low
			f.Message = "A debugging pod was left behind: its session has ended, and its log may hold what was seen on the node."
			why, risk = "its log goes with it", "Its log is lost."
		}
		ref := fixes.RefOf(pod)
		f.Fixes = []fixes.Fix{{
			Title: "Delete the pod", Confidence: fixes.Review, Why: why, Risks: []string{risk}, Deletes: true,
			Edit: func(d *fixes.Draft) error { d.Delete(ref); return nil },
		}}
		p.Report(f)
	}
}

// hostShare names what a pod shares with its node.
func hostShare(spec *corev1.PodSpec) []string {
	var got []string
	if spec.HostPID {
		got = append(got, "its processes")
	}
	if slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool { return v.HostPath != nil && v.HostPath.Path == "/" }) {
		got = append(got, "its root file system")
	}
	return got
}

func debuggerEvidence(inv *fixes.Inventory, pod *corev1.Pod) []string {
	var out []string
	if pod.Spec.NodeName != "" {
		out = append(out, "on node "+pod.Spec.NodeName)
	}
	if made := pod.CreationTimestamp; !made.IsZero() && !inv.Now.IsZero() {
		out = append(out, fmt.Sprintf("made %s, %d hours ago", made.UTC().Format("2006-01-02 15:04 MST"), int(inv.Now.Sub(made.Time).Hours())))
	}
	for i := range pod.Spec.Containers {
		if sc := pod.Spec.Containers[i].SecurityContext; sc != nil && sc.Privileged != nil && *sc.Privileged {
			out = append(out, "container "+pod.Spec.Containers[i].Name+" is privileged")
		}
	}
	return out
}
