package nodes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

func inventory(addresses map[string][]corev1.NodeAddress) *fixes.Inventory {
	inv := fixes.NewInventory()
	for name, list := range addresses {
		inv.Add(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Addresses: list}})
	}
	return inv
}

func load(t *testing.T, f source.Facts, inv *fixes.Inventory) (objects map[string]fixes.Object, skips []fixes.Skip) {
	t.Helper()
	objects = map[string]fixes.Object{}
	err := f.Load(t.Context(), inv, func(b source.Batch) {
		for _, obj := range b.Objects {
			objects[obj.GetName()] = obj
		}
		skips = append(skips, b.Skips...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return objects, skips
}

// answers are what broken kubelets answer, by node: no real one answers so.
type answers map[string]func() ([]byte, error)

func (a answers) Raw(_ context.Context, path string) ([]byte, error) {
	node, _ := strings.CutPrefix(path, "/api/v1/nodes/")
	return a[strings.TrimSuffix(node, "/proxy/configz")]()
}

func (a answers) RawAs(_ context.Context, path, _ string) ([]byte, error) {
	node, ok := strings.CutSuffix(strings.TrimPrefix(path, "/api/v1/nodes/"), "/proxy/flagz")
	if answer := a[node+" flags"]; ok && answer != nil {
		return answer()
	}
	return nil, nodeError(metav1.StatusReasonNotFound)
}

func text(s string) func() ([]byte, error)  { return func() ([]byte, error) { return []byte(s), nil } }
func fail(err error) func() ([]byte, error) { return func() ([]byte, error) { return nil, err } }
func nodeError(reason metav1.StatusReason) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Reason: reason, Message: "\x1b[31mhostile"}}
}

// TestBrokenKubelets: what does not answer as a kubelet does is said, each reason
// once, and nothing of an answer is repeated.
func TestBrokenKubelets(t *testing.T) {
	api := answers{
		"good":    text(`{"kubeletconfig":{"readOnlyPort":10255,"staticPodURLHeader":{"Authorization":["Bearer hunter2"]}}}`),
		"html":    text("<html>\x1b[31mhello"),
		"other":   text(`{"kubeproxyconfig":{}}`),
		"array":   text(`{"kubeletconfig":[1]}`),
		"huge":    text(`{"kubeletconfig":{"a":"` + strings.Repeat("a", maxConfig) + `"}}`),
		"gone":    fail(nodeError(metav1.StatusReasonNotFound)),
		"no-auth": fail(nodeError(metav1.StatusReasonUnauthorized)),
		"slow":    fail(fmt.Errorf("x: %w", context.DeadlineExceeded)),
		"down":    fail(errors.New("dial tcp: \x1b[31mrefused")),
	}
	addresses := map[string][]corev1.NodeAddress{}
	for name := range api {
		addresses[name] = nil
	}
	objects, skips := load(t, &Kubelets{API: api}, inventory(addresses))
	if len(objects) != 1 || objects["good"].(*fixes.Kubelet).Setting("readOnlyPort") != float64(10255) {
		t.Errorf("facts %v", objects)
	}
	if objects["good"].(*fixes.Kubelet).Setting("staticPodURLHeader") != nil {
		t.Error("a header that may hold a token is kept")
	}
	var got []string
	for _, s := range skips {
		got = append(got, s.Resource+": "+s.Reason)
	}
	want := []string{
		"flags of kubelets: 1 node: its kubelet does not show them, as before Kubernetes 1.36",
		"nodes/proxy: 1 node: the API server could not reach the kubelet",
		"nodes/proxy: 1 node: the kubelet did not answer in time",
		"nodes/proxy: 1 node: the kubelet does not take the API server's credentials",
		"nodes/proxy: 1 node: the kubelet serves no configz (enableDebuggingHandlers: false), or the node is gone",
		"nodes/proxy: 4 nodes: the answer is no kubelet's configuration",
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("skipped %q", got)
	}
}

// TestFlags keeps of a kubelet's flags those that a rule asks for, and none of what is
// no answer of flagz.
func TestFlags(t *testing.T) {
	config := text(`{"kubeletconfig":{"readOnlyPort":0}}`)
	for answer, want := range map[string]map[string]string{
		`{"kind":"Flagz","flags":{"hostname-override":"x","bootstrap-kubeconfig":"/secret"}}`: {"hostname-override": "x"},
		`{"kind":"Flagz","flags":{}}`:                        {"hostname-override": ""},
		`{"kind":"Other","flags":{"hostname-override":"x"}}`: nil,
		`{"kind":"Flagz","flags":{"hostname-override":1}}`:   nil,
		"hello": nil,
	} {
		objects, skips := load(t, &Kubelets{API: answers{"n": config, "n flags": text(answer)}}, inventory(map[string][]corev1.NodeAddress{"n": nil}))
		got := objects["n"].(*fixes.Kubelet).Flags
		if !maps.Equal(got, want) || (got == nil) != (want == nil) || len(skips) > 0 == (want != nil) {
			t.Errorf("%s: %v, skipped %v", answer, got, skips)
		}
	}
}

