// Package network holds the rules about which pods may talk to which.
package network

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Rules lists the chapter's rules.
func Rules() []*fixes.Rule {
	return []*fixes.Rule{
		noDefaultDeny(),
		allowAll(),
		metadataEgress(),
		serviceExposed(),
		ingressNoTLS(),
		notEnforced(),
		redundantPolicy(),
	}
}
