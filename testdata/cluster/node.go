package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// NodeName is the name of the real node.
const NodeName = "real-1"

// A Node is a control plane with one real node. Containers run, exec works,
// names resolve, Services and NetworkPolicies hold.
//
// All of it runs in namespaces of its own without a way out, so no image can
// be pulled: [Node.LoadImage] brings them, and pods must not have
// imagePullPolicy Always (the default for tag latest). The API server can be
// used from outside all the same, by Kubeconfig and the methods of Cluster; for
// addresses of pods and Services there is [Node.Command].
type Node struct{ *Cluster }

// StartNode starts a real node that ends with the test. Where that is not
// possible it skips the test: see [RequireNode].
func StartNode(t testing.TB, opts ...Option) *Node {
	t.Helper()
	RequireNode(t)
	n, err := NewNode(t.Context(), "", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return n
}

// NewNode is [New] for a cluster with a real node.
func NewNode(ctx context.Context, dir string, opts ...Option) (*Node, error) {
	if ok, why := NodeSupported(); !ok {
		return nil, fmt.Errorf("%s", why)
	}
	c, err := prepare(ctx, dir, true, newOptions(options{nodes: 0}, opts))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	n := &Node{c}
	if err := n.start(ctx); err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

func (n *Node) start(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Join(n.Dir, "log"), 0o755); err != nil {
		return err
	}
	if err := n.startSandbox(ctx); err != nil {
		return err
	}
	if err := n.writeNodeConfigs(); err != nil {
		return err
	}
	if _, err := n.run("containerd", n.bin["containerd"], "-c", n.config("containerd.toml")); err != nil {
		return err
	}
	if err := n.Cluster.start(ctx); err != nil {
		return err
	}
	if err := n.loadPause(ctx); err != nil {
		return err
	}
	_, err := n.run("kubelet", n.bin["kubelet"], append([]string{
		"--config=" + n.config("kubelet.yaml"),
		"--kubeconfig=" + n.pki("kubelet.kubeconfig"),
		"--hostname-override=" + NodeName,
		"--node-ip=" + nodeIP,
	}, n.options.kubeletArgs...)...)
	if err != nil {
		return err
	}
	return n.startNetwork(ctx)
}

// startNetwork starts what pods need to reach each other, Services and names.
func (n *Node) startNetwork(ctx context.Context) error {
	err := n.wait(ctx, "kubelet", func() error { return n.get(ctx, "/api/v1/nodes/"+NodeName, nil) })
	if err != nil {
		return err
	}
	if err := n.createDNSService(ctx); err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		args []string
	}{
		{"kube-proxy", []string{"--config=" + n.config("kube-proxy.yaml")}},
		{"coredns", []string{"-conf=" + n.config("Corefile")}},
		{"kube-router", []string{n.pki("kube-router.kubeconfig"), NodeName, serviceRange}},
	} {
		if _, err := n.run(p.name, n.bin[p.name], p.args...); err != nil {
			return err
		}
	}
	return n.waitNode(ctx, NodeName)
}

// Command is exec.Command for a program in the node's network, with KUBECONFIG
// set as it is right there. Its files and processes are those outside.
func (n *Node) Command(name string, args ...string) *exec.Cmd {
	net := "--net=/proc/" + strconv.Itoa(n.node.init.cmd.Process.Pid) + "/ns/net"
	cmd := exec.Command("nsenter", append([]string{net, "--", name}, args...)...)
	cmd.Env = n.environ(n.pki("admin.kubeconfig"))
	return cmd
}

// Exec runs a command in a container and returns its stdout; the test fails if
// the command does.
func (n *Node) Exec(t testing.TB, namespace, pod, container string, command ...string) string {
	t.Helper()
	args := []string{"exec", "--namespace=" + namespace, pod, "--container=" + container, "--"}
	return n.Kubectl(t, append(args, command...)...)
}

