package fixes_test

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func TestWaves(t *testing.T) {
	meta := func(ns, name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: ns, Name: name} }
	allow := networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{}}}
	objects := []fixes.Object{
		&networkingv1.NetworkPolicy{ObjectMeta: meta("a", "deny")},
		&networkingv1.NetworkPolicy{ObjectMeta: meta("a", "x-allow"), Spec: allow},
		&networkingv1.NetworkPolicy{ObjectMeta: meta("b", "deny")},
		&corev1.ResourceQuota{ObjectMeta: meta("a", "a-quota")},
		&corev1.LimitRange{ObjectMeta: meta("a", "z-limits")},
		&corev1.Namespace{ObjectMeta: meta("", "a")},
		&corev1.Secret{ObjectMeta: meta("b", "s")},
		&corev1.Secret{ObjectMeta: meta("a", "s")},
		&appsv1.Deployment{ObjectMeta: meta("a", "d1")},
		&appsv1.Deployment{ObjectMeta: meta("a", "d2")},
		&appsv1.Deployment{ObjectMeta: meta("a", "d3")},
		&appsv1.Deployment{ObjectMeta: meta("b", "d1")},
	}
	var changes []fixes.Change
	for _, o := range objects {
		changes = append(changes, fixes.Change{Action: fixes.Create, Object: fixes.RefOf(o), After: o})
	}
	all := &corev1.ConfigMap{ObjectMeta: meta("a", "trimmed"), Data: map[string]string{"k": "v", "password": "x"}, BinaryData: map[string][]byte{"b": {1}}}
	some := &corev1.ConfigMap{ObjectMeta: meta("a", "trimmed"), Data: map[string]string{"k": "v"}, BinaryData: map[string][]byte{"b": {1}}}
	edited := &corev1.ConfigMap{ObjectMeta: meta("a", "edited"), Data: map[string]string{"k": "other"}}
	changes = append(changes,
		fixes.Change{Action: fixes.Create, Object: fixes.Ref{Kind: fixes.KindConfigMap, Namespace: "a", Name: "made"}, After: all},
		fixes.Change{Action: fixes.Patch, Object: fixes.RefOf(edited), Before: all, After: edited},
		fixes.Change{Action: fixes.Patch, Object: fixes.RefOf(all), Before: all, After: some})
	show := func() []string {
		var out []string
		for _, w := range fixes.Waves(changes, 2) {
			line := fmt.Sprintf("%d %s:", w.Stage, w.Namespace)
			for _, i := range w.Changes {
				line += " " + changes[i].Object.NamespacedName()
			}
			out = append(out, line)
		}
		return out
	}
	fixes.SortChanges(changes)
	want := []string{
		"0 : a/edited a/made a/s b/s",
		"1 a: a/d1 a/d2", "1 a: a/d3", "1 b: b/d1",
		"2 a: a/trimmed",
		"3 a: a/z-limits a/a-quota a/x-allow a/deny a", "3 b: b/deny",
	}
	if got := show(); !slices.Equal(got, want) {
		t.Errorf("waves %q, want %q", got, want)
	}
	// What takes it back puts the keys there before the workloads read them.
	for i := range changes {
		if changes[i].Action == fixes.Patch {
			changes[i].Before, changes[i].After = changes[i].After, changes[i].Before
		}
	}
	fixes.SortChanges(changes)
	slices.Reverse(changes)
	want = []string{
		"3 b: b/deny", "3 a: a a/deny a/x-allow a/a-quota a/z-limits",
		"2 a: a/trimmed",
		"1 b: b/d1", "1 a: a/d3 a/d2", "1 a: a/d1",
		"0 : b/s a/s a/made a/edited",
	}
	if got := show(); !slices.Equal(got, want) {
		t.Errorf("taking back: waves %q, want %q", got, want)
	}
}
