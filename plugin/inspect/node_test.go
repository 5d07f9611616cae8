package inspect

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// server writes files, listens on a port, and waits; or it connects, to what only
// its code knows, and holds the connection.
const server = `package main

import (
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func dial() {
	for {
		c, err := net.Dial("tcp", "secret-peer.look.svc.cluster.local:80")
		if err == nil {
			_, _ = c.Read(make([]byte, 1))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func main() {
	if os.Args[1] == "dial" {
		go dial()
		os.Args = []string{"program", "9999"}
	}
	for _, file := range os.Args[2:] {
		if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
			panic(err)
		}
	}
	l, err := net.Listen("tcp", ":"+os.Args[1])
	if err != nil {
		panic(err)
	}
	var held []net.Conn
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			held = append(held, c)
		}
	}()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	<-c
}
`

// loadImages makes two images of the server: with a shell and a few programs
// of this machine beside it, and with nothing.
func loadImages(t *testing.T, node *cluster.Node) {
	t.Helper()
	node.LoadProgram(t, "bare:1", server, cluster.ImageConfig{Entrypoint: []string{"/program"}})
	root := t.TempDir()
	if err := os.Rename(cluster.StaticProgram(t, server), filepath.Join(root, "program")); err != nil {
		t.Fatal(err)
	}
	library := regexp.MustCompile(`/[^ ]+\.so[^ ]*`)
	for _, name := range []string{"sh", "find", "ls", "cat"} {
		from, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		copyFile(t, from, filepath.Join(root, "bin", name))
		listed, err := exec.Command("ldd", from).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, lib := range library.FindAllString(string(listed), -1) {
			copyFile(t, lib, filepath.Join(root, lib))
		}
	}
	for path, uid := range map[string]int{"var/app": 1000, "var/idle": 1000, "tmp": 0, "data": 0} {
		dir := filepath.Join(root, path)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(root, "tmp"), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	node.LoadImage(t, "shell:1", root, cluster.ImageConfig{Entrypoint: []string{"/program"}, Env: []string{"PATH=/bin"}})
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o755); err != nil {
		t.Fatal(err)
	}
}

const pods = `
apiVersion: v1
kind: Pod
metadata: {name: two, namespace: look}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsUser: 1000, runAsGroup: 1000}
  containers:
  - name: web
    image: shell:1
    args: ["8080", /var/app/state, /tmp/x, /data/x]
    securityContext: {allowPrivilegeEscalation: false}
    volumeMounts: [{name: data, mountPath: /data}]
  - {name: bare, image: "bare:1", args: ["8081"]}
  volumes: [{name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Pod
metadata: {name: root, namespace: look}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: web, image: "shell:1", args: ["80", /var/app/state, /state]}]
---
apiVersion: v1
kind: Pod
metadata: {name: tight, namespace: look}
spec:
  terminationGracePeriodSeconds: 1
  hostNetwork: true
  containers:
  - name: web
    image: shell:1
    args: ["18080"]
    securityContext: {readOnlyRootFilesystem: true, runAsUser: 7, runAsGroup: 8, capabilities: {drop: [ALL]}}
`

