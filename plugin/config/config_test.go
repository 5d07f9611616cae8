package config

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

const head = "apiVersion: kubectl-harden.dev/v1alpha1\nkind: Config\n"

func TestParse(t *testing.T) {
	f, err := Parse("f", []byte("# a comment\n"+head+`
ignore:
- rule: env-secret
  namespace: shop # here
  reason: "it is a \e[31mtest"
  expires: 2027-01-31
- rule: [pss-*, "*"]
  kind: deploy
  name: web-*
  path: spec.*
  fingerprint: [0123456789abcdef]
  reason: |
    two
    lines
  expires: never
- {rule: x, reason: y}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []fixes.Ignore{
		{Rules: []string{"env-secret"}, Namespace: "shop", Reason: `it is a \x1b[31mtest`, Expires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), At: "f:6"},
		{Rules: []string{"pss-*", "*"}, Kind: "Deployment", Name: "web-*", Path: "spec.*", Fingerprints: []string{"0123456789abcdef"}, Reason: `two\x0alines`, At: "f:10"},
		{Rules: []string{"x"}, Reason: "y", At: "f:19"},
	}
	got := f.Ignores()
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if !got[i].Same(&want[i]) || got[i].At != want[i].At {
			t.Errorf("%d: got  %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "f: it is empty: it begins with apiVersion: kubectl-harden.dev/v1alpha1 and kind: Config"},
		{"comments alone", "# x\n", "f: it is empty: it begins with apiVersion: kubectl-harden.dev/v1alpha1 and kind: Config"},
		{"no header", "ignore: []\n", "f:1: apiVersion is missing: apiVersion: kubectl-harden.dev/v1alpha1"},
		{"another version", "apiVersion: kubectl-harden.dev/v2\nkind: Config\n", `f:1: apiVersion is "kubectl-harden.dev/v2", and this version reads kubectl-harden.dev/v1alpha1`},
		{"another kind", "apiVersion: kubectl-harden.dev/v1alpha1\nkind: Pod\n", `f:2: kind is "Pod", and this version reads Config`},
		{"a list", "- x\n", "f:1: the file is made of fields: apiVersion, kind, ignore, keys, production, confirmAbove, readonly"},
		{"no YAML", head + "ignore: [x\n", "f:3: did not find expected ',' or ']'"},
		{"an unknown section", head + "ignored: []\n", `f:3: unknown field "ignored"; did you mean "ignore"?`},
		{"an unknown field", head + "ignore:\n- rule: x\n  resaon: y\n", `f:5: unknown field "resaon"; did you mean "reason"?`},
		{"a field twice", head + "ignore:\n- rule: x\n  rule: y\n", "f:5: rule is there twice"},
		{"no list", head + "ignore: {rule: x}\n", "f:3: ignore is a list: each entry begins with a dash"},
		{"a word for an entry", head + "ignore: [env-secret]\n", "f:3: an entry of ignore is made of fields: rule, namespace, kind, name, path, fingerprint, reason, expires"},
		{"a list for a word", head + "ignore:\n- namespace: [a]\n", "f:4: namespace is a single value"},
		{"a rule that is no word", head + "ignore:\n- rule: [[a]]\n", "f:4: an entry of rule is a single value"},
		{"an alias", head + "ignore: [&a {rule: x, reason: y}, *a]\n", "f:3: anchors and their aliases are not read here: write it out"},
		{"two documents", head + "---\n" + head, "f:3: a second document begins here: the file has one"},
		{"no reason", head + "ignore:\n- rule: x\n  reason: ' '\n", "f:4: reason is missing: say why this is ignored"},
		{"no selector", head + "ignore:\n- reason: x\n", `f:4: it does not say what to ignore: give rule, namespace, kind, name, path or fingerprint (rule: "*" is every rule)`},
		{"an empty entry", head + "ignore:\n- {}\n", `f:4: it does not say what to ignore: give rule, namespace, kind, name, path or fingerprint (rule: "*" is every rule)`},
		{"an empty rule", head + "ignore:\n- rule: ['']\n  reason: x\n", "f:4: a rule or a fingerprint has a name"},
		{"no date", head + "ignore:\n- rule: x\n  reason: x\n  expires: tomorrow\n", `f:4: expires: "tomorrow" is no date; write one as 2027-01-31, or never`},
		{"an unknown kind", head + "ignore:\n- kind: Deploymant\n  reason: x\n", `f:4: kind: unknown kind "Deploymant"; did you mean "deployment"?`},
		{"control characters", head + "\"a\\e[31m\": 1\n", `f:3: unknown field "a\x1b[31m"; valid: apiVersion, kind, ignore, keys, production, confirmAbove, readonly`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.text))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

var newIgnore = fixes.Ignore{Rules: []string{"env-secret"}, Namespace: "shop", Reason: "it: is # a test", Expires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)}

const newEntry = "- rule: env-secret\n  namespace: shop\n  reason: 'it: is # a test'\n  expires: 2027-01-31\n"

func TestAddIgnore(t *testing.T) {
	indented := indent(newEntry, 2)
	for _, c := range []struct{ name, text, want string }{
		{"to no section", head, head + "\nignore:\n" + newEntry},
		{"to no section and no newline", strings.TrimSuffix(head, "\n"), head + "\nignore:\n" + newEntry},
		{"to an empty section", head + "ignore: # those\n# end\n", head + "ignore: # those\n" + newEntry + "# end\n"},
		{"to an empty list", head + "ignore: []   # none\n", head + "ignore:   # none\n" + newEntry},
		{"to null", head + "ignore: ~\n", head + "ignore:\n" + newEntry},
		{"to a list", head + "ignore:\n- rule: a\n  reason: b\n", head + "ignore:\n- rule: a\n  reason: b\n" + newEntry},
		{"to a list that is set in", head + "ignore:\n\n  # one\n  - rule: a\n    reason: b # c\n    # d\n\n# e\n",
			head + "ignore:\n\n  # one\n  - rule: a\n    reason: b # c\n    # d\n" + indented + "\n# e\n"},
		{"before what follows", "ignore:\n- rule: a\n  reason: |\n    # no comment\n\n    b\n\n# header\n" + head,
			"ignore:\n- rule: a\n  reason: |\n    # no comment\n\n    b\n" + newEntry + "\n# header\n" + head},
		{"with the newlines of others", strings.ReplaceAll(head+"ignore:\n- rule: a\n  reason: b\n", "\n", "\r\n"),
			strings.ReplaceAll(head+"ignore:\n- rule: a\n  reason: b\n"+newEntry, "\n", "\r\n")},
		{"to a braced entry", head + "ignore:\n- {rule: a,\n   reason: b}\n", head + "ignore:\n- {rule: a,\n   reason: b}\n" + newEntry},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), FileName)
			if err := os.WriteFile(path, []byte(c.text), 0o640); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			after, err := f.AddIgnore(newIgnore)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(path); string(got) != c.want {
				t.Fatalf("got:\n%s\nwant:\n%s", got, c.want)
			}
			if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
				t.Errorf("mode %v", info.Mode())
			}
			// And away again: no other line changes by it.
			gone, err := after.RemoveIgnore(len(after.Ignore) - 1)
			if err != nil {
				t.Fatal(err)
			}
			rest := string(gone.text)
			if strings.Contains(c.text, "- rule") && rest != c.text || !strings.HasPrefix(rest, c.want[:len(head)]) {
				t.Errorf("left:\n%s\nwas:\n%s", rest, c.text)
			}
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

func TestAddIgnoreMakesAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	f, err := Open(FileName)
	if err != nil || f.Exists {
		t.Fatal(f, err)
	}
	if _, err := f.AddIgnore(newIgnore); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(FileName)
	if err != nil || string(got) != fileHead+"\nignore:\n"+newEntry {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestAddIgnoreRefuses(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "real.yaml")
	if err := os.WriteFile(target, []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.yaml")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path, text, want string
		ignore                 fixes.Ignore
	}{
		{"a list in brackets", "", head + "ignore: [{rule: a, reason: b}]\n", "the list is written in brackets", newIgnore},
		{"a file in braces", "", "{apiVersion: kubectl-harden.dev/v1alpha1, kind: Config}\n", "add it by hand below ignore: - rule: env-secret, namespace: shop", newIgnore},
		{"newlines kept at the end", "", head + "ignore:\n- rule: a\n  reason: |+\n    b\n\n\n", "", newIgnore}, // only white space of a reason
		{"an end of the document", "", head + "...\n", "cannot be added", newIgnore},
		{"no reason", "", head, "reason is missing", fixes.Ignore{Rules: []string{"x"}}},
		{"nothing selected", "", head, "does not say what to ignore", fixes.Ignore{Reason: "x"}},
		{"a link", link, head, "it is a link", newIgnore},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.path
			if path == "" {
				path = filepath.Join(t.TempDir(), "f.yaml")
				if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.AddIgnore(c.ignore)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, c.want)
			}
			if got, _ := os.ReadFile(path); string(got) != c.text {
				t.Errorf("the file was changed:\n%s", got)
			}
		})
	}
}

// TestEditsLeaveOtherLines adds to random files and removes from them, and
// demands that the lines of all else stay byte for byte.
func TestEditsLeaveOtherLines(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	for range 2000 {
		in := pick("", "  ", "    ")
		noise := func() string {
			return pick("", "", "\n", in+"# a comment\n", "# rule: x\n", in+"    # deep\n")
		}
		var entries []string
		text := pick("# top\n\n", "") + head + noise() + "ignore:\n"
		for range 1 + rnd.IntN(4) {
			fields := []string{"rule: " + pick("a", "'b*'", "[c, d]", "\n"+in+"  - e"), "reason: " + pick("x", `"q # y"`, "|\n"+in+"    l1\n\n"+in+"    # l2", ">-\n"+in+"     f"), "namespace: n # c"}
			rnd.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
			entry := in + "- " + strings.Join(fields, "\n"+in+"  ") + "\n"
			entries = append(entries, entry)
			text += noise() + entry
		}
		text += pick("", "\n# the end\n", "# the end\n")
		f, err := Parse("f", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		n := rnd.IntN(len(entries))
		gone, err := f.without(n)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !subsequence(gone.text, f.text) || len(gone.Ignore) != len(f.Ignore)-1 {
			t.Fatalf("without %d of\n%s\nit is\n%s", n, text, gone.text)
		}
		more, err := f.with(newIgnore)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if want := indent(newEntry, len(in)); strings.Replace(string(more.text), want, "", 1) != text {
			t.Fatalf("with one more\n%s\nit is\n%s", text, more.text)
		}
	}
}

// subsequence reports whether the lines of a text are lines of another, in their
// order.
func subsequence(of, text []byte) bool {
	all := splitLines(text)
	for _, line := range splitLines(of) {
		at := slices.Index(all, line)
		if at < 0 {
			return false
		}
		all = all[at+1:]
	}
	return true
}

// FuzzParse demands of any text that it is read or refused in one line, and
// that an entry can be added to what was read, or is refused.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", head, head + "ignore:\n" + newEntry, head + "ignore: [{rule: x, reason: y}]\n", "a: &a [*a]", head + "ignore:\n-\n  rule: x\n  reason: |+\n   a\n\n",
		"{" + head + "}", "\xff", "ignore: !!binary x", head + "ignore: \n  - rule: a\n    reason: \"b\n      c\"\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse("f", text)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok || strings.Contains(err.Error(), "\n") || strings.ContainsAny(err.Error(), "\x1b\r") {
				t.Fatalf("%T %q", err, err)
			}
			return
		}
		after, err := file.with(newIgnore)
		if err != nil {
			return
		}
		if len(after.Ignore) != len(file.Ignore)+1 {
			t.Fatalf("%d entries of %d", len(after.Ignore), len(file.Ignore))
		}
		again, err := after.without(len(file.Ignore))
		if err == nil && len(again.Ignore) != len(file.Ignore) {
			t.Fatalf("%d entries again of %d", len(again.Ignore), len(file.Ignore))
		}
	})
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"repo/.git", "repo/a/b", "home/x", "tmp/y"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"repo/" + FileName, "home/" + FileName, "tmp/" + FileName, FileName} {
		if err := os.WriteFile(filepath.Join(root, file), []byte(head), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	home := filepath.Join(root, "home")
	for dir, want := range map[string]string{
		"repo":     FileName,
		"repo/a/b": "../../" + FileName,
		"home":     FileName,
		"home/x":   "../" + FileName,
		"tmp":      FileName,
		"tmp/y":    FileName, // to be made: the one above may be anybody's
	} {
		if got := Find(filepath.Join(root, dir), home); got != want {
			t.Errorf("in %s: %s, want %s", dir, got, want)
		}
	}
	if err := os.Remove(filepath.Join(root, "repo", FileName)); err != nil {
		t.Fatal(err)
	}
	if got := Find(filepath.Join(root, "repo", "a"), home); got != FileName {
		t.Errorf("above the repository: %s", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "it is not a file", big: "larger than 1 MiB"} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
