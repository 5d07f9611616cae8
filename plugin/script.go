package plugin

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/tui"
)

// givenFlag is a flag that the user gave, with its values.
type givenFlag struct {
	name, short string
	values      []string // none for a switch that is on
	list        bool     // of values that a comma parts
}

// givenFlags returns the flags that were given, in the order of their names.
func givenFlags(fs *pflag.FlagSet) []givenFlag {
	var given []givenFlag
	fs.Visit(func(f *pflag.Flag) {
		g := givenFlag{name: f.Name, short: f.Shorthand, values: []string{f.Value.String()}}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			g.values, g.list = list.GetSlice(), f.Value.Type() == "stringSlice"
		}
		if f.Value.Type() == "bool" && f.Value.String() == "true" {
			g.values = nil
		}
		given = append(given, g)
	})
	return given
}

// secretFlag is not copied: what is copied is seen.
const secretFlag = "token"

// typed returns the flag as it is typed.
func (g givenFlag) typed() []string {
	name := "--" + g.name
	if g.short != "" {
		name = "-" + g.short
	}
	if g.values == nil {
		return []string{name}
	}
	if g.list {
		return []string{name, shellWord(strings.Join(g.values, ","))}
	}
	var args []string
	for _, v := range g.values {
		args = append(args, name, shellWord(v))
	}
	return args
}

// maxNamed is how many findings a command line names one by one at most, where
// no other flags say what they are.
const maxNamed = 40

// sessionArgs begins a command line that scans as this session does: with the
// flags that were given, but for some, and what was decided since. It says what
// that leaves out.
func (o *Options) sessionArgs(but ...string) (args, left []string) {
	args = []string{"kubectl", Name}
	if o.cluster != nil && o.Context != "" {
		args = append(args, "--context", shellWord(o.Context))
	}
	but = append(but, "context", "keep", "cut", "canary", "canary-cronjobs", "confidence")
	for _, g := range o.given {
		switch {
		case slices.Contains(but, g.name):
		case g.name == secretFlag:
			left = append(left, "--"+g.name+", which is secret")
		default:
			args = append(args, g.typed()...)
		}
	}
	if slices.Contains(o.givenValues("filename"), "-") {
		left = append(left, "the manifests that came on standard input")
	}
	return append(args, o.decisions.args()...), left
}

func (o *Options) givenValues(name string) []string {
	for _, g := range o.given {
		if g.name == name {
			return g.values
		}
	}
	return nil
}

// listCommand returns the command line that lists what the terminal UI lists,
// and what of that it leaves out.
func (o *Options) listCommand(s tui.Selection) (string, []string) {
	unsaid := slices.Clone(s.Unsaid)
	var but, args []string
	add := func(flag string, values []string) {
		if len(values) > 0 {
			but = append(but, flag)
			args = append(args, "--"+flag, shellWord(strings.Join(values, ",")))
		}
	}
	add("rule", s.Rules)
	skip := s.Skip
	if len(s.Rules) > 0 { // rules that other flags ask for are there beside those of --rule
		for _, r := range o.Rules {
			if r.Option != "" && !slices.Contains(s.Rules, r.ID) {
				skip = append(skip, r.ID)
			}
		}
	}
	if len(skip) > 0 {
		add("skip", union(o.givenValues("skip"), skip))
	}
	if categories := names(s.Categories); len(categories) > 0 {
		add("category", within(categories, o.givenValues("category")))
	}
	if s.Severity > o.MinSeverity {
		add("severity", []string{s.Severity.String()})
	}
	switch {
	case len(s.Threats) == 0:
	case len(o.Threats) == 0:
		add("threat", names(s.Threats))
	default: // both, which one flag cannot say
		unsaid = append(unsaid, "threat:"+strings.Join(names(s.Threats), ","))
	}
	if s.Namespace != "" {
		if o.cluster != nil && o.Namespace == "" {
			but = append(but, "all-namespaces")
			args = append(args, "-n", shellWord(s.Namespace))
		}
		// A scan of a namespace finds what concerns the whole cluster, too.
		unsaid = append(unsaid, "ns:"+s.Namespace+", which hides what concerns the whole cluster")
	}
	if len(unsaid) > 0 && len(s.Findings) > 0 && len(s.Findings) <= maxNamed {
		base, left := o.sessionArgs("finding")
		var prints []string
		for _, f := range s.Findings {
			prints = append(prints, f.Fingerprint)
		}
		return written(append(base, "--finding", strings.Join(prints, ","))), left
	}
	base, left := o.sessionArgs(but...)
	return written(append(base, args...)), append(left, unsaid...)
}

// stagedCommand returns the command line that shows the changes of the staged
// fixes, and what of them it leaves out.
func (o *Options) stagedCommand(choices []fixes.Choice) (string, []string) {
	args, left := o.sessionArgs("finding")
	least := fixes.Safe
	for _, c := range choices {
		least = min(least, c.Fix.Confidence)
	}
	args = append(args, "--finding", strings.Join(named(choices), ","), "--fix", "--dry-run")
	if least < fixes.Safe {
		args = append(args, "--confidence", least.String())
	}
	return written(args), left
}

// named returns what --finding names fixes by.
func named(choices []fixes.Choice) []string {
	var prints []string
	for _, c := range choices {
		fingerprint := c.Finding.Fingerprint
		if i := slices.IndexFunc(c.Finding.Fixes, func(f fixes.Fix) bool { return f.Title == c.Fix.Title }); i > 0 {
			fingerprint += ":" + strconv.Itoa(i+1)
		}
		prints = append(prints, fingerprint)
	}
	return prints
}

func written(args []string) string { return fixes.Clean(strings.Join(args, " ")) }

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// within returns the values that are among those of a limit, if there is one.
func within(values, limit []string) []string {
	if len(limit) == 0 {
		return values
	}
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !slices.Contains(limit, v) })
}
