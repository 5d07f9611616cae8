package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	"sigs.k8s.io/yaml"
)

// TestSealedByCluster reads the certificate as kubeseal does, through the API
// server's proxy, from a server that stands for the controller of Sealed
// Secrets; and opens with the controller's key what was exported.
func TestSealedByCluster(t *testing.T) {
	ns := namespace(t, "sealed")
	private, cert, err := crypto.GeneratePrivateKeyAndCert(2048, time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	ip := hostIP(t)
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/cert.pem" {
			http.NotFound(w, r)
			return
		}
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	})}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	file := filepath.Join(t.TempDir(), "service.yaml")
	service := `
apiVersion: v1
kind: Service
metadata: {name: sealer, namespace: ` + ns + `}
spec: {ports: [{port: 8080, targetPort: ` + port + `}]}
---
apiVersion: v1
kind: Pod
metadata: {name: sealer, namespace: ` + ns + `}
spec: {schedulerName: nobody, containers: [{name: sealer, image: "example.com/sealer:1"}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: sealer, namespace: ` + ns + `}
subsets:
- addresses: [{ip: "` + ip + `", targetRef: {kind: Pod, name: sealer, namespace: ` + ns + `}}]
  ports: [{port: ` + port + `}]
`
	if err := os.WriteFile(file, []byte(service), 0o600); err != nil {
		t.Fatal(err)
	}
	control.Kubectl(t, "apply", "-f", file)
	// The API server asks no address that is not a pod's.
	control.Kubectl(t, "patch", "pod", "sealer", "-n", ns, "--subresource=status", "--type=merge",
		"-p", `{"status": {"podIP": "`+ip+`", "podIPs": [{"ip": "`+ip+`"}]}}`)
	control.Kubectl(t, "create", "deployment", "web", "-n", ns, "--image=example.com/web:1")
	const value = "Tr0ub4dor&3-horse"
	control.Kubectl(t, "set", "env", "deployment/web", "-n", ns, "DB_PASSWORD="+value)

	export := func() result {
		return runAs(t, control.Kubeconfig, "", "-n", ns, "--rule", "env-secret", "--fix", "--dry-run", "--confidence=review", "-o", "yaml",
			"--secrets-as", "sealed", "--seal-cert", "cluster", "--seal-controller", ns+"/sealer")
	}
	r := export()
	for range 20 { // the API server learns of the endpoint a little later
		if r.status == 0 {
			break
		}
		time.Sleep(250 * time.Millisecond)
		r = export()
	}
	if r.status != 0 {
		t.Fatal(r.stderr)
	}
	var sealed struct {
		Kind string
		Spec struct{ EncryptedData map[string]string }
	}
	for doc := range strings.SplitSeq(r.stdout, "---\n") {
		if strings.Contains(doc, "kind: SealedSecret") {
			if err := yaml.Unmarshal([]byte(doc), &sealed); err != nil {
				t.Fatal(err)
			}
		}
	}
	box, err := base64.StdEncoding.DecodeString(sealed.Spec.EncryptedData["DB_PASSWORD"])
	if err != nil {
		t.Fatal(err)
	}
	opened, err := crypto.HybridDecrypt(rand.Reader, map[string]*rsa.PrivateKey{"": private}, box, []byte(ns+"/web-env"))
	if err != nil || string(opened) != value {
		t.Errorf("the SealedSecret holds %q: %v\n%s", opened, err, r.stdout)
	}
	if strings.Contains(r.stdout+r.stderr, value) {
		t.Errorf("the value is shown:\n%s%s", r.stdout, r.stderr)
	}
}

// hostIP is an address of this machine that is not its loopback: an endpoint
// may have no other.
func hostIP(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address but its loopback")
	return ""
}
