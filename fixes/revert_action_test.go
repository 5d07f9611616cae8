package fixes_test

import (
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func keptOf(kept []fixes.Kept) []string {
	var out []string
	for _, k := range kept {
		out = append(out, k.String())
	}
	return out
}

// TestRevertOfOneAction tells what comes of taking back each kind of change,
// by what is there now.
func TestRevertOfOneAction(t *testing.T) {
	policy := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "allow"},
		Spec: networkingv1.NetworkPolicySpec{
			Ingress: []networkingv1.NetworkPolicyIngressRule{{Ports: []networkingv1.NetworkPolicyPort{{Port: &intstr.IntOrString{IntVal: 80}}}}},
		},
	}
	fixes.NewInventory().Add(policy)
	served := func(edit func(*networkingv1.NetworkPolicy)) fixes.Object {
		live := policy.DeepCopy()
		live.UID, live.ResourceVersion, live.Generation, live.CreationTimestamp = "u", "1", 1, metav1.Now()
		live.TypeMeta = metav1.TypeMeta{} // as typed clients return it
		tcp := corev1.ProtocolTCP
		live.Spec.Ingress[0].Ports[0].Protocol = &tcp
		live.Spec.PolicyTypes = []networkingv1.PolicyType{"Ingress"}
		if edit != nil {
			edit(live)
		}
		return live
	}
	create := fixes.Change{Action: fixes.Create, Object: fixes.RefOf(policy), After: policy}
	known := create
	known.After = served(nil)

	pod := fixestest.Load(t, livePod).List(fixes.KindPod)[0].(*corev1.Pod)
	fixed := fixes.Recreated(pod).(*corev1.Pod)
	fixed.Spec.AutomountServiceAccountToken = new(bool)
	recreate := fixes.Change{Action: fixes.Recreate, Object: fixes.RefOf(pod), Before: pod, After: fixed}
	recreated := func(edit func(*corev1.Pod)) fixes.Object {
		live := fixed.DeepCopy()
		live.UID, live.Spec.NodeName, live.Status.Phase = "new", "node-2", corev1.PodRunning
		if edit != nil {
			edit(live)
		}
		return live
	}
	patch := fixes.Change{Action: fixes.Patch, Object: fixes.RefOf(pod), Before: pod, After: pod.DeepCopy()}
	patch.After.SetLabels(map[string]string{"app": "worker", "x": "1"})
	removal := fixes.Change{Action: fixes.Delete, Object: fixes.RefOf(pod), Before: pod}

	for _, c := range []struct {
		name   string
		change fixes.Change
		live   fixes.Object
		want   fixes.Action // "" for nothing
		kept   []string
	}{
		{"created, with defaults", create, served(nil), fixes.Delete, nil},
		{"created, and gone", create, nil, "", nil},
		{"created, and changed", create, served(func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress[0].Ports[0].Port.IntVal = 81 }), "",
			[]string{"spec.ingress[0].ports[0].port (it has been changed since)"}},
		{"created, and added to", create, served(func(p *networkingv1.NetworkPolicy) { p.Labels = map[string]string{"argocd": "x"} }), "",
			[]string{"metadata.labels (it has been added since)"}},
		{"created, and less than before", create, served(func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress = nil }), "",
			[]string{"spec.ingress (it has been changed since)"}},
		{"created, of a known uid", known, served(nil), fixes.Delete, nil},
		{"created, and replaced", known, served(func(p *networkingv1.NetworkPolicy) { p.UID = "v" }), "",
			[]string{"it has been replaced since by another of its name"}},

		{"patched, and gone", patch, nil, "", []string{"it is gone"}},
		{"patched, and replaced", patch, recreated(nil), "", []string{"it has been replaced since by another of its name"}},
		{"patched, and back", patch, pod.DeepCopy(), "", nil},

		{"deleted", removal, nil, fixes.Create, nil},
		{"deleted, and made anew", removal, recreated(nil), "", []string{"another of its name has been created since"}},
		{"not deleted", removal, pod.DeepCopy(), "", nil},

		{"recreated", recreate, recreated(nil), fixes.Recreate, nil},
		{"recreated, and edited", recreate, recreated(func(p *corev1.Pod) { p.Spec.Containers[0].Image = "other:2" }), fixes.Recreate, nil},
		{"in the middle of it", recreate, nil, fixes.Create, nil},
		{"not recreated", recreate, pod.DeepCopy(), "", nil},
		{"recreated, and finished", recreate, recreated(func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }), "",
			[]string{"it has finished: created anew, it would run once more"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inverse, kept, err := c.change.Revert(c.live)
			if err != nil {
				t.Fatal(err)
			}
			if inverse.Empty() != (c.want == "") || c.want != "" && inverse.Action != c.want {
				t.Errorf("%s, empty %v", inverse.Action, inverse.Empty())
			}
			if inverse.Empty() && inverse.Before != inverse.After {
				t.Error("with nothing to do, it is not as before")
			}
			if got := keptOf(kept); !slices.Equal(got, c.kept) {
				t.Errorf("kept %q, want %q", got, c.kept)
			}
			if inverse.Object != c.change.Object {
				t.Errorf("the inverse is of %s", inverse.Object)
			}
			if inverse.Action == fixes.Create || inverse.Action == fixes.Recreate {
				made := inverse.After.(*corev1.Pod)
				if made.UID != "" || made.ResourceVersion != "" || made.Spec.NodeName != "" || made.Spec.AutomountServiceAccountToken != nil || made.Status.Phase != "" {
					t.Errorf("what is to be created: %+v", made)
				}
			}
		})
	}
	edited, _, err := recreate.Revert(recreated(func(p *corev1.Pod) { p.Spec.Containers[0].Image = "other:2" }))
	if err != nil || edited.After.(*corev1.Pod).Spec.Containers[0].Image != "other:2" {
		t.Errorf("an edit of the recreated pod is lost: %v", err)
	}
	terminating := pod.DeepCopy()
	terminating.DeletionTimestamp = &metav1.Time{}
	if _, kept, _ := removal.Revert(terminating); len(kept) != 1 || !strings.Contains(kept[0].Why, "deletion has not come to an end") {
		t.Errorf("kept %v", kept)
	}
}

