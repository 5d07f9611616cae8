package export

import (
	"fmt"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/forms"
)

// contents are what the README.md of an export has to explain.
type contents struct {
	plain, resources bool
	// kinds are those of the objects that are created.
	kinds map[fixes.Kind]bool
	// encrypted are the paths of SOPS files.
	encrypted []string
	entries   []forms.Entry
}

func (c contents) readme() string {
	var b strings.Builder
	b.WriteString("# Fixes exported by kubectl harden\n\nRead them, then apply them in this order:\n\n")
	if c.plain {
		b.WriteString("    kubectl apply -f " + secretsFile + "    # plain text: not for Git; delete it afterwards\n")
	}
	if len(c.entries) > 0 {
		b.WriteString("    # first fill the store, as listed below\n")
	}
	for _, path := range c.encrypted {
		b.WriteString("    sops -d " + path + " | kubectl apply -f -\n")
	}
	if c.resources {
		b.WriteString("    kubectl apply -k .\n")
	}
	b.WriteString(`
base/ holds the objects as they were found. Where you have their source, point
"resources" in kustomization.yaml there instead, and keep patches/ and
resources/. Values that move into a Secret are left out of base/ already.
`)
	if len(c.encrypted) > 0 {
		b.WriteString(`
## Encrypted with SOPS
Flux decrypts the files as it applies them (spec.decryption of its
Kustomization), and needs none of the steps above. "kubectl apply -k" cannot:
by hand, take these out of "resources" in kustomization.yaml first.

`)
		for _, path := range c.encrypted {
			b.WriteString("    " + path + "\n")
		}
	}
	if c.kinds[forms.KindSealedSecret] {
		b.WriteString(`
## Sealed
The controller of Sealed Secrets makes a Secret of each SealedSecret, under its
own name and in its own namespace only. Pods that start before wait for it.
`)
	}
	if len(c.entries) > 0 {
		b.WriteString("\n## To be put into the store\nThe ExternalSecrets read these; put the values there first, rotated:\n\n")
		b.WriteString(EntryTable(c.entries))
	}
	if c.kinds[forms.KindFederatedSecret] {
		b.WriteString(`
## Federated
KubeFed makes the Secrets in the member clusters, in namespaces that are
federated (a FederatedNamespace stands in each).
`)
	}
	if c.kinds[forms.KindPropagationPolicy] {
		b.WriteString(`
## Propagated
A PropagationPolicy of Karmada stands beside each Secret: apply them to
Karmada's API server.
`)
	}
	return b.String()
}

// EntryTable lists what is to be put into a store, names only, an indented
// line each.
func EntryTable(entries []forms.Entry) string {
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(fixes.Clean(fmt.Sprintf("    %s %s: key %s, property %s", e.Kind, e.Store, e.Key, e.Property)) + "\n")
	}
	return b.String()
}
