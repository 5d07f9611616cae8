//go:build !windows

package tui

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestRunEdits gives the terminal to an editor, takes back what it wrote, and
// applies that; a part of another fix is left out.
func TestRunEdits(t *testing.T) {
	s := shopSession(t)
	inv := shopInventory(t)
	s.Scan, s.Apply = scanOf(func() *fixes.Inventory { return inv }, testRules()), applyAll(inv)
	editWith(t, `test -t 0 && test -t 1 && printf 'I AM THE EDITOR' && read line && sed -i "s/replicas: 2/replicas: $line/" "$1"`)
	term := onTerminal(t.Context(), t, 120, 40, s).Wait("10 findings in")
	term.Type("S").Wait("4 staged").Type("p").Wait("accepted by the server").Type("G").Wait("patch Deployment shop/web").Type("e")
	term.Wait("I AM THE EDITOR").Type("3\r").Wait("edited Deployment shop/web", "replicas: 3", "accepted by the server")
	term.Type("a").Wait("y apply").Type("y").Wait("done in")
	web := inv.Get(fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: "web"}).(*appsv1.Deployment)
	if *web.Spec.Replicas != 3 || web.Spec.Template.Spec.Containers[0].Env[1].ValueFrom == nil {
		t.Errorf("applied %v", web.Spec)
	}
	term.Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
}
