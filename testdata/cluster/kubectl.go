package cluster

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Command is exec.Command for a program that is to work on the cluster as
// admin: KUBECONFIG is set, and kubectl on the PATH is the cluster's.
func (c *Cluster) Command(name string, args ...string) *exec.Cmd {
	if name == "kubectl" {
		name = c.KubectlPath // exec.Command goes by the PATH of this process
	}
	cmd := exec.Command(name, args...)
	cmd.Env = c.environ(c.Kubeconfig)
	return cmd
}

func (c *Cluster) environ(kubeconfig string) []string {
	return append(os.Environ(),
		"KUBECONFIG="+kubeconfig,
		"KUBECACHEDIR="+filepath.Join(c.Dir, "kubectl-cache"), // not in the user's home
		"PATH="+filepath.Dir(c.KubectlPath)+string(filepath.ListSeparator)+os.Getenv("PATH"),
	)
}

// KubectlErr runs kubectl as admin.
func (c *Cluster) KubectlErr(args ...string) (stdout, stderr string, err error) {
	return output(c.Command(c.KubectlPath, args...))
}

// Kubectl runs kubectl as admin and returns its stdout; the test fails if
// kubectl does.
func (c *Cluster) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	return mustOutput(t, c.Command(c.KubectlPath, args...))
}

// Apply applies a manifest (YAML or JSON documents) as admin.
func (c *Cluster) Apply(t testing.TB, manifest string) {
	t.Helper()
	cmd := c.Command(c.KubectlPath, "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(manifest)
	mustOutput(t, cmd)
}

func output(cmd *exec.Cmd) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func mustOutput(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	stdout, stderr, err := output(cmd)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, stderr)
	}
	return stdout
}
