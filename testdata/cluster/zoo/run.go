package zoo

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// Start creates the server's namespace and workload.
func (s Server) Start(n *cluster.Node) error {
	manifest, err := s.Manifest()
	if err != nil {
		return err
	}
	apply := n.Command("kubectl", "apply", "-f", "-")
	apply.Stdin = strings.NewReader("{apiVersion: v1, kind: Namespace, metadata: {name: " + s.Namespace() + "}}\n---\n" + manifest)
	if out, err := apply.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", s.Name, err, out)
	}
	return nil
}

// asker is a program that sends bytes and prints what comes back, until it is
// what is wanted or nothing comes for a while.
const asker = `package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	network, address := os.Args[1], os.Args[2]
	send, _ := hex.DecodeString(os.Args[3])
	expect, _ := hex.DecodeString(os.Args[4])
	conn, err := net.DialTimeout(network, address, 2*time.Second)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write(send); err != nil {
		fmt.Println(err)
	}
	var got []byte
	for buf := make([]byte, 4096); !bytes.Contains(got, expect); {
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			fmt.Printf("%v after %q\n", err, got)
			os.Exit(1)
		}
	}
}
`

// BuildAsker makes the program by which [Server.Check] asks, at path.
func BuildAsker(ctx context.Context, path string) error {
	return cluster.BuildStatic(ctx, path, asker)
}

// Check waits until the server's only pod is ready and all its answers are
// what they should be; when that is not so in time, the error says what is.
func (s Server) Check(ctx context.Context, n *cluster.Node, askerPath string) error {
	for {
		err := s.check(n, askerPath)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", s.Name, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (s Server) check(n *cluster.Node, askerPath string) error {
	pods, stderr, err := n.KubectlErr("get", "pods", "-n", s.Namespace(), "-l", "app="+s.Name,
		"-o", `jsonpath={range .items[*]}{.metadata.name} {.status.podIP} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}`)
	if err != nil {
		return fmt.Errorf("%w: %s", err, stderr)
	}
	lines := strings.Split(strings.TrimSpace(pods), "\n")
	fields := strings.Fields(lines[0])
	if len(lines) != 1 || len(fields) != 3 || fields[2] != "True" {
		return fmt.Errorf("pods: %q", pods)
	}
	pod, ip := fields[0], fields[1]
	for _, a := range s.Answers {
		if err := a.check(n, askerPath, s.Namespace(), pod, ip); err != nil {
			return err
		}
	}
	return nil
}

func (a Answer) check(n *cluster.Node, askerPath, namespace, pod, ip string) error {
	if a.Exec != nil {
		out, stderr, err := n.KubectlErr(append([]string{"exec", "-n", namespace, pod, "--"}, a.Exec...)...)
		if err != nil {
			return fmt.Errorf("%q: %w: %s", a.Exec, err, stderr)
		}
		if !strings.Contains(out, a.Expect) {
			return fmt.Errorf("%q says %q", a.Exec, out)
		}
		return nil
	}
	network := "tcp"
	if a.UDP {
		network = "udp"
	}
	cmd := n.Command(askerPath, network, ip+":"+strconv.Itoa(a.Port), hex.EncodeToString([]byte(a.Send)), hex.EncodeToString([]byte(a.Expect)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New("port " + strconv.Itoa(a.Port) + ": " + string(bytes.TrimSpace(out)))
	}
	return nil
}
