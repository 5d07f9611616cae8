package plugin

import (
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/tui"
)

func TestScreenFlags(t *testing.T) {
	for _, c := range []struct {
		args  string
		want  screen
		fails string
	}{
		{args: ""},
		{args: "--theme light --mouse", want: screen{theme: tui.LightTheme, mouse: true}},
		{args: "--theme dark", want: screen{theme: tui.DarkTheme}},
		{args: "--theme none", want: screen{noColor: true}},
		{args: "--accessible", want: screen{accessible: true}},
		{args: "--theme drk", fails: `did you mean "dark"?`},
		{args: "--accessible --mouse", fails: "--mouse does not go with"},
		{args: "--accessible -o json", fails: "does not go with -o"},
		{args: "--accessible --fail-on high", fails: "does not go with -o"},
		{args: "--accessible --fix --dry-run", fails: "does not go with -o"},
		{args: "--accessible -f -", fails: "-f - does not go with"},
	} {
		flags := NewFlags()
		cmd := NewCommand(genericiooptions.NewTestIOStreamsDiscard())
		cmd.ResetFlags()
		flags.addTo(cmd)
		if err := cmd.ParseFlags(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		o, err := flags.ToOptions(genericiooptions.NewTestIOStreamsDiscard())
		switch {
		case c.fails != "":
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%q: %v, want %q", c.args, err, c.fails)
			}
		case err != nil:
			t.Errorf("%q: %v", c.args, err)
		case o.screen != c.want:
			t.Errorf("%q: %+v, want %+v", c.args, o.screen, c.want)
		}
	}
}

// TestAccessible is the whole command with its answers piped in.
func TestAccessible(t *testing.T) {
	streams, in, out, errOut := genericiooptions.NewTestIOStreams()
	in.WriteString("all safe\nplan\n4\napply\nquit\ny\n")
	if status := Main(t.Context(), []string{"--demo", "--accessible"}, streams); status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	rest := out.String()
	for _, want := range []string{"kubectl harden, demo", "scanned", "findings by rule", "staged", "the plan: verified", "secretKeyRef:",
		"the demo is not a cluster that could be changed", "neither applied nor exported"} {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("no %q (in this order) in:\n%s", want, out)
		}
		rest = after
	}
	if strings.Contains(out.String(), "\x1b") || errOut.Len() > 0 {
		t.Errorf("escape codes, or errors: %s", errOut)
	}
}

func TestAccessibleByEnvironment(t *testing.T) {
	for value, want := range map[string]bool{"": false, "1": true, "yes": true, "0": true} {
		t.Setenv("ACCESSIBLE", value)
		if o := (&Options{}); o.lines() != want {
			t.Errorf("ACCESSIBLE=%q: lines %v", value, o.lines())
		}
	}
}
