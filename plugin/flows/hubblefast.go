package flows

import (
	"bytes"
	"strconv"
	"strings"
)

// Hubble's files are the large ones: some two thousand bytes a packet, of which
// few are of interest. A walk over a record that takes those and leaps over the
// rest is many times faster than decoding it. It gives up where something is
// written in an unusual way, and the decoder decides.

// fastHubble is [parseHubble] for records as Hubble writes them; false where it
// does not know.
func fastHubble(text []byte) (Record, bool) {
	var line hubbleLine
	w := walk{text: text}
	w.object(func(key []byte) {
		switch string(key) {
		case "flow":
			line.Flow = &hubbleFlow{}
			w.object(func(key []byte) { w.flow(line.Flow, key) })
		case "lost_events":
			w.failed = true
		default:
			w.flow(&line.hubbleFlow, key)
		}
	})
	f := line.Flow
	if f == nil {
		f = &line.hubbleFlow
	}
	if w.failed || w.at != len(text) {
		return Record{}, false
	}
	r, ok, err := f.record()
	return r, ok && err == nil
}

// flow reads one field of a flow.
func (w *walk) flow(f *hubbleFlow, key []byte) {
	switch string(key) {
	case "time":
		f.Time = moment(timeOf(w.str()))
	case "verdict":
		f.Verdict = w.str()
	case "IP":
		w.object(func(key []byte) {
			switch string(key) {
			case "source":
				f.IP.Source = w.str()
			case "destination":
				f.IP.Destination = w.str()
			default:
				w.skip(key)
			}
		})
	case "l4":
		f.L4 = &hubbleL4{}
		w.object(func(key []byte) {
			switch string(key) {
			case "TCP":
				f.L4.TCP = w.ports()
			case "UDP":
				f.L4.UDP = w.ports()
			case "SCTP":
				f.L4.SCTP = w.ports()
			default:
				w.skip(key)
			}
		})
	case "source":
		w.endpoint(&f.Source)
	case "destination":
		w.endpoint(&f.Destination)
	case "destination_names":
		w.list(func() { f.DestinationNames = append(f.DestinationNames, w.str()) })
	case "destination_service":
		w.object(func(key []byte) {
			switch string(key) {
			case "name":
				f.DestinationService.Name = w.str()
			case "namespace":
				f.DestinationService.Namespace = w.str()
			default:
				w.skip(key)
			}
		})
	case "is_reply":
		is := w.boolean()
		f.IsReply = &is
	default:
		w.skip(key)
	}
}

func (w *walk) ports() *hubblePorts {
	p := &hubblePorts{}
	w.object(func(key []byte) {
		switch string(key) {
		case "source_port":
			p.Source = w.number()
		case "destination_port":
			p.Destination = w.number()
		case "flags":
			w.object(func(key []byte) {
				switch string(key) {
				case "SYN":
					p.Flags.SYN = w.boolean()
				case "ACK":
					p.Flags.ACK = w.boolean()
				default:
					w.skip(key)
				}
			})
		default:
			w.skip(key)
		}
	})
	return p
}

func (w *walk) endpoint(e *hubbleEndpoint) {
	w.object(func(key []byte) {
		switch string(key) {
		case "namespace":
			e.Namespace = w.str()
		case "pod_name":
			e.PodName = w.str()
		case "labels":
			w.list(func() { e.Labels = append(e.Labels, w.str()) })
		case "workloads":
			w.list(func() {
				var o hubbleOwner
				w.object(func(key []byte) {
					switch string(key) {
					case "name":
						o.Name = w.str()
					case "kind":
						o.Kind = w.str()
					default:
						w.skip(key)
					}
				})
				e.Workloads = append(e.Workloads, o)
			})
		default:
			w.skip(key)
		}
	})
}

// walk goes over JSON whose braces are known to match. It fails at whatever is
// not written in the plainest way.
type walk struct {
	text   []byte
	at     int
	failed bool
}

// next passes over blanks and returns the byte that is there, or 0.
func (w *walk) next() byte {
	for w.at < len(w.text) {
		switch b := w.text[w.at]; b {
		case ' ', '\t', '\r', '\n':
			w.at++
		default:
			return b
		}
	}
	return 0
}

