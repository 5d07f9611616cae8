package nodes

import (
	"bufio"
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

const (
	// probeTimeout bounds connecting to one address, and hearing its greeting.
	probeTimeout = 2 * time.Second
	// maxGreeting is the longest first line (RFC 4253, 4.2), in bytes.
	maxGreeting = 255
	sshPort     = "22"
)

// Probe connects to port 22 of the nodes, at the addresses that they name. It
// implements [source.Facts] for [fixes.KindNodeProbe].
type Probe struct {
	// Say, where set, is told of each address before it is connected to.
	Say func(address string)

	dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: a net.Dialer's
}

// Kind implements [source.Facts].
func (*Probe) Kind() fixes.Kind { return fixes.KindNodeProbe }

// Load implements [source.Facts]. An address of this machine itself, or of none, is
// not connected to: an object may name any.
func (pr *Probe) Load(ctx context.Context, inv *fixes.Inventory, emit func(source.Batch)) error {
	var mu sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	refused := map[string]int{}
	for _, node := range fixes.Objects[*corev1.Node](inv, "") {
		addresses, odd := addressesOf(node)
		if odd {
			refused["an address that is no node's in a network"]++
		}
		if len(addresses) == 0 {
			continue
		}
		group.Go(func() error {
			fact := &fixes.NodeProbe{ObjectMeta: metav1.ObjectMeta{Name: node.Name}}
			for _, address := range addresses {
				if pr.Say != nil {
					mu.Lock()
					pr.Say(address)
					mu.Unlock()
				}
				fact.Asked = append(fact.Asked, address)
				if greeting, ok := pr.ask(groupCtx, address); ok {
					fact.Answered = append(fact.Answered, strings.TrimSuffix(address+": "+greeting, ": "))
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			emit(source.Batch{Kind: fixes.KindNodeProbe, Objects: []fixes.Object{fact}})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	emit(source.Batch{Kind: fixes.KindNodeProbe, Skips: skips("port 22 of nodes", false, refused)})
	return nil
}

// addressesOf returns where a node can be connected to; odd tells that it names
// addresses that no node has in a network.
func addressesOf(node *corev1.Node) (addresses []string, odd bool) {
	for _, a := range node.Status.Addresses {
		if a.Type != corev1.NodeInternalIP && a.Type != corev1.NodeExternalIP {
			continue // names may lead anywhere
		}
		ip := net.ParseIP(a.Address)
		if ip == nil || !ip.IsGlobalUnicast() {
			odd = true
			continue
		}
		if address := net.JoinHostPort(ip.String(), sshPort); !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	return addresses, odd
}

// ask connects to an address, and returns the first line of what it says.
func (pr *Probe) ask(ctx context.Context, address string) (greeting string, answered bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	dial := pr.dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return "", false
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if conn.SetReadDeadline(deadline) != nil {
		return "", true
	}
	line, _ := bufio.NewReader(io.LimitReader(conn, maxGreeting)).ReadString('\n') // it need not say anything
	return fixes.Clean(strings.TrimSpace(line)), true
}
