package plugin

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/plugin/inspect"
)

// inspectFlags say whether running containers are looked into.
type inspectFlags struct{ Inspect bool }

func (f *inspectFlags) addTo(fs *pflag.FlagSet) {
	fs.BoolVar(&f.Inspect, "inspect", false, "Look into one running container of each kind, by commands that only read (pods/exec; each is shown): its user, capabilities, ports, what it writes, and who is connected to whom.")
}

// set puts into the options what the flag means.
func (f *inspectFlags) set(o *Options) error {
	if !f.Inspect {
		return nil
	}
	if o.source != nil {
		return errors.New("--inspect looks into running containers, and manifests have none: scan a cluster")
	}
	processes := &inspect.Processes{Connection: o.connection}
	connections := &inspect.Connections{Connection: o.connection}
	if !o.interactive() { // there, the findings' evidence shows them
		processes.Say = func(command string) { fmt.Fprintln(o.ErrOut, "--inspect runs in containers:", command) }
		connections.Say = processes.Say
	}
	o.facts = append(o.facts, processes, connections)
	return nil
}
