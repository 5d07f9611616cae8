// Package catalog is the one list of all rules. A rule that is not here does
// not exist; nothing else in the program names one.
package catalog

import (
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/access"
	"github.com/kubectl-harden/kubectl-harden/fixes/admission"
	"github.com/kubectl-harden/kubectl-harden/fixes/controlplane"
	"github.com/kubectl-harden/kubectl-harden/fixes/images"
	"github.com/kubectl-harden/kubectl-harden/fixes/logging"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
	"github.com/kubectl-harden/kubectl-harden/fixes/nodes"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
	"github.com/kubectl-harden/kubectl-harden/fixes/quota"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
)

// Rules returns all rules in the order of the catalogue's chapters.
func Rules() []*fixes.Rule {
	return slices.Concat(
		secrets.Rules(),
		images.Rules(),
		nodes.Rules(),
		access.Rules(),
		controlplane.Rules(),
		quota.Rules(),
		network.Rules(),
		podsecurity.Rules(),
		admission.Rules(),
		logging.Rules(),
	)
}
