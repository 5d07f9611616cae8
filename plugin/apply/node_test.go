package apply_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// needy is a server that cannot do without what a fix takes from it: a root
// filesystem to write to.
const needy = `package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := os.WriteFile("/state", []byte("x"), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		_ = os.WriteFile("/dev/termination-log", []byte(err.Error()), 0o644)
		os.Exit(1)
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	<-c
}
`

// TestBrokenFixOnNode makes fixes that break what runs, where it really runs:
// each is put back without help, its pods serve on meanwhile, and the reason
// is told.
func TestBrokenFixOnNode(t *testing.T) {
	if testing.Short() {
		t.Skip("what a real node does is not what the race detector looks at")
	}
	node := cluster.StartNode(t)
	node.LoadProgram(t, "needy:1", needy, cluster.ImageConfig{User: "0"})
	config, err := clientcmd.BuildConfigFromFlags("", node.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	onNode, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		spoil func(*appsv1.Deployment)
		why   string
	}{
		{"root-user", func(d *appsv1.Deployment) {
			d.Spec.Template.Spec.Containers[0].SecurityContext.RunAsNonRoot = new(true)
		}, "runAsNonRoot"},
		{"writes-root", func(d *appsv1.Deployment) {
			d.Spec.Template.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem = new(true)
		}, "read-only file system"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			node.Kubectl(t, "create", "namespace", c.name)
			node.Apply(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: `+c.name+`}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: web, image: "needy:1", imagePullPolicy: IfNotPresent, securityContext: {allowPrivilegeEscalation: true}}
`)
			node.Kubectl(t, "rollout", "status", "deployment/web", "-n", c.name, "--timeout=180s")
			ref := fixes.Ref{Kind: fixes.KindDeployment, Namespace: c.name, Name: "web"}
			before, err := onNode.Get(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			after := before.DeepCopyObject().(*appsv1.Deployment)
			c.spoil(after)
			a := applier(t)
			a.Client = onNode
			a.Settings.Settle = 10 * time.Second // crashes may come late
			var got outcomes
			err = write(t.Context(), a, &fixes.Plan{Verified: true, Changes: []fixes.Change{
				{Action: fixes.Patch, Object: ref, Before: before, After: after},
			}}, got.report)
			out := got.of("Deployment")
			if !errors.Is(err, apply.ErrRolledBack) || out.State != fixes.RolledBack {
				t.Errorf("%v %+v", err, out)
			}
			if !strings.Contains(strings.ToLower(out.Detail), strings.ToLower(c.why)) {
				t.Errorf("the reason is not told: %s", out.Detail)
			}
			node.Kubectl(t, "rollout", "status", "deployment/web", "-n", c.name, "--timeout=180s")
			spec := node.Kubectl(t, "get", "deployment/web", "-n", c.name, "-o", "jsonpath={.spec.template.spec.containers[0].securityContext}")
			if spec != `{"allowPrivilegeEscalation":true}` {
				t.Errorf("the security context is %s", spec)
			}
			if n := node.Kubectl(t, "get", "pods", "-n", c.name, "-o", "jsonpath={.items[*].status.containerStatuses[0].restartCount}"); n != "0" {
				t.Errorf("the pod that served before does not any more: restarts %q", n)
			}
		})
	}
}
