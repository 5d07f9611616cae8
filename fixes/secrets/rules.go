// Package secrets holds the rules about credentials that stand where they can
// be read, and hides credentials in what is shown.
package secrets

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Rules lists the chapter's rules.
func Rules() []*fixes.Rule {
	return []*fixes.Rule{
		envSecret(),
	}
}
