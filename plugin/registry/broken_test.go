package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// passTo hands requests on to a registry.
func passTo(host string) http.Handler {
	return httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})
}

// manifests answers requests for manifests by itself, and the others as a
// registry does.
func manifests(answer http.HandlerFunc) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/manifests/") {
				answer(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"token eyJhbGciOi.leaked.`+"\x1b[2J"+`"}]}`)
	}
}

// manifest answers with these bytes, as a manifest of their digest.
func manifest(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Docker-Content-Digest", fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(body))))
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, body)
		}
	}
}

// endless is a manifest that has no end.
func endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Length", "1000")
		return
	}
	chunk := []byte(strings.Repeat("[", 64<<10))
	for range 10 << 30 / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// TestBroken scans what is broken beside what is not: in bounded time and
// memory, with a phrase that is ours, and the other registry told of.
func TestBroken(t *testing.T) {
	noLogins(t)
	good, push := newRegistry(t, nil)
	push("web:1", built(t, madeBy("1000")))
	release := make(chan struct{})
	t.Cleanup(func() { close(release) }) // before the servers close, which wait
	for _, c := range []struct {
		name  string
		front func(http.Handler) http.Handler
		want  string
	}{
		{"hangs", func(http.Handler) http.Handler {
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-release:
				case <-r.Context().Done():
				}
			})
		}, "timeout after 1s"},
		{"hangs in the middle of a manifest", manifests(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
			w.Header().Set("Content-Length", "1000")
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(w, "{")
				w.(http.Flusher).Flush()
				select {
				case <-release:
				case <-r.Context().Done():
				}
			}
		}), "timeout after 1s"},
		{"401", manifests(status(401)), "401: the registry wants credentials; there is no pull secret for it, and none in your docker config"},
		{"403", manifests(status(403)), "403: the registry refuses; there is no pull secret for it, and none in your docker config"},
		{"404", manifests(status(404)), "404: the registry does not have it"},
		{"429", manifests(status(429)), "429: the registry limits how often it may be asked"},
		{"500", manifests(status(500)), "500: the registry is out of order"},
		{"503", manifests(status(503)), "503: the registry is out of order"},
		{"an endless manifest", manifests(endless), "the answer is too large"},
		{"no JSON", manifests(manifest("<html>")), "the answer is no JSON"},
		{"another form of JSON", manifests(manifest(`{"config": []}`)), "the answer is no JSON"},
		{"deep JSON", manifests(manifest(strings.Repeat("[", 1<<20))), "the answer is no JSON"},
		{"content of another digest", manifests(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
			w.Header().Set("Content-Length", "2")
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(w, "{}")
			}
		}), "the content does not have the digest that names it"},
		{"leads to the metadata service", manifests(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusTemporaryRedirect)
		}), "the registry leads to a private address, which is not asked"},
		{"leads in a circle", manifests(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}), "the registry leads from one place to the next without end"},
		{"wants a login at the metadata service", func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="http://169.254.169.254/token",service="x"`)
				w.WriteHeader(http.StatusUnauthorized)
			})
		}, "the registry leads to a private address, which is not asked"},
		{"a token that is none", func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/token" {
					_, _ = io.WriteString(w, `{"secret":"eyJhbGciOi.leaked"}`)
					return
				}
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token"`, r.Host))
				w.WriteHeader(http.StatusUnauthorized)
			})
		}, "the answer cannot be understood"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, push := newRegistry(t, c.front)
			push("web:1", built(t, madeBy("1")))
			im := newImages()
			im.timeout = time.Second
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			facts, skips := ask(t, im, cluster(host+"/web:1", good+"/web:1"))
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if f := facts[host+"/web:1"]; f.Err != c.want {
				t.Errorf("%q, want %q", f.Err, c.want)
			}
			if f := facts[good+"/web:1"]; f.User != "1000" || f.Err != "" {
				t.Errorf("the other registry: %+v", f)
			}
			if len(skips) != 1 || strings.ContainsAny(skips[0].Reason, "\x1b\n") || strings.Contains(skips[0].Reason, "leaked") {
				t.Errorf("skips: %q", skips)
			}
			if took > 10*time.Second {
				t.Errorf("took %s", took)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("took %d MiB of memory", grown>>20)
			}
		})
	}
}

// TestHangsOnce waits for a host that hangs once, not once an image.
func TestHangsOnce(t *testing.T) {
	noLogins(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	host, _ := newRegistry(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		})
	})
	var list []string
	for i := range 40 {
		list = append(list, fmt.Sprintf("%s/web-%d:1", host, i))
	}
	im := newImages()
	im.timeout = time.Second
	start := time.Now()
	facts, skips := ask(t, im, cluster(list...))
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("took %s", took)
	}
	for _, image := range list {
		if facts[image].Err != "timeout after 1s" {
			t.Fatalf("%q", facts[image].Err)
		}
	}
	if len(skips) != 1 || skips[0].Reason != host+" did not tell of 40 images: timeout after 1s" {
		t.Errorf("%v", skips)
	}
}

