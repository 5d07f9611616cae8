package export

import (
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/move"
)

// Move writes a move into a folder: what is to be made as [Kustomize] does, and what
// leads clients over and back in folders of their own. Objects that hold credentials
// are with the Secrets, in a file that Git ignores.
func Move(dir string, m *move.Move, redact fixes.Redactor) error {
	return fill(dir, func(staging string) error {
		about, err := writeKustomization(staging, m.Plan(), redact)
		if err != nil {
			return err
		}
		w := folder{dir: staging, used: map[string]bool{}}
		for sub, changes := range map[string][]fixes.Change{move.SwitchDir: m.Switch, move.BackDir: m.Back} {
			for _, c := range changes {
				manifest, err := c.ApplyManifest()
				if err != nil {
					return err
				}
				if _, err := w.object(sub, c.Object, manifest); err != nil {
					return err
				}
			}
		}
		return w.file(readmeFile, []byte(moveReadme(m, about)), 0o644)
	})
}

func moveReadme(m *move.Move, about contents) string {
	var text strings.Builder
	text.WriteString("# " + fixes.Clean(m.App) + ": from namespace " + m.From + " to " + m.To + "\n\nWritten by kubectl harden. Read it all, then, in this folder:\n\n" +
		m.Steps(".", about.plain) + "\n")
	if about.plain {
		text.WriteString("\nsecrets.yaml holds the Secrets, and what else has a credential in it, in plain text.\nGit ignores it.\n")
	}
	text.WriteString("\n## What does not go by itself\n\n")
	for _, line := range m.Stays {
		text.WriteString("- " + fixes.CleanLines(line) + "\n")
	}
	return text.String()
}
