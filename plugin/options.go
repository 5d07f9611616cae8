package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/util/term"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/forms"
	"github.com/kubectl-harden/kubectl-harden/plugin/metrics"
	"github.com/kubectl-harden/kubectl-harden/plugin/nodes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/tui"
)

// Options are what one run of the command is to do.
type Options struct {
	genericiooptions.IOStreams
	connection *genericclioptions.ConfigFlags

	// Context and Scope name what is scanned.
	Context, Scope string
	// Namespace limits the scan, when it is not empty.
	Namespace string
	Selector  labels.Selector

	Rules       []*fixes.Rule
	MinSeverity fixes.Severity
	Threats     []fixes.Threat
	FailOn      fixes.Severity
	// ShowIgnored lists what is ignored in the table of findings.
	ShowIgnored bool
	// wanted limits the findings, when it is not empty.
	wanted wanted

	Output    string
	OutputDir string

	Fix        bool
	DryRun     string
	Confidence fixes.Confidence
	Yes        bool
	// ReadOnly: nothing is written to the cluster. Fresh: what an earlier session
	// has staged is not offered.
	ReadOnly, Fresh bool
	// Settings say how fixes are applied.
	Settings journal.Settings
	// Managed makes fixes of objects that something else manages too.
	Managed bool
	// TryCronJobs: copies of the pods of CronJobs are tried too.
	TryCronJobs bool
	// Recreate tells which pods and Jobs may be deleted and created anew: those
	// with these names.
	Recreate      func(fixes.Ref) bool
	RecreateNames []string

	// Wishes are what the user asks of fixes.
	fixes.Wishes
	// decisions are about single connections; the user may change them.
	decisions *decisionList
	// given are the flags of the command line, as they would be typed again.
	given []givenFlag

	// Watch makes the terminal UI follow the cluster from the start.
	Watch bool

	Now func() time.Time

	// elsewhere returns the options for another place of the kubeconfig.
	elsewhere func(tui.Place) (*Options, error)

	// secretForms returns the forms in which new Secrets are exported.
	secretForms func(context.Context) ([]forms.Form, error)
	// policyEngine, where it is not nil, makes the form in which new admission
	// policies are exported.
	policyEngine forms.Engine
	// stagedPolicies: network policies are exported as Calico's staged ones.
	stagedPolicies bool
	// openReports returns where reports about images come from.
	openReports func(context.Context, *Options) ([]source.Facts, error)
	// expandWildcards asks the cluster what it serves.
	expandWildcards bool

	// config is what the user's file says; nil where it does not matter.
	config *configFile

	// configured is what the configuration says of keys and of contexts, and
	// guard what follows of it for the one that is scanned.
	configured *settings
	guard      guard
	// asking is what of the command line says which findings are looked at.
	asking []string
	screen screen
	// keepers keep the state of the terminal UI, one for each place it was at.
	keepers *[]*keeper

	// flowFiles are files of observed connections.
	flowFiles []string

	source   source.Source
	kubelets *nodes.Kubelets // that the user asked for, without its API
	facts    []source.Facts  // that the user asked for
	cluster  *connection     // nil unless a cluster is scanned
}

// Run does what the options say.
func (o *Options) Run(ctx context.Context) error {
	if err := o.open(ctx); err != nil {
		return err
	}
	switch {
	case o.Fix:
		return o.runFix(ctx)
	case o.interactive():
		return o.runTUI(ctx)
	case o.Watch:
		return usageError(errors.New("--watch goes with the terminal UI: leave out -o and --fail-on, and start it on a terminal"))
	}
	return o.runReport(ctx)
}

// open prepares all that a scan reads.
func (o *Options) open(ctx context.Context) error {
	var err error
	if o.configured, err = o.config.settings(); err != nil {
		return err
	}
	if err := o.connect(); err != nil {
		return err
	}
	if err := o.openFlows(); err != nil {
		return err
	}
	reports, err := o.openReports(ctx, o)
	if err != nil {
		return err
	}
	o.facts = append(o.facts, reports...)
	if o.cluster != nil {
		if o.kubelets != nil {
			o.kubelets.API = o.cluster.Client
			o.facts = append(o.facts, o.kubelets)
		}
		o.facts = append(o.facts, metrics.Pods{API: o.cluster.Client, Namespace: o.Namespace})
	}
	o.discoverResources()
	return nil
}

