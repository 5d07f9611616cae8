package registry

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func TestProbe(t *testing.T) {
	unauthorized := basic(http.NotFoundHandler())
	good, roots := certificate(t, time.Now().AddDate(0, 0, 20))
	expired, _ := certificate(t, time.Now().Add(-time.Hour))
	tlsHost, expiredHost := serveTLS(t, good, unauthorized), serveTLS(t, expired, unauthorized)
	plainHost, _ := newRegistry(t, basic)
	website, _ := newRegistry(t, func(http.Handler) http.Handler {
		return http.RedirectHandler("https://example.com/", http.StatusMovedPermanently)
	})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closedHost := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	roots.AddCert(mustLeaf(t, expired))
	objects, skips := load(t, &Probe{Roots: roots, Now: func() time.Time { return now }},
		cluster(tlsHost+"/a:1", tlsHost+"/b:1", expiredHost+"/a:1", plainHost+"/a:1", website+"/a:1", closedHost+"/a:1"))
	fact := func(host string) fixes.Registry {
		r, ok := objects[host].(*fixes.Registry)
		if !ok {
			t.Fatalf("nothing is told of %s", host)
		}
		return *r
	}
	if r := fact(tlsHost); r.Err != "" || r.Plain || r.Untrusted || r.Version != "TLS 1.3" || r.Expires.Sub(now).Round(24*time.Hour) != 20*24*time.Hour || !r.Probed.Equal(now) {
		t.Errorf("good: %+v", r)
	}
	if r := fact(expiredHost); !r.Untrusted || r.Err != "its certificate has expired, or is not valid yet" || r.Expires.After(now) || r.Version == "" {
		t.Errorf("expired: %+v", r)
	}
	if r := fact(plainHost); !r.Plain || r.Err != "the host does not speak TLS" {
		t.Errorf("plain: %+v", r)
	}
	if r := fact(website); r.Plain {
		t.Errorf("a host that sends on to HTTPS: %+v", r)
	}
	if r := fact(closedHost); r.Plain || r.Untrusted || r.Err != "the connection is refused" {
		t.Errorf("closed: %+v", r)
	}
	if len(skips) != 2 || !strings.HasSuffix(skips[0].Reason, ": the connection is refused") && !strings.HasSuffix(skips[1].Reason, ": the connection is refused") {
		t.Errorf("skips: %v", skips)
	}

	objects, _ = load(t, &Probe{Now: func() time.Time { return now }}, cluster(tlsHost+"/a:1"))
	if r := fact(tlsHost); !r.Untrusted || r.Err != "its certificate is by an authority that this machine does not know" || r.Expires.IsZero() {
		t.Errorf("unknown authority: %+v", r)
	}
}

// TestProbeOldTLS tells what is no longer safe from what fails.
func TestProbeOldTLS(t *testing.T) {
	cert, roots := certificate(t, time.Now().AddDate(1, 0, 0))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	host := listener.Addr().String()
	objects, _ := load(t, &Probe{Roots: roots, Now: time.Now}, cluster(host+"/a:1"))
	if r := objects[host].(*fixes.Registry); r.Version != "TLS 1.1" || r.Err != "" {
		t.Errorf("%+v", r)
	}
}

func mustLeaf(t *testing.T, cert tls.Certificate) *x509.Certificate {
	t.Helper()
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}
