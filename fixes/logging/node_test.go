package logging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// standIn takes Fluentd's place: it answers the probes, reads every log that
// the links lead to, writes its buffer, and says what it could do.
const standIn = `package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	go http.ListenAndServe(":24220", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for ; ; time.Sleep(time.Second) {
		var report strings.Builder
		links, _ := filepath.Glob("/var/log/containers/*.log")
		for _, link := range links {
			text, err := os.ReadFile(link)
			fmt.Fprintf(&report, "log %s %v %v\n", filepath.Base(link), err, strings.Contains(string(text), "hello from a container"))
		}
		for _, file := range []string{"/buffers/output/x", "/tmp/x", "/x", "/var/log/pods/x", "/etc/fluentd/x"} {
			os.MkdirAll(filepath.Dir(file), 0o755)
			fmt.Fprintf(&report, "write %s %v\n", file, os.WriteFile(file, []byte("x"), 0o600) == nil)
		}
		conf, _ := os.ReadFile("/etc/fluentd/fluent.conf")
		fmt.Fprintf(&report, "user %d group %d conf %v args %q\n", os.Getuid(), os.Getgid(), len(conf) > 0, os.Args)
		status, _ := os.ReadFile("/proc/self/status")
		for _, line := range strings.Split(string(status), "\n") {
			if strings.HasPrefix(line, "CapEff") || strings.HasPrefix(line, "NoNewPrivs") || strings.HasPrefix(line, "Seccomp:") {
				report.WriteString(line + "\n")
			}
		}
		fmt.Print(report.String(), "end\n")
	}
}
`

// TestStandInOnNode runs a program in Fluentd's place, as the agent's user, with
// its mounts and its read-only root, on a real node: it reads the log of every
// container there, of root's and others', writes its buffer and nothing else.
func TestStandInOnNode(t *testing.T) {
	if testing.Short() {
		t.Skip("what a real node does is not what the race detector looks at")
	}
	n := cluster.StartNode(t)
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(cluster.StaticProgram(t, standIn), filepath.Join(root, "bin", "fluentd")); err != nil {
		t.Fatal(err)
	}
	digest := n.LoadImage(t, "agent:1", root, cluster.ImageConfig{Env: []string{"PATH=/bin"}})
	n.LoadProgram(t, "writer:1", "package main\n\nimport (\n\t\"fmt\"\n\t\"time\"\n)\n\nfunc main() {\n\tfor {\n\t\tfmt.Println(\"hello from a container\")\n\t\ttime.Sleep(time.Second)\n\t}\n}\n", cluster.ImageConfig{})
	n.Kubectl(t, "create", "namespace", "shop")
	n.Apply(t, `
apiVersion: v1
kind: Pod
metadata: {name: root, namespace: shop}
spec: {containers: [{name: w, image: "writer:1"}], terminationGracePeriodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: user, namespace: kube-system}
spec: {containers: [{name: w, image: "writer:1", securityContext: {runAsUser: 1000, runAsGroup: 1000}}], terminationGracePeriodSeconds: 1}
`)
	inv := fixes.NewInventory()
	inv.Logs = fixes.LogPolicy{Output: fixes.LogForward, Host: "logs.example.com", Port: 24224, TLS: true, Image: "agent@" + digest}
	var objects []any
	for _, obj := range agentObjects(inv) {
		kind, _ := fixes.KindOf(obj)
		obj.GetObjectKind().SetGroupVersionKind(kind.GVK())
		objects = append(objects, obj)
	}
	apply(t, n.Cluster, objects)
	n.Kubectl(t, "wait", "--for=condition=Ready", "pod/root", "-n", "shop", "--timeout=180s")
	n.Kubectl(t, "rollout", "status", "-n", agentNamespace, "daemonset/"+agentName, "--timeout=180s")

	want := []string{
		"write /buffers/output/x true", "write /tmp/x true", "write /x false", "write /var/log/pods/x false", "write /etc/fluentd/x false",
		`user 10001 group 0 conf true args ["fluentd" "--no-supervisor" "-c" "/etc/fluentd/fluent.conf"]`,
		"CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
	}
	deadline := time.Now().Add(3 * time.Minute)
	for {
		said := n.Kubectl(t, "logs", "-n", agentNamespace, "daemonset/"+agentName, "--tail=40")
		blocks := strings.Split(said, "end\n")
		last := blocks[max(len(blocks)-2, 0)] // a whole one
		problem := unread(last)
		for _, line := range want {
			if !strings.Contains(last, line+"\n") {
				problem = "it does not say " + line
			}
		}
		if problem == "" {
			t.Log(last)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s:\n%s", problem, said)
		}
		time.Sleep(time.Second)
	}
}

// unread says which log a report shows not to have been read.
func unread(report string) string {
	for _, pod := range []string{"root_shop_w-", "user_kube-system_w-", agentName + "-"} {
		found := false
		for line := range strings.Lines(report) {
			if strings.HasPrefix(line, "log "+pod) {
				found = strings.Contains(line, " <nil> ") && (pod == agentName+"-" || strings.HasSuffix(line, " true\n"))
			}
		}
		if !found {
			return "the log of " + pod + " was not read"
		}
	}
	return ""
}
