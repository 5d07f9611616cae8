package plugin

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/nodes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

func TestNodeFlags(t *testing.T) {
	var said bytes.Buffer
	options := func() *Options {
		return &Options{IOStreams: genericiooptions.IOStreams{Out: &bytes.Buffer{}, ErrOut: &said}}
	}
	o := options()
	if err := (&nodeFlags{}).set(o); err != nil || len(o.facts) > 0 || o.kubelets != nil || len(o.Exec) > 0 {
		t.Errorf("nothing was asked for: %v, %+v", err, o)
	}
	o = options()
	flags := nodeFlags{KubeletConfig: true, Probe: true, ExecGroups: []string{"shop=devs", "shop=devs", "pay=oidc:a=b"}}
	if err := flags.set(o); err != nil || len(o.facts) != 1 || o.kubelets == nil {
		t.Fatalf("%v, %+v", err, o)
	}
	if want := []fixes.ExecGrant{{Namespace: "shop", Group: "devs"}, {Namespace: "pay", Group: "oidc:a=b"}}; !slices.Equal(o.Exec, want) {
		t.Errorf("groups %v", o.Exec)
	}
	o.kubelets.Say("x")
	o.facts[0].(*nodes.Probe).Say("10.0.0.1:22")
	if want := "--kubelet-config reads: x\n--probe-nodes connects to: 10.0.0.1:22\n"; said.String() != want {
		t.Errorf("said %q", said.String())
	}
	for _, bad := range []nodeFlags{
		{ExecGroups: []string{"devs"}}, {ExecGroups: []string{"shop="}}, {ExecGroups: []string{"=devs"}}, {ExecGroups: []string{"Shop=devs"}},
		{ExecGroups: []string{"shop=system:authenticated"}}, {ExecGroups: []string{"shop=system:serviceaccounts"}},
	} {
		if err := bad.set(options()); err == nil || !strings.HasPrefix(err.Error(), "--exec-group: ") {
			t.Errorf("%q: %v", bad.ExecGroups, err)
		}
	}
	for _, live := range []nodeFlags{{KubeletConfig: true}, {Probe: true}} {
		o := options()
		o.source = source.Demo{}
		if err := live.set(o); err == nil {
			t.Errorf("manifests have no nodes to ask: %+v", live)
		}
	}
}
