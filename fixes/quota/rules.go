// Package quota holds the rules about how much of the cluster the pods of one
// namespace may take.
package quota

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Rules lists the chapter's rules. The order is that of their fixes: a quota
// refuses pods that name no requests, so the defaults come first.
func Rules() []*fixes.Rule {
	return []*fixes.Rule{
		containerNoRequests(),
		containerNoLimits(),
		limitRangeMissing(),
		quotaMissing(),
		quotaPartial(),
		quotaExceededSoon(),
	}
}