func (w *walk) take(b byte) bool {
	if w.failed || w.next() != b {
		w.failed = true
		return false
	}
	w.at++
	return true
}

// object calls a function for each key, with the value next; it has to read it.
// A key that comes twice fails: decoders differ about it.
func (w *walk) object(each func(key []byte)) {
	if !w.take('{') {
		return
	}
	if w.next() == '}' {
		w.at++
		return
	}
	var seen [32][]byte
	for n := 0; !w.failed; n++ {
		key := w.plain()
		if !w.take(':') || n == len(seen) {
			w.failed = true
			return
		}
		for _, had := range seen[:n] {
			if bytes.EqualFold(had, key) {
				w.failed = true
				return
			}
		}
		seen[n] = key
		w.next()
		each(key)
		if w.next() == '}' && !w.failed {
			w.at++
			return
		}
		w.take(',')
	}
}

// list calls a function for each element, which has to read it.
func (w *walk) list(each func()) {
	if !w.take('[') {
		return
	}
	if w.next() == ']' {
		w.at++
		return
	}
	for !w.failed {
		w.next()
		each()
		if w.next() == ']' && !w.failed {
			w.at++
			return
		}
		w.take(',')
	}
}

// plain reads a string of printable ASCII without escapes.
func (w *walk) plain() []byte {
	if !w.take('"') {
		return nil
	}
	end := bytes.IndexByte(w.text[w.at:], '"')
	if end < 0 {
		w.failed = true
		return nil
	}
	s := w.text[w.at : w.at+end]
	for _, b := range s {
		if b == '\\' || b < ' ' || b > '~' {
			w.failed = true
			return nil
		}
	}
	w.at += end + 1
	return s
}

func (w *walk) str() string { return string(w.plain()) }

func (w *walk) number() number {
	w.next()
	begin := w.at
	for w.at < len(w.text) && w.text[w.at] >= '0' && w.text[w.at] <= '9' {
		w.at++
	}
	n, err := strconv.ParseInt(string(w.text[begin:w.at]), 10, 64)
	if err != nil {
		w.failed = true
	}
	return number(n)
}

func (w *walk) boolean() bool {
	switch rest := w.text[w.at:]; {
	case bytes.HasPrefix(rest, []byte("true")):
		w.at += len("true")
		return true
	case bytes.HasPrefix(rest, []byte("false")):
		w.at += len("false")
		return false
	}
	w.failed = true
	return false
}

// wanted are the keys that are read; a decoder takes them in other cases too.
var wanted = [][]byte{[]byte("flow"), []byte("time"), []byte("verdict"), []byte("IP"), []byte("l4"), []byte("source"), []byte("destination"),
	[]byte("destination_names"), []byte("destination_service"), []byte("is_reply"), []byte("lost_events"), []byte("TCP"), []byte("UDP"), []byte("SCTP"),
	[]byte("name"), []byte("namespace"), []byte("kind"), []byte("labels"), []byte("pod_name"), []byte("workloads"), []byte("source_port"),
	[]byte("destination_port"), []byte("flags"), []byte("SYN"), []byte("ACK"), []byte("num_events_lost")}

// skip leaps over a value that nobody wants.
func (w *walk) skip(key []byte) {
	for _, name := range wanted {
		if len(name) == len(key) && bytes.EqualFold(name, key) && !bytes.Equal(name, key) {
			w.failed = true
			return
		}
	}
	switch w.next() {
	case '"':
		w.leap()
	case '{', '[':
		for depth := 0; w.at < len(w.text); {
			switch w.text[w.at] {
			case '"':
				w.leap()
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					w.at++
					return
				}
			}
			w.at++
		}
		w.failed = true
	default:
		for w.at < len(w.text) && strings.IndexByte(",]} \t\r\n", w.text[w.at]) < 0 {
			w.at++
		}
	}
}

// leap goes behind a string.
func (w *walk) leap() {
	for w.at++; w.at < len(w.text); {
		i := bytes.IndexAny(w.text[w.at:], `"\`)
		if i < 0 {
			break
		}
		w.at += i + 1
		if w.text[w.at-1] == '"' {
			return
		}
		w.at++ // what is escaped
	}
	w.failed = true
}