// TestForbidden stops asking at the first refusal.
func TestForbidden(t *testing.T) {
	api, addresses := answers{}, map[string][]corev1.NodeAddress{}
	var mu sync.Mutex
	asked := 0
	for i := range 100 {
		name := fmt.Sprint("n", i)
		addresses[name] = nil
		api[name] = func() ([]byte, error) {
			mu.Lock()
			asked++
			mu.Unlock()
			return nil, apierrors.NewForbidden(schema.GroupResource{Resource: "nodes"}, name, errors.New("x"))
		}
	}
	_, skips := load(t, &Kubelets{API: api}, inventory(addresses))
	if !slices.Equal(skips, []fixes.Skip{{Resource: "nodes/proxy", Reason: "forbidden"}}) || asked > atOnce {
		t.Errorf("%d were asked, skipped %v", asked, skips)
	}
}

// TestProbe connects to real listeners, in place of the nodes' port 22.
func TestProbe(t *testing.T) {
	listen := func(greeting string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte(greeting))
				_ = conn.Close()
			}
		}()
		return l.Addr().String()
	}
	listeners := map[string]string{
		"10.0.0.1:22": listen("SSH-2.0-OpenSSH_9.6\r\nmore"), "10.0.0.2:22": listen("\x1b]0;hostile\x07" + strings.Repeat("a", 1000)),
		"10.0.0.3:22": listen(""), "[2001:db8::4]:22": listen("SSH-2.0-v6\n"),
	}
	var mu sync.Mutex
	var dialled, said []string
	probe := &Probe{
		Say: func(address string) { said = append(said, address) },
		dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			mu.Lock()
			dialled = append(dialled, address)
			mu.Unlock()
			if listeners[address] == "" {
				return nil, errors.New("refused")
			}
			return (&net.Dialer{}).DialContext(ctx, network, listeners[address])
		},
	}
	internal := func(ip string) corev1.NodeAddress {
		return corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip}
	}
	objects, skips := load(t, probe, inventory(map[string][]corev1.NodeAddress{
		"open":    {internal("10.0.0.1"), {Type: corev1.NodeHostName, Address: "metadata.internal"}, {Type: corev1.NodeExternalDNS, Address: "localhost"}},
		"hostile": {internal("10.0.0.2"), internal("10.0.0.2"), internal("127.0.0.1"), internal("169.254.169.254"), internal("0.0.0.0"), internal("x; rm")},
		"silent":  {internal("10.0.0.3")},
		"both":    {internal("10.0.0.9"), {Type: corev1.NodeExternalIP, Address: "2001:db8::4"}},
		"closed":  {internal("10.0.0.8")},
		"none":    nil,
	}))
	answered := map[string][]string{}
	for name, obj := range objects {
		answered[name] = obj.(*fixes.NodeProbe).Answered
	}
	for name, want := range map[string][]string{
		"open": {"10.0.0.1:22: SSH-2.0-OpenSSH_9.6"}, "silent": {"10.0.0.3:22"}, "both": {"[2001:db8::4]:22: SSH-2.0-v6"}, "closed": nil, "none": nil,
	} {
		if !slices.Equal(answered[name], want) {
			t.Errorf("%s answered %q", name, answered[name])
		}
	}
	if a := answered["hostile"]; len(a) != 1 || strings.ContainsAny(a[0], "\x1b\x07") || len(a[0]) > 400 {
		t.Errorf("a hostile greeting: %q", a)
	}
	slices.Sort(dialled)
	slices.Sort(said)
	if want := []string{"10.0.0.1:22", "10.0.0.2:22", "10.0.0.3:22", "10.0.0.8:22", "10.0.0.9:22", "[2001:db8::4]:22"}; !slices.Equal(dialled, want) || !slices.Equal(said, want) {
		t.Errorf("connected to %q, and said %q", dialled, said)
	}
	if len(skips) != 1 || skips[0].Resource != "port 22 of nodes" {
		t.Errorf("skipped %v", skips)
	}
}
