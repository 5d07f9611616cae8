package tui

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestTextsNameTheKeysThatAreBound demands that what is told of a key, on the
// screen, in the help and in a question, is told of the one that does it.
func TestTextsNameTheKeysThatAreBound(t *testing.T) {
	s := shopSession(t)
	s.Check = checked(errors.New("refused"), remarks[0], say{change: api, state: fixes.Failed, detail: "no"})
	s.Keys = map[string][]string{
		"findings.stage": {"t"}, "findings.stageSafe": {"b"}, "findings.undo": {"Z"}, "findings.scan": {"f5"}, "findings.nextFix": {"X"},
		"findings.markRange": {"m"}, "findings.mark": {"#"}, "findings.back": {"backspace"}, "app.mouse": {"ö"}, "app.help": {"é"},
		"plan.leaveOut": {"d"}, "plan.leaveOutRefused": {"D"}, "plan.nextRemark": {"w"}, "plan.undo": {"backspace"},
	}
	d := scanned(t, s, 120, 40).has("é help").hasNot("? help")
	d.press("p").has("nothing is staged: t stages a fix, b all safe ones")
	d.press("m").has("to the cursor; m ends it, backspace drops it").press("backspace")
	d.press("b").has("staged 4 safe; Z undoes").on("shop/web").has("(X: next)")
	d.press("ö").has("ö turns it off").press("é").has("t takes it out or in").press("j", "j", "j", "j", "j", "j").has("mark the finding or those of the group; t, b, U, i and y then act").press("é").hasNot("takes it out")
	d.press("p").has("w goes to the next of them, d leaves one out, D all.")
	d.press("a").has("leave it out (d; w goes to it)")
	d.press("D").has("unstaged; backspace undoes")

	// What no key does is not told.
	s.Keys = map[string][]string{"findings.stage": {}, "findings.stageSafe": {}, "findings.undo": {}, "app.help": {}}
	d = scanned(t, s, 120, 40).hasNot("help")
	d.press("p").has("─ nothing is staged ─").on("env-secret").press("*").press("U").hasNot("undoes")
}

// TestToldActionsAreThere demands that what a text tells of is something that
// keys do: a slip in the name would leave it out.
func TestToldActionsAreThere(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	verbs := map[string]bool{}
	for _, list := range defaultKeys() {
		for i := range list {
			verbs[verbOf(list[i].action)] = true
		}
	}
	told := regexp.MustCompile(`(?:\.does\(|\.keyFor\(|\.keys\.key\([^,]+, )"([^"]*)"`)
	n := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range told.FindAllStringSubmatch(string(text), -1) {
			if n++; !verbs[m[1]] {
				t.Errorf("%s tells of %q, which no key does", file, m[1])
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d are told of", n)
	}
	for s, list := range defaultKeys() {
		for i := range list {
			for _, m := range regexp.MustCompile(`\{([^}]*)\}`).FindAllStringSubmatch(list[i].help, -1) {
				for _, name := range regexp.MustCompile(`\w+`).FindAllString(m[1], -1) {
					if !verbs[name] {
						t.Errorf("the help of %s on %s tells of %q, which no key does", list[i].action, screenNames[s], name)
					}
				}
			}
		}
	}
}

func TestExpand(t *testing.T) {
	m := newKeyMap(map[string][]string{"findings.stage": {}, "findings.copy": {"f3"}})
	for help, want := range map[string]string{
		"mark; {stage stageSafe copy} act on them": "mark; S and f3 act on them",
		"mark; {stage} acts on them":               "mark",
		"mark; {plan apply export} go on; end":     "mark; p and E go on; end",
		"back to the findings":                     "back to the findings",
	} {
		if got := m.expand(findingsScreen, help); got != want {
			t.Errorf("%s: %s, want %s", help, got, want)
		}
	}
	if got := m.expand(matrixScreen, "{watch} follows"); got != "W follows" {
		t.Error(got)
	}
}

// TestLinearWithOtherKeys demands that commands are words, whatever the keys.
func TestLinearWithOtherKeys(t *testing.T) {
	s := shopSession(t)
	s.Keys = map[string][]string{"findings.filter": {}, "findings.stage": {}, "plan.back": {"f9"}, "app.quit": {}, "app.mouse": {"f2"}}
	out, err := linearly(t, s, "/env-secret", "?", "stage 1", "plan", "back", "quit")
	if err != nil {
		t.Error(err)
	}
	wrote(t, out, "the filter env-secret leaves", "stage: stage or unstage", "staged 3", "the plan:", "findings by rule")
	if regexp.MustCompile("mouse on").MatchString(out) {
		t.Errorf("the mouse is among the commands:\n%s", out)
	}
}
