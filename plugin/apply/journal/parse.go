package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// What a file may hold: a file is read by a program that did not write it.
const (
	maxLine = 16 << 20  // bytes
	maxFile = 256 << 20 // bytes
)

// line is one line of a journal; one of its fields is set.
type line struct {
	Header *headerLine `json:"header,omitempty"`
	Change *Change     `json:"change,omitempty"`
	Entry  *Entry      `json:"entry,omitempty"`
	End    *End        `json:"end,omitempty"`
}

// headerLine is a header and the number of changes whose lines follow.
type headerLine struct {
	Header
	Changes int `json:"changes"`
}

func (l line) encode() ([]byte, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	if len(text) >= maxLine {
		return nil, fmt.Errorf("more than %d MiB", maxLine>>20)
	}
	return append(text, '\n'), nil
}

// encodeHeader returns the lines that a journal begins with.
func encodeHeader(h Header) ([]byte, error) {
	text, err := line{Header: &headerLine{h, len(h.Changes)}}.encode()
	if err != nil {
		return nil, err
	}
	for i := range h.Changes {
		more, err := line{Change: &h.Changes[i]}.encode()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.Changes[i].Object, err)
		}
		text = append(text, more...)
	}
	return text, nil
}

// parser puts a record together, line by line.
type parser struct {
	rec     *Record
	changes int // as the header says
	begun   bool
}

// parse reads the journal of run n. size is where the last line that counts
// ends: a line that was not written to its end does not.
func parse(r io.Reader, path string, n int) (rec *Record, size int64, err error) {
	p := parser{rec: &Record{Run: n}}
	in := bufio.NewReaderSize(r, 64<<10)
	for number := 1; ; number++ {
		text, err := readLine(in)
		if errors.Is(err, io.EOF) {
			break // the rest is no whole line
		}
		if err == nil {
			err = p.line(text)
		}
		if err != nil {
			// A crash may leave the last line in any state.
			if _, more := in.Peek(1); more != nil && !json.Valid(text) {
				break
			}
			return nil, 0, at(path, number, err)
		}
		if size += int64(len(text)); size > maxFile {
			return nil, 0, fmt.Errorf("%s: larger than %d MiB", path, maxFile>>20)
		}
	}
	if !p.begun || len(p.rec.Header.Changes) < p.changes {
		return nil, 0, errors.New("it ended before it began, while its journal was made; nothing was written to the cluster")
	}
	return p.rec, size, nil
}

// readLine returns a line with its end, or io.EOF when there is no whole one.
func readLine(in *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		part, err := in.ReadSlice('\n')
		text = append(text, part...)
		if len(text) > maxLine {
			return nil, fmt.Errorf("longer than %d MiB", maxLine>>20)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, err
		}
	}
}

func (p *parser) line(text []byte) error {
	if !p.begun {
		return p.header(text)
	}
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return plain(err)
	}
	complete := len(p.rec.Header.Changes) == p.changes
	switch {
	case l.Change != nil && !complete:
		p.rec.Header.Changes = append(p.rec.Header.Changes, *l.Change)
	case l.Entry != nil && complete:
		if l.Entry.Change < 0 || l.Entry.Change >= p.changes {
			return fmt.Errorf("there is no change %d", l.Entry.Change)
		}
		p.rec.Entries = append(p.rec.Entries, *l.Entry)
		p.rec.End = nil
	case l.End != nil && complete:
		p.rec.End = l.End
	default:
		return errors.New("not what is expected here")
	}
	return nil
}

func (p *parser) header(text []byte) error {
	var version struct {
		Header struct {
			SchemaVersion int `json:"schemaVersion"`
		} `json:"header"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return plain(err)
	}
	switch v := version.Header.SchemaVersion; {
	case v > SchemaVersion:
		return &newerError{p.rec.Run, v}
	case v < 1:
		return errNoJournal
	}
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return plain(err)
	}
	if l.Header == nil || l.Header.Changes < 0 {
		return errNoJournal
	}
	if l.Header.Run != p.rec.Run {
		return fmt.Errorf("the journal of run %d", l.Header.Run)
	}
	p.rec.Header, p.changes, p.begun = l.Header.Header, l.Header.Changes, true
	return nil
}

var errNoJournal = errors.New("not the journal of a run")

// newerError: this program cannot read the file.
type newerError struct{ run, schema int }

func (e *newerError) Error() string {
	return fmt.Sprintf("run %d was written by a newer version of kubectl harden (schema %d); use that one", e.run, e.schema)
}

// at names the line that an error is about.
func at(path string, number int, err error) error {
	if _, newer := errors.AsType[*newerError](err); newer {
		return err // nothing is wrong with the file
	}
	return fmt.Errorf("%s:%d: %w", path, number, err)
}

// plain says what is wrong with JSON without the names of this program's types.
func plain(err error) error {
	if field, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s is a JSON %s", field.Field, field.Value)
	}
	return fmt.Errorf("not JSON: %w", err)
}
