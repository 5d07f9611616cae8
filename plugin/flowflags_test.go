package plugin

import (
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

func TestFlowsFlag(t *testing.T) {
	const text = "from,to,port\nweb,db,80\n"
	o := &Options{IOStreams: genericiooptions.IOStreams{In: strings.NewReader(text)}}
	if err := (&flowFlags{}).set(o); err != nil || o.openFlows() != nil || len(o.facts) > 0 {
		t.Errorf("nothing was asked for: %v, %d facts", err, len(o.facts))
	}
	if err := (&flowFlags{Files: []string{"-"}}).set(o); err != nil || o.openFlows() != nil || len(o.facts) != 1 {
		t.Errorf("%v, %d facts", err, len(o.facts))
	}
	if err := (&flowFlags{Files: []string{"-", "-"}}).set(o); err == nil {
		t.Error("standard input is read twice")
	}
	o.source = &source.Files{Paths: []string{"-"}}
	if err := (&flowFlags{Files: []string{"-"}}).set(o); err == nil {
		t.Error("standard input is read for manifests too")
	}
}
