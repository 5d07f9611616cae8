// Package images holds the rules about what containers run and where it comes
// from.
package images

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Rules lists the chapter's rules.
func Rules() []*fixes.Rule {
	return []*fixes.Rule{
		mutableTag(),
		pullPolicy(),
		registryUnlisted(),
		registryInsecure(),
		unsigned(),
		stale(),
		vulnerable(),
		imageSecret(),
		pullSecret(),
	}
}
