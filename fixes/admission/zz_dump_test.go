package admission

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
)

func TestDump(t *testing.T) {
	text, _ := os.ReadFile("../../plugin/source/demo.yaml")
	inv := fixestest.Load(t, string(text))
	inv.Live = true
	for _, f := range fixes.Scan(inv, slices.Concat(podsecurity.Rules(), Rules())).Findings {
		fmt.Printf("%s %s %s %s\n  %s\n", f.Rule.ID, f.Severity, f.Object, f.Path, f.Message)
		for _, e := range f.Evidence {
			fmt.Println("   *", e)
		}
		x := f.Fix()
		fmt.Printf("  FIX [%s] %s\n      why: %s\n", x.Confidence, x.Title, x.Why)
		for _, r := range x.Risks {
			fmt.Println("      risk:", r)
		}
		if x.Steps != "" {
			fmt.Println(x.Steps)
		}
	}
}
