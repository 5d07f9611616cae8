// Package logging holds the rules about what is on record: whether something
// reads the logs of every container on every node and takes them off it, so that
// whoever breaks in cannot deny it.
package logging

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Rules lists the chapter's rules.
func Rules() []*fixes.Rule {
	return []*fixes.Rule{
		logAgentMissing(),
		logAgentGap(),
		logAgentPartial(),
		logToFile(),
	}
}
