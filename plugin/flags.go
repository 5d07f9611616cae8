package plugin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/tui"
)

// Flags are the command line as it was typed.
type Flags struct {
	Connection *genericclioptions.ConfigFlags

	AllNamespaces bool
	Selector      string
	Filenames     []string
	Recursive     bool
	Kustomize     string
	Demo          bool
	Watch         bool

	Rules, Skip, Categories, Threats []string
	Severity                         string
	Findings                         []string
	Strictness                       string
	Decisions                        decisionFlags

	Output string
	FailOn string

	Fix            bool
	DryRun         string
	OutputDir      string
	Confidence     string
	Yes            bool
	Canary         bool
	CanaryCronJobs bool
	IncludeManaged bool
	Recreate       []string
	Apply          applyFlags
	Secrets        secretFlags
	Images         imageFlags
	Admission      admissionFlags
	Logs           logFlags
	Reports        vulnerabilityFlags
	Inspect        inspectFlags
	Nodes          nodeFlags
	Access         accessFlags
	Flows          flowFlags
	Config         configFlags
	ReadOnly       bool
	Fresh          bool
	Screen         screenFlags
}

// NewFlags returns the flags' defaults.
func NewFlags() *Flags {
	return &Flags{
		Connection: genericclioptions.NewConfigFlags(true),
		DryRun:     dryRunNone,
		Confidence: fixes.Safe.String(),
		Strictness: string(fixes.WithInferred),
		Apply:      newApplyFlags(),
		Secrets:    newSecretFlags(),
		Images:     newImageFlags(),
		Admission:  newAdmissionFlags(),
		Screen:     newScreenFlags(),
	}
}

// The values of --dry-run.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// The values of --output.
const (
	outputTable     = "table"
	outputWide      = "wide"
	outputJSON      = "json"
	outputYAML      = "yaml"
	outputName      = "name"
	outputSARIF     = "sarif"
	outputJUnit     = "junit"
	outputHTML      = "html"
	outputPolicies  = "policyreport"
	outputDiff      = "diff"
	outputKustomize = "kustomize"
)

var (
	reportFormats = []string{outputTable, outputWide, outputJSON, outputYAML, outputSARIF, outputJUnit, outputHTML, outputPolicies, outputName}
	exportFormats = []string{outputDiff, outputYAML, outputJSON, outputKustomize}
)

