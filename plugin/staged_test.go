package plugin

import (
	"bytes"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/cni"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// TestSayStaged: what is said beside staged policies fits what runs.
func TestSayStaged(t *testing.T) {
	for image, want := range map[string]string{
		"calico/node:v3.29.1":       "",
		"example.com/net":           "",
		"cilium/cilium:v1.17.0":     "policy-audit-mode true",
		"antrea/antrea-ubuntu:v2.2": "Antrea runs here, which knows no staged policies.",
	} {
		var stderr bytes.Buffer
		o := &Options{IOStreams: genericiooptions.IOStreams{ErrOut: &stderr}}
		o.sayStaged(cni.Detect(fixestest.Load(t, `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: net, namespace: kube-system}
spec:
  selector: {matchLabels: {app: net}}
  template: {metadata: {labels: {app: net}}, spec: {containers: [{name: c, image: '`+image+`'}]}}
`)))
		if got := stderr.String(); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q", image, got)
		}
	}
}

// TestStageNothing: a plan without network policies says so.
func TestStageNothing(t *testing.T) {
	var stderr bytes.Buffer
	o := &Options{IOStreams: genericiooptions.IOStreams{ErrOut: &stderr}}
	if _, err := o.stage(&fixes.Plan{}); err != nil || !strings.Contains(stderr.String(), "no NetworkPolicy to stage") {
		t.Errorf("%v: %s", err, stderr.String())
	}
}
