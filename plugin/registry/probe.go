package registry

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// Probe connects to the hosts of an inventory's images, to see how well the
// connection is protected. It implements [source.Facts] for
// [fixes.KindRegistry].
type Probe struct {
	// Roots are the authorities to trust; nil: the system's.
	Roots *x509.CertPool
	// Now is the clock.
	Now func() time.Time
}

// Kind implements [source.Facts].
func (*Probe) Kind() fixes.Kind { return fixes.KindRegistry }

// Load implements [source.Facts]. Each host is connected to once.
func (pr *Probe) Load(ctx context.Context, inv *fixes.Inventory, emit func(source.Batch)) error {
	var mu sync.Mutex
	var skips []fixes.Skip
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(imagesAtOnce)
	for _, host := range hostsOf(inv) {
		group.Go(func() error {
			fact := pr.probe(groupCtx, host)
			if err := ctx.Err(); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if fact.Err != "" && !fact.Untrusted && !fact.Plain {
				skips = append(skips, fixes.Skip{Resource: "registries", Reason: fixes.Clean(host + ": " + fact.Err)})
			}
			emit(source.Batch{Kind: fixes.KindRegistry, Objects: []fixes.Object{fact}})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	slices.SortFunc(skips, func(a, b fixes.Skip) int { return cmp.Compare(a.Reason, b.Reason) })
	emit(source.Batch{Kind: fixes.KindRegistry, Skips: skips})
	return nil
}

// hostsOf lists the hosts that the images of an inventory name, each once.
func hostsOf(inv *fixes.Inventory) []string {
	var hosts []string
	for _, q := range questions(inv) {
		if host := imageHost(q.ref); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts
}

// dockerHub is the host in images' names, and behind it the one that answers.
const dockerHub = "docker.io"

func imageHost(ref name.Reference) string {
	if host := ref.Context().RegistryStr(); host != name.DefaultRegistry {
		return host
	}
	return dockerHub
}

// probe connects to a host: by TLS that is verified, else by TLS that is not, to
// see what it is, else by plain HTTP.
func (pr *Probe) probe(ctx context.Context, host string) *fixes.Registry {
	fact := &fixes.Registry{ObjectMeta: metav1.ObjectMeta{Name: host}, Probed: pr.Now()}
	addr := host
	if host == dockerHub {
		addr = name.DefaultRegistry
	}
	serverName, _, err := net.SplitHostPort(addr)
	if err != nil {
		serverName, addr = addr, net.JoinHostPort(addr, "443")
	}
	state, err := pr.handshake(ctx, addr, &tls.Config{ServerName: serverName, RootCAs: pr.Roots, MinVersion: tls.VersionTLS10}) // to see what it speaks
	if err == nil {
		fact.Version = tls.VersionName(state.Version)
		fact.Expires = expires(state)
		return fact
	}
	fact.Err = phrase(err)
	if certificatePhrase(err) != "" {
		fact.Untrusted = true
		state, err = pr.handshake(ctx, addr, &tls.Config{ServerName: serverName, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}) // nothing is sent: it is to read the dates
		if err == nil {
			fact.Version, fact.Expires = tls.VersionName(state.Version), expires(state)
		}
		return fact
	}
	if ctx.Err() == nil && pr.plain(ctx, host) {
		fact.Plain = true
	}
	return fact
}

// expires is when the first certificate of a chain ends.
func expires(state tls.ConnectionState) time.Time {
	var first time.Time
	for _, c := range state.PeerCertificates {
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

func (pr *Probe) handshake(ctx context.Context, addr string, config *tls.Config) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return tls.ConnectionState{}, timedOut(ctx, err)
	}
	defer func() { _ = raw.Close() }()
	if err := checkAddress(raw.RemoteAddr().String(), true); err != nil {
		return tls.ConnectionState{}, err
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, timedOut(ctx, err)
	}
	return conn.ConnectionState(), nil
}

func timedOut(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return timeoutError(requestTimeout)
	}
	return err
}

// plain reports whether a host answers as a registry does, without TLS. A host
// that only sends on to HTTPS does not.
func (pr *Probe) plain(ctx context.Context, host string) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/v2/", http.NoBody)
	if err != nil {
		return false
	}
	t := newTransport(http.DefaultTransport.(*http.Transport), host)
	t.Proxy = nil
	defer t.CloseIdleConnections()
	resp, err := t.RoundTrip(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusUnauthorized
}
