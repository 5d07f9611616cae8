package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Addresses of Services; the first is the API server's own.
const (
	serviceRange     = "10.96.0.0/16"
	apiServerService = "10.96.0.1"
)

type component struct {
	cert, user string
	groups     []string
}

// components are the users that the parts log in as, with the rights that
// Kubernetes itself gives them, so that what they do looks to a test (and in
// the audit log) as it does in any cluster. kwok has no role of its own.
var components = []component{
	{"controller-manager", "system:kube-controller-manager", nil},
	{"scheduler", "system:kube-scheduler", nil},
	{"kwok", "kwok", []string{"system:masters"}},
}

func (c *Cluster) components() []component {
	if c.node == nil {
		return components
	}
	return append(slices.Clip(components), nodeComponents...)
}

func (c *Cluster) pki(name string) string { return filepath.Join(c.Dir, "pki", name) }

func (c *Cluster) issueCertificates() error {
	var err error
	if c.ca, err = newAuthority(c.pki(""), "ca"); err != nil {
		return err
	}
	// Aggregated API servers trust whoever this one vouches for, so it cannot
	// be the authority of ordinary users.
	front, err := newAuthority(c.pki(""), "front-ca")
	if err != nil {
		return err
	}
	if err := front.client("front", "front"); err != nil {
		return err
	}
	for _, u := range c.components() {
		if err := c.ca.client(u.cert, u.user, u.groups...); err != nil {
			return err
		}
	}
	if c.node != nil {
		err := errors.Join(
			c.ca.client("kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
			c.ca.server("kubelet-server", nodeIP, NodeName),
		)
		if err != nil {
			return err
		}
	}
	if _, err := newKey(c.pki("serviceaccount.key")); err != nil {
		return err
	}
	return c.ca.server("apiserver", "127.0.0.1", nodeIP, apiServerService, "localhost",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
}

// startEtcd returns the address that etcd says it serves at.
func (c *Cluster) startEtcd(ctx context.Context) (string, error) {
	etcd, err := c.run("etcd", c.bin["controlplane"], "etcd", filepath.Join(c.Dir, "etcd"))
	if err != nil {
		return "", err
	}
	var url string
	err = c.wait(ctx, "etcd", func() error {
		log, err := os.ReadFile(etcd.log)
		for line := range bytes.Lines(log) {
			if bytes.HasPrefix(line, []byte("http://")) && bytes.HasSuffix(line, []byte("\n")) {
				url = string(bytes.TrimSpace(line))
				return nil
			}
		}
		return errors.Join(errors.New("not ready"), err)
	})
	return url, err
}

// startAPIServer starts the API server, on another port when a process took the
// free one that was found before the server could.
func (c *Cluster) startAPIServer(ctx context.Context, etcd string) error {
	noRights := newToken()
	tokens := fmt.Sprintf("%s,admin,1,system:masters\n%s,dev,2,devs\n", c.Token, noRights)
	if err := os.WriteFile(c.pki("tokens.csv"), []byte(tokens), 0o600); err != nil {
		return err
	}
	for try := 1; ; try++ {
		port, err := c.apiServerPort()
		if err != nil {
			return err
		}
		c.etcd, c.port = etcd, port
		server, err := c.run("kube-apiserver", c.bin["controlplane"], c.apiServerArgs(etcd, port)...)
		if err != nil {
			return err
		}
		c.URL = "https://127.0.0.1:" + port
		inner := c.URL
		if c.node != nil {
			c.URL = c.node.apiURL
			inner = "https://" + net.JoinHostPort(nodeIP, port)
		}
		if err := c.writeKubeconfigs(inner, noRights); err != nil {
			return err
		}
		err = c.wait(ctx, "kube-apiserver", func() error { return c.get(ctx, "/readyz", nil) })
		if err == nil {
			return nil
		}
		log, _ := os.ReadFile(server.log)
		if try == 3 || c.options.port != 0 || !bytes.Contains(log, []byte("address already in use")) {
			return err
		}
		c.parts = c.parts[:len(c.parts)-1]
	}
}

func (c *Cluster) apiServerPort() (string, error) {
	if c.node != nil {
		return nodeAPIPort, nil // all ports are free there
	}
	if c.options.port != 0 {
		return strconv.Itoa(c.options.port), nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

func (c *Cluster) apiServerArgs(etcd, port string) []string {
	args := []string{
		"kube-apiserver",
		"--etcd-servers=" + etcd,
		"--secure-port=" + port,
		"--tls-cert-file=" + c.pki("apiserver.crt"),
		"--tls-private-key-file=" + c.pki("apiserver.key"),
		"--client-ca-file=" + c.CA,
		"--token-auth-file=" + c.pki("tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.pki("serviceaccount.key"),
		"--service-account-signing-key-file=" + c.pki("serviceaccount.key"),
		"--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--requestheader-client-ca-file=" + c.pki("front-ca.crt"),
		"--requestheader-allowed-names=front",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.pki("front.crt"),
		"--proxy-client-key-file=" + c.pki("front.key"),
		// Twice the defaults, for tests with thousands of objects.
		"--max-requests-inflight=800",
		"--max-mutating-requests-inflight=400",
	}
	if c.node != nil {
		args = append(args, c.nodeAPIServerArgs()...)
	} else {
		// Nothing may be told to find the server at a loopback address.
		args = append(args, "--bind-address=127.0.0.1", "--endpoint-reconciler-type=none")
	}
	if c.options.audit {
		args = append(args, c.auditArgs()...)
	}
	return append(args, c.options.apiserverArgs...)
}

// writeKubeconfigs writes the users' kubeconfigs, and the parts' own for the
// server's inner address: where they are, that may not be the users'.
func (c *Cluster) writeKubeconfigs(inner, noRights string) error {
	admin, dev := login{user: "admin", token: c.Token}, login{user: "dev", token: noRights}
	err := errors.Join(
		c.ca.writeKubeconfig(c.Kubeconfig, c.URL, admin),
		c.ca.writeKubeconfig(c.KubeconfigNoRights, c.URL, dev),
		c.ca.writeKubeconfig(c.pki("admin.kubeconfig"), inner, admin),
	)
	for _, u := range c.components() {
		l := login{user: u.user, cert: u.cert}
		err = errors.Join(err, c.ca.writeKubeconfig(c.pki(u.cert+".kubeconfig"), inner, l))
	}
	return err
}

// startControllers starts what turns objects into other objects. Neither
// serves anything, so neither needs a port.
func (c *Cluster) startControllers() error {
	_, err := c.run("kube-controller-manager", c.bin["controlplane"], "kube-controller-manager",
		"--kubeconfig="+c.pki("controller-manager.kubeconfig"),
		"--secure-port=0",
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+c.pki("serviceaccount.key"),
		"--root-ca-file="+c.CA,
		"--cluster-signing-cert-file="+c.CA,
		"--cluster-signing-key-file="+c.pki("ca.key"),
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--concurrent-deployment-syncs=20", "--concurrent-replicaset-syncs=20",
	)
	if err != nil {
		return err
	}
	_, err = c.run("kube-scheduler", c.bin["controlplane"], "kube-scheduler",
		"--kubeconfig="+c.pki("scheduler.kubeconfig"),
		"--secure-port=0",
		"--leader-elect=false",
		"--kube-api-qps=500", "--kube-api-burst=1000",
	)
	return err
}
