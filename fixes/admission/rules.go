// Package admission holds the rules about what a namespace lets in.
package admission

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Rules lists the chapter's rules.
func Rules() []*fixes.Rule {
	return []*fixes.Rule{
		psaMissing(),
		psaWeak(),
		hostNamespaces(),
		webhookOpen(),
		podDefaults(),
	}
}