// TestRefusedOnce does not knock again where nobody listens.
func TestRefusedOnce(t *testing.T) {
	noLogins(t)
	s := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(s.URL, "http://")
	s.Close()
	facts, _ := ask(t, newImages(), cluster(host+"/web:1"))
	if f := facts[host+"/web:1"]; f.Err != "the connection is refused" {
		t.Errorf("%q", f.Err)
	}
}

// TestTriesAgain is told to wait, waits, and is answered.
func TestTriesAgain(t *testing.T) {
	noLogins(t)
	var refusals atomic.Int32
	host, push := newRegistry(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/manifests/1") && refusals.Add(1) <= 2 {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	push("web:1", built(t, madeBy("1000")))
	im := newImages()
	var waits []time.Duration
	im.pause = func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}
	facts, _ := ask(t, im, cluster(host+"/web:1"))
	if f := facts[host+"/web:1"]; f.User != "1000" {
		t.Errorf("%+v", f)
	}
	if len(waits) != 2 || waits[0] != 7*time.Second || waits[1] != 7*time.Second {
		t.Errorf("waited %v", waits)
	}

	refusals.Store(-100)
	waits = nil
	long := newImages()
	long.pause = im.pause
	host, _ = newRegistry(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		})
	})
	facts, _ = ask(t, long, cluster(host+"/web:1"))
	if f := facts[host+"/web:1"]; !strings.HasPrefix(f.Err, "429") || len(waits) > 0 {
		t.Errorf("%q, waited %v", f.Err, waits)
	}
}

// TestLedToPrivateAddress does not follow a registry from its own address to
// another private one, nor from HTTPS to plain HTTP.
func TestLedToPrivateAddress(t *testing.T) {
	noLogins(t)
	plain, push := newRegistry(t, nil)
	push("web:1", built(t, madeBy("1000")))
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(other.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	cert, roots := certificate(t, time.Now().AddDate(1, 0, 0))
	for to, want := range map[string]string{
		other.URL:                        "the registry leads to a private address, which is not asked",
		"http://localhost:" + port:       "the registry leads from HTTPS to plain HTTP, which is not asked",
		"https://localhost:" + port:      "the registry leads to a private address, which is not asked",
		"https://user@localhost:" + port: "the registry leads to a private address, which is not asked",
	} {
		host := serveTLS(t, cert, basic(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/blobs/") {
				http.Redirect(w, r, to+r.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			passTo(plain).ServeHTTP(w, r)
		})))
		inv := cluster(host + "/web:1")
		pullSecret(inv, host, user, password)
		im := newImages()
		im.Transport = trusting(roots)
		facts, _ := ask(t, im, inv)
		if f := facts[host+"/web:1"]; f.Err != want {
			t.Errorf("%s: %q, want %q", to, f.Err, want)
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("the other host was asked")
	}
}

// TestCredentialsStayOnRedirect follows a redirect to another port of the same
// machine, which gets no login.
func TestCredentialsStayOnRedirect(t *testing.T) {
	noLogins(t)
	plain, push := newRegistry(t, nil)
	push("web:1", built(t, madeBy("1000")))
	var asked atomic.Int32
	blobs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if auth := r.Header.Get("Authorization"); auth != "" {
			t.Errorf("the other host was given %q", auth)
		}
		passTo(plain).ServeHTTP(w, r)
	}))
	t.Cleanup(blobs.Close)
	host, _ := newRegistry(t, func(http.Handler) http.Handler {
		return basic(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/blobs/") {
				http.Redirect(w, r, blobs.URL+r.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			passTo(plain).ServeHTTP(w, r)
		}))
	})
	inv := cluster(host + "/web:1")
	pullSecret(inv, host, user, password)
	facts, _ := ask(t, newImages(), inv)
	if f := facts[host+"/web:1"]; f.User != "1000" || asked.Load() == 0 {
		t.Errorf("%+v, asked %d times", f, asked.Load())
	}
}

// TestCancelled ends at once.
func TestCancelled(t *testing.T) {
	noLogins(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	host, _ := newRegistry(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			select {
			case <-release:
			case <-r.Context().Done():
			}
		})
	})
	im := newImages()
	im.timeout = time.Minute
	start := time.Now()
	err := im.Load(ctx, cluster(host+"/a:1", host+"/b:1"), func(source.Batch) {})
	if !errors.Is(err, context.Canceled) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

// TestAddresses are those that a registry may lead to.
func TestAddresses(t *testing.T) {
	for address, want := range map[string][2]bool{ // its own, another's
		"203.0.113.7:443": {true, true}, "10.0.0.1:443": {true, false}, "127.0.0.1:5000": {true, false},
		"192.168.1.1:443": {true, false}, "169.254.169.254:80": {false, false}, "[fd00:ec2::254]:80": {false, false},
		"[fe80::1]:80": {false, false}, "[::1]:80": {true, false}, "[::ffff:10.0.0.1]:80": {true, false},
		"[::ffff:169.254.169.254]:80": {false, false}, "100.100.100.200:80": {true, false}, "0.0.0.0:80": {false, false},
		"[2001:db8::1]:443": {true, true},
	} {
		for i, own := range []bool{true, false} {
			if err := checkAddress(address, own); (err == nil) != want[i] {
				t.Errorf("%s, own %v: %v", address, own, err)
			}
		}
	}
}
