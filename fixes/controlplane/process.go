package controlplane

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// program is a part of the control plane.
type program string

const (
	apiServer         program = "kube-apiserver"
	controllerManager program = "kube-controller-manager"
	scheduler         program = "kube-scheduler"
	etcd              program = "etcd"
)

var programs = []program{apiServer, controllerManager, scheduler, etcd}

// kubeProxy runs on every node, and is a part of Kubernetes as well.
const kubeProxy program = "kube-proxy"

// isProgram reports whether a word names a program whose flags are judged.
func isProgram(p program) bool { return p == kubeProxy || slices.Contains(programs, p) }

// process is one of them as a pod starts it.
type process struct {
	program   program
	workload  fixes.Workload
	container fixes.Container
	flags     flags
	// minor is the minor version of its Kubernetes, 0 where it is not known.
	minor int
}

// processes are those of an inventory.
type processes []process

// processesOf returns the processes of the control plane, found once.
func processesOf(inv *fixes.Inventory) processes {
	return fixes.Memo(inv, fixes.WorkloadKinds(), func(inv *fixes.Inventory) processes {
		var list processes
		for _, w := range inv.Workloads("") {
			if !isControlPlane(w) || w.Finished() {
				continue
			}
			for c := range w.Containers() {
				if p, ok := processOf(w, c); ok && !c.Init && !c.Ephemeral {
					p.minor = minorOf(c.Image, inv.ServerMinor)
					list = append(list, p)
				}
			}
		}
		return list
	})
}

// of returns the processes of a program.
func (all processes) of(p program) processes {
	return slices.DeleteFunc(slices.Clone(all), func(x process) bool { return x.program != p })
}

// isControlPlane reports whether a workload belongs to the cluster's own control
// plane: an application may run an etcd of its own.
func isControlPlane(w fixes.Workload) bool {
	return w.Object.GetNamespace() == metav1.NamespaceSystem || isStatic(w) || w.Meta.Labels["tier"] == "control-plane"
}

// isStatic reports whether a kubelet runs the pod from a file.
func isStatic(w fixes.Workload) bool {
	_, mirror := w.Object.GetAnnotations()[corev1.MirrorPodAnnotationKey]
	owner := metav1.GetControllerOfNoCopy(w.Object)
	return mirror || owner != nil && owner.Kind == fixes.KindNode.Name
}

// starters run the program that one of their arguments names.
var starters = []string{"go-runner", "hyperkube", "sh", "bash", "ash", "tini", "dumb-init"}

// processOf reads a container's command. Where it has none, the image's entry
// point is the program, which image and label then name.
func processOf(w fixes.Workload, c fixes.Container) (process, bool) {
	words := slices.Concat(c.Command, c.Args)
	if len(words) == 0 {
		return process{}, false
	}
	first := path.Base(words[0])
	if slices.Contains(starters, first) {
		if at := slices.Index(words, "-c"); at >= 0 && at+1 < len(words) {
			words = script(words[at+1])
		}
		for i, word := range words {
			if p := program(path.Base(word)); isProgram(p) {
				return process{program: p, workload: w, container: c, flags: parse(words[i+1:], c.Env)}, true
			}
		}
		return process{}, false
	}
	if p := program(first); isProgram(p) {
		return process{program: p, workload: w, container: c, flags: parse(words[1:], c.Env)}, true
	}
	p := program(w.Meta.Labels["component"])
	if len(c.Command) == 0 && strings.HasPrefix(words[0], "-") && isProgram(p) && imageName(c.Image) == string(p) {
		return process{program: p, workload: w, container: c, flags: parse(words, c.Env)}, true
	}
	return process{}, false
}

// imageName is the last part of an image's path, without tag and digest.
func imageName(image string) string {
	name, _, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

var tagMinor = regexp.MustCompile(`:v?1\.(\d+)\.\d`)

// minorOf reads a version from an image's tag, else takes the API server's.
func minorOf(image string, server int) int {
	if !strings.HasPrefix(imageName(image), "kube-") {
		return server
	}
	if m := tagMinor.FindStringSubmatch(image); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return n
		}
	}
	return server
}

// path leads to the command from the object.
func (p process) path() string {
	if len(p.container.Command) == 0 {
		return p.container.Path + ".args"
	}
	return p.container.Path + ".command"
}

// edit is what a person is to do to a process's flags.
type edit struct {
	// before and after are steps around the edit, each its own lines.
	before, after string
	// set are flags as they should be, drop those to take out.
	set, drop []string
	// mounts is what the container needs for files that flags name.
	mounts string
}

// steps say how the edit is made and checked.
func (p process) steps(e edit) string {
	var b strings.Builder
	b.WriteString(e.before)
	ref := p.workload.Ref()
	file := "/etc/kubernetes/manifests/" + string(p.program) + ".yaml"
	if isStatic(p.workload) || ref.Kind == fixes.KindPod {
		b.WriteString("In " + file + " on " + p.node() + " (the folder is the kubelet's staticPodPath)")
	} else {
		b.WriteString("In " + ref.String())
	}
	b.WriteString(", container " + p.container.Name + ":\n")
	if len(e.set) > 0 {
		b.WriteString("  add to its command, or change:\n")
	}
	for _, line := range e.set {
		b.WriteString("    - " + line + "\n")
	}
	if len(e.drop) > 0 {
		b.WriteString("  take out of its command:\n")
	}
	for _, line := range e.drop {
		b.WriteString("    - " + line + "\n")
	}
	b.WriteString(e.mounts)
	b.WriteString("Do so on every control plane node, one after another. The kubelet starts the pod anew by itself; keep no copy of the\n" +
		"file in that folder, it would run that too. Wait until it is ready:\n")
	if p.program == apiServer {
		b.WriteString("  kubectl get --raw /readyz\n")
	} else {
		b.WriteString("  kubectl get pods -n " + ref.Namespace + " -l component=" + string(p.program) + "\n")
	}
	b.WriteString("kubeadm writes the file anew at each upgrade: put the same under extraArgs into its ClusterConfiguration too:\n" +
		"  kubectl edit configmap kubeadm-config -n kube-system\n")
	b.WriteString(e.after)
	b.WriteString("Check: kubectl harden --category access,logging -n " + ref.Namespace)
	return b.String()
}

func (p process) node() string {
	if name := p.workload.Spec.NodeName; name != "" {
		return "node " + name
	}
	return "its node"
}
