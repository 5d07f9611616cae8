package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
)

// ruleFormats are the values of --output of the rules command.
var ruleFormats = []string{outputTable, outputJSON, outputYAML, outputName}

func newRulesCommand(streams genericiooptions.IOStreams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List the rules",
		Long:  "List the rules: what each looks for, how severe it is, and the threats in STRIDE's terms.",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			return listRules(streams.Out, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", outputTable, "One of "+strings.Join(ruleFormats, "|")+".")
	return cmd
}

// ruleJSON is a rule as programs read it.
type ruleJSON struct {
	ID         string            `json:"id"`
	Category   fixes.Category    `json:"category"`
	Severity   fixes.Severity    `json:"severity"`
	Threats    []fixes.Threat    `json:"threats"`
	Title      string            `json:"title"`
	References []fixes.Reference `json:"references"`
}

func listRules(w io.Writer, output string) error {
	var list []ruleJSON
	for _, r := range catalog.Rules() {
		list = append(list, ruleJSON{r.ID, r.Category, r.Severity, r.Threats, r.Title, r.References})
	}
	switch output {
	case outputJSON:
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(list)
	case outputYAML:
		text, err := yaml.Marshal(list)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	case outputName:
		for _, r := range list {
			fmt.Fprintln(w, r.ID)
		}
		return nil
	case outputTable:
		tab := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
		fmt.Fprintln(tab, "RULE\tCATEGORY\tSEVERITY\tTHREATS\tBROKEN WHEN")
		for _, r := range list {
			fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Category, r.Severity, stride(r.Threats), r.Title)
		}
		return tab.Flush()
	}
	return usageError(unknown("output", output, ruleFormats))
}

// stride writes threats as their letters.
func stride(threats []fixes.Threat) string {
	var b strings.Builder
	for _, t := range threats {
		b.WriteString(strings.ToUpper(string(t[0])))
	}
	return b.String()
}
