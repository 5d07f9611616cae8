package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// lines reads signs, paths and texts: "+ /spec/a|a: 1".
func diffLines(list ...string) []fixes.Line {
	var out []fixes.Line
	for _, l := range list {
		path, text, _ := strings.Cut(l[2:], "|")
		out = append(out, fixes.Line{Sign: l[0], Path: path, Text: text})
	}
	return out
}

func TestHunks(t *testing.T) {
	lines := diffLines(
		"  /spec|spec:",
		"- /spec/a|  a: 1",
		"+ /spec/a|  a: 2",
		"  /spec/b|  b: 1",
		"+ /spec/list/0|  - x",
		"  /spec/list/1|  - y",
		"- /spec/list/2|  - z",
		"  /spec/m|  m:",
		"+ /spec/m/n|    n: 1",
		"+ /spec/o|  o: 1",
		"  /z|z: 1",
		"+ /z/name|- name: moved",
	)
	var got []string
	for _, h := range hunksOf(lines, []string{"/spec/a", "/spec/list", "/spec/m/n", "/spec/o"}) {
		got = append(got, fmt.Sprint(h.from, h.to, h.parts))
	}
	want := []string{"1 3 [/spec/a]", "4 5 [/spec/list]", "6 7 [/spec/list]", "8 9 [/spec/m/n]", "9 10 [/spec/o]", "11 12 [/spec/o]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := hunksOf(nil, nil); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

func TestSections(t *testing.T) {
	var lines []fixes.Line
	for i := range 30 {
		sign := byte(' ')
		if i == 10 || i == 15 {
			sign = '+'
		}
		lines = append(lines, fixes.Line{Sign: sign})
	}
	for context, want := range map[int]string{
		-1: "[{0 30 false}]",
		1:  "[{0 9 true} {9 12 false} {12 14 true} {14 17 false} {17 30 true}]",
		3:  "[{0 7 true} {7 19 false} {19 30 true}]",
		12: "[{0 28 false} {28 30 true}]",
	} {
		if got := fmt.Sprint(sections(lines, context)); got != want {
			t.Errorf("%d lines of context: %s, want %s", context, got, want)
		}
	}
}

func TestLexYAML(t *testing.T) {
	marks := map[token]byte{plainToken: '.', keyToken: 'k', markToken: 'm', numberToken: 'n', commentToken: 'c'}
	for line, want := range map[string]string{
		"spec:":                 "kkkkm",
		"  - name: web":         "..m.kkkkm....",
		"- - 5":                 "m.m.n",
		"- -5":                  "m.nn",
		"port: 80 # http":       "kkkkm.nn.cccccc",
		`a: "b # c: 1"`:         "km...........",
		`"a b": true`:           "kkkkkm.nnnn",
		"'it''s': null":         "kkkkkkkm.nnnn",
		"env: []":               "kkkm.mm",
		"text: |-":              "kkkkm.mm",
		"a.b/c: d:e":            "kkkkkm....",
		"- http://x:1/":         "m............",
		"# only":                "cccccc",
		"":                      "",
		"-":                     "m",
		"v: 1.2.3":              "km......",
		"ключ: да":              strings.Repeat("k", 8) + "m" + strings.Repeat(".", 5),
		"cpu: 1e3":              "kkkm.nnn",
		"a: {b: c}  # flow # x": "km.........cccccccccc",
	} {
		var got strings.Builder
		for _, tok := range lexYAML(line, false) {
			got.WriteByte(marks[tok])
		}
		if got.String() != want {
			t.Errorf("%s\n%s\n%s wanted", line, got.String(), want)
		}
	}
	if got := lexYAML("a: 1", true); slices.ContainsFunc(got, func(t token) bool { return t != plainToken }) {
		t.Errorf("inside a string: %v", got)
	}
}

func FuzzLexYAML(f *testing.F) {
	for _, s := range []string{"- a: 1 # c", "\"a", "'b': \x80", "- - -", "-: ", ": #"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if got := lexYAML(line, false); len(got) != len(line) {
			t.Errorf("%d tokens for %d bytes", len(got), len(line))
		}
		was, is := changedWords(line, line+"x")
		if was != nil && (len(was) != len(line) || len(is) != len(line)+1) {
			t.Errorf("%d and %d", len(was), len(is))
		}
	})
}

func TestChangedWords(t *testing.T) {
	for _, c := range []struct{ before, after, was, is string }{
		{"image: web:1.4", "image: web:1.5", "             ^", "             ^"},
		{"runAsUser: 0", "runAsUser: 1000", "           ^", "           ^^^^"},
		{"  a: 1", "  a: 1", "      ", "      "},
		{"image: web:1", "image: web:1@sha", "            ", "            ^^^^"},
		{"value: x", "name: other", "", ""},
	} {
		draw := func(list []bool) string {
			out := ""
			for _, changed := range list {
				out += map[bool]string{true: "^", false: " "}[changed]
			}
			return out
		}
		was, is := changedWords(c.before, c.after)
		if draw(was) != c.was || draw(is) != c.is {
			t.Errorf("%s -> %s:\n%q\n%q", c.before, c.after, draw(was), draw(is))
		}
	}
}

// wide is a plan on a screen with room for two columns.
func wide(t testing.TB) *driver { return planned(t, shopSession(t), 240, 40).on("shop/web  Deploy") }

func TestColumns(t *testing.T) {
	d := wide(t)
	d.has("-       value: '********'", "+       valueFrom:")
	beside := func() bool {
		for line := range strings.Lines(d.screenText()) {
			if at := strings.Index(line, "-       value: '****"); at >= 0 && strings.Contains(line[at:], "+       valueFrom:") {
				return true
			}
		}
		return false
	}
	if !beside() {
		t.Errorf("no columns:\n%s", d.screenText())
	}
	if d.press("|").has("one below the other"); beside() {
		t.Errorf("two columns:\n%s", d.screenText())
	}
	if d.press("|").has("beside each other"); !beside() {
		t.Errorf("one column:\n%s", d.screenText())
	}
	scanned(t, shopSession(t), 80, 24).on("env[1]").press("|").has("two columns need 50 cells")
}

func TestFold(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 60).on("env[1]").has("lines folded").hasNot("apiVersion: apps/v1")
	d.press("z").has("apiVersion: apps/v1", "shown in the whole object").hasNot("lines folded")
	d.press("z").has("lines folded", "folded what does not change").hasNot("apiVersion: apps/v1")
	d.press("c", "z", "z").has("folded what").has("matchLabels") // as much around it as before
}

// TestColoursAreNotNeeded demands that what a diff says is there without them.
func TestColoursAreNotNeeded(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 60).on("env[1]")
	for line := range strings.Lines(d.View().Content) {
		plain := ansi.Strip(line)
		if strings.Contains(plain, "valueFrom:") && !strings.Contains(plain, "+   valueFrom:") {
			t.Errorf("no sign: %q", plain)
		}
	}
}
