package logging

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/agents"
)

// The folders of a node in which container logs are. In the second are links into
// the first; with Docker, in the first links into the third.
const (
	podLogs       = "/var/log/pods"
	containerLogs = "/var/log/containers"
	dockerLogs    = "/var/lib/docker/containers"
)

// logFolders lists them.
var logFolders = []string{podLogs, containerLogs, dockerLogs}

// collector is a workload that reads the logs of containers on its nodes.
type collector struct {
	fixes.Workload
	*program
	// container is the one that reads.
	container string
	// sees are those of [logFolders] that it mounts.
	sees []string
	// byAPI: it reads from the kubelets, wherever it runs.
	byAPI bool
	// files are what its ConfigMaps hold, by file name.
	files map[string]string
	// stackLight: it is StackLight's.
	stackLight bool
	// why says what it was recognised by.
	why []string
}

// found is what an inventory tells of log collectors.
type found struct {
	collectors []*collector
	// blind are workloads that run a collector and mount no container logs.
	blind []*collector
}

// collectorKinds are the kinds by which collectors are recognised.
func collectorKinds() []fixes.Kind {
	return append(fixes.WorkloadKinds(), fixes.KindConfigMap, fixes.KindNamespace, fixes.KindHelmBundle)
}

// collectorsOf returns the collectors of an inventory, in order.
func collectorsOf(inv *fixes.Inventory) *found {
	return fixes.Memo(inv, collectorKinds(), func(inv *fixes.Inventory) *found {
		var f found
		for _, w := range inv.Workloads("") {
			c := recognise(inv, w)
			switch {
			case c == nil:
			case c.byAPI || len(c.sees) > 0:
				f.collectors = append(f.collectors, c)
			default:
				f.blind = append(f.blind, c)
			}
		}
		order := func(a, b *collector) int { return a.Ref().Compare(b.Ref()) }
		slices.SortFunc(f.collectors, order)
		slices.SortFunc(f.blind, order)
		return &f
	})
}

// recognise returns the collector that a workload is, or nil: it runs on nodes as
// such, and one of its containers runs a known program, by its image or by its
// command, or is configured as one. A name is never enough.
func recognise(inv *fixes.Inventory, w fixes.Workload) *collector {
	if w.Finished() {
		return nil
	}
	var best *collector
	for c := range w.Containers() {
		if c.Init && !restarts(c) || c.Ephemeral {
			continue
		}
		files := configFiles(inv, w, c)
		config := strings.Join(slices.Collect(maps.Values(files)), "\n")
		for i := range programs {
			p := &programs[i]
			why := p.marks(c, files)
			if len(why) == 0 || p.asked != nil && !p.asked(c, config) {
				continue
			}
			got := &collector{Workload: w, program: p, container: c.Name, sees: seen(w, c), files: files, why: why, byAPI: readsByAPI(p, config)}
			got.stackLight = isStackLight(w)
			if !got.byAPI && !perNode(w) {
				continue
			}
			if best == nil || len(got.sees) > len(best.sees) {
				best = got
			}
			break
		}
	}
	if best != nil && len(best.sees) > 0 {
		best.why = append(best.why, "mounts "+strings.Join(best.sees, ", "))
	}
	return best
}

// marks says what shows that a container runs the program.
func (p *program) marks(c fixes.Container, files map[string]string) []string {
	var why []string
	if p.runs(c.Image) {
		why = append(why, "image "+c.Image)
	}
	if p.starts(c) {
		why = append(why, "it starts "+strings.Join(p.commands, " or "))
	}
	if len(why) > 0 || p.read == nil || len(files) == 0 {
		return why
	}
	// An image and a command of which nothing is known, and a configuration that
	// reads containers' logs in this program's language.
	if pipe := p.read(files); len(pipe.inputs) > 0 && len(pipe.outputs) > 0 {
		why = append(why, "its ConfigMap is a configuration of "+p.name+" that reads container logs")
	}
	return why
}

// perNode reports whether a workload's pods belong to nodes: a DaemonSet's, or
// one that a kubelet runs from a file.
func perNode(w fixes.Workload) bool {
	switch o := w.Object.(type) {
	case *appsv1.DaemonSet:
		return true
	case *fixes.Custom:
		kind, _ := fixes.KindOf(o)
		return kind == fixes.KindKruiseDaemonSet
	case *corev1.Pod:
		_, mirror := o.Annotations[corev1.MirrorPodAnnotationKey]
		return mirror
	}
	return false
}

// restarts reports whether an init container is a sidecar (KEP-753).
func restarts(c fixes.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// seen lists the log folders of the node that a container mounts, as such or
// within a folder above them.
func seen(w fixes.Workload, c fixes.Container) []string {
	var out []string
	for _, folder := range logFolders {
		if slices.ContainsFunc(w.Spec.Volumes, func(v corev1.Volume) bool {
			return v.HostPath != nil && above(agents.NodePath(v.HostPath.Path), folder) &&
				slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name })
		}) {
			out = append(out, folder)
		}
	}
	return out
}

// above reports whether a folder is another or holds it.
func above(folder, other string) bool { return folder == "/" || agents.Within(other, []string{folder}) }

// configFiles returns what the ConfigMaps hold that a container mounts. What is
// not in the inventory is left out.
func configFiles(inv *fixes.Inventory, w fixes.Workload, c fixes.Container) map[string]string {
	files := map[string]string{}
	take := func(name string, items []corev1.KeyToPath) {
		cm, ok := fixes.Lookup[*corev1.ConfigMap](inv, w.Object.GetNamespace(), name)
		if !ok {
			return
		}
		for key, text := range cm.Data {
			if len(items) == 0 {
				files[key] = text
			}
			for _, item := range items {
				if item.Key == key {
					files[item.Path] = text
				}
			}
		}
	}
	for _, m := range c.VolumeMounts {
		for _, v := range w.Spec.Volumes {
			if v.Name != m.Name {
				continue
			}
			if v.ConfigMap != nil {
				take(v.ConfigMap.Name, v.ConfigMap.Items)
			}
			if v.Projected == nil {
				continue
			}
			for _, src := range v.Projected.Sources {
				if src.ConfigMap != nil {
					take(src.ConfigMap.Name, src.ConfigMap.Items)
				}
			}
		}
	}
	return files
}

// sortedKeys returns a map's keys in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// title names a collector for people: "Fluent Bit (DaemonSet logging/fluent-bit)".
func (c *collector) title() string {
	name := c.name
	if c.stackLight {
		name = "StackLight's " + name
	}
	return name + " (" + c.Ref().String() + ")"
}
