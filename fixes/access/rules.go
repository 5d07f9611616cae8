// Package access holds the rules about who and what may use the API.
package access

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Rules lists the chapter's rules.
func Rules() []*fixes.Rule {
	return []*fixes.Rule{
		tokenAutomounted(),
	}
}
