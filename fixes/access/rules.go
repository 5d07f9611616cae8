// Package access holds the rules about who and what may use the API.
package access

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Rules lists the chapter's rules.
func Rules() []*fixes.Rule {
	return []*fixes.Rule{
		clusterAdmin(),
		wildcard(),
		escalation(),
		readSecrets(),
		createWorkloads(),
		anonymous(),
		dangling(),
		defaultAccount(), // before the next: it keeps the rights that a pod may use
		tokenAutomounted(),
		tokenLegacy(),
		namespaceDefault(),
	}
}
