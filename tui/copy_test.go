package tui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// copies presses keys and returns what the last of them puts on the clipboard.
func (d *driver) copies(keys ...string) string {
	d.Helper()
	d.press(keys[:len(keys)-1]...)
	_, cmd := d.Update(keyPress(keys[len(keys)-1]))
	if cmd == nil {
		d.Fatalf("nothing is copied:\n%s", d.screenText())
	}
	return fmt.Sprint(cmd())
}

func TestCopy(t *testing.T) {
	d := scanned(t, shopSession(t), 100, 30).on("privileged").press("y").has("fixes of 0 findings").press("c").has("none of these findings has an automatic fix").press("esc").on("env[1]")
	if got := d.copies("y", "c"); got != "kubectl harden --rule env-secret --fix --dry-run" {
		t.Errorf("copied %q", got)
	}
	d.has("copied: kubectl harden --rule env-secret")
	if got := d.copies("y", "y"); got != "kubectl harden --rule env-secret --fix --dry-run" {
		t.Errorf("yy copied %q", got)
	}
	patch := d.copies("y", "j", "enter")
	for _, want := range []string{"# create Secret shop/web-env\n", "kind: Secret", "---\n# strategic merge patch of Deployment shop/web\n", "secretKeyRef:"} {
		if !strings.Contains(patch, want) {
			t.Errorf("the patch lacks %q:\n%s", want, patch)
		}
	}
	diff := d.copies("y", "d")
	for _, want := range []string{"--- a/deployment/shop/web", "+++ b/secret/shop/web-env", "+            secretKeyRef:"} {
		if !strings.Contains(diff, want) {
			t.Errorf("the diff lacks %q:\n%s", want, diff)
		}
	}
	for _, text := range []string{patch, diff} {
		if strings.Contains(text, "plaintext") || strings.Contains(text, "aHVudGVyMi1wbGFpbnRleHQ") {
			t.Errorf("a secret is copied:\n%s", text)
		}
	}
	d.on("agent  Daem").press("y", "p").has("go to a finding with an automatic fix first").press("esc")
	if got := d.copies("y", "n"); got != "daemonset/agent -n shop" {
		t.Errorf("copied %q", got)
	}
	d.on("rbac-wildcard")
	if got := d.copies("y", "n"); got != `clusterrole/ops\x1b[31m\u202eevil` {
		t.Errorf("copied %q", got)
	}
	d.press("/").write("ns:shop").press("enter", "*")
	if got := d.copies("y", "n"); len(strings.Split(got, "\n")) != 3 {
		t.Errorf("copied %q", got)
	}
	d.has("and 2 more lines").press("esc", "esc")
	d.session.Command, d.session.ListCommand, d.session.StagedCommand = nil, nil, nil
	d.on("env[1]").press("y").has("no command line shows the same").press("l").has("no command line shows the same").press("s").has("no command line").press("q").hasNot("Copy")
}

func TestCopyCommandLines(t *testing.T) {
	var asked Selection
	var staged []fixes.Choice
	s := shopSession(t)
	s.ListCommand = func(sel Selection) (string, []string) {
		asked = sel
		return "kubectl harden --listed", sel.Unsaid
	}
	s.StagedCommand = func(choices []fixes.Choice) (string, []string) {
		staged = choices
		return "kubectl harden --staged", nil
	}
	d := scanned(t, s, 100, 30).press("y", "s").has("nothing is staged").press("esc").on("env[2]").press("f", "space")
	if got := d.copies("y", "s"); got != "kubectl harden --staged" || len(staged) != 1 || staged[0].Fix != &staged[0].Finding.Fixes[1] {
		t.Errorf("copied %q for %v", got, staged)
	}
	d.on("env-secret").press("u")
	if d.copies("y", "c"); len(staged) != 3 || staged[2].Fix != &staged[2].Finding.Fixes[1] {
		t.Errorf("the fixes of a group: %v", staged)
	}
	d.press("j", "x", "x")
	if d.copies("y", "c"); len(staged) != 2 {
		t.Errorf("the fixes of the marked: %v", staged)
	}
	d.press("esc")
	for filter, want := range map[string]string{
		"":                         "",
		"ns:shop":                  "ns=shop",
		"ns:pay rule:env,sa-token": "ns=pay rules=[env-secret sa-token]",
		"!rule:env !cat:access":    "skip=[env-secret rbac-wildcard sa-token]",
		"cat:secrets,access":       "cats=[secrets access]",
		"sev:high+":                "sev=high",
		"!sev:med,low":             "sev=high",
		"sev:high+ !sev:high":      "sev=critical",
		"sev:high":                 "unsaid=[sev:high]",
		"threat:t,e":               "threats=[tampering elevation-of-privilege]",
		"!threat:t":                "unsaid=[!threat:t]",
		"ns:shop,pay":              "unsaid=[ns:shop,pay]",
		"!ns:shop":                 "unsaid=[!ns:shop]",
		"ns:-":                     "unsaid=[ns:-]",
		"kind:dep web !pay":        "unsaid=[kind:dep web !pay]",
		"fix:safe staged:no":       "unsaid=[fix:safe staged:no]",
		"rule:env rule:s":          "", // see below
	} {
		d.list.setFilter(filter, &d.dec)
		total := d.list.total
		d.measure()
		d.press("y", "l", "esc")
		if len(asked.Findings) != total {
			t.Errorf("%q: %d of %d findings", filter, len(asked.Findings), total)
		}
		if filter == "rule:env rule:s" {
			if len(asked.Rules) != 1 || len(asked.Unsaid) != 1 {
				t.Errorf("%q: %+v", filter, asked)
			}
			continue
		}
		if got := writeSelection(asked); got != want {
			t.Errorf("%q: %s, want %s", filter, got, want)
		}
	}
	d.list.setFilter("name:web", &d.dec)
	d.measure()
	d.press("y", "l").has("Copied, but it says not all", "- name:web")
}

func writeSelection(s Selection) string {
	var parts []string
	add := func(name string, value any, is bool) {
		if is {
			parts = append(parts, fmt.Sprintf("%s=%v", name, value))
		}
	}
	add("ns", s.Namespace, s.Namespace != "")
	add("rules", s.Rules, s.Rules != nil)
	add("skip", s.Skip, s.Skip != nil)
	add("cats", s.Categories, s.Categories != nil)
	add("threats", s.Threats, s.Threats != nil)
	add("sev", s.Severity, s.Severity != 0)
	add("unsaid", s.Unsaid, s.Unsaid != nil)
	return strings.Join(parts, " ")
}
