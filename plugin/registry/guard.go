package registry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// What one request may take.
const (
	requestTimeout = 15 * time.Second
	// retries is how often a request is made again that a registry was too busy
	// for, and maxRetryAfter how long it may ask to wait.
	retries       = 2
	maxRetryAfter = 10 * time.Second
	// A host that failed this often is not asked any more; a failure to connect
	// counts for as many.
	tooManyFailures = 3

	maxManifest = 4 << 20
	maxConfig   = 8 << 20
)

// refusal is why a registry's answer is not known, in a phrase for people. It is
// made of constants and numbers, never of what a registry says: an answer may
// hold a token.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

// bodyLimit says how much of the answers to a request is read.
type bodyLimit struct {
	bytes int64
	// streamed answers are timed from one read to the next, since a layer takes as
	// long as it takes.
	streamed bool
}

type bodyLimitKey struct{}

func withBodyLimit(ctx context.Context, l bodyLimit) context.Context {
	return context.WithValue(ctx, bodyLimitKey{}, l)
}

// guard is the transport to one registry. It bounds time and size of every
// answer, tries again what the registry is too busy for, remembers that the host
// does not answer, and goes nowhere that the registry has no business to send
// it: to private addresses elsewhere than the registry's own, to plain HTTP.
type guard struct {
	// host is the registry's, as images name it; insecure reports that it may be
	// asked without TLS, since it is on this machine or in a private network.
	host     string
	insecure bool
	next     http.RoundTripper
	// timeout is that of one request; pause waits. A test has no time.
	timeout time.Duration
	pause   func(context.Context, time.Duration) error

	mu       sync.Mutex
	failures int
	broken   error // the last failure, once there were too many
}

// newTransport returns the transport below a guard: Go's own, with a dialer that
// looks at the addresses it is led to.
func newTransport(base *http.Transport, host string) *http.Transport {
	t := base.Clone()
	own, _, err := net.SplitHostPort(host)
	if err != nil {
		own = host
	}
	var proxies sync.Map
	if proxy := t.Proxy; proxy != nil {
		t.Proxy = noteProxies(&proxies, proxy)
	}
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		name, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		dialer := net.Dialer{Timeout: requestTimeout}
		if _, proxy := proxies.Load(name); !proxy {
			dialer.Control = func(_, address string, _ syscall.RawConn) error {
				return checkAddress(address, strings.EqualFold(name, strings.Trim(own, "[]")))
			}
		}
		return dialer.DialContext(ctx, network, addr)
	}
	t.DisableCompression = true // what is unpacked is counted
	t.MaxResponseHeaderBytes = 256 << 10
	t.MaxIdleConnsPerHost, t.MaxConnsPerHost = imagesPerHost, 2*imagesPerHost
	t.IdleConnTimeout = requestTimeout
	t.TLSHandshakeTimeout = requestTimeout
	return t
}

// noteProxies remembers the hosts of proxies: they may be in a private network.
func noteProxies(seen *sync.Map, proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(req *http.Request) (*url.URL, error) {
		u, err := proxy(req)
		if u != nil {
			seen.Store(u.Hostname(), true)
		}
		return u, err
	}
}

// checkAddress refuses addresses that only the registry itself may have, and
// those that it may not have either: of the cloud's metadata service.
func checkAddress(address string, own bool) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return refusal("led to an address that is none")
	}
	ip := ap.Addr().Unmap()
	metadata := ip.IsLinkLocalUnicast() || ip == netip.MustParseAddr("fd00:ec2::254")
	if metadata || ip.IsUnspecified() || ip.IsMulticast() ||
		!own && (ip.IsPrivate() || ip.IsLoopback() || sharedSpace.Contains(ip)) {
		return refusal("the registry leads to a private address, which is not asked")
	}
	return nil
}

// sharedSpace is that of carriers (RFC 6598), where Alibaba's metadata service is.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.Broken(); err != nil {
		return nil, err
	}
	if err := g.check(req); err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		resp, err := g.once(req)
		if err != nil {
			return nil, g.fail(req, err)
		}
		wait, busy := busyFor(resp, attempt)
		if !busy {
			g.succeed()
			return resp, nil
		}
		if attempt == retries || wait > maxRetryAfter || req.Body != nil && req.GetBody == nil {
			if resp.StatusCode == http.StatusTooManyRequests {
				_ = resp.Body.Close()
				return nil, g.giveUp(refusal("429: the registry limits how often it may be asked"))
			}
			g.count()
			return resp, nil
		}
		_ = resp.Body.Close()
		if err := g.pause(req.Context(), wait); err != nil {
			return nil, err
		}
		if req.Body != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// maxRedirects bounds how often a registry sends on a request; the library that
