package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/move"
)

// Move writes what a move makes, what leads clients over, what is left, and what does
// not go by itself.
func Move(out io.Writer, m *move.Move) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	row := func(step string, ref fixes.Ref) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", step, fixes.Clean(ref.Kind.Title()), fixes.Clean(strings.TrimPrefix(ref.Namespace+"/"+ref.Name, "/")))
	}
	fmt.Fprintln(w, "STEP\tKIND\tOBJECT")
	for _, obj := range m.New {
		row("make", fixes.RefOf(obj))
	}
	for _, c := range m.Switch {
		row("lead over", c.Object)
	}
	for _, ref := range m.Old {
		row("delete later", ref)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	b.WriteString("\nWhat does not go by itself:\n")
	for _, line := range m.Stays {
		b.WriteString("- " + fixes.Clean(line) + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
