package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// apiVersion is that of the events that are read
// (https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/).
const apiVersion = "audit.k8s.io/v1"

// event is an event of an audit log, as far as it is read.
type event struct {
	apiVersion, kind          string
	stage, verb, uri          string
	received                  string // RFC 3339 in UTC with microseconds, so times compare as strings
	user, as                  *user  // as is who is impersonated
	ref                       objectRef
	hasRef                    bool
	code                      int
	decision                  string // that of the authorizer, empty in logs of webhooks that drop annotations
	userBytes, impersonateRaw []byte
}

type user struct {
	Username, UID string
	Groups        []string
	Extra         map[string][]string
}

type objectRef struct {
	Resource, Subresource, Namespace, Name, APIGroup string
}

const decisionAnnotation = "authorization.k8s.io/decision"

var errNoEvent = errors.New("is no event of " + apiVersion)

// decoder reads events. Users are told anew in each event, and decoded once.
type decoder struct{ users map[string]*user }

// maxUsersKept bounds the memory for decoded users: each token is another.
const maxUsersKept = 20_000

// decode reads a line. It looks at few of an event's fields, and passes over what
// may be large: objects that were sent and answered.
func (d *decoder) decode(line []byte) (event, error) {
	var e event
	err := fields(line, func(key, value []byte) error {
		switch string(key) {
		case "apiVersion":
			return text(value, &e.apiVersion)
		case "kind":
			return text(value, &e.kind)
		case "stage":
			return text(value, &e.stage)
		case "verb":
			return text(value, &e.verb)
		case "requestURI":
			return text(value, &e.uri)
		case "requestReceivedTimestamp":
			return text(value, &e.received)
		case "user":
			e.userBytes = value
		case "impersonatedUser":
			e.impersonateRaw = value
		case "objectRef":
			e.hasRef = true
			return fields(value, func(key, value []byte) error { return e.ref.set(key, value) })
		case "responseStatus":
			return fields(value, func(key, value []byte) error {
				if string(key) == "code" {
					return json.Unmarshal(value, &e.code)
				}
				return nil
			})
		case "annotations":
			return fields(value, func(key, value []byte) error {
				if string(key) == decisionAnnotation {
					return text(value, &e.decision)
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return e, err
	}
	if e.kind != "Event" || e.apiVersion != apiVersion {
		return e, errNoEvent
	}
	if e.user, err = d.user(e.userBytes); err == nil && len(e.impersonateRaw) > 0 {
		e.as, err = d.user(e.impersonateRaw)
	}
	return e, err
}

func (d *decoder) user(raw []byte) (*user, error) {
	if u := d.users[string(raw)]; u != nil {
		return u, nil
	}
	var u user
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &u); err != nil {
			return nil, err
		}
	}
	if d.users == nil || len(d.users) >= maxUsersKept {
		d.users = map[string]*user{}
	}
	d.users[string(raw)] = &u
	return &u, nil
}

func (r *objectRef) set(key, value []byte) error {
	switch string(key) {
	case "resource":
		return text(value, &r.Resource)
	case "subresource":
		return text(value, &r.Subresource)
	case "namespace":
		return text(value, &r.Namespace)
	case "name":
		return text(value, &r.Name)
	case "apiGroup":
		return text(value, &r.APIGroup)
	}
	return nil
}

// allowed reports whether the authorizer let the request through.
func (e *event) allowed() bool {
	if e.decision != "" {
		return e.decision == "allow"
	}
	return e.code != 401 && e.code != 403
}

// path is that of a request for no resource, without its query.
func (e *event) path() string {
	path, _, _ := strings.Cut(e.uri, "?")
	if clean, err := url.PathUnescape(path); err == nil {
		return clean
	}
	return path
}

// fields calls each for the members of a JSON object, with their raw values. What
// it passes over is checked for its brackets and strings alone.
func fields(data []byte, each func(key, value []byte) error) error {
	p := space(data, 0)
	if p >= len(data) || data[p] != '{' {
		return errNoEvent
	}
	for p = space(data, p+1); p < len(data) && data[p] != '}'; {
		end, err := skip(data, p)
		if err != nil || data[p] != '"' {
			return errCut
		}
		key := data[p+1 : end-1]
		if p = space(data, end); p >= len(data) || data[p] != ':' {
			return errCut
		}
		p = space(data, p+1)
		if end, err = skip(data, p); err != nil {
			return err
		}
		if err := each(key, data[p:end]); err != nil {
			return err
		}
		if p = space(data, end); p < len(data) && data[p] == ',' {
			p = space(data, p+1)
		}
	}
	if p >= len(data) {
		return errCut
	}
	return nil
}

var errCut = errors.New("is cut short")

func space(data []byte, p int) int {
	for p < len(data) && (data[p] == ' ' || data[p] == '\t' || data[p] == '\n' || data[p] == '\r') {
		p++
	}
	return p
}

// skip returns where the value ends that begins at p.
func skip(data []byte, p int) (int, error) {
	if p >= len(data) {
		return 0, errCut
	}
	switch data[p] {
	case '"':
		return skipString(data, p)
	case '{', '[':
		depth := 0
		for p < len(data) {
			switch data[p] {
			case '"':
				end, err := skipString(data, p)
				if err != nil {
					return 0, err
				}
				p = end
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return p + 1, nil
				}
			}
			p++
		}
		return 0, errCut
	}
	start := p
	for p < len(data) && data[p] != ',' && data[p] != '}' && data[p] != ']' && data[p] != ' ' {
		p++
	}
	if p == start {
		return 0, errCut
	}
	return p, nil
}

func skipString(data []byte, p int) (int, error) {
	for from := p + 1; ; {
		i := bytes.IndexByte(data[from:], '"')
		if i < 0 {
			return 0, errCut
		}
		end := from + i
		slashes := 0
		for end-1-slashes > p && data[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1, nil
		}
		from = end + 1
	}
}

// text decodes a JSON string.
func text(value []byte, to *string) error {
	if len(value) < 2 || value[0] != '"' {
		return fmt.Errorf("holds %.20q where a text belongs", value)
	}
	if bytes.IndexByte(value, '\\') < 0 && utf8.Valid(value) {
		*to = string(value[1 : len(value)-1])
		return nil
	}
	return json.Unmarshal(value, to)
}