// asks does not.
const maxRedirects = 5

// check refuses requests that a redirect or a challenge must not lead to.
func (g *guard) check(req *http.Request) error {
	redirects := 0
	for from := req.Response; from != nil && from.Request != nil; from = from.Request.Response {
		if redirects++; redirects > maxRedirects {
			return refusal("the registry leads from one place to the next without end")
		}
	}
	switch {
	case req.URL.Scheme == "https":
	case req.URL.Scheme != "http" || !g.insecure:
		return refusal("the registry leads from HTTPS to plain HTTP, which is not asked")
	case req.Header.Get("Authorization") != "" && !loopbackHost(req.URL.Hostname()):
		return refusal("the registry wants credentials over plain HTTP, which are not sent")
	}
	// A proxy would take the name of the host as it is, and the dialer not see it.
	if ip, err := netip.ParseAddr(req.URL.Hostname()); err == nil {
		return checkAddress(netip.AddrPortFrom(ip, 1).String(), strings.EqualFold(req.URL.Host, g.host) || sameName(req.URL.Host, g.host))
	}
	return nil
}

func sameName(a, b string) bool {
	name := func(s string) string {
		if host, _, err := net.SplitHostPort(s); err == nil {
			return host
		}
		return strings.Trim(s, "[]")
	}
	return strings.EqualFold(name(a), name(b))
}

func loopbackHost(name string) bool {
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback() || name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// once makes a request, with an answer that is bounded in time and size.
func (g *guard) once(req *http.Request) (*http.Response, error) {
	limit, ok := req.Context().Value(bodyLimitKey{}).(bodyLimit)
	if !ok {
		limit = bodyLimit{bytes: maxManifest}
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(g.timeout, func() { cancel(timeoutError(g.timeout)) })
	resp, err := g.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		timer.Stop()
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, err
	}
	if req.Method != http.MethodHead && resp.ContentLength > limit.bytes {
		timer.Stop()
		cancel(nil)
		_ = resp.Body.Close()
		return nil, errTooLarge
	}
	resp.Body = &body{inner: resp.Body, ctx: ctx, cancel: cancel, timer: timer, timeout: g.timeout, left: limit.bytes, streamed: limit.streamed}
	return resp, nil
}

const errTooLarge = refusal("the answer is too large")

func timeoutError(d time.Duration) error { return refusal("timeout after " + d.String()) }

// body is an answer that ends with an error when it is too long or too slow.
type body struct {
	inner    io.ReadCloser
	ctx      context.Context // of the request; its cause is the error
	cancel   context.CancelCauseFunc
	timer    *time.Timer
	timeout  time.Duration
	left     int64
	streamed bool
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.inner.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n, errTooLarge
	}
	if b.streamed && err == nil {
		b.timer.Reset(b.timeout)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(b.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.inner.Close()
}

// busyFor reports whether a registry is too busy to answer, and for how long.
func busyFor(resp *http.Response, attempt int) (time.Duration, bool) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode < http.StatusInternalServerError {
		return 0, false
	}
	wait := 500 * time.Millisecond << attempt
	if s := resp.Header.Get("Retry-After"); s != "" {
		if seconds, err := strconv.Atoi(s); err == nil && seconds >= 0 {
			wait = max(wait, time.Duration(min(seconds, 3600))*time.Second)
		} else if at, err := http.ParseTime(s); err == nil {
			wait = max(wait, time.Until(at))
		}
	}
	return wait, true
}

// Broken returns why the host is not asked any more, or nil.
func (g *guard) Broken() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.broken
}

// fail notes that no answer came, unless that was the user's wish or ours, or
// there is plain HTTP still to be tried.
func (g *guard) fail(req *http.Request, err error) error {
	if req.Context().Err() != nil || errors.Is(err, errTooLarge) || g.insecure && req.URL.Scheme == "https" {
		return err
	}
	return g.giveUp(err)
}

// giveUp gives the host up.
func (g *guard) giveUp(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken == nil {
		g.failures, g.broken = tooManyFailures, refusal(phrase(err))
	}
	return err
}

// count notes an answer that was none.
func (g *guard) count() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failures++; g.failures >= tooManyFailures && g.broken == nil {
		g.broken = refusal("5xx: the registry is out of order")
	}
}

func (g *guard) succeed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures = 0
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
