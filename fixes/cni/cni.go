package cni

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Status is what could be found of a cluster's network plugins.
type Status struct {
	// Enforced tells whether NetworkPolicies have an effect. One plugin that
	// enforces them is enough: Canal is flannel with Calico beside it.
	Enforced Enforcement
	// Running are the plugins that were found.
	Running []Running
}

// Running is a plugin that was found.
type Running struct {
	*Plugin
	// Enforces tells whether this one enforces policies, as it is set up.
	Enforces Enforcement
	// Workload and Path are where it was found; the workload is of no kind where
	// only nodes tell of the plugin.
	Workload fixes.Ref
	Path     string
	// Why says in a phrase what tells of it, and what decides.
	Why string
}

// Names lists the plugins that were found, each once.
func (s *Status) Names() []string {
	var out []string
	for _, r := range s.Running {
		if !slices.Contains(out, r.Name) {
			out = append(out, r.Name)
		}
	}
	return out
}

// Enforcer returns the plugin that enforces policies, if one is known to.
func (s *Status) Enforcer() (Running, bool) {
	i := slices.IndexFunc(s.Running, func(r Running) bool { return r.Enforces == Yes })
	if i < 0 {
		return Running{}, false
	}
	return s.Running[i], true
}

// Kinds are what [Detect] looks at.
func Kinds() []fixes.Kind {
	return append(fixes.WorkloadKinds(), fixes.KindNode, fixes.KindConfigMap)
}

// Detect finds the network plugins of a cluster. It is kept with the inventory.
func Detect(inv *fixes.Inventory) *Status {
	return fixes.Memo(inv, Kinds(), detect)
}

func detect(inv *fixes.Inventory) *Status {
	s := &Status{}
	for _, w := range inv.Workloads("") {
		if !onNodes(w) {
			continue
		}
		for c := range w.Containers() {
			if c.Init {
				continue
			}
			if p, ok := pluginOf(c); ok {
				s.Running = append(s.Running, p.running(inv, w, c))
			}
		}
	}
	k3s(inv, s)
	seen := inv.Namespace == "" && inv.Covers(fixes.KindDaemonSet, "")
	if !seen { // what runs may be out of sight; leftovers of one that is gone mislead nobody then
		annotated(inv, s)
	}
	s.Enforced = s.enforced(seen)
	return s
}

// enforced sums up: policies are known not to be enforced only where all that
// could do it was seen.
func (s *Status) enforced(seen bool) Enforcement {
	all := Unknown
	for _, r := range s.Running {
		switch r.Enforces {
		case Yes:
			return Yes
		case Unknown:
			seen = false
		}
		all = No
	}
	if !seen {
		return Unknown
	}
	return all
}

// onNodes reports whether a workload runs on nodes as such: a DaemonSet that
// has a place, or a static pod.
func onNodes(w fixes.Workload) bool {
	switch o := w.Object.(type) {
	case *appsv1.DaemonSet:
		// One that its controller has looked at and that no node takes runs nowhere.
		return o.Status.ObservedGeneration == 0 || o.Status.DesiredNumberScheduled > 0
	case *corev1.Pod:
		_, mirror := o.Annotations[corev1.MirrorPodAnnotationKey]
		return mirror
	}
	return false
}

// pluginOf returns the plugin that a container is of: by its image, or by what
// it runs, where images are named by digests alone.
func pluginOf(c fixes.Container) (*Plugin, bool) {
	for _, p := range plugins() {
		if slices.ContainsFunc(p.images, func(known string) bool { return fixes.IsImage(c.Image, known) }) {
			return p, true
		}
	}
	words := slices.Concat(c.Command, c.Args)
	for _, p := range plugins() {
		if len(words) > 0 && slices.ContainsFunc(p.programs, func(program string) bool { return runs(words, program) }) {
			return p, true
		}
	}
	return nil, false
}

// runs reports whether a command runs a program, be it in a shell's script.
func runs(words []string, program string) bool {
	first := path.Base(words[0])
	if first == "sh" || first == "bash" {
		return regexp.MustCompile(`(^|[\s/])` + regexp.QuoteMeta(program) + `(\s|$)`).MatchString(strings.Join(words[1:], " "))
	}
	return first == program
}

func (p *Plugin) running(inv *fixes.Inventory, w fixes.Workload, c fixes.Container) Running {
	r := Running{Plugin: p, Workload: w.Ref(), Path: c.Path + ".image", Why: w.Ref().String() + " runs " + p.Name}
	switch p.enforces {
	case "yes":
		r.Enforces = Yes
	case "no":
		r.Enforces = No
	case switchCilium:
		r.ciliumConfig(inv, w, c)
	default:
		r.flag(c)
	}
	if p.since != "" && r.Enforces == Yes {
		r.sinceTag(c)
	}
	return r
}

