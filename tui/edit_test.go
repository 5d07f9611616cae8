package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func toText(v any) string { return fmt.Sprint(v) }

// editWith makes a script the user's editor. It keeps copies of what it was
// given in the folder that is returned.
func editWith(t testing.TB, script string) (seen string) {
	t.Helper()
	dir := t.(interface{ TempDir() string }).TempDir()
	file := filepath.Join(dir, "editor.sh")
	text := "#!/bin/sh\nset -e\nn=$(ls " + dir + " | grep -c seen || true)\ncp \"$1\" " + dir + "/seen$n\nls -ld \"$1\" \"$(dirname \"$1\")\" > " + dir + "/modes\necho \"$1\" > " + dir + "/path\n" + script + "\n"
	if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	setenv := t.(interface{ Setenv(key, value string) })
	setenv.Setenv("KUBE_EDITOR", "")
	setenv.Setenv("EDITOR", file)
	return dir
}

func read(t testing.TB, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// edited is a plan in which an object was edited.
func edited(t *testing.T, w, h int) *driver {
	editWith(t, `sed -i 's/replicas: 2/replicas: 3/' "$1"`)
	return planned(t, shopSession(t), w, h).on("shop/web  Deploy").press("e")
}

func TestEditOnThePlan(t *testing.T) {
	dir := editWith(t, `sed -i 's/replicas: 2/replicas: 3/' "$1"`)
	d := planned(t, shopSession(t), 120, 70).on("shop/web  Deploy").press("e")
	d.has("edited Deployment shop/web; u undoes", "edited ↻", "✓ verified", "replicas: 3", "your edit", "edited    by you").hasNot("plaintext")
	seen := read(t, dir, "seen0")
	if strings.Contains(seen, "plaintext") || !strings.Contains(seen, "secretKeyRef") || !strings.HasPrefix(seen, "# Edit the object") || strings.Contains(seen, "status") {
		t.Errorf("the editor was given:\n%s", seen)
	}
	modes := strings.Fields(read(t, dir, "modes"))
	if !slices.Contains(modes, "-rw-------") || !slices.Contains(modes, "drwx------") {
		t.Errorf("modes: %v", modes)
	}
	if _, err := os.Stat(filepath.Dir(strings.TrimSpace(read(t, dir, "path")))); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
	// The server is asked about the edit, and an apply takes it along.
	if d.plan.check.answered() != len(d.plan.plan.Changes) {
		t.Error("the server was not asked again")
	}
	// Another edit goes on from this one.
	editWith(t, `sed -i 's/replicas: 3/replicas: 4/' "$1"`)
	d.press("e").has("replicas: 4")
	d.press("u").has("replicas: 3").press("u").hasNot("replicas: 3", "edited by").has("undone: edited Deployment shop/web")
	d.press("ctrl+r").has("replicas: 3")
	// Taking the object out takes the edit out.
	d.press("space").has("left out Deployment shop/web")
	if len(d.dec.edits) != 0 {
		t.Error("the edit stays without its fixes")
	}
	d.press("u").has("replicas: 3")
}

func TestEditOfAFinding(t *testing.T) {
	editWith(t, `sed -i 's/replicas: 2/replicas: 3/' "$1"`)
	d := scanned(t, shopSession(t), 120, 60).press("e").has("go to a finding with an automatic fix")
	d.on("env[1]").press("e").has("edited Deployment shop/web and staged its fix; u undoes", "1 staged", "edited by you")
	d.press("p").on("shop/web  Deploy").has("replicas: 3", "valueFrom")
	d.press("r").has("1 staged", "edited by you") // after the next scan too
	d.press("space").has("0 staged")
	if len(d.dec.edits) != 0 {
		t.Error("the edit stays without its fix")
	}
}

func TestEditThatIsNotValid(t *testing.T) {
	// The first time it breaks the file, the second time it mends it.
	dir := editWith(t, `if [ $n = 0 ]; then sed -i 's/replicas: 2/replicaz: 2/' "$1"; else sed -i 's/replicaz: 2/replicas: 5/' "$1"; fi`)
	d := planned(t, shopSession(t), 120, 60).on("shop/web  Deploy").press("e").has("replicas: 5")
	again := read(t, dir, "seen1")
	if !strings.Contains(again, "# Deployment shop/web was not taken:\n# * unknown field \"spec.replicaz\"\n") || strings.Count(again, "# Edit the object") != 1 {
		t.Errorf("the editor was given:\n%s", again)
	}
	// Left as it was the second time, it is given up.
	dir = editWith(t, `if [ $n = 0 ]; then sed -i 's/name: web$/name: wob/' "$1"; fi`)
	d.press("e").has("edit given up: it was not valid")
	if again := read(t, dir, "seen1"); !strings.Contains(again, "metadata.name may not be changed") {
		t.Errorf("the editor was given:\n%s", again)
	}
	editWith(t, `true`)
	d.press("e").has("nothing was edited")
	editWith(t, `: > "$1"`)
	d.press("e").has("nothing was edited")
	editWith(t, `exit 3`)
	d.press("e").has("the editor failed, nothing is edited: exit status 3")
	editWith(t, `rm "$1"`)
	d.press("e").has("the edit cannot be read")
	t.Setenv("EDITOR", "/nowhere/editor")
	d.press("e").has("the editor failed")
	if d.editor.job != nil || len(d.dec.edits) != 1 {
		t.Errorf("job %v, %d edits", d.editor.job, len(d.dec.edits))
	}
}

// TestEditThatDoesNotFit leaves out a part that was edited.
func TestEditThatDoesNotFit(t *testing.T) {
	editWith(t, `sed -i 's/automountServiceAccountToken: false/automountServiceAccountToken: true/' "$1"`)
	d := planned(t, shopSession(t), 120, 60).on("shop/web  Deploy").press("e").has("edited ").on("the whole plan").has("Left open by you", "sa-token Deployment shop/web")
	d.press("esc").on("sa-token").press("j", "j", "j", "space").has("7 staged").press("p")
	d.has("There is no plan", "your edit of Deployment shop/web does not fit", "automountServiceAccountToken")
	d.press("u").has("verified")
}

func TestEditorCommand(t *testing.T) {
	for _, c := range []struct {
		kube, editor string
		want         []string
	}{
		{"", "", []string{"vi", "/tmp/x"}},
		{"", "nano", []string{"nano", "/tmp/x"}},
		{"code --wait", "nano", []string{"code", "--wait", "/tmp/x"}},
		{`"/opt/my editor" -n`, "", []string{"/bin/zsh", "-c", `"/opt/my editor" -n "/tmp/x"`}},
	} {
		t.Setenv("KUBE_EDITOR", c.kube)
		t.Setenv("EDITOR", c.editor)
		t.Setenv("SHELL", "/bin/zsh")
		if got := editorCommand("/tmp/x"); !slices.Equal(got, c.want) {
			t.Errorf("%q %q: %q", c.kube, c.editor, got)
		}
	}
}

func TestNoEdit(t *testing.T) {
	s := shopSession(t)
	d := scanned(t, s, 120, 60).on("privileged").press("l", "j", "e").has("go to a finding with an automatic fix")
	d.press("S", "p", "e").has("go to a change first").press("a", "y", "esc").on("sa-token").press("e").has("r scans again")
	if target(nil, fixes.Ref{}) != nil {
		t.Error("nothing has a target")
	}
}
