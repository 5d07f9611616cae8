package plugin

import (
	"bytes"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestLeaveUntriable leaves out what a canary could not show to be well.
func TestLeaveUntriable(t *testing.T) {
	inv := fixes.NewInventory()
	ref := func(name string) fixes.Ref {
		return fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: name}
	}
	for name, why := range map[string]string{"lonely": "", "needs-db": "it does not run by itself"} {
		inv.Add(&fixes.Trial{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fixes.TrialName(ref(name))},
			Workload:   ref(name), Err: why,
		})
	}
	choice := func(name string, c fixes.Confidence) fixes.Choice {
		return fixes.Choice{Finding: &fixes.Finding{Object: ref(name)}, Fix: &fixes.Fix{Confidence: c}}
	}
	var said bytes.Buffer
	o := &Options{IOStreams: genericiooptions.IOStreams{ErrOut: &said}}
	kept := o.leaveUntriable(inv, []fixes.Choice{
		choice("lonely", fixes.Review), choice("needs-db", fixes.Review), choice("needs-db", fixes.Safe),
		choice("needs-db", fixes.Review), choice("unknown", fixes.Review),
	})
	var got []string
	for _, c := range kept {
		got = append(got, c.Finding.Object.Name+" "+c.Fix.Confidence.String())
	}
	if want := "lonely review, needs-db safe, unknown review"; strings.Join(got, ", ") != want {
		t.Errorf("kept %q, want %q", got, want)
	}
	if text := said.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "2 fixes to review of deployment.apps/needs-db in shop") {
		t.Errorf("said %q", text)
	}
}
