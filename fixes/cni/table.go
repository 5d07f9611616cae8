// Package cni tells which network plugin a cluster runs, by what runs on its
// nodes, and what that does with NetworkPolicies: the API server takes them
// whether or not anything enforces them.
//
// The table, cni.tsv, has data with sources and nothing else.
package cni

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Plugin is a known network plugin, or the part of one that enforces policies.
type Plugin struct {
	// Name is the program's own ("Calico").
	Name string
	// EndPort tells whether it knows ranges of ports (NetworkPolicyPort.endPort);
	// [Unknown] where nothing says it.
	EndPort Enforcement
	// AdminKinds are the kinds of policy.networking.k8s.io that it takes.
	AdminKinds []string
	// HostNames is its own policy that knows host names, in words; empty where it
	// has none.
	HostNames string
	// Trial is how its policies are tried before they are enforced.
	Trial Trial
	// Source is where its makers say so.
	Source string

	images, programs, annotations []string
	enforces, since               string
}

// Trial is a way to see what a policy would cut before it does.
type Trial string

// The ways.
const (
	// NoTrial: there is none.
	NoTrial Trial = ""
	// CalicoStaged: StagedKubernetesNetworkPolicy, whose verdicts are only logged.
	CalicoStaged Trial = "calico-staged"
	// CiliumAudit: policy-audit-mode, of an endpoint or of the whole agent.
	CiliumAudit Trial = "cilium-audit"
)

// Enforcement is whether policies are enforced, as far as that can be told.
type Enforcement int

// The answers.
const (
	Unknown Enforcement = iota
	Yes
	No
)

//go:embed cni.tsv
var table string

var plugins = sync.OnceValue(func() []*Plugin {
	all, err := parse(table)
	if err != nil {
		panic(err) // a test reads it too
	}
	return all
})

// All returns the table. It belongs to the package.
func All() []*Plugin { return plugins() }

// columns of the table; its head says the same.
const columns = 11

func parse(text string) ([]*Plugin, error) {
	var all []*Plugin
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != columns {
			return nil, fmt.Errorf("cni.tsv: %d fields, not %d: %q", len(f), columns, line)
		}
		for i := range f {
			if f[i] == "-" {
				f[i] = ""
			}
		}
		if !validSwitch(f[4]) {
			return nil, fmt.Errorf("cni.tsv: %s: nothing is known to decide by %q", f[0], f[4])
		}
		all = append(all, &Plugin{Name: f[0], images: list(f[1]), programs: list(f[2]), annotations: list(f[3]), enforces: f[4], since: f[5],
			EndPort: map[string]Enforcement{"yes": Yes, "no": No}[f[6]], AdminKinds: list(f[7]), HostNames: f[8], Trial: Trial(f[9]), Source: f[10]})
	}
	return all, nil
}

func list(field string) []string {
	if field == "" {
		return nil
	}
	return strings.Split(field, ",")
}

// The switches that are no flags.
const (
	switchCilium = "cilium-config"
	switchK3s    = "k3s"
)

func validSwitch(s string) bool {
	return slices.Contains([]string{"yes", "no", switchCilium, switchK3s}, s) || strings.HasPrefix(s, "--") && strings.Contains(s, "=")
}
