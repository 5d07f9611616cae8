// Package audit reads audit logs of API servers, and tells who did what.
package audit

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// maxLine is the most that is read of one event, in bytes. An API server takes
// objects of up to 3 MiB, and logs them twice.
const maxLine = 16 << 20

// hole is the time without any event after which a log is taken for incomplete:
// a cluster is never idle so long, since its parts renew their leases.
const hole = 24 * time.Hour

// Log is an audit log, in files.
type Log struct {
	files []string

	mu   sync.Mutex
	read []fixes.Object // once it was
}

// Open finds the files of an audit log: JSON lines of audit.k8s.io/v1, compressed
// by gzip or not. A path is a file, or a folder, whose files *.log* and *.json* are
// read. It looks at the first line of each, so that another format is said before
// a long scan.
func Open(paths []string) (*Log, error) {
	l := &Log{}
	for _, path := range paths {
		files, err := filesOf(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if err := check(file); err != nil {
				return nil, fmt.Errorf("audit log %s %w", fixes.Clean(file), err)
			}
			if !slices.Contains(l.files, file) {
				l.files = append(l.files, file)
			}
		}
	}
	return l, nil
}

// logName are the files of a folder that are read: those that an API server
// writes and rotates, and what log shippers make of them.
var logName = regexp.MustCompile(`\.(log|json|jsonl|ndjson)([-._0-9]*)(\.gz)?$|\.gz$`)

func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the audit log %q does not exist or cannot be read", path)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && logName.MatchString(d.Name()) {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("the folder %q holds no audit log: no file *.log, *.json or *.gz", path)
	}
	return files, nil
}

// check reads the first line of a file.
func check(path string) error {
	r, err := open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	line, err := r.line()
	if errors.Is(err, io.EOF) && len(line) == 0 {
		return nil // it was rotated just now
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("cannot be read: %w", err)
	}
	if _, decodeErr := (&decoder{}).decode(line); decodeErr != nil && err == nil {
		return fmt.Errorf("is no audit log: its first line %w; wanted are JSON lines, one event each", errNoEvent)
	} else if errors.Is(decodeErr, errNoEvent) {
		return fmt.Errorf("is no audit log: its first line %w; wanted are JSON lines, one event each", errNoEvent)
	}
	return nil
}

// reader reads lines.
type reader struct {
	file *os.File
	buf  *bufio.Reader
	long []byte
}

const bufferSize = 1 << 20

func open(path string) (*reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, errors.New("cannot be read")
	}
	r := &reader{file: file, buf: bufio.NewReaderSize(file, bufferSize)}
	if magic, err := r.buf.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(r.buf)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("is no whole gzip file: %w", err), file.Close())
		}
		r.buf = bufio.NewReaderSize(unzipped, bufferSize)
	}
	return r, nil
}

// Close closes the file.
func (r *reader) Close() error { return r.file.Close() }

var errLong = fmt.Errorf("is longer than %d MiB", maxLine>>20)

// line returns the next line without its end; with io.EOF, what stands after the
// last one. It is valid until the next call.
func (r *reader) line() ([]byte, error) {
	line, err := r.buf.ReadSlice('\n')
	if err == nil {
		return line[:len(line)-1], nil
	}
	r.long = append(r.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if line, err = r.buf.ReadSlice('\n'); len(r.long) <= maxLine {
			r.long = append(r.long, line...)
		}
	}
	if err == nil && len(r.long) > maxLine {
		return nil, errLong
	}
	return bytes.TrimSuffix(r.long, []byte("\n")), err
}

// Kind implements [source.Facts].
func (*Log) Kind() fixes.Kind { return fixes.KindActivity }

// Load implements [source.Facts]. It reads the files once, in bounded memory. What
// is damaged is left out, and said in the activity of the log as a whole.
func (l *Log) Load(ctx context.Context, _ *fixes.Inventory, emit func(source.Batch)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.read == nil {
		if err := l.readAll(ctx); err != nil {
			return err
		}
	}
	batch := source.Batch{Kind: fixes.KindActivity, Objects: l.read}
	if log, ok := l.read[0].(*fixes.Activity); ok {
		for _, gap := range log.Gaps {
			batch.Skips = append(batch.Skips, fixes.Skip{Resource: "a part of the audit log", Reason: gap})
		}
	}
	emit(batch)
	return nil
}

func (l *Log) readAll(ctx context.Context) error {
	total := newTally()
	var gaps []string
	var spans []span
	events := 0
	for _, file := range l.files {
		s, n, found, err := readFile(ctx, file, total)
		if err != nil {
			return err
		}
		events += n
		gaps = append(gaps, found...)
		if s.from != "" {
			spans = append(spans, s)
		}
	}
	if events == 0 {
		return fmt.Errorf("the audit log %s holds no events", fixes.Clean(strings.Join(l.files, ", ")))
	}
	gaps = append(gaps, holes(spans)...)
	if total.dropped {
		gaps = append(gaps, "there are more users, or more that they did, than are told")
	}
	l.read = total.activities(gaps)
	return nil
}

// span is the time of a file's first and last event.
type span struct{ from, to string }

// holes says where nothing is on record between files.
func holes(spans []span) []string {
	slices.SortFunc(spans, func(a, b span) int { return strings.Compare(a.from, b.from) })
	var out []string
	last := ""
	for _, s := range spans {
		if last != "" && when(s.from).Sub(when(last)) > hole {
			out = append(out, "nothing is on record from "+when(last).Format(time.DateTime)+" to "+when(s.from).Format(time.DateTime))
		}
		last = max(last, s.to)
	}
	return out
}

// checkEvery is how many lines are read between two looks at the context.
const checkEvery = 10_000

func readFile(ctx context.Context, path string, total *tally) (s span, events int, gaps []string, err error) {
	name := fixes.Clean(filepath.Base(path))
	r, err := open(path)
	if err != nil {
		return s, 0, nil, fmt.Errorf("audit log %s %w", fixes.Clean(path), err)
	}
	defer r.Close()
	d := &decoder{}
	before := span{total.from, total.to}
	total.from, total.to = "", ""
	bad, firstBad := 0, 0
	for n := 1; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return s, 0, nil, ctx.Err()
		}
		line, err := r.line()
		if len(bytes.TrimSpace(line)) > 0 || errors.Is(err, errLong) {
			e, decodeErr := d.decode(line)
			switch {
			case decodeErr == nil:
				total.add(&e)
				events++
			case err != nil && !errors.Is(err, errLong):
				gaps = append(gaps, name+" is cut short in line "+fmt.Sprint(n)+"; what stands before was read")
			default:
				if bad++; bad == 1 {
					firstBad = n
				}
			}
		}
		if err == nil || errors.Is(err, errLong) {
			continue
		}
		if !errors.Is(err, io.EOF) && len(gaps) == 0 {
			gaps = append(gaps, fmt.Sprintf("%s ends in line %d: %v; what stands before was read", name, n, err))
		}
		break
	}
	if bad > 0 {
		gaps = append(gaps, fmt.Sprintf("%d lines of %s are no events, line %d the first", bad, name, firstBad))
	}
	s = span{total.from, total.to}
	if total.from == "" || before.from != "" && before.from < total.from {
		total.from = before.from
	}
	total.to = max(total.to, before.to)
	return s, events, gaps, nil
}