// LoadImage makes an image of the files below rootfs, and the node know it by
// ref and by the digest that is returned: pods may name it "REF" or
// "NAME@DIGEST", and their status reports the latter.
func (n *Node) LoadImage(t testing.TB, ref, rootfs string, config ImageConfig) (digest string) {
	t.Helper()
	digest, err := n.loadImage(t.Context(), ref, rootfs, config)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// LoadProgram makes an image of a Go program (see [StaticProgram]), which is
// its entry point unless config names another.
func (n *Node) LoadProgram(t testing.TB, ref, src string, config ImageConfig) (digest string) {
	t.Helper()
	rootfs := t.TempDir()
	if err := os.Rename(StaticProgram(t, src), filepath.Join(rootfs, "program")); err != nil {
		t.Fatal(err)
	}
	if config.Entrypoint == nil {
		config.Entrypoint = []string{"/program"}
	}
	return n.LoadImage(t, ref, rootfs, config)
}

func (n *Node) loadImage(ctx context.Context, ref, rootfs string, config ImageConfig) (string, error) {
	ref = fullReference(ref)
	file, err := os.CreateTemp(n.Dir, "image-*.tar")
	if err != nil {
		return "", err
	}
	file.Close()
	defer os.Remove(file.Name())
	digests, err := PackImages(file.Name(), Image{ref, []string{rootfs}, config})
	if err != nil {
		return "", err
	}
	digest := digests[0]
	byDigest := ref[:strings.LastIndex(ref, ":")] + "@" + digest
	if err := n.importImages(ctx, file.Name()); err != nil {
		return "", err
	}
	if _, stderr, err := output(n.ctr("images", "tag", "--force", ref, byDigest)); err != nil {
		return "", fmt.Errorf("image %s: %w\n%s", ref, err, stderr)
	}
	return digest, n.waitImages(ctx, ref, byDigest)
}

// ImportImages makes the node know the images of an archive that [PackImages]
// wrote, of which these are the references.
func (n *Node) ImportImages(ctx context.Context, file string, refs ...string) error {
	if err := n.importImages(ctx, file); err != nil {
		return err
	}
	var full []string
	for _, ref := range refs {
		full = append(full, fullReference(ref))
	}
	return n.waitImages(ctx, full...)
}

func (n *Node) importImages(ctx context.Context, file string) error {
	if _, stderr, err := output(n.ctr("images", "import", file)); err != nil {
		return fmt.Errorf("importing %s: %w\n%s", file, err, stderr)
	}
	return ctx.Err()
}

// waitImages waits until the part of containerd that serves the kubelet knows
// the images: it is told a moment later.
func (n *Node) waitImages(ctx context.Context, refs ...string) error {
	return n.wait(ctx, "image "+refs[0], func() error {
		listed, stderr, err := output(n.ctr("images", "list", "--quiet", `labels."io.cri-containerd.image"==managed`))
		for _, ref := range refs {
			if err == nil && !strings.Contains(listed, ref+"\n") {
				err = fmt.Errorf("%s is not listed: %s", ref, stderr)
			}
		}
		return err
	})
}

// ctr is a command of containerd's client, on the images and containers of
// Kubernetes.
func (n *Node) ctr(group string, args ...string) *exec.Cmd {
	return n.node.command(n.bin["ctr"], append([]string{"--namespace=k8s.io", group}, args...)...)
}

// loadPause brings the image of which every pod's first container is, when
// containerd is ready for it.
func (n *Node) loadPause(ctx context.Context) error {
	err := n.wait(ctx, "containerd", func() error {
		_, stderr, err := output(n.node.command(n.bin["ctr"], "version"))
		if err != nil {
			err = fmt.Errorf("%w: %s", err, stderr)
		}
		return err
	})
	if err != nil {
		return err
	}
	rootfs, err := os.MkdirTemp(n.Dir, "pause-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(rootfs)
	program, err := os.ReadFile(n.bin["pause"])
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(rootfs, "pause"), program, 0o755); err != nil {
		return err
	}
	_, err = n.loadImage(ctx, pauseImage, rootfs, ImageConfig{Entrypoint: []string{"/pause"}, User: "65535:65535"})
	return err
}
