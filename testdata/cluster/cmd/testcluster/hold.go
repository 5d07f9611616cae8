//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster/zoo"
)

// A cluster ends with the process that started it, so up starts another that
// holds it: this command, called with hold.
const hold = "hold"

// holderFile is in the cluster's folder and names the process that holds it.
// Taking the file away tells that process to stop the cluster: unlike a signal,
// this cannot reach another that got its number since.
func holderFile(dir string) string { return filepath.Join(dir, "holder") }

const ready = "ready\n" // first line that the holder prints, if all is well

func up(ctx context.Context, dir string, flags []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	holder := exec.Command(self, append([]string{hold, dir}, flags...)...)
	holder.Stdout, holder.Stderr = w, w
	holder.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it outlives the terminal
	err = holder.Start()
	w.Close()
	if err != nil {
		return err
	}
	// It does not see the terminal's interrupt.
	defer context.AfterFunc(ctx, func() { _ = holder.Process.Signal(syscall.SIGTERM) })()
	said, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	message, ok := strings.CutPrefix(string(said), ready)
	if !ok {
		return errors.New(strings.TrimPrefix(strings.TrimSpace(message), "testcluster: "))
	}
	fmt.Print(message)
	return nil
}

func holdUp(ctx context.Context, dir string, node, withZoo bool, opts []cluster.Option) error {
	c, enter, err := start(ctx, dir, node, withZoo, opts)
	if err != nil {
		return err
	}
	defer c.Stop()
	if err := os.WriteFile(holderFile(dir), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		return err
	}
	fmt.Printf("%sexport KUBECONFIG=%s\nexport PATH=%s:$PATH\n%s",
		ready, c.Kubeconfig, filepath.Dir(c.KubectlPath), enter)
	os.Stdout.Close() // up waits for the end of what is said
	os.Stderr.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
		if _, err := os.Stat(holderFile(dir)); err != nil {
			return nil
		}
	}
}

// start also returns how to get into the network of a real node.
func start(ctx context.Context, dir string, node, withZoo bool, opts []cluster.Option) (*cluster.Cluster, string, error) {
	if !node {
		c, err := cluster.New(ctx, dir, opts...)
		return c, "", err
	}
	n, err := cluster.NewNode(ctx, dir, opts...)
	if err != nil {
		return nil, "", err
	}
	if withZoo {
		if err := populate(ctx, n); err != nil {
			n.Stop()
			return nil, "", err
		}
	}
	return n.Cluster, "# in the node's network: " + strings.Join(n.Command("COMMAND").Args, " ") + "\n", nil
}

// populate starts the servers of the zoo.
func populate(ctx context.Context, n *cluster.Node) error {
	servers, err := zoo.Servers()
	if err != nil {
		return err
	}
	if err := zoo.Load(ctx, n, servers); err != nil {
		return err
	}
	for _, s := range servers {
		if err := s.Start(n); err != nil {
			return err
		}
	}
	return nil
}

func down(ctx context.Context, dir string) error {
	pid, err := os.ReadFile(holderFile(dir))
	if err != nil {
		return fmt.Errorf("no cluster is up in %s", dir)
	}
	if err := os.Remove(holderFile(dir)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return nil
		}
		if id, err := strconv.Atoi(string(pid)); err != nil || syscall.Kill(id, 0) != nil {
			return os.RemoveAll(dir) // the holder was killed, and its cluster with it
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %s does not stop the cluster", pid)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
