package flows

import (
	"bytes"
	"encoding/csv"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The columns of a CSV. Those of from, to and port are needed. What a pod, a
// workload or a Service is called goes with the namespace beside it, where it is
// not an address, a CIDR or the name of a host.
var columns = []string{"from_namespace", "from", "to_namespace", "to", "port", "protocol", "action", "count", "first", "last"}

// csvHeader returns where each column is, or nil for a line that is no header.
func csvHeader(line []byte) map[string]int {
	at := map[string]int{}
	for i, name := range fields(bytes.TrimPrefix(line, []byte("\ufeff"))) {
		name = strings.ToLower(strings.TrimSpace(name))
		if slices.Contains(columns, name) {
			at[name] = i
		}
	}
	for _, needed := range []string{"from", "to", "port"} {
		if _, ok := at[needed]; !ok {
			return nil
		}
	}
	return at
}

// fields parts a line; one with a quote that does not close has none.
func fields(line []byte) []string {
	text := strings.TrimRight(string(line), "\r\n")
	if !strings.Contains(text, `"`) {
		return strings.Split(text, ",")
	}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	list, err := r.Read()
	if err != nil {
		return nil
	}
	return list
}

// csvParser returns what reads the lines below a header.
func csvParser(at map[string]int) parser {
	return func(line []byte) (Record, bool, error) {
		list := fields(line)
		get := func(name string) string {
			if i, ok := at[name]; ok && i < len(list) {
				return strings.TrimSpace(list[i])
			}
			return ""
		}
		if len(list) == 1 && strings.TrimSpace(list[0]) == "" {
			return Record{}, false, nil
		}
		port, err := strconv.ParseUint(get("port"), 10, 16)
		if err != nil || port == 0 || get("from") == "" || get("to") == "" {
			return Record{}, false, errUnknown
		}
		r := Record{
			From: csvPeer(get("from_namespace"), get("from")), To: csvPeer(get("to_namespace"), get("to")),
			ToPort: int32(port), Protocol: "TCP", Direction: Request,
			First: timeOf(get("first")), Last: timeOf(get("last")),
		}
		if r.Last.IsZero() {
			r.Last = r.First
		}
		if p := get("protocol"); p != "" {
			if r.Protocol = protocolOf(p); r.Protocol == "" {
				return Record{}, false, errUnknown
			}
		}
		switch strings.ToLower(get("action")) {
		case "", "allow", "allowed", "forwarded":
		case "deny", "denied", "drop", "dropped":
			r.Denied = true
		default:
			return Record{}, false, errUnknown
		}
		if n, err := strconv.ParseInt(get("count"), 10, 64); err == nil && n > 0 {
			r.Count = n
		}
		return r, true, nil
	}
}

func csvPeer(namespace, name string) Peer {
	if addr := addressOf(name); addr.IsValid() {
		return Peer{Addr: addr}
	}
	if block, err := netip.ParsePrefix(name); err == nil {
		return Peer{Block: block.Masked()}
	}
	if ns, rest, ok := strings.Cut(name, "/"); ok && namespace == "" {
		namespace, name = ns, rest
	}
	return Peer{Namespace: namespace, Name: name}
}
