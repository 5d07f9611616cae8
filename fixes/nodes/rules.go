// Package nodes holds the rules about who gets onto the nodes.
package nodes

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Rules lists the chapter's rules.
func Rules() []*fixes.Rule {
	return append([]*fixes.Rule{
		sshExposed(),
		debuggerLeft(),
		accessUnlimited(),
		execIntoPrivileged(),
		unpatched(),
		hostnameOverride(),
	}, kubeletRules()...)
}
