package podsecurity

import (
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Rules lists the chapter's rules. Fixes are made in this order; those of
// later rules see what those of earlier ones did.
func Rules() []*fixes.Rule {
	return slices.Concat(controls(), []*fixes.Rule{
		// Beyond the standards.
		fsWritable(),
		rightsUnneeded(),
		hostPathWritable(),
		volumeSocket(),
		volumePermissions(),
		shareProcessNamespace(),
		userNamespace(),
		hostAliases(),
	})
}

// controls lists the rules that are controls of the Pod Security Standards.
func controls() []*fixes.Rule {
	return []*fixes.Rule{
		// The baseline profile.
		privileged(),
		capabilities(),
		hostNamespaces(),
		hostPath(),
		hostPorts(),
		hostProbes(),
		seLinux(),
		appArmor(),
		procMount(),
		sysctls(),
		windowsHostProcess(),
		// The restricted profile.
		runAsUser(),
		runAsNonRoot(),
		allowPrivilegeEscalation(),
		seccomp(),
		volumeTypes(),
	}
}
