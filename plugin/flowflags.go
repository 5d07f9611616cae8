package plugin

import (
	"errors"
	"slices"

	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/plugin/flows"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// flowFlags say where observed connections come from.
type flowFlags struct{ Files []string }

func (f *flowFlags) addTo(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.Files, "flows", nil, "Connections that were observed, to keep what was seen: a file of Hubble, Calico or Inspektor Gadget, or a CSV; - for standard input. Repeat it for more.")
}

// set checks the flag. The files are opened when the command is run.
func (f *flowFlags) set(o *Options) error {
	files, _ := o.source.(*source.Files)
	stdin := slices.Index(f.Files, "-")
	if stdin >= 0 && (files != nil && slices.Contains(files.Paths, "-") || slices.Contains(f.Files[stdin+1:], "-")) {
		return errors.New("standard input can be read once: name a file for -f or --flows")
	}
	o.flowFiles = f.Files
	return nil
}

// openFlows looks at the beginning of the files of observed connections, so that
// one that is none is said before a long scan.
func (o *Options) openFlows() error {
	if len(o.flowFiles) == 0 {
		return nil
	}
	files, err := flows.Open(o.flowFiles, o.In)
	if err != nil {
		return err
	}
	o.facts = append(o.facts, files)
	return nil
}
