package cluster_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestNodeNeedsRoot runs a test that needs a node as a user who may not have
// one.
func TestNodeNeedsRoot(t *testing.T) {
	for require, want := range map[string]string{"": "--- SKIP: TestPodsOnNode", "1": "--- FAIL: TestPodsOnNode"} {
		// Not os.Args[0]: other users may not look into its folder.
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestPodsOnNode$", "-test.v")
		cmd.Dir = "/"
		cmd.Env = append(os.Environ(), "KUBECTL_HARDEN_REQUIRE_NODE="+require)
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := cmd.CombinedOutput()
		if got := string(out); !strings.Contains(got, want) || !strings.Contains(got, "a real node needs root") {
			t.Errorf("required %q: %v, %s", require, err, got)
		}
	}
}