// ToOptions checks the flags and returns what they mean. It reads nothing.
func (f *Flags) ToOptions(streams genericiooptions.IOStreams) (*Options, error) {
	o := &Options{
		IOStreams: streams, connection: f.Connection, Now: time.Now, keepers: new([]*keeper),
		DryRun: f.DryRun, Output: f.Output, OutputDir: f.OutputDir, Fix: f.Fix,
		Yes: f.Yes, Managed: f.IncludeManaged, ReadOnly: f.ReadOnly, Fresh: f.Fresh, Watch: f.Watch,
		asking: slices.Concat(f.Rules, []string{"skip"}, f.Skip, []string{"category"}, f.Categories, []string{"threat"}, f.Threats,
			[]string{"severity", f.Severity, "selector", f.Selector}),
	}
	o.elsewhere = func(to tui.Place) (*Options, error) { return f.elsewhere(o, to) }
	steps := []func(*Options) error{f.setSource, f.setRules, f.setFindings, f.setFix, f.setOutput, f.Decisions.set, f.Secrets.set, f.Images.set, f.Admission.set, f.Logs.set, f.Reports.set, f.Inspect.set, f.Nodes.set, f.Access.set, f.Flows.set, f.Config.set, f.setScreen}
	for _, step := range steps {
		if err := step(o); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (f *Flags) setSource(o *Options) error {
	given := 0
	for _, is := range []bool{len(f.Filenames) > 0, f.Kustomize != "", f.Demo} {
		if is {
			given++
		}
	}
	namespace := *f.Connection.Namespace
	switch {
	case given > 1:
		return errors.New("-f, -k and --demo exclude each other: name one source")
	case f.AllNamespaces && namespace != "":
		return errors.New("-A and -n exclude each other")
	case f.Recursive && len(f.Filenames) == 0:
		return errors.New("-R goes with -f")
	}
	if f.Watch && (given > 0 || f.Fix) {
		return errors.New("--watch follows a cluster in the terminal UI: it goes with neither -f, -k, --demo nor --fix")
	}
	o.Namespace = namespace
	switch {
	case f.Demo:
		o.Context, o.Scope, o.source = "demo", "a built-in shop", source.Demo{}
	case f.Kustomize != "":
		o.Context, o.Scope = "manifests", f.Kustomize
		o.source = &source.Files{Kustomize: f.Kustomize, Namespace: namespace}
	case len(f.Filenames) > 0:
		o.Context, o.Scope = "manifests", strings.Join(f.Filenames, ", ")
		o.source = &source.Files{Paths: f.Filenames, Stdin: o.In, Recursive: f.Recursive, Namespace: namespace}
	}
	return nil
}

func (f *Flags) setRules(o *Options) error {
	all := catalog.Rules()
	ids := ruleIDs()
	for _, name := range slices.Concat(f.Rules, f.Skip) {
		if !slices.Contains(ids, name) {
			return unknown("rule", name, ids)
		}
	}
	categories := names(fixes.Categories())
	for _, name := range f.Categories {
		if !slices.Contains(categories, name) {
			return unknown("category", name, categories)
		}
	}
	for _, r := range all {
		asked := slices.Contains(f.Rules, r.ID) || f.Admission.asks(r.Option)
		if (asked || len(f.Rules) == 0 && r.Option == "") && !slices.Contains(f.Skip, r.ID) &&
			(len(f.Categories) == 0 || slices.Contains(f.Categories, string(r.Category))) {
			o.Rules = append(o.Rules, r)
		}
	}
	if len(o.Rules) == 0 {
		return errors.New("no rule is left to check: --rule, --skip and --category exclude each other here")
	}
	return nil
}

func (f *Flags) setFindings(o *Options) (err error) {
	o.Strictness = fixes.Strictness(f.Strictness)
	if !slices.Contains(fixes.Strictnesses(), o.Strictness) {
		return unknown("strictness", f.Strictness, names(fixes.Strictnesses()))
	}
	if o.MinSeverity, err = parseSeverity(f.Severity); err != nil {
		return err
	}
	if o.FailOn, err = parseSeverity(f.FailOn); err != nil {
		return err
	}
	for _, name := range f.Threats {
		threat, err := parseThreat(name)
		if err != nil {
			return err
		}
		o.Threats = append(o.Threats, threat)
	}
	if o.wanted, err = parseWanted(f.Findings); err != nil {
		return err
	}
	o.Selector, err = labels.Parse(f.Selector)
	if err != nil {
		return fmt.Errorf("the selector %q is not valid: %w", f.Selector, err)
	}
	return nil
}

func (f *Flags) setFix(o *Options) error {
	modes := []string{dryRunNone, dryRunClient, dryRunServer}
	switch {
	case !slices.Contains(modes, f.DryRun):
		return unknown("--dry-run mode", f.DryRun, modes)
	case f.DryRun != dryRunNone && !f.Fix:
		return errors.New("--dry-run goes with --fix")
	case f.ReadOnly && f.Fix && f.DryRun == dryRunNone:
		return errors.New("--fix writes to the cluster, and --readonly was given: add --dry-run to see what it would do")
	case f.Yes && !f.Fix:
		return errors.New("--yes goes with --fix")
	case f.OutputDir != "" && (!f.Fix || f.DryRun == dryRunNone):
		return errors.New("--output-dir goes with --fix --dry-run")
	case f.Fix && f.DryRun == dryRunNone && f.Demo:
		return errors.New("the demo is not a cluster that could be changed: add --dry-run")
	case f.Fix && f.DryRun == dryRunNone && o.source != nil:
		return errors.New("manifests are not changed in place: add --dry-run, with -o diff, -o yaml, or --output-dir for a kustomization")
	case f.DryRun == dryRunServer && o.source != nil:
		return errors.New("--dry-run=server asks the scanned cluster, and there is none: use --dry-run=client")
	}
	var err error
	if o.Settings, err = f.Apply.settings(); err != nil {
		return err
	}
	if f.CanaryCronJobs && !f.Canary {
		return errors.New("--canary-cronjobs goes with --canary")
	}
	o.Settings.Canary, o.TryCronJobs = f.Canary, f.CanaryCronJobs
	o.RecreateNames = f.Recreate
	if o.Recreate, err = parseObjects(f.Recreate); err != nil {
		return fmt.Errorf("--recreate: %w", err)
	}
	switch f.Confidence {
	case fixes.Safe.String():
		o.Confidence = fixes.Safe
	case fixes.Review.String():
		o.Confidence = fixes.Review
	case fixes.Manual.String():
		return errors.New("manual fixes are made by hand; kubectl harden explain RULE says how. Use --confidence safe or review")
	default:
		return unknown("confidence", f.Confidence, []string{fixes.Safe.String(), fixes.Review.String()})
	}
	return nil
}

func (f *Flags) setOutput(o *Options) error {
	valid := reportFormats
	if f.Fix {
		if f.DryRun == dryRunNone {
			if f.Output != "" {
				return errors.New("-o goes with a scan or with --fix --dry-run")
			}
			return nil
		}
		valid = exportFormats
	}
	if f.Output != "" && !slices.Contains(valid, f.Output) {
		if !f.Fix && slices.Contains(exportFormats, f.Output) {
			return fmt.Errorf("-o %s goes with --fix --dry-run", f.Output)
		}
		return unknown("output", f.Output, valid)
	}
	switch {
	case f.OutputDir != "" && f.Output == "":
		o.Output = outputKustomize
	case f.OutputDir != "" && f.Output != outputKustomize:
		return errors.New("--output-dir goes with -o kustomize")
	case f.OutputDir == "" && f.Output == outputKustomize:
		return errors.New("-o kustomize needs --output-dir: a kustomization is a folder")
	case f.Fix && f.Output == "":
		o.Output = outputDiff
	}
	return nil
}

func parseSeverity(name string) (fixes.Severity, error) {
	if name == "" {
		return 0, nil
	}
	for _, s := range fixes.Severities() {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, unknown("severity", name, names(fixes.Severities()))
}

// parseThreat takes a threat's name, or its letter in STRIDE.
func parseThreat(name string) (fixes.Threat, error) {
	for _, t := range fixes.Threats() {
		if strings.EqualFold(name, string(t)) || strings.EqualFold(name, string(t[0])) {
			return t, nil
		}
	}
	return "", unknown("threat", name, names(fixes.Threats()))
}

func join[T any](values []T) string { return strings.Join(names(values), ", ") }
