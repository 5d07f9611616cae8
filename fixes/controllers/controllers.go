// Package controllers knows programs that work through the Kubernetes API, and
// which of the dangerous rights there their makers' own charts ask for. Rules
// about rights leave those alone, and speak of what goes beyond them.
//
// The table, controllers.tsv, has data with sources and nothing else. It is no
// list of what to trust: an account with such rights is worth as much to whoever
// breaks in, but the place to change them is the controller itself.
package controllers

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/table"
)

// Controller is a known program and what its chart asks for.
type Controller struct {
	// Name is the program's own ("cert-manager").
	Name string
	// Rights are rules as its ClusterRole has them, as far as they are dangerous.
	Rights []rbacv1.PolicyRule
	// Source is where its makers say so.
	Source string

	images, marks []string
}

//go:embed controllers.tsv
var text string

var controllers = format.Embedded(text)

// All returns the table. It belongs to the package.
func All() []*Controller { return controllers() }

// urls stands in the table for all that is no resource.
const urls = "urls"

var format = table.Table[*Controller]{
	Name:    "controllers.tsv",
	Columns: []string{"name", "images", "marks", "rights", "source"},
	Key:     []string{"name"},
	Row:     parse,
}

func parse(r table.Row) (*Controller, error) {
	c := &Controller{Name: r.Text("name"), images: r.List("images"), marks: r.List("marks"), Source: r.Text("source")}
	for right := range strings.SplitSeq(r.Text("rights"), "; ") {
		words := strings.Fields(right)
		if len(words) != 3 {
			return nil, fmt.Errorf("no right of three words: %q", right)
		}
		rule := rbacv1.PolicyRule{Verbs: strings.Split(words[0], ",")}
		if words[1] == urls {
			rule.NonResourceURLs = []string{rbacv1.NonResourceAll}
		} else {
			rule.Resources = strings.Split(words[1], ",")
			for group := range strings.SplitSeq(words[2], ",") {
				rule.APIGroups = append(rule.APIGroups, strings.TrimPrefix(group, "-"))
			}
		}
		c.Rights = append(c.Rights, rule)
	}
	return c, nil
}

// Of returns the controller that workloads which share a ServiceAccount are:
// all of them, since whatever else runs as the account has its rights too.
func Of(workloads []fixes.Workload) (*Controller, bool) {
	if len(workloads) == 0 {
		return nil, false
	}
	for _, c := range controllers() {
		if !slices.ContainsFunc(workloads, func(w fixes.Workload) bool { return !c.runs(w) }) {
			return c, true
		}
	}
	return nil, false
}

func (c *Controller) runs(w fixes.Workload) bool {
	for container := range w.Containers() {
		if container.Ephemeral || container.Init || !slices.ContainsFunc(c.images, func(known string) bool { return fixes.IsImage(container.Image, known) }) {
			continue
		}
		if len(c.marks) == 0 {
			return true
		}
		for _, word := range slices.Concat(container.Command, container.Args) {
			if slices.ContainsFunc(c.marks, func(mark string) bool { return strings.HasSuffix(word, mark) }) {
				return true
			}
		}
	}
	return false
}

// Asks reports whether the controller's chart asks for all that a rule allows.
// A wildcard is covered by a wildcard alone: it allows what is yet to come.
func (c *Controller) Asks(rule rbacv1.PolicyRule) bool {
	for _, verb := range rule.Verbs {
		for _, url := range rule.NonResourceURLs {
			if !c.asks(func(r rbacv1.PolicyRule) bool { return in(r.Verbs, verb) && in(r.NonResourceURLs, url) }) {
				return false
			}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				if !c.asks(func(r rbacv1.PolicyRule) bool {
					return in(r.Verbs, verb) && in(r.APIGroups, group) && in(r.Resources, resource)
				}) {
					return false
				}
			}
		}
	}
	return true
}

func (c *Controller) asks(allows func(rbacv1.PolicyRule) bool) bool {
	return slices.ContainsFunc(c.Rights, allows)
}

func in(list []string, s string) bool { return slices.Contains(list, "*") || slices.Contains(list, s) }
