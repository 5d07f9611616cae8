package plugin

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestLiveLine keeps the line of what is being done on one line of the terminal:
// one that wraps could not be wiped.
func TestLiveLine(t *testing.T) {
	change := &fixes.Change{Object: fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: "web"}}
	for _, detail := range []string{"", "1 of 2 replicas are updated", strings.Repeat("名", 60), "\x1b[2J" + strings.Repeat("x", 300)} {
		for _, columns := range []int{20, 40, 80, 200} {
			var b bytes.Buffer
			n := newNarrator(&b)
			n.live, n.columns = &b, func() int { return columns }
			n.report(fixes.Outcome{Change: change, State: fixes.RollingOut, Detail: detail})
			line, wiped := strings.CutPrefix(b.String(), wipe)
			if w := ansi.StringWidth(line); !wiped || w == 0 || w >= columns || strings.Contains(line, "\x1b") {
				t.Errorf("%d of %d columns: %q", w, columns, b.String())
			}
		}
	}
}
