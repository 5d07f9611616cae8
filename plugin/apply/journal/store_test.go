package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

func header() journal.Header {
	object := map[string]any{"metadata": map[string]any{"name": "x"}, "n": int64(1) << 60}
	change := journal.Change{
		Action: fixes.Patch, Object: journal.ObjectRef{APIVersion: "v1", Kind: "Namespace", Name: "x"},
		UID: "u", ResourceVersion: "5", Generation: 2, Rules: []string{"psa-missing"}, Review: true,
		Before: &journal.Doc{Object: object, Secrets: []journal.Hidden{{At: "/a", Own: true, Parts: []journal.Part{{Text: "a"}, {Secret: 1, Encoding: []string{"env"}, Blind: true}}}}},
		After:  &journal.Doc{Object: object},
	}
	return journal.Header{
		Kind: journal.Undo, Undoes: 3, Started: time.Unix(1700000000, 5).UTC(), Program: "v1.2.3",
		Cluster: journal.Cluster{UID: "c", Server: "https://example.com", Context: "prod"},
		Settings: journal.Settings{WaveSize: 5, RolloutTimeout: time.Minute, Settle: time.Second, OnFailure: "rollback",
			Canary: true, FieldManager: "kubectl-harden"},
		Changes: []journal.Change{change, change},
	}
}

func entry(change int, step journal.Step) journal.Entry {
	return journal.Entry{Time: time.Unix(1700000001, 0).UTC(), Change: change, Step: step, UID: "u", ResourceVersion: "6", Generation: 3, Detail: "why"}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, s *journal.Store) *journal.Run {
	t.Helper()
	run, err := s.Create(header())
	must(t, err)
	return run
}

func read(t *testing.T, s *journal.Store, n int) *journal.Record {
	t.Helper()
	rec, err := s.Read(n)
	must(t, err)
	return rec
}

func newStore(t *testing.T) (*journal.Store, string) {
	dir := filepath.Join(t.TempDir(), "state", "kubectl-harden", "runs")
	return journal.Open(dir), dir
}