// ciliumConfig asks the agent's configuration, by default the ConfigMap
// cilium-config beside it (Cilium's documentation, Policy Enforcement Modes).
func (r *Running) ciliumConfig(inv *fixes.Inventory, w fixes.Workload, c fixes.Container) {
	config, _ := fixes.Lookup[*corev1.ConfigMap](inv, w.Object.GetNamespace(), "cilium-config")
	get := func(key string) string {
		if v, ok := flagOf(c, "--"+key); ok {
			return v
		}
		if config == nil {
			return ""
		}
		return config.Data[key]
	}
	r.Enforces = Yes
	for _, off := range []struct{ key, value, means string }{
		{"enable-policy", "never", "it enforces none"},
		{"policy-audit-mode", "true", "it only logs what it would drop"},
		{"enable-k8s-networkpolicy", "false", "it ignores NetworkPolicies"},
	} {
		if get(off.key) == off.value {
			r.Enforces, r.Why = No, r.Why+" with "+off.key+": "+off.value+": "+off.means
			return
		}
	}
}

// flag asks the flag of which the table has the default.
func (r *Running) flag(c fixes.Container) {
	name, value, _ := strings.Cut(r.enforces, "=")
	given, ok := flagOf(c, name)
	if ok {
		value = given
	}
	r.Enforces = No
	if value == "true" {
		r.Enforces = Yes
	}
	r.Why += " with " + name + "=" + value
	if !ok {
		r.Why += ", its default"
	}
}

// flagOf returns the value of a container's flag: after = or in the next word.
// One without a value is true.
func flagOf(c fixes.Container, name string) (string, bool) {
	words := slices.Concat(c.Command, c.Args)
	for i, w := range words {
		if value, ok := strings.CutPrefix(w, name+"="); ok {
			return value, true
		}
		if w == name {
			if i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
				return words[i+1], true
			}
			return "true", true
		}
	}
	return "", false
}

// dated is a tag that begins with a day.
var dated = regexp.MustCompile(`^v(\d{8})`)

// sinceTag judges a version by its day.
func (r *Running) sinceTag(c fixes.Container) {
	_, tag := fixes.SplitImage(c.Image)
	day, since := dated.FindStringSubmatch(tag), dated.FindStringSubmatch(r.since)
	switch {
	case day == nil || since == nil:
		r.Enforces, r.Why = Unknown, r.Why+" of a version that its tag does not tell"
	case day[1] < since[1]:
		r.Enforces, r.Why = No, r.Why+" "+tag+", which is older than "+r.since
	}
}

// k3s asks the nodes of a K3s cluster, whose server has a policy controller in
// it unless it is switched off.
func k3s(inv *fixes.Inventory, s *Status) {
	i := slices.IndexFunc(plugins(), func(p *Plugin) bool { return p.enforces == switchK3s })
	for _, node := range fixes.Objects[*corev1.Node](inv, "") {
		if i < 0 || !strings.Contains(node.Status.NodeInfo.KubeletVersion, "+k3s") {
			continue
		}
		var args []string
		if err := json.Unmarshal([]byte(node.Annotations["k3s.io/node-args"]), &args); err != nil || !slices.Contains(args, "server") {
			continue
		}
		r := Running{Plugin: plugins()[i], Enforces: Yes, Why: "node " + node.Name + " is a server of K3s"}
		if slices.ContainsFunc(args, func(a string) bool {
			name, value, _ := strings.Cut(a, "=")
			return name == "--disable-network-policy" && value != "false"
		}) {
			r.Enforces, r.Why = No, r.Why+" with --disable-network-policy"
		}
		s.Running = append(s.Running, r)
		return
	}
}

// annotated adds the plugins that have left a mark on a node.
func annotated(inv *fixes.Inventory, s *Status) {
	for _, p := range plugins() {
		if len(p.annotations) == 0 || slices.Contains(s.Names(), p.Name) {
			continue
		}
		for _, node := range fixes.Objects[*corev1.Node](inv, "") {
			key := ""
			for k := range node.Annotations {
				if slices.ContainsFunc(p.annotations, func(prefix string) bool { return strings.HasPrefix(k, prefix) }) && (key == "" || k < key) {
					key = k
				}
			}
			if key == "" {
				continue
			}
			r := Running{Plugin: p, Why: fmt.Sprintf("node %s is annotated with %s", node.Name, key)}
			if p.enforces == "yes" {
				r.Enforces = Yes
			}
			s.Running = append(s.Running, r)
			break
		}
	}
}