// TestRevertCreatedBinding takes back a binding whose roleRef the server has
// completed: its type writes an empty string for what is left out.
func TestRevertCreatedBinding(t *testing.T) {
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "b"},
		RoleRef:    rbacv1.RoleRef{Kind: "Role", Name: "r"},
		Subjects:   []rbacv1.Subject{{Kind: "User", Name: "u"}},
	}
	c := fixes.Change{Action: fixes.Create, Object: fixes.RefOf(binding), After: binding}
	live := binding.DeepCopy()
	live.UID, live.RoleRef.APIGroup, live.Subjects[0].APIGroup = "u", rbacv1.GroupName, rbacv1.GroupName
	if inverse, kept, err := c.Revert(live); err != nil || inverse.Action != fixes.Delete || len(kept) > 0 {
		t.Errorf("%s, kept %v: %v", inverse.Action, kept, err)
	}
	live.RoleRef.Name = ""
	if _, kept, _ := c.Revert(live); !slices.Equal(keptOf(kept), []string{"roleRef.name (it has been changed since)"}) {
		t.Errorf("kept %v", kept)
	}
}

// TestRevertRecreatedJob takes a Job back that the server has given new labels.
func TestRevertRecreatedJob(t *testing.T) {
	before := fixestest.Load(t, liveJob).List(fixes.KindJob)[0].(*batchv1.Job)
	after := fixes.Recreated(before).(*batchv1.Job)
	after.Spec.Template.Spec.HostIPC = true
	c := fixes.Change{Action: fixes.Recreate, Object: fixes.RefOf(before), Before: before, After: after}
	live := fixestest.Load(t, strings.ReplaceAll(liveJob, "22222222", "33333333")).List(fixes.KindJob)[0].(*batchv1.Job)
	live.Spec.Template.Spec.HostIPC = true
	if taken := c.TakenBack(live); len(taken) > 0 || !c.HeldBy(live) || c.HeldBy(before) {
		t.Errorf("taken back: %v", taken)
	}
	inverse, kept, err := c.Revert(live)
	if err != nil || len(kept) > 0 || inverse.Action != fixes.Recreate {
		t.Fatalf("%v %v %s", err, kept, inverse.Action)
	}
	sameContent(t, inverse.After, fixes.Recreated(before), "the Job")
}