// TestLookOnNode looks into real containers.
func TestLookOnNode(t *testing.T) {
	if testing.Short() {
		t.Skip("what a real node does is not what the race detector looks at")
	}
	node := cluster.StartNode(t)
	loadImages(t, node)
	node.Kubectl(t, "create", "namespace", "look")
	node.Apply(t, pods)
	node.Kubectl(t, "wait", "--for=condition=Ready", "pod", "--all", "-n", "look", "--timeout=180s")
	config, err := clientcmd.BuildConfigFromFlags("", node.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	look := func(pod, container string) *fixes.Process {
		t.Helper()
		return Look(t.Context(), config, getPod(t, config, pod), container)
	}

	web := look("two", "web")
	if web.Err != "" || len(web.Running) != 1 || web.Image != "shell:1" {
		t.Fatalf("%+v", web)
	}
	first := web.Running[0]
	if first.PID != 1 || first.Name != "program" || first.UID != 1000 || first.GID != 1000 || len(first.Effective) > 0 || !first.NoNewPrivileges {
		t.Errorf("%+v", first)
	}
	if want := []string{"/tmp/", "/tmp/x", "/var/app/", "/var/app/state"}; !web.WrittenKnown || !slices.Equal(web.Written, want) {
		t.Errorf("written %v %q, want %q", web.WrittenKnown, web.Written, want)
	}
	if want := []string{"/tmp", "/tmp/x", "/var/app", "/var/app/state", "/var/idle"}; !web.WritableKnown || !slices.Equal(slices.Sorted(slices.Values(web.Writable)), want) {
		t.Errorf("writable %v %q, want %q", web.WritableKnown, web.Writable, want)
	}
	if want := []string{"/var/app", "/var/idle"}; !slices.Equal(web.Owned, want) {
		t.Errorf("owned %q, want %q", web.Owned, want)
	}
	if !web.ListensKnown || !slices.Equal(web.Listens, []int32{8080}) {
		t.Errorf("listens %v %v: the other container's port is not its", web.ListensKnown, web.Listens)
	}
	if bare := look("two", "bare"); bare.Err != phrase(errMissing) || len(bare.Commands) > 0 || len(bare.Running) > 0 {
		t.Errorf("%+v", bare)
	}

	root := look("root", "web")
	if root.Err != "" || root.Running[0].UID != 0 || len(root.Running[0].Effective) != 14 || root.WritableKnown ||
		!slices.Equal(root.Written, []string{"/", "/state", "/var/app/", "/var/app/state"}) || !slices.Equal(root.Listens, []int32{80}) {
		t.Errorf("%+v", root)
	}
	tight := look("tight", "web")
	if tight.Err != "" || !tight.ReadOnlyRoot || tight.Running[0].UID != 7 || len(tight.Running[0].Bounding) > 0 ||
		!tight.WrittenKnown || len(tight.Written) > 0 || tight.ListensKnown {
		t.Errorf("%+v", tight)
	}

	t.Run("a pod that goes away", func(t *testing.T) {
		pod := getPod(t, config, "tight")
		node.Kubectl(t, "delete", "pod", "tight", "-n", "look", "--wait=true")
		if gone := Look(t.Context(), config, pod, "web"); gone.Err != "the pod is gone" {
			t.Errorf("%+v", gone)
		}
	})
	t.Run("no right", func(t *testing.T) {
		node.Kubectl(t, "create", "clusterrolebinding", "reader", "--clusterrole=view", "--user=reader")
		reader := rest.CopyConfig(config)
		reader.Impersonate.UserName = "reader"
		facts, skips := load(t, reader, config)
		if len(facts) > 0 || !slices.Equal(skips, []fixes.Skip{{Resource: "pods/exec", Reason: "forbidden"}}) {
			t.Errorf("%+v %+v", facts, skips)
		}
	})
	t.Run("everything", func(t *testing.T) {
		var said []string
		facts, skips := load(t, config, config, func(c string) { said = append(said, c) })
		if len(facts) != 2 || len(skips) != 1 || !strings.Contains(skips[0].Reason, "1 container: the image has no shell") {
			t.Errorf("%+v %+v", facts, skips)
		}
		if len(said) != 6 || !strings.HasPrefix(said[0], "sh -c ") {
			t.Errorf("said %q", said)
		}
	})
}

func getPod(t *testing.T, config *rest.Config, name string) *corev1.Pod {
	t.Helper()
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	obj, err := c.Get(t.Context(), fixes.Ref{Kind: fixes.KindPod, Namespace: "look", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return obj.(*corev1.Pod)
}

type connection struct{ config *rest.Config }

func (c connection) ToRESTConfig() (*rest.Config, error) { return c.config, nil }

// load loads the facts of all pods, as one user, and lists the pods as another.
func load(t *testing.T, as, lister *rest.Config, say ...func(string)) (facts []fixes.Object, skips []fixes.Skip) {
	t.Helper()
	inv := fixes.NewInventory()
	c, err := client.New(lister)
	if err != nil {
		t.Fatal(err)
	}
	err = c.List(t.Context(), fixes.KindPod, "look", func(list []fixes.Object) {
		for _, obj := range list {
			inv.Add(obj)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &Processes{Connection: connection{as}}
	for _, s := range say {
		p.Say = s
	}
	err = p.Load(t.Context(), inv, func(b source.Batch) {
		for _, obj := range b.Objects {
			if obj.(*fixes.Process).Err == "" {
				facts = append(facts, obj)
			}
		}
		skips = append(skips, b.Skips...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return facts, skips
}
