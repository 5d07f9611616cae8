package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// stageFiles are the parts of kwok that play nodes and pods without delays: a
// Deployment is available within a second.
var stageFiles = []string{
	"node/fast/node-initialize.yaml",
	"node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
	"pod/fast/pod-ready.yaml",
	"pod/fast/pod-complete.yaml",
	"pod/fast/pod-delete.yaml",
}

// writeStages puts kwok's own stages beside its program: they belong to its
// version.
func writeStages(ctx context.Context, src, bin string) error {
	dir, err := goOutput(ctx, src, "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok")
	if err != nil {
		return err
	}
	var docs [][]byte
	for _, f := range stageFiles {
		b, err := os.ReadFile(filepath.Join(dir, "kustomize", "stage", filepath.FromSlash(f)))
		if err != nil {
			return err
		}
		docs = append(docs, bytes.TrimSpace(b))
	}
	return os.WriteFile(filepath.Join(bin, "stages.yaml"), bytes.Join(docs, []byte("\n---\n")), 0o644)
}

// startKwok starts kwok and the nodes that it plays, and waits for these. It
// leaves alone the real node if there is one, else plays any node that a test
// may create.
func (c *Cluster) startKwok(ctx context.Context) error {
	if c.node != nil && c.options.nodes == 0 {
		return nil
	}
	stages, err := os.ReadFile(filepath.Join(filepath.Dir(c.bin["kwok"]), "stages.yaml"))
	if err != nil {
		return err
	}
	config := filepath.Join(c.Dir, "stages.yaml")
	all := append([]string{string(stages)}, c.options.stages...)
	if err := os.WriteFile(config, []byte(strings.Join(all, "\n---\n")), 0o644); err != nil {
		return err
	}
	manage := "--manage-all-nodes"
	if c.node != nil {
		manage = "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake"
	}
	_, err = c.run("kwok", c.bin["kwok"],
		"--kubeconfig="+c.pki("kwok.kubeconfig"),
		"--config="+config,
		manage,
		"--node-ip=10.0.0.1",
		"--node-lease-duration-seconds=40",
	)
	if err != nil {
		return err
	}
	for i := range c.options.nodes {
		if err := c.create(ctx, "/api/v1/nodes", kwokNode(fmt.Sprintf("node-%d", i+1))); err != nil {
			return err
		}
	}
	for i := range c.options.nodes {
		if err := c.waitNode(ctx, fmt.Sprintf("node-%d", i+1)); err != nil {
			return err
		}
	}
	return nil
}

func kwokNode(name string) map[string]any {
	size := map[string]string{"cpu": "64", "memory": "256Gi", "ephemeral-storage": "2Ti", "pods": "2000"}
	return map[string]any{
		"metadata": map[string]any{
			"name":        name,
			"annotations": map[string]string{"kwok.x-k8s.io/node": "fake"},
			"labels": map[string]string{
				"kubernetes.io/os":       "linux",
				"kubernetes.io/arch":     "amd64",
				"kubernetes.io/hostname": name,
			},
		},
		"status": map[string]any{"allocatable": size, "capacity": size},
	}
}

// waitNode returns when the node is ready and pods may be put on it.
func (c *Cluster) waitNode(ctx context.Context, name string) error {
	return c.wait(ctx, "node "+name, func() error {
		var node struct {
			Spec   struct{ Taints []struct{ Key string } }
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
		if err := c.get(ctx, "/api/v1/nodes/"+name, &node); err != nil {
			return err
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" && len(node.Spec.Taints) == 0 {
				return nil
			}
		}
		return fmt.Errorf("not ready: %+v", node)
	})
}
