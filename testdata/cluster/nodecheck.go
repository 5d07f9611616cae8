package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// nodeTools are the programs that a real node takes from the system, with the
// Debian package of each. testdata/node/install-debian.sh installs them.
var nodeTools = []struct{ program, pkg string }{
	{"runc", "runc"},
	{"bridge", "containernetworking-plugins"},
	{"ip", "iproute2"},
	{"iptables", "iptables"},
	{"nft", "nftables"},
	{"ipset", "ipset"},
	{"conntrack", "conntrack"},
	{"nsenter", "util-linux"},
	{"mount", "mount"},
}

// NodeSupported says whether a real node can be started here, and if not, why.
func NodeSupported() (ok bool, why string) {
	if runtime.GOOS != "linux" {
		return false, "a real node needs Linux"
	}
	if os.Geteuid() != 0 {
		return false, "a real node needs root"
	}
	var missing []string
	for _, tool := range nodeTools {
		if findTool(tool.program) == "" {
			missing = append(missing, tool.pkg)
		}
	}
	if len(missing) > 0 {
		return false, "a real node needs these packages: " + strings.Join(missing, ", ") +
			" (sh testdata/node/install-debian.sh)"
	}
	// A container often may not, even as root.
	probe := exec.Command("true")
	probe.SysProcAttr = newNamespaces()
	if err := probe.Run(); err != nil {
		return false, "a real node needs the right to make namespaces: " + err.Error()
	}
	// Else NetworkPolicies between pods of one node would not be enforced.
	if _, err := os.Stat("/proc/sys/net/bridge"); err != nil {
		return false, "a real node needs the kernel module br_netfilter (modprobe br_netfilter)"
	}
	return true, ""
}

// RequireNode skips the test where a real node is not supported, or fails it
// if KUBECTL_HARDEN_REQUIRE_NODE=1, as where one must be. [StartNode] calls it;
// tests that share a node from [NewNode] do so themselves. The names of such
// tests end in OnNode: make test runs them when nothing else does.
func RequireNode(t testing.TB) {
	t.Helper()
	if name, _, _ := strings.Cut(t.Name(), "/"); !strings.HasSuffix(name, "OnNode") {
		t.Fatalf("%s needs a real node: its name must end in OnNode", name)
	}
	ok, why := NodeSupported()
	switch {
	case ok:
	case os.Getenv("KUBECTL_HARDEN_REQUIRE_NODE") == "1":
		t.Fatal(why)
	default:
		t.Skip(why)
	}
}

// findTool returns the path of a program or CNI plugin of the system, or "".
// Some users' PATH lacks the folders for administrators.
func findTool(name string) string {
	dirs := append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin", "/usr/lib/cni", "/opt/cni/bin")
	if name == "bridge" { // also a program of iproute2
		dirs = []string{"/usr/lib/cni", "/opt/cni/bin"}
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}
