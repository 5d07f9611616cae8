package export

import (
	"encoding/json"
	"fmt"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/sops"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// YAML writes every object of the plan as it is to be, as documents that
// kubectl apply -f - takes; what it deletes is left out. Secret values are in them, unless the plan's
// Secrets have another form: that is what a Secret is for.
func YAML(w io.Writer, plan *fixes.Plan) error {
	first := true
	for _, c := range plan.Changes {
		if c.Action == fixes.Delete {
			continue // no manifest takes anything away
		}
		manifest, err := c.ApplyManifest()
		if err != nil {
			return err
		}
		if !first {
			if _, err := io.WriteString(w, "---\n"); err != nil {
				return err
			}
		}
		if err := writeYAML(w, manifest); err != nil {
			return err
		}
		first = false
	}
	return nil
}

func writeYAML(w io.Writer, v any) error {
	write := yaml.Marshal
	if m, ok := v.(map[string]any); ok && sops.Encrypted(m) {
		write = func(any) ([]byte, error) { return sops.YAML(m) } // its order counts
	}
	out, err := write(v)
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

// planJSON is a plan as programs read it; its field names are a contract.
type planJSON struct {
	SchemaVersion string        `json:"schemaVersion"`
	Changes       []changeJSON  `json:"changes"`
	Verified      bool          `json:"verified"`
	Remaining     []remaining   `json:"remaining"`
	Skipped       []report.Skip `json:"skipped"`
}

type changeJSON struct {
	Action fixes.Action  `json:"action"`
	Object report.Object `json:"object"`
	// PatchType and Patch are of a patch, Manifest is of a created object.
	PatchType string         `json:"patchType,omitempty"`
	Patch     map[string]any `json:"patch,omitempty"`
	Manifest  map[string]any `json:"manifest,omitempty"`
	// Server is what the server said in a dry run, where it was asked.
	Server *answerJSON `json:"server,omitempty"`
	// Fixes are fingerprints of the findings that the change closes.
	Fixes []string `json:"fixes"`
}

type answerJSON struct {
	State    fixes.State `json:"state"`
	Detail   string      `json:"detail,omitempty"`
	Warnings []string    `json:"warnings,omitempty"`
}

type remaining struct {
	Fingerprint string        `json:"fingerprint"`
	Rule        string        `json:"rule"`
	Object      report.Object `json:"object"`
}

// JSON writes the plan for programs, with the server's answers to a dry run
// where there are any, in the order of the changes.
func JSON(w io.Writer, plan *fixes.Plan, inv *fixes.Inventory, answers []fixes.Outcome) error {
	out := planJSON{
		SchemaVersion: report.SchemaVersion, Verified: plan.Verified,
		Changes: []changeJSON{}, Remaining: []remaining{}, Skipped: report.Skips(inv),
	}
	for i, c := range plan.Changes {
		change := changeJSON{Action: c.Action, Object: report.ObjectOf(c.Object), Fixes: []string{}}
		var err error
		switch c.Action {
		case fixes.Create:
			change.Manifest, err = c.Manifest()
		case fixes.Delete: // the object's name says all
		default:
			change.Patch, change.PatchType, err = c.MergePatch()
		}
		if err != nil {
			return fmt.Errorf("export %s: %w", c.Object, err)
		}
		if i < len(answers) {
			change.Server = &answerJSON{answers[i].State, answers[i].Detail, answers[i].Warnings}
		}
		for _, f := range c.Fixes {
			change.Fixes = append(change.Fixes, f.Fingerprint)
		}
		out.Changes = append(out.Changes, change)
	}
	for _, f := range plan.Remaining {
		out.Remaining = append(out.Remaining, remaining{f.Fingerprint, f.Rule.ID, report.ObjectOf(f.Object)})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}
