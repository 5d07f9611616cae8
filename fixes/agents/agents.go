// Package agents knows programs whose work is the node that they run on: they
// set up its network, mount its volumes, read its logs and metrics. Pod Security
// forbids what they cannot do without, so rules ask here what that is, and speak
// of what goes beyond it.
//
// The table, agents.tsv, has data with sources and nothing else. An agent is
// recognised by several marks together; see [Of]. It is no list of what to
// trust: whoever may create DaemonSets can make one look like an agent, and
// needs no disguise.
package agents

import (
	_ "embed"
	"path"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/table"
)

// Work is what an agent does on its node.
type Work string

// The kinds of work.
const (
	Network  Work = "network"  // CNI plugins, service proxies, node-local DNS
	Storage  Work = "storage"  // node parts of CSI drivers
	Logs     Work = "logs"     // collectors of container and system logs
	Metrics  Work = "metrics"  // exporters and monitoring agents
	Security Work = "security" // sensors
	Devices  Work = "devices"  // device plugins, drivers, reboots
)

// Agent is a known program and what it needs of its node.
type Agent struct {
	// Name is the program's own ("Fluent Bit").
	Name string
	Work Work
	// Read and Write are folders and files of the node that it needs; what is
	// below a folder is meant too, except below "/".
	Read, Write []string
	// Privileged: it needs a privileged container, and with it root and all that
	// follows.
	Privileged bool
	// Root: it needs user 0.
	Root                          bool
	HostNetwork, HostPID, HostIPC bool
	// HostPorts: it is reached at its node's address.
	HostPorts bool
	// Capabilities are those that it needs added, without CAP_.
	Capabilities []string
	// Source is where its makers say so: their own manifest or documentation.
	Source string

	images, marks []string
}

//go:embed agents.tsv
var text string

var agents = format.Embedded(text)

// All returns the table. It belongs to the package.
func All() []*Agent { return agents() }

var format = table.Table[*Agent]{
	Name:    "agents.tsv",
	Columns: []string{"name", "work", "images", "marks", "read", "write", "needs", "source"},
	Key:     []string{"name"},
	Row:     parse,
}

func parse(r table.Row) (*Agent, error) {
	work, err := table.OneOf(r, "work", Network, Storage, Logs, Metrics, Security, Devices)
	if err != nil {
		return nil, err
	}
	a := &Agent{Name: r.Text("name"), Work: work, images: r.List("images"), marks: r.List("marks"),
		Read: r.List("read"), Write: r.List("write"), Source: r.Text("source")}
	for _, need := range r.List("needs") {
		switch need {
		case "privileged":
			a.Privileged, a.Root = true, true
		case "root":
			a.Root = true
		case "hostNetwork":
			a.HostNetwork = true
		case "hostPID":
			a.HostPID = true
		case "hostIPC":
			a.HostIPC = true
		case "hostPorts":
			a.HostPorts = true
		default:
			a.Capabilities = append(a.Capabilities, need)
		}
	}
	return a, nil
}

// Of returns the agent that a workload is: it runs on nodes as such (a
// DaemonSet, or a static pod), one of its containers has the agent's image, and
// it shows one of the agent's marks: a path of the node that it mounts, or a
// word of its command, arguments or variables.
func Of(w fixes.Workload) (*Agent, bool) {
	if !perNode(w) {
		return nil, false
	}
	for _, a := range agents() {
		for c := range w.Containers() {
			if a.Runs(c.Image) && a.marked(w) {
				return a, true
			}
		}
	}
	return nil, false
}

func perNode(w fixes.Workload) bool {
	switch o := w.Object.(type) {
	case *appsv1.DaemonSet:
		return true
	case *corev1.Pod:
		_, mirror := o.Annotations[corev1.MirrorPodAnnotationKey]
		return mirror
	}
	return false
}

// Runs reports whether an image is one of the agent's, wherever it is pulled
// from: mirrors keep the last parts of the name.
func (a *Agent) Runs(image string) bool {
	return slices.ContainsFunc(a.images, func(known string) bool { return fixes.IsImage(image, known) })
}

func (a *Agent) marked(w fixes.Workload) bool {
	return slices.ContainsFunc(a.marks, func(mark string) bool {
		if strings.HasPrefix(mark, "/") {
			return slices.ContainsFunc(w.Spec.Volumes, func(v corev1.Volume) bool {
				return v.HostPath != nil && Within(NodePath(v.HostPath.Path), []string{mark})
			})
		}
		for c := range w.Containers() {
			said := func(s string) bool { return strings.Contains(s, mark) }
			if slices.ContainsFunc(c.Command, said) || slices.ContainsFunc(c.Args, said) ||
				slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return said(e.Name) }) {
				return true
			}
		}
		return false
	})
}

// Reads reports whether the agent needs to see a path of its node.
func (a *Agent) Reads(p string) bool { return Within(NodePath(p), a.Read) || a.Writes(p) }

// Writes reports whether the agent needs to change a path of its node.
func (a *Agent) Writes(p string) bool { return Within(NodePath(p), a.Write) }

// NodePath returns a path of a node as it is to be compared: clean, and without
// the link that leads from /var/run to /run.
func NodePath(p string) string {
	p = path.Clean("/" + p)
	if Within(p, []string{"/var/run"}) {
		p = strings.TrimPrefix(p, "/var")
	}
	return p
}

// Within reports whether a path is one of some folders or below one. Below "/"
// is nothing but itself: who names it means the whole node.
func Within(p string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return p == f || strings.HasPrefix(p, f+"/") })
}
