package journal

import (
	"errors"
	"strings"
	"testing"
)

// disk is a file whose operations fail when they are told to.
type disk struct {
	text                     []byte
	short                    int // how much of a write gets through when it fails
	write, sync, cut, closed error
	synced                   int // how often
}

func (d *disk) WriteAt(p []byte, at int64) (int, error) {
	n := len(p)
	if d.write != nil {
		n = d.short
	}
	d.text = append(d.text[:at], p[:n]...)
	return n, d.write
}

func (d *disk) Truncate(size int64) error {
	if d.cut == nil {
		d.text = d.text[:size]
	}
	return d.cut
}

func (d *disk) Sync() error {
	if d.sync == nil {
		d.synced++
	}
	return d.sync
}

func (d *disk) Close() error { return d.closed }

// TestFaults: whatever goes wrong, the file never holds half an entry before
// another, and an entry that was not acknowledged is not counted.
func TestFaults(t *testing.T) {
	broken := errors.New("input/output error")
	for _, c := range []struct {
		name      string
		fail      disk
		goesOn    bool   // once the disk is well again
		wantLines string // the entries in the file then
	}{
		{"write", disk{write: broken}, true, "a c"},
		{"half a write", disk{write: broken, short: 9}, true, "a c"},
		{"half a write that stays", disk{write: broken, short: 9, cut: broken}, false, "a"},
		{"sync", disk{sync: broken}, false, "a b"}, // it may be there, or not
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &disk{}
			r := &Run{header: Header{Run: 3, Changes: make([]Change, 1)}, file: d}
			entry := func(detail string) error { return r.Append(Entry{Step: Intent, Detail: detail}) }
			if err := entry("a"); err != nil || d.synced != 1 {
				t.Fatal(err, d.synced)
			}
			d.write, d.short, d.sync, d.cut = c.fail.write, c.fail.short, c.fail.sync, c.fail.cut
			if err := entry("b"); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "journal of run 3: ") {
				t.Errorf("error: %v", err)
			}
			d.write, d.sync, d.cut = nil, nil, nil
			if err := entry("c"); (err == nil) != c.goesOn {
				t.Errorf("afterwards: %v", err)
			}
			head := "{\"header\":{\"schemaVersion\":1,\"run\":3,\"changes\":1}}\n{\"change\":{}}\n"
			rec, _, err := parse(strings.NewReader(head+string(d.text)), "3.jsonl", 3)
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, e := range rec.Entries {
				lines = append(lines, e.Detail)
			}
			if got := strings.Join(lines, " "); got != c.wantLines {
				t.Errorf("the file holds %q, want %q", got, c.wantLines)
			}
			if want := map[bool]int{true: 2, false: 1}[c.goesOn]; len(r.Entries()) != want {
				t.Errorf("%d entries, want %d", len(r.Entries()), want)
			}
		})
	}
}

// TestSize: a run does not grow beyond what is read.
func TestSize(t *testing.T) {
	r := &Run{header: Header{Run: 3, Changes: make([]Change, 1)}, file: &disk{}, size: maxFile - 10}
	if err := r.Append(Entry{}); err == nil || err.Error() != "journal of run 3: it would be larger than 256 MiB" {
		t.Errorf("error: %v", err)
	}
}
