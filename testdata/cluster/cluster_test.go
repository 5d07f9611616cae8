package cluster_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1.29"}
`

func TestControlPlane(t *testing.T) {
	start := time.Now()
	c := cluster.Start(t, cluster.WithAudit())
	t.Logf("started in %s", time.Since(start).Round(10*time.Millisecond))

	t.Run("deployment becomes available", func(t *testing.T) {
		start := time.Now()
		c.Apply(t, web)
		c.Kubectl(t, "rollout", "status", "deployment/web", "--timeout=180s")
		t.Logf("rolled out in %s", time.Since(start).Round(10*time.Millisecond))
		if got := c.Kubectl(t, "get", "deployment", "web", "-o", "jsonpath={.status.availableReplicas}"); got != "3" {
			t.Errorf("available replicas: %q, want 3", got)
		}
	})

	t.Run("user without rights is refused", func(t *testing.T) {
		_, stderr, err := c.KubectlErr("--kubeconfig", c.KubeconfigNoRights, "get", "pods")
		if err == nil || !strings.Contains(stderr, `User "dev" cannot list resource "pods"`) {
			t.Errorf("error %v, stderr %q", err, stderr)
		}
		groups, _, err := c.KubectlErr("--kubeconfig", c.KubeconfigNoRights, "auth", "whoami", "-o", "jsonpath={.status.userInfo.groups}")
		if err != nil || !strings.Contains(groups, "devs") {
			t.Errorf("error %v, groups %q", err, groups)
		}
	})

	t.Run("server proves who it is", func(t *testing.T) {
		ca, err := os.ReadFile(c.CA)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
		defer client.CloseIdleConnections()
		req, err := http.NewRequest(http.MethodGet, c.URL+"/api/v1/namespaces", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.Token)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Error(resp.Status)
		}
	})

	t.Run("programs find the cluster", func(t *testing.T) {
		out, err := c.Command("kubectl", "version").CombinedOutput()
		if err != nil || strings.Count(string(out), "v1.37.2") != 2 {
			t.Errorf("%v: %s", err, out)
		}
	})

	t.Run("requests are audited", func(t *testing.T) {
		for _, e := range c.Audit(t, "admin") {
			if e.Verb == "create" && e.ObjectRef.Resource == "deployments" && e.ObjectRef.Name == "web" {
				if !strings.Contains(string(e.RequestObject), "nginx:1.29") || e.ResponseStatus.Code != 201 {
					t.Errorf("%+v", e)
				}
				return
			}
		}
		t.Error("the creation of deployment web is not there")
	})
}

func TestStages(t *testing.T) {
	const id = "docker.io/library/nginx@sha256:0000000000000000000000000000000000000000000000000000000000000001"
	c := cluster.Start(t, cluster.WithNodes(1),
		cluster.WithStages(cluster.CrashLoop("test", "crashes"), cluster.ImageIDs(map[string]string{"nginx:1.29": id})))
	c.Apply(t, web)
	c.Kubectl(t, "rollout", "status", "deployment/web", "--timeout=180s")
	if got := c.Kubectl(t, "get", "pods", "-o", "jsonpath={.items[0].status.containerStatuses[0].imageID}"); got != id {
		t.Errorf("image ID %q, want %q", got, id)
	}
	c.Kubectl(t, "patch", "deployment", "web", "-p",
		`{"spec": {"progressDeadlineSeconds": 1, "template": {"metadata": {"labels": {"test": "crashes"}}}}}`)
	_, stderr, err := c.KubectlErr("rollout", "status", "deployment/web", "--timeout=180s")
	if err == nil || !strings.Contains(stderr, "exceeded its progress deadline") {
		t.Errorf("error %v, stderr %q", err, stderr)
	}
	if got := c.Kubectl(t, "get", "pods", "-l", "test=crashes"); !strings.Contains(got, "CrashLoopBackOff") {
		t.Error(got)
	}
}

func TestNewKeepsOutOfUsedFolders(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := cluster.New(t.Context(), dir); err == nil {
		c.Stop()
		t.Error("started in a folder that is not empty")
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}

func TestNewSaysWhatFailed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	c, err := cluster.New(t.Context(), dir, cluster.WithAPIServerArgs("--no-such-flag"))
	if err == nil {
		c.Stop()
		t.Fatal("started")
	}
	if got := err.Error(); !strings.Contains(got, "kube-apiserver ended") || !strings.Contains(got, "unknown flag: --no-such-flag") {
		t.Error(got)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", dir)
	}
}

// TestAPIServerCrash kills the API server and starts it again: what was
// written is there, and controllers go on.
func TestAPIServerCrash(t *testing.T) {
	c := cluster.Start(t)
	c.Kubectl(t, "create", "namespace", "crash")
	c.KillAPIServer()
	if _, _, err := c.KubectlErr("get", "--raw", "/readyz"); err == nil {
		t.Fatal("the API server answers, and was killed")
	}
	if err := c.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Kubectl(t, "create", "deployment", "web", "-n", "crash", "--image=example.com/web:1")
	c.Kubectl(t, "rollout", "status", "deployment/web", "-n", "crash", "--timeout=180s")
}
