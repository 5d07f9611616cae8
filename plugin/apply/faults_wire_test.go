//go:build unix

package apply_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// wire stands between the engine and the server, and does to its requests what
// networks, proxies and servers in trouble do.
type wire struct {
	ns      string
	witness func(call)

	mu    sync.Mutex
	woes  []*woe
	sent  []string // what reached the server and would write
	calls []call   // all there were
}

// woe is one thing that goes wrong with requests.
type woe struct {
	// what it strikes: "patch deployments", "create secrets", "get", "*"; a dry
	// run begins with "dry ", any but a dry run is meant otherwise.
	what string
	// after is how many such requests pass first, and times how many are struck
	// then; 0: all, until the woe is lifted.
	after, times int
	strike       func(next http.RoundTripper, r *http.Request) (*http.Response, error)

	seen int
}

func (w *wire) wrap(next http.RoundTripper) http.RoundTripper { return &wired{w, next} }

type wired struct {
	*wire
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (w *wired) RoundTrip(r *http.Request) (*http.Response, error) {
	c := callOf(r)
	writes := (c.verb == "create" || c.verb == "patch" || c.verb == "update" || c.verb == "delete") && !c.dryRun && !asks(c)
	if c.verb == "delete" && r.Body != nil {
		// Whether it is a dry run stands in its body.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.dryRun = bytes.Contains(body, []byte("All"))
		writes = !c.dryRun
	}
	if writes {
		w.witness(c)
	}
	w.mu.Lock()
	w.calls = append(w.calls, c)
	woe := w.pick(c)
	w.mu.Unlock()
	next := w.next
	if writes {
		next = reached{w}
	}
	if woe != nil {
		return woe.strike(next, r)
	}
	return next.RoundTrip(r)
}

// asks reports whether a create only asks a question.
func asks(c call) bool { return strings.HasSuffix(c.resource, "reviews") }

// reached notes what got as far as the server.
type reached struct{ *wired }

// RoundTrip implements http.RoundTripper.
func (r reached) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.sent = append(r.sent, callOf(req).String())
	r.mu.Unlock()
	return r.next.RoundTrip(req)
}

// pick returns what strikes a call, or nil.
func (w *wire) pick(c call) *woe {
	for _, woe := range w.woes {
		if !woe.hits(c) {
			continue
		}
		woe.seen++
		if woe.seen > woe.after && (woe.times == 0 || woe.seen <= woe.after+woe.times) {
			return woe
		}
	}
	return nil
}

func (w *woe) hits(c call) bool {
	what, dry := strings.CutPrefix(w.what, "dry ")
	switch {
	case what == "*":
		return true
	case dry != c.dryRun:
		return false
	case what == "write":
		return c.verb != "get" && c.verb != "list"
	}
	return what == c.verb || strings.HasPrefix(c.String()+"/", what+"/")
}

// fault makes something go wrong.
func (s *scene) fault(w woe) {
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	s.wire.woes = append(s.wire.woes, &w)
}

func (w *wire) lift() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.woes = nil
}

// reachedServer counts requests that would write and reached the server.
func (s *scene) reachedServer(what string) int {
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	n := 0
	for _, sent := range s.wire.sent {
		if strings.HasPrefix(sent+"/", what+"/") {
			n++
		}
	}
	return n
}

type strike = func(http.RoundTripper, *http.Request) (*http.Response, error)

// answer is a server's that does not do what it is asked for.
func answer(code int, reason string) strike {
	return says(code, reason, "injected")
}

// says is [answer] with a message, which is written as JSON has it.
func says(code int, reason, message string) strike {
	return func(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
		return status(r, code, reason, message, 0)
	}
}

// busy is a server's that wants to be asked again.
func busy(code int, after time.Duration) strike {
	return func(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
		return status(r, code, "TooManyRequests", "injected", int(after.Seconds()))
	}
}

// answerAfter is a gateway's, before a server that did what it was asked for.
func answerAfter(code int, reason string, retryAfter int) strike {
	return func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		if err := resp.Body.Close(); err != nil {
			return nil, err
		}
		return status(r, code, reason, "injected", retryAfter)
	}
}

func status(r *http.Request, code int, reason, message string, retryAfter int) (*http.Response, error) {
	body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code)
	resp := &http.Response{
		StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	if retryAfter > 0 {
		resp.Header.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	return resp, nil
}

var errCut = errors.New("write tcp: connection reset by peer")

// cutBefore loses a request.
func cutBefore(http.RoundTripper, *http.Request) (*http.Response, error) { return nil, errCut }

// cutAfter loses the answer to a request.
func cutAfter(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return nil, errors.Join(errCut, resp.Body.Close())
}

// cutWithin loses the second half of the answer.
func cutWithin(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), cut{}))
	return resp, nil
}

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// slow answers late; what it does meanwhile is done.
func slow(by time.Duration, meanwhile func()) strike {
	return func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		meanwhile()
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-time.After(by):
		}
		return next.RoundTrip(r)
	}
}

// hang never answers.
func hang(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
