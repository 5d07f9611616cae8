package inspect

import (
	"context"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/flows"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// podsEach is how many pods of one workload are looked into: they do the same,
// and each look is one more chance to meet a connection.
const podsEach = 3

// Connections looks at the TCP connections that the pods of an inventory have
// open, or had a moment ago. It implements [source.Facts] for [fixes.KindFlows].
type Connections struct {
	// Connection and Say are as those of [Processes].
	Connection interface {
		ToRESTConfig() (*rest.Config, error)
	}
	Say func(command string)

	run func(*rest.Config, *corev1.Pod, string) (runner, error) // nil: inContainer
}

// Kind implements [source.Facts].
func (*Connections) Kind() fixes.Kind { return fixes.KindFlows }

// Load implements [source.Facts].
func (c *Connections) Load(ctx context.Context, inv *fixes.Inventory, emit func(source.Batch)) error {
	config, err := c.Connection.ToRESTConfig()
	if err != nil {
		return err
	}
	open := inContainer
	if c.run != nil {
		open = c.run
	}
	subjects := podsToLookInto(inv)
	seen := results{refused: map[string]bool{}, failed: map[string]int{}, said: map[string]bool{}}
	collector := flows.NewCollector(inv, "--inspect")
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, pod := range subjects {
		group.Go(func() error {
			if seen.isRefused(pod.Namespace) {
				return nil
			}
			sockets, command, err := socketsOf(groupCtx, config, pod, open)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			seen.mu.Lock()
			defer seen.mu.Unlock()
			switch {
			case apierrors.IsForbidden(err):
				seen.refused[pod.Namespace] = true
				return nil
			case err != nil:
				seen.failed[phrase(err)]++
				return nil
			}
			if c.Say != nil && !seen.said[command] {
				seen.said[command] = true
				c.Say(fixes.Clean(command))
			}
			for _, r := range connectionsOf(pod, sockets, time.Now()) {
				collector.Add(r)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	batch := collector.Batch()
	for _, obj := range batch.Objects {
		obj.(*fixes.Flows).Look = true
	}
	var looked []subject
	for _, pod := range subjects {
		looked = append(looked, subject{pod: pod})
	}
	batch.Skips = append(batch.Skips, seen.skips(looked)...)
	emit(batch)
	return nil
}

// podsToLookInto lists running pods with a network of their own, some of each
// workload.
func podsToLookInto(inv *fixes.Inventory) []*corev1.Pod {
	var list []*corev1.Pod
	for _, w := range inv.Workloads("") {
		if w.Windows() || w.Spec.HostNetwork {
			continue
		}
		n := 0
		for _, pod := range inv.Pods(w) {
			if n < podsEach && pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning && !pod.Spec.HostNetwork {
				list = append(list, pod)
				n++
			}
		}
	}
	return list
}

var tcpFiles = netFiles[:2]

// readSockets are commands that print the pod's sockets, of which an image has
// one, or none.
var readSockets = [][]string{
	append([]string{"cat"}, tcpFiles...),
	{"sh", "-c", `for f in ` + strings.Join(tcpFiles, " ") + `; do while IFS= read -r l; do printf '%s\n' "$l"; done < "$f"; done 2>/dev/null`},
	append([]string{"busybox", "cat"}, tcpFiles...),
}

// socketsOf returns the TCP sockets of a pod, as the first of its containers
// shows them that can: they share one network.
func socketsOf(ctx context.Context, config *rest.Config, pod *corev1.Pod, open func(*rest.Config, *corev1.Pod, string) (runner, error)) ([]tcpSocket, string, error) {
	failed := errMissing
	for _, c := range pod.Spec.Containers {
		if !isRunning(pod, c.Name) {
			continue
		}
		run, err := open(config, pod, c.Name)
		if err != nil {
			return nil, "", err
		}
		for _, command := range readSockets {
			out, err := run(ctx, command...)
			switch {
			case errors.Is(err, errMissing):
				continue
			case apierrors.IsForbidden(err), ctx.Err() != nil:
				return nil, "", err
			case out == "" && err != nil: // without IPv6, cat fails and has printed all the same
				failed = err
				continue
			}
			return parseTCP(strings.Split(out, "\n")), strings.Join(command, " "), nil
		}
	}
	return nil, "", failed
}

// tcpSocket is a line of /proc/net/tcp or tcp6.
type tcpSocket struct {
	local, remote netip.AddrPort
	listens       bool
}

// The states of sockets that are, or were, connected (include/net/tcp_states.h):
// not those of attempts.
var connected = []string{"01", "04", "05", "06", "08", "09", "0B"}

// maxSockets bounds what is taken of one pod.
const maxSockets = 20_000

// parseTCP reads /proc/net/tcp and tcp6 (proc_net_tcp(5)).
func parseTCP(lines []string) []tcpSocket {
	var all []tcpSocket
	for _, line := range lines {
		f := strings.Fields(line)
		if len(f) < 10 || len(all) == maxSockets {
			continue
		}
		s := tcpSocket{listens: f[3] == "0A"}
		var ok, alsoOK bool
		s.local, ok = parseEnd(f[1])
		s.remote, alsoOK = parseEnd(f[2])
		if ok && alsoOK && s.local.Port() != 0 && (s.listens || slices.Contains(connected, f[3]) && s.remote.Port() != 0) {
			all = append(all, s)
		}
	}
	return all
}

// parseEnd reads "0100007F:1F90": an address in words of 32 bits, of the
// machine's byte order, which is little-endian where Kubernetes runs (but for
// s390x), and a port.
func parseEnd(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	raw, hexErr := hex.DecodeString(host)
	if err != nil || hexErr != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	addr, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), true
}

// connectionsOf tells of a pod's sockets who connects to whom: to a port on which
// the pod listens others connected; from another one, it did. What is connected
// now has no address of a pod that is gone.
func connectionsOf(pod *corev1.Pod, sockets []tcpSocket, now time.Time) []flows.Record {
	listens := map[uint16]bool{}
	for _, s := range sockets {
		listens[s.local.Port()] = listens[s.local.Port()] || s.listens
	}
	own := flows.Peer{Namespace: pod.Namespace, Pod: pod.Name}
	var out []flows.Record
	for _, s := range sockets {
		if s.listens || s.remote.Addr().IsLoopback() || s.remote.Addr() == s.local.Addr() {
			continue
		}
		r := flows.Record{
			From: own, To: flows.Peer{Place: flows.Outside, Addr: s.remote.Addr()},
			FromPort: int32(s.local.Port()), ToPort: int32(s.remote.Port()),
			Protocol: corev1.ProtocolTCP, Direction: flows.Request, First: now, Last: now,
		}
		if listens[s.local.Port()] {
			r.Direction = flows.Reply
		}
		out = append(out, r)
	}
	return out
}
