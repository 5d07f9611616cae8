package apply_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// servers are three that run as root, as people start them, and that fall
// each in another way when that is taken from them.
const servers = `package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, os.Args[1]+":", err)
		os.Exit(1)
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	<-c
}

func serve(as string) error {
	switch as {
	case "cache":
		if err := os.MkdirAll("/var/cache/x", 0o755); err != nil {
			return err
		}
		return os.WriteFile("/var/cache/x/state", []byte("x"), 0o644)
	case "drops":
		if os.Getuid() != 0 {
			return nil
		}
		if err := syscall.Setgid(4242); err != nil {
			return fmt.Errorf("setgid(4242) failed: %w", err)
		}
		return syscall.Setuid(4242)
	case "low":
		_, err := net.Listen("tcp", ":80")
		return err
	case "broken":
		return fmt.Errorf("dial tcp: lookup db: no such host")
	}
	return nil
}
`

// TestTrialsOnNode finds the settings with which servers run that know nothing
// of them, on a real node.
func TestTrialsOnNode(t *testing.T) {
	if testing.Short() {
		t.Skip("what a real node does is not what the race detector looks at")
	}
	node := cluster.StartNode(t)
	node.LoadProgram(t, "servers:1", servers, cluster.ImageConfig{User: "0"})
	node.Kubectl(t, "create", "namespace", "trials")
	names := []string{"cache", "drops", "low", "broken"}
	for _, name := range names {
		node.Apply(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: `+name+`, namespace: trials}
spec:
  replicas: 0
  selector: {matchLabels: {app: `+name+`}}
  template:
    metadata: {labels: {app: `+name+`}}
    spec:
      containers:
      - {name: web, image: "servers:1", imagePullPolicy: IfNotPresent, args: [`+name+`]}
`)
	}
	config, err := clientcmd.BuildConfigFromFlags("", node.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	a := applier(t)
	if a.Client, err = client.New(config); err != nil {
		t.Fatal(err)
	}
	a.Settings.Settle = 2 * time.Second
	scan, err := source.Scan(t.Context(), &source.Cluster{Client: a.Client, Namespace: "trials"}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		obj, err := a.Client.Get(t.Context(), fixes.Ref{Kind: fixes.KindDeployment, Namespace: "trials", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		scan.Inventory.Add(obj)
	}
	run, err := a.BeginTrials(scan.Inventory, scan.Inventory.Workloads("trials"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	trials, err := run.Do(t.Context(), func(try apply.Tried) {
		mu.Lock()
		defer mu.Unlock()
		t.Logf("%s %s", try.Workload.Name, try.Line)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range trials {
		own := trial.Confinement.Containers["web"]
		t.Logf("%s: %q kept %q: %+v", trial.Workload.Name, trial.Err, trial.Kept, trial.Confinement)
		if trial.Workload.Name == "broken" {
			if trial.Err == "" {
				t.Errorf("broken runs: %+v", trial)
			}
			continue
		}
		if trial.Err != "" || own.Root || own.WritableRoot || own.Escalates || own.Unconfined || len(own.Add) > 0 {
			t.Errorf("%s is not as tight as it could be: %q %+v", trial.Workload.Name, trial.Err, trial.Confinement)
		}
		var folders []string
		for _, scratch := range own.Scratch {
			folders = append(folders, scratch.Path)
		}
		want := []string{"/tmp"} // always
		if trial.Workload.Name == "cache" {
			want = append(want, "/var/cache")
		}
		if !slices.Equal(folders, want) {
			t.Errorf("%s has the folders %q, want %q", trial.Workload.Name, folders, want)
		}
	}
	if left := node.Kubectl(t, "get", "pods,networkpolicies", "-n", "trials", "-o", "name"); left != "" {
		t.Errorf("left behind: %s", left)
	}
}
