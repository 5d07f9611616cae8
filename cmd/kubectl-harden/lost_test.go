//go:build !windows

package main

import (
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// wire is a connection to the API server that can be cut and mended.
type wire struct {
	testing.TB
	server, address string

	mu       sync.Mutex
	listener net.Listener
	open     []net.Conn
}

// newWire returns a wire that is cut, and a kubeconfig that goes through it.
func newWire(t *testing.T) (w *wire, kubeconfig string) {
	t.Helper()
	server, err := url.Parse(control.URL)
	if err != nil {
		t.Fatal(err)
	}
	w = &wire{TB: t, server: server.Host, address: "127.0.0.1:0"}
	w.mend() // finds a port
	w.cut()
	t.Cleanup(w.cut)
	text, err := os.ReadFile(control.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(strings.ReplaceAll(string(text), server.Host, w.address)), 0o600); err != nil {
		t.Fatal(err)
	}
	return w, kubeconfig
}

func (w *wire) mend() {
	w.Helper()
	var l net.Listener
	var err error
	for range 100 {
		if l, err = net.Listen("tcp", w.address); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		w.Fatal(err)
	}
	w.mu.Lock()
	w.listener, w.address = l, l.Addr().String()
	w.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(l, c)
		}
	}()
}

func (w *wire) carry(l net.Listener, c net.Conn) {
	s, err := net.Dial("tcp", w.server)
	if err != nil {
		_ = c.Close()
		return
	}
	w.mu.Lock()
	cut := w.listener != l
	w.open = append(w.open, c, s)
	w.mu.Unlock()
	if cut {
		_, _ = c.Close(), s.Close()
		return
	}
	go func() { _, _ = io.Copy(s, c); _ = s.Close() }()
	_, _ = io.Copy(c, s)
	_ = c.Close()
}

// cut breaks off all connections, and refuses others.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener != nil {
		_ = w.listener.Close()
	}
	for _, c := range w.open {
		_ = c.Close()
	}
	w.listener, w.open = nil, nil
}

// TestSessionLosesTheServer demands that a server that is not there at the
// start, or goes away before a scan, a check and an apply, is told of and tried
// again, and that nothing staged is lost.
func TestSessionLosesTheServer(t *testing.T) {
	ns := running(t, "session-loses")
	w, kubeconfig := newWire(t)
	term := openWith(t, kubeconfig, 120, 40, "-n", ns, "--rule", "env-secret", "--settle=0s")
	term.Wait("does not answer", "retrying in")
	w.mend()
	term.Wait("1 finding in").Type("S ").Wait("1 staged")

	w.cut()
	term.Type("r").Wait("retrying in", "1 staged")
	w.mend()
	term.Type("r").Wait("1 finding in", "1 staged").Gone("retrying")

	w.cut()
	term.Type("p").Wait("verified", "2 without an answer", "It could not be asked about all").Type("a").Wait("The server could not be asked about all of it").Type("\x1b").Gone("could not be asked about all of it")
	w.mend()
	term.Type("\x1b").Wait("by rule, worst first").Type("p").Wait("accepted by the server")

	w.cut()
	term.Type("a").Wait("Apply to " + contextName)
	agree(term)
	term.Wait("nothing applied", "does not answer").Type("\x1b").Wait("1 staged")
	w.mend()
	term.Type("r").Wait("1 finding in", "1 staged").Type("p").Wait("accepted by the server").Type("a").Wait("Apply to " + contextName)
	agree(term)
	term.Wait("done in").Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
	if got := control.Kubectl(t, "get", "deployment/web", "-n", ns, "-o", "jsonpath={..secretKeyRef.name}"); got != "web-env" {
		t.Errorf("DB_PASSWORD comes from %q", got)
	}
}
