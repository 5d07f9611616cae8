package kept

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func someState(t testing.TB) State {
	cut, err := connections.ParseDecision("shop/web:shop/db:5432", false)
	if err != nil {
		t.Fatal(err)
	}
	keep, err := connections.ParseDecision("anyone:shop/deployment/web", true)
	if err != nil {
		t.Fatal(err)
	}
	return State{
		At: now, Filter: "web !manual", Grouping: "namespace",
		Staged:    []Staged{{Fingerprint: "0123456789abcdef", Fix: 1, Title: "5a"}, {Fingerprint: "fedcba9876543210", Title: "ffffffffffffffff"}},
		Decisions: []fixes.Decision{cut, keep},
	}
}

func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "sessions")
	f := In(dir, "prod", "https://x", "all namespaces")
	if s, err := f.Get(now); s != nil || err != nil {
		t.Fatal(s, err)
	}
	want := someState(t)
	for range 2 { // the second replaces the first
		if err := f.Put(want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := f.Get(now.Add(Lasts))
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, f.path: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("left behind: %v", list)
	}
	if s, err := In(dir, "prod", "https://x", "namespace shop").Get(now); s != nil || err != nil {
		t.Errorf("another scope has %+v, %v", s, err)
	}
	if s, err := f.Get(now.Add(Lasts + time.Second)); s != nil || err != nil {
		t.Errorf("what is old is %+v, %v", s, err)
	}
	if _, err := os.Stat(f.path); !os.IsNotExist(err) {
		t.Error("what is old stays")
	}
	for range 2 {
		if err := f.Put(State{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHostileFiles(t *testing.T) {
	valid := func(edit func(*stateJSON)) string {
		s := stateJSON{SchemaVersion: 1, At: now, Scope: []string{"prod"}, Staged: []stagedJSON{{"0123456789abcdef", 0, "1"}}}
		edit(&s)
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":            {"", "no JSON of a session"},
		"no object":          {"[1]", "no JSON of a session"},
		"cut off":            {valid(func(*stateJSON) {})[:40], "no JSON of a session"},
		"an empty object":    {"{}", "no JSON of a session"},
		"newer":              {valid(func(s *stateJSON) { s.SchemaVersion = 2 }), "newer version"},
		"another scope":      {valid(func(s *stateJSON) { s.Scope = []string{"dev"} }), "another context or scope"},
		"an escape":          {valid(func(s *stateJSON) { s.Filter = "\x1b[31m" }), "filter was not typed"},
		"a long filter":      {valid(func(s *stateJSON) { s.Filter = strings.Repeat("x", 2000) }), "filter was not typed"},
		"no fingerprint":     {valid(func(s *stateJSON) { s.Staged[0].Finding = "\x1b[31m" }), `"\x1b[31m" does not name a fix`},
		"a fix below":        {valid(func(s *stateJSON) { s.Staged[0].Fix = -1 }), "does not name a fix"},
		"a fix beyond":       {valid(func(s *stateJSON) { s.Staged[0].Fix = 128 }), "does not name a fix"},
		"one twice":          {valid(func(s *stateJSON) { s.Staged = append(s.Staged, s.Staged[0]) }), "does not name a fix"},
		"a wrong decision":   {valid(func(s *stateJSON) { s.Connections = []decisionJSON{{true, "no\x1b[31mone"}} }), "one"},
		"a number too large": {strings.Replace(valid(func(*stateJSON) {}), `"fix":0`, `"fix":99999999999999999999`, 1), "no JSON of a session"},
	} {
		t.Run(name, func(t *testing.T) {
			f := In(t.TempDir(), "prod")
			if err := os.WriteFile(f.path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := f.Get(now)
			if s != nil || err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("got %+v, %v", s, err)
			}
			if err := f.Put(someState(t)); err != nil {
				t.Errorf("it cannot be replaced: %v", err)
			}
		})
	}
}

func TestFilesOfOthers(t *testing.T) {
	dir := t.TempDir()
	f := In(dir, "prod")
	if err := f.Put(someState(t)); err != nil {
		t.Fatal(err)
	}
	refused := func(why string) {
		t.Helper()
		if s, err := f.Get(now); s != nil || err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("got %+v, %v; want %q", s, err, why)
		}
	}
	if err := os.Chmod(f.path, 0o666); err != nil {
		t.Fatal(err)
	}
	refused("may be written by others")
	if err := os.Rename(f.path, f.path+".real"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.path+".real", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(f.path+".real", f.path); err != nil {
		t.Fatal(err)
	}
	refused("symbolic link")
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(f.path, 0o700); err != nil {
		t.Fatal(err)
	}
	refused("not a regular file")
}

// FuzzParse demands of any text that it is refused in one line, or read into a
// state that is written and read again as it is.
func FuzzParse(f *testing.F) {
	file := In(f.TempDir(), "prod")
	if err := file.Put(someState(f)); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(file.path)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(text), "", "{}", `{"schemaVersion":1,"scope":["prod"]}`, `{"schemaVersion":1,"scope":["prod"],"staged":[{"finding":"0123456789abcdef","fix":1e2,"title":"1"}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := file.parse(text)
		if err != nil || s.Empty() {
			return
		}
		if strings.ContainsAny(s.Filter, "\x1b\n") || len(s.Filter) > maxFilter {
			t.Errorf("filter %q", s.Filter)
		}
		for _, k := range s.Staged {
			if k.Fix < 0 || k.Fix > maxFix || len(k.Fingerprint) != 16 {
				t.Errorf("staged %+v", k)
			}
		}
		if y := s.At.Year(); y < 0 || y > 9999 {
			return // cannot be written
		}
		if err := file.Put(*s); err != nil {
			t.Fatal(err)
		}
		again, err := file.read()
		if err != nil {
			t.Fatal(err)
		}
		s.At, again.At = time.Time{}, time.Time{}
		if !reflect.DeepEqual(s, again) {
			t.Errorf("first %+v\nthen  %+v", s, again)
		}
	})
}
