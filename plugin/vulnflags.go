package plugin

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/plugin/vulnerabilities"
)

// vulnerabilityFlags say where reports about images come from.
type vulnerabilityFlags struct {
	Files []string
	Scan  string
}

func (f *vulnerabilityFlags) addTo(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.Files, "vulnerabilities", nil, "Reports of trivy or grype (JSON or SARIF) about images: files, or folders of them.")
	fs.StringVar(&f.Scan, "scan-images", "", "Run a scanner that is on PATH once for each image: "+strings.Join(vulnerabilities.Tools(), " or ")+". It asks registries.")
}

// set checks the flags. The reports are read when the command is run.
func (f *vulnerabilityFlags) set(o *Options) error {
	if f.Scan != "" && !slices.Contains(vulnerabilities.Tools(), f.Scan) {
		return unknown("scanner", f.Scan, vulnerabilities.Tools())
	}
	o.openReports = f.open
	return nil
}

// open returns where reports about images come from: the cluster, if one is
// scanned, and what the user named. It reads the files, so that one that is
// none is said before a long scan.
func (f *vulnerabilityFlags) open(ctx context.Context, o *Options) ([]source.Facts, error) {
	var facts []source.Facts
	if o.cluster != nil {
		facts = append(facts, vulnerabilities.Operator{API: o.cluster.Client, Namespace: o.Namespace})
	}
	if len(f.Files) > 0 {
		files, err := vulnerabilities.ReadFiles(ctx, f.Files)
		if err != nil {
			return nil, err
		}
		facts = append(facts, files)
	}
	if f.Scan != "" {
		scanner, err := vulnerabilities.Find(f.Scan)
		if err != nil {
			return nil, err
		}
		facts = append(facts, scanner)
	}
	return facts, nil
}
