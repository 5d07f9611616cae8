//go:build linux

// Command nodeinit is the first process of a test node. It is started in new
// PID, mount and network namespaces and makes a machine of them:
//
//	nodeinit -state DIR -cgroup NAME -forward HOST:PORT
//
// What programs of a node write to outside of their own folders (/run,
// /var/lib, /var/log) is put in DIR or in memory; control group NAME is made
// in every hierarchy; and connections to the listener that is inherited as
// descriptor 3 go to HOST:PORT. The listener was made in the parent's network
// namespace and stays there, so this is the way from one into the other.
//
// When nodeinit ends, the kernel kills all processes of the node and takes
// away its mounts and interfaces. Only control groups outlive that, therefore
// on SIGTERM, which also comes when its parent dies, nodeinit kills the
// processes itself and removes the groups.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	state := flag.String("state", "", "`folder` for what the node's programs write")
	cgroup := flag.String("cgroup", "", "`name` of the control group for the node's pods")
	forward := flag.String("forward", "", "`address` to which connections are forwarded")
	flag.Parse()

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGCHLD)
	defer removeGroups(*cgroup)
	if err := setUp(*state, *cgroup); err != nil {
		log.Print(err)
		return
	}
	go forwardAll(*forward)
	fmt.Println("ready")
	for s := range signals {
		reap()
		if s == syscall.SIGTERM {
			syscall.Kill(-1, syscall.SIGKILL) // all processes of this namespace but this one
			return
		}
	}
}

func setUp(state, cgroup string) error {
	mounts := []struct {
		source, target, kind string
		flags                uintptr
	}{
		// What the host mounts may come in, nothing may go out; and below
		// this, mounts are shared, as a kubelet expects.
		{"", "/", "", syscall.MS_SLAVE | syscall.MS_REC},
		{"", "/", "", syscall.MS_SHARED | syscall.MS_REC},
		{"proc", "/proc", "proc", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC},
		{"run", "/run", "tmpfs", syscall.MS_NOSUID | syscall.MS_NODEV},
		{state + "/var/lib", "/var/lib", "", syscall.MS_BIND},
		{state + "/var/log", "/var/log", "", syscall.MS_BIND},
	}
	for _, m := range mounts {
		if m.flags == syscall.MS_BIND {
			if err := os.MkdirAll(m.source, 0o755); err != nil {
				return err
			}
		}
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mounting on %s: %w", m.target, err)
		}
	}
	for _, name := range []string{"net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"} {
		if err := os.WriteFile("/proc/sys/"+name, []byte("1"), 0); err != nil {
			return err
		}
	}
	if err := hideTunables(); err != nil {
		return err
	}
	return makeGroups(cgroup)
}

// tunables are what a kubelet sets for the whole machine, and to what.
var tunables = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// hideTunables makes the kubelet find the tunables as it wants them, so that
// it leaves the machine's own alone.
func hideTunables() error {
	for name, value := range tunables {
		file := filepath.Join("/run/tunables", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := syscall.Mount(file, "/proc/sys/"+name, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("mounting on %s: %w", name, err)
		}
	}
	return nil
}

// hierarchies are the mounted trees of control groups: one if the system has
// version 2 only, else one for each controller.
func hierarchies() []string {
	const root = "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/cgroup.controllers"); err == nil {
		return []string{root}
	}
	trees, _ := filepath.Glob(root + "/*")
	return trees
}

func makeGroups(name string) error {
	for _, tree := range hierarchies() {
		for _, controller := range []string{"cpu", "cpuset", "io", "memory", "pids", "hugetlb"} {
			// For version 2. It fails for those that there are not.
			os.WriteFile(tree+"/cgroup.subtree_control", []byte("+"+controller), 0)
		}
		if err := os.Mkdir(filepath.Join(tree, name), 0o755); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

// removeGroups tries for a while: a group can be removed only when the last
// process in it is gone.
func removeGroups(name string) {
	var left error
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		left = nil
		for _, tree := range hierarchies() {
			if err := removeTree(filepath.Join(tree, name)); err != nil {
				left = err
			}
		}
		if left == nil {
			return
		}
	}
	log.Print(left)
}

// removeTree removes a control group and those in it. Their files are not
// removed, so os.RemoveAll does not do it.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() {
			removeTree(filepath.Join(dir, e.Name()))
		}
	}
	if err := syscall.Rmdir(dir); err != nil && err != syscall.ENOENT {
		return fmt.Errorf("removing %s: %w", dir, err)
	}
	return nil
}

// reap takes the ends of all processes that have ended and were left to this
// one.
func reap() {
	for {
		if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 && err != syscall.EINTR {
			return
		}
	}
}

func forwardAll(address string) {
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		log.Print(err)
		return
	}
	for {
		from, err := listener.Accept()
		if err != nil {
			log.Print(err)
			return
		}
		go func() {
			defer from.Close()
			to, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer to.Close()
			go pipe(to, from)
			pipe(from, to)
		}()
	}
}

// pipe copies until from has no more, and says so to to.
func pipe(to, from net.Conn) {
	io.Copy(to, from)
	to.(*net.TCPConn).CloseWrite()
}
