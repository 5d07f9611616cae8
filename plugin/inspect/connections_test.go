package inspect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// The sockets of web (10.1.0.5) and of db (10.1.0.6), as /proc has them: web is
// connected to db's Service (10.96.0.7), and to a host outside until a moment ago.
const (
	webSockets = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 21 1
   1: 0500010A:A028 0700600A:1538 01 00000000:00000000 00:00000000 00000000  1000        0 22 1
   2: 0500010A:A029 22D8B85D:01BB 06 00000000:00000000 03:00000000 00000000     0        0 0 3
   3: 0500010A:A02A 0900010A:0016 02 00000000:00000000 03:00000000 00000000     0        0 0 3
   4: 0100007F:A02B 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 23 1
`
	dbSockets = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 31 1
   1: 0000000000000000FFFF00000600010A:1538 0000000000000000FFFF00000500010A:A028 01 00000000:00000000 00:00000000 00000000   999        0 32 1
   2: 0000000000000000FFFF00000600010A:1538 0000000000000000FFFF00000B00A8C0:9C40 06 00000000:00000000 03:00000000 00000000     0        0 0 3
   x: nonsense
   3: 00:1 02 01 0 0 0 0 0 0
`
)

func TestParseTCP(t *testing.T) {
	var got []string
	for _, s := range parseTCP(strings.Split(webSockets+dbSockets, "\n")) {
		got = append(got, fmt.Sprintf("%v %v %v", s.local, s.remote, s.listens))
	}
	want := []string{
		"0.0.0.0:8080 0.0.0.0:0 true", "10.1.0.5:41000 10.96.0.7:5432 false", "10.1.0.5:41001 93.184.216.34:443 false", "127.0.0.1:41003 127.0.0.1:8080 false",
		"[::]:5432 [::]:0 true", "10.1.0.6:5432 10.1.0.5:41000 false", "10.1.0.6:5432 192.168.0.11:40000 false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func FuzzParseTCP(f *testing.F) {
	f.Add(webSockets)
	f.Add(dbSockets)
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range parseTCP(strings.Split(text, "\n")) {
			if !s.local.IsValid() || s.local.Port() == 0 || !s.listens && s.remote.Port() == 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

const twoPods = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: bare, image: x}, {name: c, image: x}]}
status: {phase: Running, podIP: 10.1.0.5, hostIP: 192.168.0.10, containerStatuses: [{name: bare, state: {running: {}}}, {name: c, state: {running: {}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: c, image: x, ports: [{containerPort: 5432}]}]}
status: {phase: Running, podIP: 10.1.0.6, hostIP: 192.168.0.11, containerStatuses: [{name: c, state: {running: {}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop}
spec: {containers: [{name: c, image: x}]}
status: {phase: Running, podIP: 10.1.0.7, hostIP: 192.168.0.11, containerStatuses: [{name: c, state: {running: {}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: closed, namespace: secret}
spec: {containers: [{name: c, image: x}]}
status: {phase: Running, podIP: 10.1.0.8, hostIP: 192.168.0.11, containerStatuses: [{name: c, state: {running: {}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.0.7, selector: {app: db}, ports: [{port: 5432}]}
`

// TestConnections makes flows of what pods show, by whatever program they have.
func TestConnections(t *testing.T) {
	inv := fixestest.Load(t, twoPods)
	inv.Live = true
	var said []string
	c := &Connections{
		Connection: connection{&rest.Config{}}, Say: func(command string) { said = append(said, command) },
		run: func(_ *rest.Config, pod *corev1.Pod, container string) (runner, error) {
			switch {
			case pod.Name == "web" && container == "c":
				return image{"sh -c": webSockets}.run, nil
			case pod.Name == "db":
				return image{"cat /proc/net/tcp": dbSockets}.run, nil
			case pod.Name == "closed":
				return nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods/exec"}, "closed", nil)
			}
			return image{}.run, nil
		},
	}
	got, skips, fact := lookAt(t, c, inv)
	want := []string{"web -> 93.184.216.34/32 443", "web -> Pod db 5432", "web -> Service db 5432"}
	if !slices.Equal(got, want) || !fact.Look || fact.Window() != "" {
		t.Errorf("seen %q, want %q: %+v", got, want, fact)
	}
	wantSkips := []fixes.Skip{
		{Resource: "pods/exec", Reason: "1 container: the image has no shell and no cat to look with"}, {Resource: "pods/exec", Namespace: "secret", Reason: "forbidden"}}
	if !slices.Equal(skips, wantSkips) {
		t.Errorf("skipped %+v", skips)
	}
	slices.Sort(said)
	if len(said) != 2 || said[0] != "cat /proc/net/tcp /proc/net/tcp6" || !strings.HasPrefix(said[1], "sh -c for f in /proc/net/tcp ") {
		t.Errorf("said %q", said)
	}
	web := connections.End{Workload: fixes.Ref{Kind: fixes.KindPod, Namespace: "shop", Name: "web"}}
	inv.Add(fact)
	for _, l := range connections.Find(inv).To(connections.End{Workload: fixes.Ref{Kind: fixes.KindPod, Namespace: "shop", Name: "db"}}) {
		if l.From != web || l.Sure != connections.Seen {
			t.Errorf("%v is %v", l.From, l.Sure)
		}
	}
}

// lookAt returns the connections that are seen, a line each.
func lookAt(t *testing.T, c *Connections, inv *fixes.Inventory) (seen []string, skips []fixes.Skip, fact *fixes.Flows) {
	t.Helper()
	err := c.Load(t.Context(), inv, func(b source.Batch) {
		fact = b.Objects[0].(*fixes.Flows)
		for _, f := range fact.Seen {
			to := f.To.Block.String()
			if f.To.Object.Name != "" {
				to = f.To.Object.Kind.Name + " " + f.To.Object.Name
			}
			seen = append(seen, fmt.Sprintf("%s -> %s %d", f.From.Object.Name, to, f.Port))
		}
		skips = b.Skips
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(seen)
	return seen, skips, fact
}

// TestConnectionsOnNode meets a connection between real pods, of which nothing
// tells: the client sees the Service's address, the server the client's own.
func TestConnectionsOnNode(t *testing.T) {
	if testing.Short() {
		t.Skip("what a real node does is not what the race detector looks at")
	}
	node := cluster.StartNode(t)
	loadImages(t, node)
	node.Kubectl(t, "create", "namespace", "look")
	node.Apply(t, `
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: look, labels: {app: server}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: "shell:1", args: ["8080"], ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: look, labels: {app: client}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: "shell:1", args: [dial]}]
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: look, labels: {app: other}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: "shell:1", args: ["7070"]}]
---
apiVersion: v1
kind: Service
metadata: {name: secret-peer, namespace: look}
spec: {selector: {app: server}, ports: [{port: 80, targetPort: 8080}]}
`)
	node.Kubectl(t, "wait", "--for=condition=Ready", "pod", "--all", "-n", "look", "--timeout=180s")
	config, err := clientcmd.BuildConfigFromFlags("", node.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"client -> Pod server 8080", "client -> Service secret-peer 80"}
	var got []string
	var fact *fixes.Flows
	var inv *fixes.Inventory
	for deadline := time.Now().Add(3 * time.Minute); !slices.Equal(got, want) && time.Now().Before(deadline); time.Sleep(time.Second) {
		inv = fixes.NewInventory()
		inv.Live = true
		for _, kind := range []fixes.Kind{fixes.KindPod, fixes.KindService} {
			if err := api.List(t.Context(), kind, "look", func(list []fixes.Object) {
				for _, obj := range list {
					inv.Add(obj)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		var skips []fixes.Skip
		got, skips, fact = lookAt(t, &Connections{Connection: connection{config}}, inv)
		if len(skips) > 0 {
			t.Logf("skipped %+v", skips)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("seen %q, want %q", got, want)
	}
	inv.Add(fact)
	end := func(name string) connections.End {
		return connections.End{Workload: fixes.Ref{Kind: fixes.KindPod, Namespace: "look", Name: name}}
	}
	to := connections.Find(inv).To(end("server"))
	if len(to) != 1 || to[0].From != end("client") || to[0].Sure != connections.Seen || to[0].Ports[0].Number != 8080 {
		t.Errorf("who connects to the server: %+v", to)
	}
}
