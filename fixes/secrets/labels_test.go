package secrets

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

var labelsFile = flag.String("labels", "", "labelled values of the manifests in the folder of -manifests, which has a folder OWNER+NAME for each repository: tab-separated repo, file, kind/name, container, place, key, value, label, …")

// labelled is one row of the file that -labels names.
type labelled struct{ repo, file, object, container, place, key, value, label string }

func readLabels(tb testing.TB, path string) []labelled {
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var out []labelled
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if c := strings.Split(lines.Text(), "\t"); len(c) >= 8 && c[0] != "repo" {
			out = append(out, labelled{c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]})
		}
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return out
}

// spot is where a finding is, in the words of the labels.
type spot struct{ object, container, place, key string }

// spotOf reads a finding's place off its path.
func spotOf(inv *fixes.Inventory, f *fixes.Finding) spot {
	s := spot{object: f.Object.Kind.Name + "/" + f.Object.Name}
	last := f.Path[strings.LastIndexByte(f.Path, '.')+1:]
	switch f.Rule.ID {
	case "env-secret":
		s.place, s.key = "env", f.Key
		s.container, s.key, _ = strings.Cut(s.key, "/")
		s.key = s.key[:strings.LastIndexByte(s.key, '#')]
	case "args-secret":
		s.place, s.key = "args", last
		s.container, _, _ = strings.Cut(f.Key, "/")
	case "configmap-secret":
		s.place = "configmap"
		_, s.key, _ = strings.Cut(f.Key, "/")
		s.key, _, _ = strings.Cut(s.key, "#")
	case "annotation-secret":
		s.place, s.key = "annotation", f.Key[strings.Index(f.Key, "/")+1:]
	}
	return s
}

// tally counts findings against labels.
type tally struct{ right, missed, falseAlarms int }

func (t tally) String() string {
	ratio := func(wrong int) float64 {
		if wrong == 0 {
			return 1 // also where there was nothing to find
		}
		return float64(t.right) / float64(t.right+wrong)
	}
	return fmt.Sprintf("precision %.3f recall %.3f (%d right, %d missed, %d false alarms)", ratio(t.falseAlarms), ratio(t.missed), t.right, t.missed, t.falseAlarms)
}

// count scans each labelled file with the rules, and compares with the labels.
// A value that repeats in a repository counts once.
func count(tb testing.TB, labels []labelled, dir string) (map[string]*tally, []string) {
	tallies, misses := map[string]*tally{}, []string{}
	rules := append(movers(), annotationSecret())
	found := map[string]map[spot]bool{}
	seen := map[string]bool{}
	for _, l := range labels {
		file := filepath.Join(dir, strings.Replace(l.repo, "/", "+", 1), l.file)
		if found[file] == nil {
			found[file] = map[spot]bool{}
			inv := fixestest.ReadFiles(tb, file)
			for _, f := range fixes.Scan(inv, rules).Findings {
				found[file][spotOf(inv, f)] = true
			}
		}
		once := strings.Join([]string{l.repo, l.key, l.value}, "\x00")
		if l.label == "ambiguous" || seen[once] {
			continue
		}
		seen[once] = true
		s := spot{l.object, l.container, l.place, l.key}
		if l.place == "configmap" || l.place == "annotation" {
			s.container = ""
		}
		wrong := ""
		for _, group := range []string{l.place, "all"} {
			t := cmp.Or(tallies[group], &tally{})
			tallies[group] = t
			switch hit := found[file][s]; {
			case hit && l.label == "secret":
				t.right++
			case hit:
				t.falseAlarms++
				wrong = "false alarm"
			case l.label == "secret":
				t.missed++
				wrong = "missed"
			}
		}
		if wrong != "" {
			misses = append(misses, strings.Join([]string{wrong, l.repo, l.file, l.object, l.container, l.place, l.key}, " "))
		}
	}
	return tallies, misses
}

// TestLabels measures the rules on real manifests:
//
//	go test ./fixes/secrets -run TestLabels -v -labels FILE -manifests DIR
//
// Without those it checks the counting on a manifest of its own.
func TestLabels(t *testing.T) {
	if *labelsFile != "" && *manifestsDir != "" {
		tallies, misses := count(t, readLabels(t, *labelsFile), *manifestsDir)
		for _, group := range []string{"env", "configmap", "args", "annotation", "all"} {
			if tallies[group] != nil {
				t.Logf("%-10s %s", group, tallies[group])
			}
		}
		for _, m := range misses {
			t.Log(m)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a+b"), 0o700); err != nil {
		t.Fatal(err)
	}
	manifest := configMap("c", "data: {DB_PASSWORD: "+password+", my.env: \"A=1\\nDB_PASSWORD="+password+"\\n\"}") +
		reader("Deployment", "web", "{containers: [{name: m, image: x, command: [run], args: [\"--password="+password+"\"], env: [{name: DB_PASSWORD, value: "+password+"}, {name: TOKEN_TTL, value: 5m}]}]}")
	manifest = strings.Replace(manifest, "{name: web,", "{annotations: {token: "+githubToken+"}, name: web,", 1)
	if err := os.WriteFile(filepath.Join(dir, "a+b", "f.yaml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	row := func(object, container, place, key, label string) labelled {
		return labelled{"a/b", "f.yaml", object, container, place, key, place + key, label}
	}
	tallies, misses := count(t, []labelled{
		row("ConfigMap/c", "", "configmap", "DB_PASSWORD", "secret"), row("ConfigMap/c", "", "configmap", "my.env", "secret"),
		row("Deployment/web", "m", "args", "args[0]", "secret"), row("Deployment/web", "m", "args", "command[0]", "not-secret"),
		row("Deployment/web", "m", "env", "DB_PASSWORD", "not-secret"), row("Deployment/web", "m", "env", "DB_PASSWORD", "secret"),
		row("Deployment/web", "m", "env", "TOKEN_TTL", "secret"), row("Deployment/web", "m", "env", "OTHER", "ambiguous"),
		row("Deployment/web", "", "annotation", "token", "secret"),
	}, dir)
	for group, want := range map[string]tally{"configmap": {2, 0, 0}, "args": {1, 0, 0}, "env": {0, 1, 1}, "annotation": {1, 0, 0}, "all": {4, 1, 1}} {
		if got := tallies[group]; got == nil || *got != want {
			t.Errorf("%s: %v, want %v", group, got, want)
		}
	}
	if len(misses) != 2 || !slices.Contains(misses, "missed a/b f.yaml Deployment/web m env TOKEN_TTL") {
		t.Errorf("misses %q", misses)
	}
}