// TestRun follows a run from its beginning to its end, and beyond.
func TestRun(t *testing.T) {
	s, dir := newStore(t)
	if list, err := s.List(); err != nil || len(list) > 0 {
		t.Fatal(list, err)
	}
	run := create(t, s)
	want := header()
	want.SchemaVersion, want.Run = journal.SchemaVersion, 1
	if !reflect.DeepEqual(*run.Header(), want) {
		t.Errorf("header %+v", run.Header())
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "1.jsonl"): 0o600} {
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	canary := entry(1, journal.Canary)
	canary.Object = &journal.ObjectRef{APIVersion: "v1", Kind: "Pod", Namespace: "n", Name: "canary"}
	entries := []journal.Entry{entry(0, journal.Intent), entry(0, journal.Applied), canary}
	for _, e := range entries {
		must(t, run.Append(e))
	}
	rec := read(t, s, 1)
	if !rec.Running || rec.End != nil || rec.Interrupted() || !reflect.DeepEqual(rec.Header, want) || !reflect.DeepEqual(rec.Entries, entries) {
		t.Errorf("record %+v", rec)
	}
	if !reflect.DeepEqual(run.Entries(), entries) {
		t.Errorf("entries %+v", run.Entries())
	}
	if e, there := rec.Canary(1); !there || !reflect.DeepEqual(e, canary) || rec.State(1) != "" || rec.State(0) != journal.Applied {
		t.Errorf("states %q %q, canary %v %v", rec.State(0), rec.State(1), e, there)
	}
	must(t, run.Append(entry(1, journal.CanaryRemoved)))
	must(t, run.Close())
	must(t, run.Close())
	if err := run.Append(entry(0, journal.RolledOut)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	rec = read(t, s, 1)
	if _, there := rec.Canary(1); there || !rec.Interrupted() {
		t.Errorf("record %+v", rec)
	}
	// Resumed, ended in part, resumed again.
	run, err := s.Resume(1)
	must(t, err)
	if err := run.Append(entry(2, journal.Intent)); err == nil {
		t.Error("a change is noted that the run has not")
	}
	end := journal.End{Time: time.Unix(1700000002, 0).UTC(), Result: journal.Partial, Detail: "why"}
	must(t, run.End(end))
	must(t, run.Close())
	if rec = read(t, s, 1); rec.End == nil || *rec.End != end || len(rec.Entries) != 4 || rec.Interrupted() {
		t.Errorf("record %+v", rec)
	}
	run, err = s.Resume(1)
	must(t, err)
	if rec = read(t, s, 1); rec.End == nil || !rec.Running {
		t.Errorf("record %+v", rec)
	}
	must(t, run.Append(entry(1, journal.Intent)))
	if rec = read(t, s, 1); rec.End != nil {
		t.Errorf("record %+v", rec)
	}
	must(t, run.End(journal.End{Result: journal.Done}))
	must(t, run.Close())
	if rec = read(t, s, 1); rec.End == nil || rec.End.Result != journal.Done || rec.State(1) != journal.Intent {
		t.Errorf("record %+v", rec)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 {
		t.Errorf("files: %q", files)
	}
}

// TestNumbers: a run's number is one more than the highest, whatever else lies
// about.
func TestNumbers(t *testing.T) {
	s, dir := newStore(t)
	_, err := s.Read(4)
	if !errors.Is(err, journal.ErrNotFound) || err.Error() != "run 4 not found: there are no runs" {
		t.Errorf("error: %v", err)
	}
	must(t, create(t, s).Close())
	for _, name := range []string{"5.jsonl", "6.jsonl", "08.jsonl", "x.jsonl", "-9.jsonl", "9.json", "9999999999.jsonl", "70.lock"} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	run := create(t, s)
	if run.Header().Run != 7 {
		t.Errorf("run %d", run.Header().Run)
	}
	must(t, run.Close())
	_, err = s.Resume(8)
	var missing *journal.NotFoundError
	if !errors.As(err, &missing) || err.Error() != "run 8 not found: the runs are 1 and 5-7" || missing.Run != 8 {
		t.Errorf("error: %v", err)
	}
	list, err := s.List()
	must(t, err)
	var numbers []int
	for _, rec := range list {
		numbers = append(numbers, rec.Run)
		if broken := rec.Run == 5 || rec.Run == 6; broken != (rec.Err != nil) {
			t.Errorf("run %d: %v", rec.Run, rec.Err)
		}
	}
	if !slices.Equal(numbers, []int{7, 6, 5, 1}) {
		t.Errorf("list %v", numbers)
	}
	if err := list[1].Err; err == nil || !strings.HasPrefix(err.Error(), "run 6: it ended before it began") {
		t.Errorf("an empty file: %v", err)
	}
}

// TestConcurrentAppends writes entries from many goroutines.
func TestConcurrentAppends(t *testing.T) {
	s, _ := newStore(t)
	run := create(t, s)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for range 5 {
				if err := run.Append(entry(i%2, journal.Intent)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	must(t, run.Close())
	if rec := read(t, s, 1); len(rec.Entries) != 100 {
		t.Errorf("%d entries", len(rec.Entries))
	}
}

// TestTorn cuts a journal off at every byte: what was written whole before
// stays, and the run is resumed from there.
func TestTorn(t *testing.T) {
	s, dir := newStore(t)
	run := create(t, s)
	must(t, run.Append(entry(0, journal.Intent)))
	must(t, run.Append(entry(0, journal.Applied)))
	must(t, run.End(journal.End{Result: journal.Partial}))
	must(t, run.Close())
	path := filepath.Join(dir, "1.jsonl")
	whole, err := os.ReadFile(path)
	must(t, err)
	lines := strings.SplitAfter(string(whole), "\n") // header, two changes, two entries, end, ""
	begun := len(lines[0]) + len(lines[1]) + len(lines[2])
	for n := range len(whole) {
		for _, rest := range []string{"", "\x00\x00\x00", "{\"entry\":\n"} {
			must(t, os.WriteFile(path, append(slices.Clone(whole[:n]), rest...), 0o600))
			rec, err := s.Read(1)
			if n < begun {
				if err == nil {
					t.Fatalf("a journal of %d bytes is taken for one", n)
				}
				continue
			}
			entries := 0
			for _, at := range []int{begun + len(lines[3]), begun + len(lines[3]) + len(lines[4])} {
				if n >= at {
					entries++
				}
			}
			if err != nil || len(rec.Entries) != entries || rec.End != nil {
				t.Fatalf("cut to %d bytes and %q: %d entries, want %d; %v", n, rest, len(rec.Entries), entries, err)
			}
		}
	}
	must(t, os.WriteFile(path, whole[:len(whole)-2], 0o600))
	run, err = s.Resume(1)
	must(t, err)
	if info, err := os.Stat(path); err != nil || info.Size() != int64(begun+len(lines[3])+len(lines[4])) {
		t.Errorf("what is torn is not cut off: %v %v", info, err)
	}
	must(t, run.Append(entry(1, journal.Intent)))
	must(t, run.Close())
	if rec := read(t, s, 1); len(rec.Entries) != 3 || rec.State(1) != journal.Intent {
		t.Errorf("record %+v", rec)
	}
}

// TestRefused are files that are no journals, or not to be trusted with one.
func TestRefused(t *testing.T) {
	s, dir := newStore(t)
	run := create(t, s)
	must(t, run.Append(entry(0, journal.Intent)))
	must(t, run.Append(entry(0, journal.Applied)))
	must(t, run.Close())
	path := filepath.Join(dir, "1.jsonl")
	whole, err := os.ReadFile(path)
	must(t, err)
	edit := func(line int, from, to string) string {
		lines := strings.SplitAfter(string(whole), "\n")
		if !strings.Contains(lines[line-1], from) {
			t.Fatalf("line %d holds no %s", line, from)
		}
		lines[line-1] = strings.Replace(lines[line-1], from, to, 1)
		return strings.Join(lines, "")
	}
	for _, c := range []struct{ name, text, want string }{
		{"broken in the middle", edit(4, `"step":`, `"step"`), path + ":4: not JSON: "},
		{"zeros in the middle", edit(3, `{"change"`, "\x00\x00\x00"), path + ":3: not JSON: "},
		{"of another type", edit(4, `"change":0`, `"change":"0"`), path + ":4: entry.change is a JSON string"},
		{"unknown change", edit(4, `"change":0`, `"change":2`), path + ":4: there is no change 2"},
		{"negative change", edit(5, `"change":0`, `"change":-1`), path + ":5: there is no change -1"},
		{"unknown line", edit(4, `"entry"`, `"something"`), path + ":4: not what is expected here"},
		{"an entry too early", edit(2, `"change":`, `"entry":`), path + ":2: "},
		{"a header twice", string(whole) + edit(1, "", ""), path + ":6: not what is expected here"},
		{"another run", edit(1, `"run":1`, `"run":2`), path + ":1: the journal of run 2"},
		{"no journal", "{}\n{}\n", path + ":1: not the journal of a run"},
		{"tricky", `{"header":{"schemaVersion":1,"run":1},"header":null}` + "\n", path + ":1: not the journal of a run"},
		{"negative", `{"header":{"schemaVersion":1,"run":1,"changes":-1}}` + "\n", path + ":1: not the journal of a run"},
		{"newer", edit(1, `"schemaVersion":1`, `"schemaVersion":2`), "run 1 was written by a newer version of kubectl harden (schema 2); use that one"},
		{"newer and quite different", `{"header":{"schemaVersion":3,"run":"one"}}` + "\n[]\n", "run 1 was written by a newer version of kubectl harden (schema 3); use that one"},
		{"long line", string(whole) + strings.Repeat(" ", 17<<20), path + ":6: longer than 16 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, os.WriteFile(path, []byte(c.text), 0o600))
			_, err := s.Read(1)
			if err == nil || !strings.HasPrefix(strings.TrimPrefix(err.Error(), "run 1: "), c.want) {
				t.Errorf("read: %v, want %s", err, c.want)
			}
			if _, err := s.Resume(1); err == nil {
				t.Error("it is resumed")
			}
			if text, _ := os.ReadFile(path); string(text) != c.text {
				t.Error("the file is changed")
			}
		})
	}
	t.Run("unknown fields", func(t *testing.T) {
		must(t, os.WriteFile(path, []byte(edit(4, `{"entry":{`, `{"later":1,"entry":{"more":[1],`)), 0o600))
		if rec := read(t, s, 1); len(rec.Entries) != 2 {
			t.Errorf("record %+v", rec)
		}
	})
	t.Run("large file", func(t *testing.T) {
		must(t, os.Truncate(path, 257<<20))
		if _, err := s.Read(1); err == nil || !strings.HasSuffix(err.Error(), "1.jsonl is larger than 256 MiB") {
			t.Errorf("read: %v", err)
		}
	})
}

// TestTooLarge: what could not be read again is not written.
func TestTooLarge(t *testing.T) {
	s, dir := newStore(t)
	h := header()
	h.Changes[1].Before.Object["blob"] = strings.Repeat("x", 16<<20)
	if _, err := s.Create(h); err == nil || !strings.Contains(err.Error(), "Namespace x: more than 16 MiB") {
		t.Errorf("create: %v", err)
	}
	run := create(t, s)
	e := entry(0, journal.Failed)
	e.Detail = strings.Repeat("x", 16<<20)
	if err := run.Append(e); err == nil || err.Error() != "journal of run 1: more than 16 MiB" {
		t.Errorf("append: %v", err)
	}
	must(t, run.Append(entry(0, journal.Failed)))
	must(t, run.Close())
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 {
		t.Errorf("files: %q", files)
	}
}

func TestDefaultDir(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Setenv("LOCALAPPDATA", `C:\Users\u\AppData\Local`)
		if dir, err := journal.DefaultDir(); err != nil || dir != `C:\Users\u\AppData\Local\kubectl-harden\runs` {
			t.Error(dir, err)
		}
		return
	}
	t.Setenv("HOME", "/home/u")
	for state, want := range map[string]string{
		"/var/state": "/var/state/kubectl-harden/runs",
		"":           "/home/u/.local/state/kubectl-harden/runs",
		"relative":   "/home/u/.local/state/kubectl-harden/runs",
	} {
		t.Setenv("XDG_STATE_HOME", state)
		if dir, err := journal.DefaultDir(); err != nil || dir != want {
			t.Errorf("XDG_STATE_HOME=%q: %q %v", state, dir, err)
		}
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "")
	if _, err := journal.DefaultDir(); err == nil || !strings.Contains(err.Error(), "XDG_STATE_HOME") {
		t.Errorf("without a home: %v", err)
	}
}
