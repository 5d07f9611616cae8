package plugin

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// flagGroup is a group of flags under a heading of the help.
type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

func flagGroupOf(title string, add func(*pflag.FlagSet)) flagGroup {
	fs := pflag.NewFlagSet(title, pflag.ContinueOnError)
	fs.SortFlags = false
	add(fs)
	return flagGroup{title, fs}
}

// addGroups gives a command the flags of groups.
func addGroups(cmd *cobra.Command, groups ...flagGroup) []flagGroup {
	for _, g := range groups {
		cmd.Flags().AddFlagSet(g.flags)
	}
	return groups
}

// addTo adds the flags to a command, and returns them in groups.
func (f *Flags) addTo(cmd *cobra.Command) []flagGroup {
	set := flagGroupOf
	return addGroups(cmd,
		set("What to scan", func(fs *pflag.FlagSet) {
			f.addSource(fs)
			fs.StringVarP(&f.Selector, "selector", "l", "", "Only objects with these labels, as in kubectl get ('app=web,tier!=db').")
			fs.BoolVarP(&f.Watch, "watch", "w", false, "Let the terminal UI follow the cluster from the start: findings come and go with what changes.")
		}),
		set("What to look for", func(fs *pflag.FlagSet) {
			fs.StringSliceVar(&f.Rules, "rule", nil, "Only these rules; see kubectl harden rules.")
			fs.StringSliceVar(&f.Skip, "skip", nil, "All rules but these.")
			fs.StringSliceVar(&f.Categories, "category", nil, "Only rules of these categories: "+join(fixes.Categories())+".")
			fs.StringSliceVar(&f.Threats, "threat", nil, "Only findings with these threats, by name or by their letter in STRIDE.")
			fs.StringVar(&f.Severity, "severity", "", "Only findings of at least this severity: "+join(fixes.Severities())+".")
			f.Config.addTo(fs)
			fs.StringSliceVar(&f.Findings, "finding", nil, "Only these findings, by the fingerprints of -o json; FINGERPRINT:2 takes the second of its fixes, which goes with --fix.")
		}),
		set("Images", func(fs *pflag.FlagSet) {
			f.Images.addTo(fs)
			f.Reports.addTo(fs)
		}),
		set("Running containers", f.Inspect.addTo),
		set("Nodes", f.Nodes.addTo),
		set("Rights", f.Access.addTo),
		set("Network policies", f.Flows.addTo),
		set("Admission policies", f.Admission.addTo),
		set("Logs", f.Logs.addTo),
		set("Reports", func(fs *pflag.FlagSet) {
			fs.StringVarP(&f.Output, "output", "o", "", "Findings as "+strings.Join(reportFormats, "|")+"; with --fix --dry-run, fixes as "+strings.Join(exportFormats, "|")+".")
			fs.StringVar(&f.FailOn, "fail-on", "", "Exit with status 1 when findings of at least this severity are there.")
			fs.BoolVar(&f.Config.ShowIgnored, "show-ignored", false, "List what is ignored too, with the reason.")
		}),
		set("Fixes", func(fs *pflag.FlagSet) {
			fs.BoolVar(&f.Fix, "fix", false, "Fix what was found. Asks first, unless --yes or --dry-run is given.")
			fs.StringVar(&f.DryRun, "dry-run", dryRunNone, "Show the fixes only: none, client, or server (which asks the server about each).")
			fs.Lookup("dry-run").NoOptDefVal = dryRunClient
			fs.StringVar(&f.Confidence, "confidence", fixes.Safe.String(), "The least confidence of the fixes to make: safe, or review to include those that a person should look at.")
			f.addStrictness(fs)
			fs.StringVar(&f.OutputDir, "output-dir", "", "With --dry-run: write the fixes into this new folder, as a kustomization.")
			fs.BoolVarP(&f.Yes, "yes", "y", false, "Answer yes to every question.")
			fs.BoolVar(&f.IncludeManaged, "include-managed", false, "Also fix what Helm, Argo CD, Flux or the like manages, and may put back.")
			fs.StringSliceVar(&f.Recreate, "recreate", nil, "Pods without a controller, and Jobs, that may be deleted and created anew: [NAMESPACE/]KIND/NAME.")
		}),
		set("Secrets on export", f.Secrets.addTo),
		set("How fixes are applied", func(fs *pflag.FlagSet) {
			fs.BoolVar(&f.Canary, "canary", false, "Find the tightest security settings with which each workload runs, on copies of its pod that are cut off from all else; try other fixes to review so too before they change it.")
			fs.BoolVar(&f.CanaryCronJobs, "canary-cronjobs", false, "With --canary: try CronJobs too, whose copies do their job at each try.")
			f.Apply.addTo(fs)
		}),
		set("Terminal UI", func(fs *pflag.FlagSet) {
			addReadOnly(fs, &f.ReadOnly)
			fs.BoolVar(&f.Fresh, "fresh", false, "Do not offer to go on with what an earlier session has staged.")
			f.Screen.addTo(fs)
		}),
		set("Connection, as in kubectl", f.Connection.AddFlags),
	)
}

// addSource adds the flags that say what to look at.
func (f *Flags) addSource(fs *pflag.FlagSet) {
	fs.BoolVarP(&f.AllNamespaces, "all-namespaces", "A", false, "All namespaces that you may list. This is the default unless -n is given.")
	fs.StringSliceVarP(&f.Filenames, "filename", "f", nil, "Manifests instead of the cluster: a file, a folder, or - for standard input.")
	fs.BoolVarP(&f.Recursive, "recursive", "R", false, "Search the folders of -f all the way down.")
	fs.StringVarP(&f.Kustomize, "kustomize", "k", "", "The folder of a kustomization to build and scan.")
	fs.BoolVar(&f.Demo, "demo", false, "A small vulnerable shop inside the program; nothing else is needed.")
}

// addStrictness adds the flags that say what network policies keep.
func (f *Flags) addStrictness(fs *pflag.FlagSet) {
	fs.StringVar(&f.Strictness, "strictness", f.Strictness, "What network policies keep: connections that objects name (proven), suggest (inferred), or all within a namespace (namespace).")
	f.Decisions.addTo(fs)
}
