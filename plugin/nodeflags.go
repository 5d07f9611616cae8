package plugin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/nodes"
)

// nodeFlags say what nodes may be asked, and who is to get into pods.
type nodeFlags struct {
	KubeletConfig, Probe bool
	ExecGroups           []string
}

func (f *nodeFlags) addTo(fs *pflag.FlagSet) {
	fs.BoolVar(&f.KubeletConfig, "kubelet-config", false, "Read the configuration of each node's kubelet through the API server: a GET of nodes/NAME/proxy/configz and one of flagz for each node. The right to it is a powerful one; nothing else is read.")
	fs.BoolVar(&f.Probe, "probe-nodes", false, "Connect to port 22 of each node's addresses from here, to see whether SSH answers; each address is shown.")
	fs.StringArrayVar(&f.ExecGroups, "exec-group", nil, "Who is to have kubectl exec, once nobody has it in all namespaces: NAMESPACE=GROUP; may be repeated.")
}

// set puts into the options what the flags mean.
func (f *nodeFlags) set(o *Options) error {
	if (f.KubeletConfig || f.Probe) && o.source != nil {
		return errors.New("--kubelet-config and --probe-nodes ask the nodes of a cluster, and manifests have none: scan a cluster")
	}
	say := func(what string) func(string) {
		if o.interactive() { // there, the findings' evidence shows it
			return nil
		}
		return func(text string) { fmt.Fprintln(o.ErrOut, what, text) }
	}
	if f.KubeletConfig {
		o.kubelets = &nodes.Kubelets{Say: say("--kubelet-config reads:")}
	}
	if f.Probe {
		o.facts = append(o.facts, &nodes.Probe{Say: say("--probe-nodes connects to:")})
	}
	for _, text := range f.ExecGroups {
		grant, err := parseExecGroup(text)
		if err != nil {
			return err
		}
		if !slices.Contains(o.Exec, grant) {
			o.Exec = append(o.Exec, grant)
		}
	}
	return nil
}

// parseExecGroup reads NAMESPACE=GROUP. A group's name may hold anything, "=" too.
func parseExecGroup(text string) (fixes.ExecGrant, error) {
	namespace, group, ok := strings.Cut(text, "=")
	switch {
	case !ok || group == "":
		return fixes.ExecGrant{}, fmt.Errorf("--exec-group: %q names no group; write NAMESPACE=GROUP", text)
	case len(validation.IsDNS1123Label(namespace)) > 0:
		return fixes.ExecGrant{}, fmt.Errorf("--exec-group: %q is no namespace's name; write NAMESPACE=GROUP", namespace)
	case strings.HasPrefix(group, "system:authenticated"), strings.HasPrefix(group, "system:unauthenticated"), group == "system:serviceaccounts":
		return fixes.ExecGrant{}, fmt.Errorf("--exec-group: %q is everybody; name a group of people", group)
	}
	return fixes.ExecGrant{Namespace: namespace, Group: group}, nil
}