// interactive reports whether the terminal UI is to open: there is a terminal
// to open it on, and nothing was asked for that is printed.
func (o *Options) interactive() bool {
	if o.screen.accessible {
		return true
	}
	return o.Output == "" && o.FailOn == 0 && !o.ShowIgnored && isTerminal(o.Out) && term.TTY{In: o.In}.IsTerminalIn() && (o.lines() || os.Getenv("TERM") != "dumb")
}

func isTerminal(w io.Writer) bool { return term.IsTerminal(w) }

// color reports whether what goes to a stream may be coloured
// (https://no-color.org).
func color(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// connect prepares the cluster as the source, unless another one was named.
func (o *Options) connect() error {
	if o.source != nil {
		return nil
	}
	c, err := connect(o.connection)
	if err != nil {
		return err
	}
	o.Context, o.cluster = c.context, c
	o.Scope = "all namespaces"
	if o.Namespace != "" {
		o.Scope = "namespace " + o.Namespace
	}
	o.guard = o.configured.guard(c.context, o.ReadOnly)
	o.source = &source.Cluster{Client: c.Client, Namespace: o.Namespace, Home: c.home, Recreate: o.Recreate}
	return nil
}

// scan loads and judges the source. A result comes with an error where only
// some manifests could not be read.
func (o *Options) scan(ctx context.Context, report func(fixes.Progress)) (*fixes.Result, error) {
	if err := o.config.load(); err != nil { // it may have been edited since
		return nil, err
	}
	ignores, now := o.config.ignores(), o.Now()
	judged := source.Judged{Source: o.source, Wishes: o.Wishes}
	judged.Decisions = o.decisions.get()
	result, err := source.Scan(ctx, judged, o.facts, o.Rules, func(p fixes.Progress) {
		if report != nil {
			p.Found, _ = o.choose(nil, p.Found)
			p.Found = slices.DeleteFunc(p.Found, func(f *fixes.Finding) bool { return fixes.IgnoredBy(ignores, now, f) != nil })
			report(p)
		}
	})
	if err != nil && o.cluster != nil {
		err = connectionError(err, o.cluster.Host(), o.Context)
	}
	if result != nil {
		if wrong := o.decisions.check(result); wrong != nil {
			return nil, wrong
		}
		result = o.sift(result)
	}
	return result, err
}

// choose parts the findings that the user asked for from the others. Without
// an inventory, labels are not looked at.
func (o *Options) choose(inv *fixes.Inventory, findings []*fixes.Finding) (chosen, others []*fixes.Finding) {
	for _, f := range findings {
		if o.asked(inv, f) {
			chosen = append(chosen, f)
		} else {
			others = append(others, f)
		}
	}
	return chosen, others
}

func (o *Options) asked(inv *fixes.Inventory, f *fixes.Finding) bool {
	if f.Severity < o.MinSeverity || !o.wanted.has(f) {
		return false
	}
	if len(o.Threats) > 0 && !slices.ContainsFunc(f.Threats, func(t fixes.Threat) bool { return slices.Contains(o.Threats, t) }) {
		return false
	}
	if inv == nil || o.Selector.Empty() {
		return true
	}
	obj := inv.Get(f.Object)
	return obj != nil && o.Selector.Matches(labels.Set(obj.GetLabels()))
}

// failOn returns the error that ends the program with status 1 when findings
// at or above --fail-on remain.
func (o *Options) failOn(findings []*fixes.Finding) error {
	if o.FailOn == 0 {
		return nil
	}
	n := 0
	for _, f := range findings {
		if f.Severity >= o.FailOn {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return &statusError{StatusFindings, fmt.Errorf("%d findings of severity %s or above", n, o.FailOn)}
}
