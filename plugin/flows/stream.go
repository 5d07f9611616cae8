package flows

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
)

// The bounds of what is read at once, in bytes: of a file's beginning, by which
// its format is told, and of one record. Hubble's have some two thousand.
const (
	headSize  = 256 << 10
	maxRecord = 1 << 20
)

var (
	errEmpty   = errors.New("is empty")
	errFormat  = errors.New("holds no flows: neither JSON of Hubble, Calico or Inspektor Gadget, nor a CSV with the columns from, to and port")
	errTooLong = errors.New("a record is too long")
)

// stream is a file of a known format, read record by record.
type stream struct {
	format string
	parse  parser
	next   func() ([]byte, error)
}

// open tells the format of what a reader gives by what is in it, compressed or
// not.
func open(in io.Reader) (*stream, error) {
	r := bufio.NewReaderSize(in, headSize)
	if magic, _ := r.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(r)
		if err != nil {
			return nil, errFormat
		}
		r = bufio.NewReaderSize(unpacked, headSize)
	}
	head, err := r.Peek(headSize)
	if len(bytes.TrimSpace(head)) == 0 {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, errEmpty
	}
	if bytes.HasPrefix(head, []byte("\ufeff")) {
		_, _ = r.Discard(3)
		head = head[3:]
	}
	if format, parse := jsonFormat(head); parse != nil {
		return &stream{format, parse, (&records{r: r}).next}, nil
	}
	line, _, ok := bytes.Cut(head, []byte("\n"))
	at := csvHeader(line)
	if at == nil || !ok && len(head) == headSize {
		return nil, errFormat
	}
	s := &stream{"CSV", csvParser(at), (&lines{r: r}).next}
	_, _ = s.next() // the header
	return s, nil
}

// jsonFormat tells the format by the first record that is one of a known form.
func jsonFormat(head []byte) (string, parser) {
	from := &records{r: bufio.NewReader(bytes.NewReader(head))}
	for {
		text, err := from.next()
		if errors.Is(err, errTooLong) {
			continue
		}
		if err != nil || from.strays > 20 && !from.any {
			return "", nil
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(text, &fields) != nil {
			continue
		}
		if format, parse := formatOf(fields); parse != nil {
			return format, parse
		}
	}
}

// formatOf tells whose record has such fields.
func formatOf(fields map[string]json.RawMessage) (string, parser) {
	has := func(names ...string) bool {
		for _, name := range names {
			if _, ok := fields[name]; ok {
				return true
			}
		}
		return false
	}
	within := func(name string) bool {
		inner := map[string]json.RawMessage{}
		if json.Unmarshal(fields[name], &inner) != nil {
			return false
		}
		fields = inner
		return true
	}
	if has("_source") && within("_source") {
		if has("source_name_aggr", "source_namespace") && has("dest_name_aggr", "dest_namespace") {
			return "Calico", parseCalico
		}
		return "", nil
	}
	switch {
	case has("source_name_aggr", "source_namespace") && has("dest_name_aggr", "dest_namespace"):
		return "Calico", parseCalico
	case has("lost_events", "node_status", "agent_event"),
		has("verdict") && has("IP", "l4", "source"):
		return "Hubble", parseHubble
	case has("pktType", "pkt_type") && has("port"),
		has("src") && has("dst") && has("k8s", "runtime"),
		has("endpoint") && has("egress"):
		return "Inspektor Gadget", parseGadget
	case has("flow") && within("flow"):
		if has("Key", "key") {
			return "Calico", parseCalico
		}
		if has("verdict") {
			return "Hubble", parseHubble
		}
	}
	return "", nil
}

// records cuts a stream of JSON into its objects: a line each, one after
// another, or those of a list.
type records struct {
	r    *bufio.Reader
	used int // of what is buffered: the record that was returned last
	long []byte
	// strays counts lines that are no JSON; any tells that some record came.
	strays int
	any    bool
}

// next returns the next object, which is good until the next call. It returns
// io.EOF at the end, io.ErrUnexpectedEOF where the stream ends within one, and
// errTooLong once for one that is skipped.
func (s *records) next() ([]byte, error) {
	_, _ = s.r.Discard(s.used)
	s.used = 0
	if err := s.seek(); err != nil {
		return nil, err
	}
	s.any = true
	s.long = s.long[:0]
	var at nesting
	tooLong := false
	for {
		if _, err := s.r.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		chunk, _ := s.r.Peek(s.r.Buffered())
		n, done := at.scan(chunk)
		if done && len(s.long) == 0 && !tooLong {
			s.used = n
			return chunk[:n], nil
		}
		if len(s.long)+n > maxRecord {
			tooLong = true
		}
		if !tooLong {
			s.long = append(s.long, chunk[:n]...)
		}
		_, _ = s.r.Discard(n)
		switch {
		case done && tooLong:
			s.long = s.long[:0]
			return nil, errTooLong
		case done:
			return s.long, nil
		}
	}
}

// seek goes to the next object. Lists around them, and what server-sent events
// put before each, are passed over.
func (s *records) seek() error {
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return err
		}
		switch b {
		case '{':
			return s.r.UnreadByte()
		case ' ', '\t', '\r', '\n', ',', '[', ']', 0x1e: // RFC 7464 has the last
			continue
		case 'd':
			if rest, _ := s.r.Peek(4); string(rest) == "ata:" {
				_, _ = s.r.Discard(4)
				continue
			}
		}
		s.strays++
		for {
			_, err := s.r.ReadSlice('\n')
			if err == nil {
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return err
			}
		}
	}
}

// nesting follows the braces of an object.
type nesting struct {
	depth           int
	inText, escaped bool
}

// scan returns how much of a chunk belongs to the object, and whether it ends
// there.
func (at *nesting) scan(chunk []byte) (n int, done bool) {
	for i, b := range chunk {
		if at.inText {
			switch {
			case at.escaped:
				at.escaped = false
			case b == '\\':
				at.escaped = true
			case b == '"':
				at.inText = false
			}
			continue
		}
		switch b {
		case '"':
			at.inText = true
		case '{':
			at.depth++
		case '}':
			if at.depth--; at.depth == 0 {
				return i + 1, true
			}
		}
	}
	return len(chunk), false
}

// lines cuts a stream into lines, with the same errors.
type lines struct {
	r    *bufio.Reader
	done bool
}

func (s *lines) next() ([]byte, error) {
	if s.done {
		return nil, io.EOF
	}
	line, err := s.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = s.r.ReadSlice('\n')
		}
		s.done = err != nil
		return nil, errTooLong
	case errors.Is(err, io.EOF) && len(line) > 0:
		s.done = true // a last line without an end
		return line, nil
	}
	return line, err
}
