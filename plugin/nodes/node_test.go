package nodes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	rules "github.com/kubectl-harden/kubectl-harden/fixes/nodes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// configOf returns a cluster's configuration as its admin, or as another user.
func configOf(t *testing.T, node *cluster.Node, as string) *client.Client {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", node.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config = rest.CopyConfig(config)
	config.Impersonate.UserName = as
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// kubeletFindings scans a cluster for its kubelets, whose configuration is read as
// a user, and returns the rules that found something, and what was skipped.
func kubeletFindings(t *testing.T, node *cluster.Node, as string, say func(string)) (ids []string, result *fixes.Result) {
	t.Helper()
	var asked []*fixes.Rule
	for _, r := range rules.Rules() {
		if strings.HasPrefix(r.ID, "kubelet-") {
			asked = append(asked, r)
		}
	}
	facts := []source.Facts{&Kubelets{API: configOf(t, node, as), Say: say}}
	result, err := source.Scan(t.Context(), &source.Cluster{Client: configOf(t, node, "")}, facts, asked, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range result.Findings {
		if f.Object.Name != cluster.NodeName {
			t.Errorf("%s: %s", f.Rule.ID, f.Object)
		}
		ids = append(ids, f.Rule.ID)
	}
	slices.Sort(ids)
	return ids, result
}

// TestKubeletsOnNode reads the configuration of a real kubelet: what is weak in it
// is found, and nothing else; and with the lines of the fixes it is not any more.
func TestKubeletsOnNode(t *testing.T) {
	if testing.Short() {
		t.Skip("what a real node does is not what the race detector looks at")
	}
	weak := cluster.StartNode(t, cluster.WithKubeletArgs("--anonymous-auth=true", "--event-qps=0", "--read-only-port=10255", "--tls-min-version=VersionTLS11",
		"--streaming-connection-idle-timeout=0s"))
	var said []string
	ids, result := kubeletFindings(t, weak, "", func(path string) { said = append(said, path) })
	want := []string{
		"kubelet-anonymous-auth", "kubelet-event-rate", "kubelet-hostname-override", "kubelet-iptables-chains", "kubelet-pod-pids", "kubelet-profiling",
		"kubelet-protect-kernel-defaults", "kubelet-read-only-port", "kubelet-rotate-certificates", "kubelet-seccomp-default", "kubelet-streaming-timeout", "kubelet-tls-version",
	}
	if !slices.Equal(ids, want) {
		t.Errorf("found %q\nnot   %q", ids, want)
	}
	if len(said) != 1 || said[0] != "GET /api/v1/nodes/real-1/proxy/configz and flagz" {
		t.Errorf("said %q", said)
	}
	if skips := result.Inventory.Skips(); len(skips) > 0 {
		t.Errorf("skipped %v", skips)
	}
	lines := fixedLines(result)
	t.Run("no right", func(t *testing.T) {
		ids, result := kubeletFindings(t, weak, "nobody", nil)
		if skips := result.Inventory.Skips(); len(ids) > 0 || !slices.Equal(skips, []fixes.Skip{{Resource: "nodes/proxy", Reason: "forbidden"}}) {
			t.Errorf("found %q, skipped %v", ids, skips)
		}
	})
	weak.Stop()

	// A folder of configurations counts after the file (--config-dir).
	dir := t.TempDir()
	for name, text := range lines {
		text = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n" + text
		if err := os.WriteFile(filepath.Join(dir, name+".conf"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	hard := cluster.StartNode(t, cluster.WithKubeletArgs("--config-dir="+dir))
	// The test machine's kernel and name are not ours to change.
	if ids, _ := kubeletFindings(t, hard, "", nil); !slices.Equal(ids, []string{"kubelet-hostname-override", "kubelet-protect-kernel-defaults"}) {
		t.Errorf("with the fixes, found %q", ids)
	}
}

// fixedLines returns the lines that fixes have for a KubeletConfiguration, by rule.
func fixedLines(result *fixes.Result) map[string]string {
	lines := map[string]string{}
	for _, f := range result.Findings {
		if f.Rule.ID == "kubelet-protect-kernel-defaults" || f.Rule.ID == "kubelet-hostname-override" {
			continue
		}
		var text strings.Builder
		for line := range strings.Lines(f.Fix().Steps) {
			if rest, ok := strings.CutPrefix(line, "    "); ok {
				text.WriteString(rest)
			}
		}
		lines[f.Rule.ID] = text.String()
	}
	return lines
}
