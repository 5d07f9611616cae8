package cluster_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// program serves HTTP; or, as a command in its own container, prints a file or
// gets a URL, as the pod's ServiceAccount if the API server is asked.
const program = `
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal(http.ListenAndServe(":80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "served by ", os.Getenv("HOSTNAME"))
		})))
	}
	switch os.Args[1] {
	case "cat":
		os.Stdout.Write(read(os.Args[2]))
	case "get":
		get(http.DefaultTransport, "", os.Args[2])
	case "ask":
		const account = "/var/run/secrets/kubernetes.io/serviceaccount/"
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(read(account + "ca.crt"))
		get(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, string(read(account+"token")), os.Args[2])
	}
}

func read(file string) []byte {
	b, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	return b
}

func get(transport http.RoundTripper, token, url string) {
	client := http.Client{Transport: transport, Timeout: 2 * time.Second}
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		log.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(os.Stdout, resp.Body)
}
`

const served = `
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec:
  containers:
  - name: server
    image: server:1
    env: [{name: PASSWORD, value: hunter2}]
    readinessProbe: {httpGet: {port: 80}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers:
  - {name: client, image: "server:1"}
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec:
  selector: {app: server}
  ports: [{port: 80}]
`

const denied = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec:
  podSelector: {matchLabels: {app: server}}
  policyTypes: [Ingress]
`

func runServer(t *testing.T, n *cluster.Node) (digest string) {
	t.Helper()
	digest = n.LoadProgram(t, "server:1", program, cluster.ImageConfig{User: "65532"})
	n.Apply(t, served)
	n.Kubectl(t, "wait", "--for=condition=Ready", "pod/server", "pod/client", "--timeout=180s")
	return digest
}

func TestPodsOnNode(t *testing.T) {
	start := time.Now()
	n := cluster.StartNode(t)
	t.Logf("started in %s", time.Since(start).Round(10*time.Millisecond))
	start = time.Now()
	digest := runServer(t, n)
	t.Logf("image built and pods ready in %s", time.Since(start).Round(10*time.Millisecond))

	t.Run("exec shows the environment", func(t *testing.T) {
		environ := n.Exec(t, "default", "server", "server", "/program", "cat", "/proc/1/environ")
		if !strings.Contains(environ, "PASSWORD=hunter2\x00") {
			t.Errorf("%q", environ)
		}
	})
	t.Run("status reports the image", func(t *testing.T) {
		id := n.Kubectl(t, "get", "pod", "server", "-o", "jsonpath={.status.containerStatuses[0].imageID}")
		if want := "docker.io/library/server@" + digest; id != want {
			t.Errorf("%q, want %q", id, want)
		}
	})
	t.Run("image can be named by digest", func(t *testing.T) {
		n.Kubectl(t, "run", "pinned", "--image=server@"+digest)
		n.Kubectl(t, "wait", "--for=condition=Ready", "pod/pinned", "--timeout=180s")
	})
	t.Run("Service answers by name", func(t *testing.T) {
		got := n.Exec(t, "default", "client", "client", "/program", "get", "http://server.default.svc.cluster.local")
		if got != "served by server" {
			t.Errorf("%q", got)
		}
	})
	t.Run("API server answers pods", func(t *testing.T) {
		n.Kubectl(t, "create", "rolebinding", "view", "--clusterrole=view", "--serviceaccount=default:default")
		got := n.Exec(t, "default", "client", "client", "/program", "ask",
			"https://kubernetes.default.svc.cluster.local/api/v1/namespaces/default/services/server")
		if !strings.Contains(got, `"kind":"Service"`) {
			t.Errorf("%q", got)
		}
	})
	t.Run("node's network can be entered", func(t *testing.T) {
		ip := n.Kubectl(t, "get", "service", "server", "-o", "jsonpath={.spec.clusterIP}")
		out, err := n.Command(cluster.StaticProgram(t, program), "get", "http://"+ip).CombinedOutput()
		if err != nil || string(out) != "served by server" {
			t.Errorf("%v: %q", err, out)
		}
		out, err = n.Command("kubectl", "get", "nodes", "-o", "name").CombinedOutput()
		if err != nil || string(out) != "node/"+cluster.NodeName+"\n" {
			t.Errorf("%v: %q", err, out)
		}
	})
	t.Run("NetworkPolicy holds", func(t *testing.T) {
		n.Apply(t, denied)
		deadline := time.Now().Add(3 * time.Minute)
		for {
			_, _, err := n.KubectlErr("exec", "client", "--", "/program", "get", "http://server.default.svc.cluster.local")
			if err != nil {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("the server still answers")
			}
		}
	})
	t.Run("logs and kubelet configuration", func(t *testing.T) {
		n.Kubectl(t, "logs", "server")
		got := n.Kubectl(t, "get", "--raw", "/api/v1/nodes/"+cluster.NodeName+"/proxy/configz")
		if !strings.Contains(got, `"kubeletconfig"`) {
			t.Error(got)
		}
	})
	t.Run("container cannot run as root if it must not", func(t *testing.T) {
		n.LoadProgram(t, "root:1", program, cluster.ImageConfig{})
		n.Apply(t, `
apiVersion: v1
kind: Pod
metadata: {name: root}
spec:
  containers:
  - {name: root, image: "root:1", securityContext: {runAsNonRoot: true}}
`)
		const refused = "jsonpath={.status.containerStatuses[0].state.waiting.reason}=CreateContainerConfigError"
		n.Kubectl(t, "wait", "--for="+refused, "pod/root", "--timeout=180s")
	})
}
