package plugin

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// decisionFlags say what the user has decided about single connections.
type decisionFlags struct{ Keep, Cut []string }

func (f *decisionFlags) addTo(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.Keep, "keep", nil, "A connection that network policies keep, whatever objects tell: FROM:TO[:PORT] (shop/web:shop/db:5432). An end is NAMESPACE/NAME, NAMESPACE/KIND/NAME, NAMESPACE/*, anyone, any-pod, api, an address block or a host.")
	fs.StringArrayVar(&f.Cut, "cut", nil, "A connection that they cut: FROM:TO[:PORT], as above. The finer one of several counts.")
}

// set puts into the options what the flags mean.
func (f *decisionFlags) set(o *Options) error {
	var list []fixes.Decision
	for _, flag := range []struct {
		name   string
		values []string
		keep   bool
	}{{"--keep", f.Keep, true}, {"--cut", f.Cut, false}} {
		for _, value := range flag.values {
			d, err := connections.ParseDecision(value, flag.keep)
			if err != nil {
				return fmt.Errorf("%s: %w", flag.name, err)
			}
			opposite := d
			opposite.Keep = !d.Keep
			if slices.Contains(list, opposite) {
				return fmt.Errorf("--keep and --cut both name %s: leave one out", value)
			}
			list = append(list, d)
		}
	}
	o.decisions = &decisionList{list: list}
	return nil
}

// decisionList is what was decided so far: by flags, and later in the terminal
// UI.
type decisionList struct {
	mu      sync.Mutex
	list    []fixes.Decision
	checked bool
}

func (d *decisionList) get() []fixes.Decision {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.list
}

func (d *decisionList) put(list []fixes.Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list, d.checked = list, true // what is not of flags is no typing error
}

// check fails when a decision of a flag is about something that the first scan
// has not found, if it has looked.
func (d *decisionList) check(result *fixes.Result) error {
	if d == nil || d.checked || !network.Looked(result) || len(result.Inventory.Skips()) > 0 {
		return nil
	}
	d.checked = true
	if err := connections.CheckDecisions(result.Inventory); err != nil {
		return usageError(err)
	}
	return nil
}

// args returns the decisions as arguments of a command line.
func (d *decisionList) args() []string {
	var out []string
	for _, decision := range d.get() {
		flag, value := connections.DecisionArgs(decision)
		out = append(out, flag, shellWord(value))
	}
	return out
}

// shellWord writes an argument as a POSIX shell reads it.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/:.,@%+=_-", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
