package plugin

import (
	"bytes"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/plugin/inspect"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

func TestInspectFlag(t *testing.T) {
	var said bytes.Buffer
	cluster := func() *Options {
		return &Options{IOStreams: genericiooptions.IOStreams{Out: &bytes.Buffer{}, ErrOut: &said}}
	}
	o := cluster()
	if err := (&inspectFlags{}).set(o); err != nil || len(o.facts) > 0 {
		t.Errorf("nothing was asked for: %v, %d facts", err, len(o.facts))
	}
	if err := (&inspectFlags{Inspect: true}).set(o); err != nil || len(o.facts) != 2 {
		t.Fatalf("%v, %d facts", err, len(o.facts))
	}
	o.facts[0].(*inspect.Processes).Say("cat /proc/1/status")
	if want := "--inspect runs in containers: cat /proc/1/status\n"; said.String() != want {
		t.Errorf("said %q", said.String())
	}
	o = cluster()
	o.source = source.Demo{}
	if err := (&inspectFlags{Inspect: true}).set(o); err == nil {
		t.Error("manifests have no running containers")
	}
}
