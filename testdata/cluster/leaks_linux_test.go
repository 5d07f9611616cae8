package cluster_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

func TestStopLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	c, err := cluster.New(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	made := tracesOf(t, dir)
	c.Stop()
	made.mustBeGone(t)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", dir)
	}
}

func TestStopLeavesNothingOnNode(t *testing.T) {
	cluster.RequireNode(t)
	before := machine(t)
	dir := filepath.Join(t.TempDir(), "state")
	n, err := cluster.NewNode(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Stop()
	runServer(t, n)
	made := tracesOf(t, dir)
	n.Stop()
	made.mustBeGone(t)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", dir)
	}
	if after := machine(t); after != before {
		t.Errorf("the machine was\n%sand is now\n%s", before, after)
	}
}

// machine describes what a kubelet, containerd and their helpers change on the
// machine that they are made for.
func machine(t *testing.T) string {
	var b strings.Builder
	for _, name := range []string{
		"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
		"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
		"net/ipv4/ip_forward", "net/netfilter/nf_conntrack_max",
	} {
		value, _ := os.ReadFile("/proc/sys/" + name)
		fmt.Fprintf(&b, "%s = %s\n", name, strings.TrimSpace(string(value)))
	}
	for _, dir := range []string{
		"/run", "/run/netns", "/run/containerd", "/var/lib", "/var/lib/cni", "/var/lib/kubelet",
		"/var/log", "/etc", "/etc/cni", "/opt", "/usr/libexec",
	} {
		entries, _ := os.ReadDir(dir)
		fmt.Fprintln(&b, dir, entries)
	}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		fmt.Fprintln(&b, l.Name)
	}
	return b.String()
}

// A test binary can be killed in any way: by go test -timeout, by Ctrl-C, by
// the kernel. These tests kill one that holds a cluster.

func TestKilledLeavesNothing(t *testing.T) {
	testKilled(t, "control plane", syscall.SIGKILL)
}

func TestInterruptedLeavesNothing(t *testing.T) {
	testKilled(t, "control plane", syscall.SIGINT)
}

func TestKilledLeavesNothingOnNode(t *testing.T) {
	cluster.RequireNode(t)
	testKilled(t, "node", syscall.SIGKILL)
}

// holdEnv tells the test binary to start a cluster ("control plane" or "node")
// in a folder, say so, and wait for its end.
const holdEnv, holdDirEnv = "CLUSTER_TEST_HOLD", "CLUSTER_TEST_HOLD_DIR"

func TestMain(m *testing.M) {
	ctx, dir := context.Background(), os.Getenv(holdDirEnv)
	var err error
	switch os.Getenv(holdEnv) {
	case "control plane":
		_, err = cluster.New(ctx, dir)
	case "node":
		_, err = cluster.NewNode(ctx, dir)
	default:
		os.Exit(m.Run())
	}
	fmt.Println("started:", err)
	time.Sleep(time.Hour)
}

func testKilled(t *testing.T, kind string, signal syscall.Signal) {
	dir := filepath.Join(t.TempDir(), "state")
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holdEnv+"="+kind, holdDirEnv+"="+dir)
	holder.Stderr = os.Stderr
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	}()
	if said, err := bufio.NewReader(out).ReadString('\n'); said != "started: <nil>\n" {
		t.Fatal(said, err)
	}
	made := tracesOf(t, dir)
	_ = holder.Process.Signal(signal)
	_ = holder.Wait()
	made.mustBeGone(t)
}

// traces are what a cluster has made outside of its folder.
type traces struct {
	dir        string
	namespaces map[string]bool // that are not the machine's
	cgroup     string
}

var cgroupRoot = regexp.MustCompile(`cgroupRoot: (\S+)`)

func tracesOf(t *testing.T, dir string) traces {
	made := traces{dir: dir, namespaces: map[string]bool{}}
	processes := made.processes()
	if len(processes) < 5 {
		t.Fatalf("few processes: %q", processes)
	}
	// Some of them run in the machine's own, of which this process may be outside.
	machine := append(namespacesOf("self"), namespacesOf("1")...)
	for pid := range processes {
		for _, ns := range namespacesOf(pid) {
			if !slices.Contains(machine, ns) {
				made.namespaces[ns] = true
			}
		}
	}
	if config, err := os.ReadFile(filepath.Join(dir, "etc", "kubelet.yaml")); err == nil {
		made.cgroup = cgroupRoot.FindStringSubmatch(string(config))[1]
		if len(made.cgroups()) == 0 {
			t.Fatal("no control groups")
		}
	}
	return made
}

func (made traces) mustBeGone(t *testing.T) {
	t.Helper()
	var left string
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		left = ""
		if p := made.processes(); len(p) > 0 {
			left += fmt.Sprintf("processes %q ", p)
		}
		if g := made.cgroups(); len(g) > 0 {
			left += fmt.Sprintf("control groups %q ", g)
		}
		if strings.Contains(string(mounts), made.dir) {
			left += "mounts"
		}
		if left == "" {
			return
		}
	}
	t.Errorf("left: %s", left)
}

// processes are those that name the cluster's folder or are in its namespaces,
// by process number.
func (made traces) processes() map[string]string {
	found := map[string]string{}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		pid := filepath.Base(p)
		cmdline, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		mine := strings.Contains(string(cmdline), made.dir)
		for _, ns := range namespacesOf(pid) {
			mine = mine || made.namespaces[ns]
		}
		if mine {
			found[pid] = strings.ReplaceAll(string(cmdline), "\x00", " ")
		}
	}
	return found
}

func (made traces) cgroups() []string {
	if made.cgroup == "" {
		return nil
	}
	v1, _ := filepath.Glob("/sys/fs/cgroup/*" + made.cgroup)
	v2, _ := filepath.Glob("/sys/fs/cgroup" + made.cgroup)
	return append(v1, v2...)
}

func namespacesOf(pid string) []string {
	var all []string
	for _, kind := range []string{"net", "mnt", "pid"} {
		ns, _ := os.Readlink("/proc/" + pid + "/ns/" + kind)
		all = append(all, ns)
	}
	return all
}
