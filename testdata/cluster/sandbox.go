package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Addresses in the network namespace of a real node. They need to be unique
// nowhere else.
const (
	nodeIP      = "10.77.0.1"
	nodeGateway = "10.77.0.2" // nobody: but to send to a Service at all, the kernel wants a route
	nodeAPIPort = "6443"
	podRange    = "10.88.0.0/16"
)

// A sandbox is the set of namespaces that a real node and its control plane
// run in. See testdata/node/nodeinit, its first process.
type sandbox struct {
	init   *process
	cgroup string
	apiURL string // of the API server, for processes outside
	path   string // PATH for processes inside
}

// startSandbox starts the cluster's sandbox, with nothing in it but a network
// of one interface.
func (c *Cluster) startSandbox(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(c.options.port))
	if err != nil {
		return err
	}
	defer listener.Close()
	inherited, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer inherited.Close()

	s := &sandbox{
		cgroup: "kubectl-harden-" + newToken()[:8],
		apiURL: "https://" + listener.Addr().String(),
		path: strings.Join([]string{
			filepath.Dir(c.bin["containerd-shim-runc-v2"]), // containerd looks for it there
			filepath.Dir(c.KubectlPath),
			os.Getenv("PATH"), "/usr/sbin", "/sbin",
		}, ":"),
	}
	cmd := exec.Command(c.bin["nodeinit"],
		"-state="+c.Dir, "-cgroup="+s.cgroup, "-forward="+net.JoinHostPort(nodeIP, nodeAPIPort))
	cmd.ExtraFiles = []*os.File{inherited}
	cmd.SysProcAttr = newNamespaces()
	if s.init, err = start("nodeinit", filepath.Join(c.Dir, "log"), cmd); err != nil {
		return fmt.Errorf("starting nodeinit: %w", err)
	}
	c.node = s
	err = c.wait(ctx, "nodeinit", func() error {
		log, err := os.ReadFile(s.init.log)
		if !bytes.HasSuffix(log, []byte("ready\n")) {
			err = errors.Join(errors.New("not ready"), err)
		}
		return err
	})
	if err != nil {
		return err
	}
	ip := s.command("ip", "-batch", "-")
	ip.Stdin = strings.NewReader(`link set lo up
link add br0 type bridge
address add ` + nodeIP + `/24 dev br0
link set br0 up
route add default via ` + nodeGateway + ` dev br0
`)
	if _, stderr, err := output(ip); err != nil {
		return fmt.Errorf("setting up the node's network: %w\n%s", err, stderr)
	}
	return nil
}

// command is exec.Command for a process in the sandbox.
func (s *sandbox) command(program string, args ...string) *exec.Cmd {
	target := "--target=" + strconv.Itoa(s.init.cmd.Process.Pid)
	cmd := exec.Command("nsenter", append([]string{target, "--net", "--mount", "--pid", "--", program}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+s.path)
	return cmd
}

// stop ends all that is in the sandbox, and with it the sandbox.
func (s *sandbox) stop() {
	_ = s.init.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.init.done:
	case <-time.After(10 * time.Second):
		s.init.kill()
	}
}
