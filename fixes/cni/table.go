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

	"github.com/kubectl-harden/kubectl-harden/fixes/table"
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
var text string

var plugins = format.Embedded(text)

// All returns the table. It belongs to the package.
func All() []*Plugin { return plugins() }

var format = table.Table[*Plugin]{
	Name:    "cni.tsv",
	Columns: []string{"name", "images", "programs", "annotations", "enforces", "since", "endPort", "adminKinds", "hostNames", "trial", "source"},
	Key:     []string{"name", "images"},
	Row:     parse,
}

func parse(r table.Row) (*Plugin, error) {
	enforces := r.Text("enforces")
	if !validSwitch(enforces) {
		return nil, fmt.Errorf("%s: nothing is known to decide by %q", r.Text("name"), enforces)
	}
	endPort, err := table.OneOf(r, "endPort", "yes", "no", "?")
	if err != nil {
		return nil, err
	}
	trial, err := table.OneOf(r, "trial", table.None, CalicoStaged, CiliumAudit)
	if err != nil {
		return nil, err
	}
	if trial == table.None {
		trial = NoTrial
	}
	return &Plugin{Name: r.Text("name"), images: r.List("images"), programs: r.List("programs"), annotations: r.List("annotations"),
		enforces: enforces, since: r.Text("since"), EndPort: map[string]Enforcement{"yes": Yes, "no": No}[endPort],
		AdminKinds: r.List("adminKinds"), HostNames: r.Text("hostNames"), Trial: trial, Source: r.Text("source")}, nil
}

// The switches that are no flags.
const (
	switchCilium = "cilium-config"
	switchK3s    = "k3s"
)

func validSwitch(s string) bool {
	return slices.Contains([]string{"yes", "no", switchCilium, switchK3s}, s) || strings.HasPrefix(s, "--") && strings.Contains(s, "=")
}
