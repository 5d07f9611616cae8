package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// KillAPIServer kills the API server as the crash of its machine would: what
// etcd has is all that is left of it. [Cluster.StartAPIServer] starts it
// again. Nothing else may use the cluster at the same time.
func (c *Cluster) KillAPIServer() {
	i := c.apiServer()
	c.parts[i].kill()
	c.parts = slices.Delete(c.parts, i, i+1)
}

// StartAPIServer starts the API server again that was killed, at the same
// address, and waits until it is ready.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	if c.node != nil {
		return errors.New("the API server beside a real node is not started again")
	}
	if _, err := c.run("kube-apiserver", c.bin["controlplane"], c.apiServerArgs(c.etcd, c.port)...); err != nil {
		return err
	}
	return c.wait(ctx, "kube-apiserver", func() error { return c.get(ctx, "/readyz", nil) })
}

func (c *Cluster) apiServer() int {
	return slices.IndexFunc(c.parts, func(p *process) bool { return strings.HasPrefix(p.name, "kube-apiserver") })
}
