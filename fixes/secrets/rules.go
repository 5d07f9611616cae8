// Package secrets holds the rules about credentials that stand where they can
// be read, and hides credentials in what is shown.
package secrets

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Rules lists the chapter's rules.
func Rules() []*fixes.Rule {
	return []*fixes.Rule{
		configMapSecret(), // before the others: they share its Secrets' keys, it needs its own
		envSecret(),
		argsSecret(),
		annotationSecret(),
		residue(),
		fromAll(),
		sharedWidely(),
		atRest(),
		stale(),
		unused(),
	}
}
