package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A Cluster is a running control plane.
type Cluster struct {
	Dir                string // all its state, with a log for each part in Dir/log
	URL                string // of the API server, reachable from this process
	CA                 string // file of the authority that signed the server's certificate
	Token              string // of user admin, who may do everything
	Kubeconfig         string // file for user admin
	KubeconfigNoRights string // file for user dev in group devs, who may do nothing
	KubectlPath        string // kubectl of the control plane's version

	options options
	bin     programs
	ca      *authority
	parts   []*process
	node    *sandbox // where the parts run if they have a node, else nil
	etcd    string   // its address
	port    string   // of the API server
}

// startTimeout is for starting what has been built, on a machine busy with
// other tests; a few seconds suffice on an idle one.
const startTimeout = 3 * time.Minute

// Start starts a cluster that ends with the test.
func Start(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	c, err := New(t.Context(), "", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

// New starts a cluster whose state is in dir, which must be empty or not exist,
// or in a temporary folder if dir is "". The context bounds the start only.
// The caller must call Stop; that removes dir.
func New(ctx context.Context, dir string, opts ...Option) (*Cluster, error) {
	c, err := prepare(ctx, dir, false, newOptions(options{nodes: 2}, opts))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.start(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// prepare builds the programs and makes the folder of a cluster.
func prepare(ctx context.Context, dir string, node bool, o options) (*Cluster, error) {
	bin, err := build(ctx, node)
	if err != nil {
		return nil, err
	}
	if dir == "" {
		// Not t.TempDir: the name of the test in it can make the path of a
		// socket longer than the kernel takes.
		dir, err = os.MkdirTemp("", "cluster-")
	} else {
		dir, err = emptyDir(dir)
	}
	if err != nil {
		return nil, err
	}
	return &Cluster{
		Dir:                dir,
		CA:                 filepath.Join(dir, "pki", "ca.crt"),
		Token:              newToken(),
		Kubeconfig:         filepath.Join(dir, "kubeconfig"),
		KubeconfigNoRights: filepath.Join(dir, "kubeconfig-no-rights"),
		KubectlPath:        bin["kubectl"],
		options:            o,
		bin:                bin,
	}, nil
}

// emptyDir makes sure that Stop, which removes dir, removes nothing else.
func emptyDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s is not empty", dir)
	}
	return dir, err
}

// start brings up the parts in the order in which they need each other.
func (c *Cluster) start(ctx context.Context) error {
	for _, sub := range []string{"log", "pki"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := c.issueCertificates(); err != nil {
		return fmt.Errorf("issuing certificates: %w", err)
	}
	etcd, err := c.startEtcd(ctx)
	if err != nil {
		return err
	}
	if err := c.startAPIServer(ctx, etcd); err != nil {
		return err
	}
	if err := c.startControllers(); err != nil {
		return err
	}
	if err := c.startKwok(ctx); err != nil {
		return err
	}
	// The pods of a namespace are refused until it has its ServiceAccount.
	return c.wait(ctx, "ServiceAccount default", func() error {
		return c.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
	})
}

// Stop kills all parts of the cluster and removes its folder.
func (c *Cluster) Stop() {
	for _, part := range slices.Backward(c.parts) {
		part.kill()
	}
	c.parts = nil
	if c.node != nil {
		c.node.stop()
	}
	os.RemoveAll(c.Dir)
}

// run starts a part of the cluster: where its node is, if it has one.
func (c *Cluster) run(name, program string, args ...string) (*process, error) {
	cmd := exec.Command(program, args...)
	if c.node != nil {
		cmd = c.node.command(program, args...)
	}
	p, err := start(name, filepath.Join(c.Dir, "log"), cmd)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	c.parts = append(c.parts, p)
	return p, nil
}

// wait returns when done does not fail any more, or fails when a part of the
// cluster has ended or the context is done.
func (c *Cluster) wait(ctx context.Context, what string, done func() error) error {
	for {
		err := done()
		if err == nil {
			return nil
		}
		if err := c.exited(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// exited says which part of the cluster has ended, if any has.
func (c *Cluster) exited() error {
	if c.node != nil {
		if err := c.node.init.exited(); err != nil {
			return err
		}
	}
	for _, p := range c.parts {
		if err := p.exited(); err != nil {
			return err
		}
	}
	return nil
}
