package plugin

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/tui"
)

// sessionOf returns the options of a command line, and what they find.
func sessionOf(t *testing.T, args ...string) (*Options, *fixes.Result) {
	t.Helper()
	flags, cmd := NewFlags(), &cobra.Command{}
	flags.addTo(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	o, err := flags.ToOptions(genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, ErrOut: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	o.given = givenFlags(cmd.Flags())
	if err := o.connect(); err != nil {
		t.Fatal(err)
	}
	result, err := o.scan(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return o, result
}

// says runs a command line that was copied, with more behind it.
func says(t *testing.T, line string, into any, more ...string) (stderr string) {
	t.Helper()
	args := append(strings.Fields(strings.TrimPrefix(line, "kubectl harden ")), more...)
	var out, errOut bytes.Buffer
	if status := Main(t.Context(), args, genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &errOut}); status != 0 {
		t.Fatalf("%s exits with %d: %s", line, status, errOut.String())
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return errOut.String()
}

// TestListCommandListsTheSame runs the command line of a list, and demands its
// findings, wherever nothing is said to be left out.
func TestListCommandListsTheSame(t *testing.T) {
	base := []string{"--demo", "--severity", "medium", "--skip", "fs-writable,sa-default"}
	o, result := sessionOf(t, base...)
	for _, c := range []struct {
		name string
		s    tui.Selection
		has  func(*fixes.Finding) bool
		want string // of the command
		left bool
	}{
		{"all", tui.Selection{}, func(*fixes.Finding) bool { return true }, "--demo --severity medium --skip fs-writable,sa-default", false},
		{"rule", tui.Selection{Rules: []string{"env-secret", "sa-token-automounted"}},
			func(f *fixes.Finding) bool { return f.Rule.ID == "env-secret" || f.Rule.ID == "sa-token-automounted" }, "--rule env-secret,sa-token-automounted", false},
		{"skip", tui.Selection{Skip: []string{"env-secret"}}, func(f *fixes.Finding) bool { return f.Rule.ID != "env-secret" },
			"--skip env-secret,fs-writable,sa-default", false},
		{"category", tui.Selection{Categories: []fixes.Category{fixes.Secrets, fixes.Quota}},
			func(f *fixes.Finding) bool { return f.Rule.Category == fixes.Secrets || f.Rule.Category == fixes.Quota }, "--category secrets,quota", false},
		{"severity", tui.Selection{Severity: fixes.High}, func(f *fixes.Finding) bool { return f.Severity >= fixes.High }, "--severity high", false},
		{"lower severity", tui.Selection{Severity: fixes.Low}, func(*fixes.Finding) bool { return true }, "--severity medium", false},
		{"threat", tui.Selection{Threats: []fixes.Threat{fixes.Tampering}}, func(f *fixes.Finding) bool { return slices.Contains(f.Threats, fixes.Tampering) },
			"--threat tampering", false},
		{"few", tui.Selection{Unsaid: []string{"name:web"}}, func(f *fixes.Finding) bool { return f.Rule.ID == "env-secret" && f.Object.Name == "web" },
			"--finding ", false},
		{"namespace", tui.Selection{Namespace: "shop"}, func(f *fixes.Finding) bool { return f.Object.Namespace == "shop" }, "--demo", true},
	} {
		for _, f := range result.Findings {
			if c.has(f) {
				c.s.Findings = append(c.s.Findings, f)
			}
		}
		if len(c.s.Findings) == 0 {
			t.Fatalf("%s: the demo has no such finding", c.name)
		}
		line, left := o.listCommand(c.s)
		if !strings.Contains(line, c.want) || len(left) > 0 != c.left && len(c.s.Findings) > maxNamed {
			t.Errorf("%s: %s, without %q", c.name, line, left)
		}
		if len(left) > 0 {
			continue
		}
		var got struct {
			Findings []struct{ Fingerprint string }
		}
		says(t, line, &got, "-o", "json")
		var have, want []string
		for _, f := range got.Findings {
			have = append(have, f.Fingerprint)
		}
		for _, f := range c.s.Findings {
			want = append(want, f.Fingerprint)
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s: %s lists %d findings, want %d", c.name, line, len(have), len(want))
		}
	}
}

// TestStagedCommandMakesTheSame runs the command line of staged fixes, and
// demands just their changes.
func TestStagedCommandMakesTheSame(t *testing.T) {
	o, result := sessionOf(t, "--demo")
	var choices []fixes.Choice
	prints := map[string]bool{}
	take := func(f *fixes.Finding) {
		choices = append(choices, fixes.Choice{Finding: f, Fix: f.Fix()})
		prints[f.Fingerprint] = true
	}
	for _, f := range result.Findings {
		if fix := f.Fix(); fix != nil && fix.Edit != nil && len(choices) < 5 && (f.Rule.ID == "env-secret" || fix.Confidence == fixes.Review) {
			take(f)
		}
	}
	line, left := o.stagedCommand(choices)
	if len(left) > 0 || len(choices) < 5 || !strings.HasSuffix(line, " --fix --dry-run --confidence review") {
		t.Errorf("%s leaves out %q", line, left)
	}
	want, err := fixes.Compose(result, choices)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Changes []struct {
			Action string
			Object struct{ Kind, Namespace, Name string }
			Fixes  []string
		}
	}
	says(t, line, &got, "-o", "json")
	if len(got.Changes) != len(want.Changes) {
		t.Fatalf("%s makes %d changes, want %d", line, len(got.Changes), len(want.Changes))
	}
	for i, c := range got.Changes {
		ref := want.Changes[i].Object
		if c.Object.Name != ref.Name || c.Object.Kind != ref.Kind.Name || c.Object.Namespace != ref.Namespace {
			t.Errorf("change %d is of %v, want %v", i, c.Object, ref)
		}
		for _, fingerprint := range c.Fixes {
			if !prints[fingerprint] {
				t.Errorf("%v serves %s, which is not staged", c.Object, fingerprint)
			}
		}
	}
}

// TestAnotherFixIsTaken: the number of a fix in a command line is the one that
// was staged.
func TestAnotherFixIsTaken(t *testing.T) {
	edit := func(*fixes.Draft) error { return nil }
	f := &fixes.Finding{Fingerprint: "0123456789abcdef", Fixes: []fixes.Fix{
		{Title: "a", Confidence: fixes.Safe, Edit: edit}, {Title: "b", Confidence: fixes.Review, Edit: edit}, {Title: "c", Confidence: fixes.Manual},
	}}
	other := &fixes.Finding{Fingerprint: "fedcba9876543210", Fixes: []fixes.Fix{{Title: "d", Confidence: fixes.Safe, Edit: edit}}}
	o := &Options{}
	line, _ := o.stagedCommand([]fixes.Choice{{Finding: f, Fix: &f.Fixes[1]}, {Finding: other, Fix: &other.Fixes[0]}})
	if want := "kubectl harden --finding 0123456789abcdef:2,fedcba9876543210 --fix --dry-run --confidence review"; line != want {
		t.Fatalf("%s, want %s", line, want)
	}
	for values, want := range map[string]string{
		"0123456789abcdef:2,fedcba9876543210": "bd", "0123456789abcdef": "ad", "0123456789abcdef:1": "ad", "0123456789abcdef:3": "d", "0123456789abcdef:4": "d",
	} {
		w, err := parseWanted(strings.Split(values, ","))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range w.choose([]*fixes.Finding{f, other}, fixes.Review) {
			got += c.Fix.Title
		}
		if got != want {
			t.Errorf("%s takes %s, want %s", values, got, want)
		}
	}
}

func TestFindingFlag(t *testing.T) {
	for value, want := range map[string]string{
		"abc": "is not a fingerprint", "0123456789abcdeF": "is not a fingerprint", "0123456789abcdef:x": "number of a fix",
		"0123456789abcdef:0": "number of a fix", "0123456789abcdef:": "number of a fix",
		"0123456789abcdef:1,0123456789abcdef:2": "twice",
	} {
		if _, err := parseWanted(strings.Split(value, ",")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", value, err, want)
		}
	}
	var got struct{ Findings []any }
	if said := says(t, "kubectl harden --demo --finding 0123456789abcdef,0123456789abcdee", &got, "-o", "json"); len(got.Findings) != 0 ||
		!strings.Contains(said, "2 fingerprints of --finding not found (fixed, or not in what was looked at): 0123456789abcdee, 0123456789abcdef") {
		t.Errorf("%d findings; said %q", len(got.Findings), said)
	}
}

// TestGivenFlags: what was typed is typed again, but for what is secret.
func TestGivenFlags(t *testing.T) {
	flags, cmd := NewFlags(), &cobra.Command{}
	flags.addTo(cmd)
	if err := cmd.ParseFlags([]string{"-n", "shop", "--token", "s3cret", "-l", "app=web, tier!=db", "-f", "a.yaml", "-f", "b c.yaml", "-R", "--threat", "T,E", "--keep", "a/b:c/d", "--secrets-as=sops"}); err != nil {
		t.Fatal(err)
	}
	o := &Options{given: givenFlags(cmd.Flags())}
	args, left := o.sessionArgs("threat")
	if got, want := strings.Join(args, " "), "kubectl harden -f 'a.yaml,b c.yaml' -n shop -R --secrets-as sops -l 'app=web, tier!=db'"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if len(left) != 1 || strings.Contains(strings.Join(left, ""), "s3cret") {
		t.Errorf("left out: %q", left)
	}
}
