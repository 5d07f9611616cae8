package fixes

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// KindProcess is what the processes of a running container have.
var KindProcess = Kind{factGroup, "v1", "Process", "processes", true}

// Process is what was seen of the processes of a running container, by
// commands that only read. Its namespace is the pod's, its name
// [ProcessName]. What one container shows holds for the others of its image in
// the same workload.
type Process struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	Pod, Container string
	// Image is what the container ran, as it stands in the pod.
	Image string
	// Err says in a phrase why nothing was seen ("the image has no cat"); what
	// could be seen before that is there.
	Err string
	// Commands are the commands that were run, as they were.
	Commands []string
	// Running are the processes, the first of the container first.
	Running []RunningProcess
	// Written are absolute paths of the container's own file system (no volume)
	// that were written since the container started, each a file, or with a slash
	// at its end a folder in which files came or went. WrittenKnown tells whether
	// they were looked for.
	Written      []string
	WrittenKnown bool
	// Writable are the files and folders there that the processes have the right
	// to write: what is not below one they cannot have written, nor ever will.
	// WritableKnown tells whether all of them could be found; it is false for root,
	// who may write everything.
	Writable      []string
	WritableKnown bool
	// Owned are folders there that belong to a user other than root whom a process
	// runs as, or that such a process's group may write, none below another one:
	// what the image has made over to the program, to write in it sooner or later.
	Owned []string
	// Listens are the ports on which the container listens, TCP and UDP.
	// ListensKnown tells whether they could be read.
	Listens      []int32
	ListensKnown bool
	// ReadOnlyRoot reports that the root file system is mounted read-only.
	ReadOnlyRoot bool
}

// RunningProcess is one process, as /proc/PID/status has it.
type RunningProcess struct {
	PID      int
	Name     string
	UID, GID int64 // effective
	Groups   []int64
	// Effective and Bounding are names of capabilities without CAP_.
	Effective, Bounding []string
	NoNewPrivileges     bool
}

// ProcessName names the fact of a pod's container.
func ProcessName(pod, container string) string { return pod + "/" + container }

// DeepCopyObject implements [runtime.Object].
func (p *Process) DeepCopyObject() runtime.Object {
	out := *p
	p.DeepCopyInto(&out.ObjectMeta)
	out.Commands, out.Listens = slices.Clone(p.Commands), slices.Clone(p.Listens)
	out.Written, out.Writable = slices.Clone(p.Written), slices.Clone(p.Writable)
	out.Owned, out.Running = slices.Clone(p.Owned), slices.Clone(p.Running)
	return &out
}
