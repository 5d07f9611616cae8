package plugin

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/plugin/audit"
	"github.com/kubectl-harden/kubectl-harden/plugin/discovery"
)

// accessFlags say what is known of how rights are used.
type accessFlags struct {
	AuditLogs []string
	Expand    bool
}

func (f *accessFlags) addTo(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.AuditLogs, "audit-log", nil, "Audit logs of all API servers (JSON lines, rotated and compressed ones too): files, or folders of them. Roles are narrowed to what they show.")
	fs.BoolVar(&f.Expand, "expand-wildcards", false, "Offer to write out the wildcards of roles, by what the API server serves now.")
}

// set puts into the options what the flags mean. It looks at the beginning of
// each file, so that one that is no log is said before a long scan.
func (f *accessFlags) set(o *Options) error {
	if f.Expand && o.source != nil {
		return errors.New("--expand-wildcards asks the API server what it serves, and manifests have none: scan a cluster")
	}
	if len(f.AuditLogs) > 0 {
		log, err := audit.Open(f.AuditLogs)
		if err != nil {
			return err
		}
		o.facts = append(o.facts, log)
	}
	if f.Expand {
		o.expandWildcards = true
	}
	return nil
}

// discoverResources adds what the cluster serves to what is looked at, if that
// was asked for.
func (o *Options) discoverResources() {
	if o.expandWildcards && o.cluster != nil {
		o.facts = append(o.facts, discovery.Resources{API: o.cluster.Client})
	}
}
