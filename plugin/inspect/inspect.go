// Package inspect looks into running containers, by commands that only read:
// who their processes are, what they write, on which ports they listen.
//
// An image may have next to nothing to look with. The shell's own commands are
// enough for /proc; without a shell, cat is; without both, nothing is seen, and
// that is said.
package inspect

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Look returns what the processes of a running container have. It never fails:
// the fact's Err says why something was not seen.
func Look(ctx context.Context, config *rest.Config, pod *corev1.Pod, container string) *fixes.Process {
	fact, _ := look(ctx, config, pod, container)
	return fact
}

// look is [Look] with the error that ended it.
func look(ctx context.Context, config *rest.Config, pod *corev1.Pod, container string) (*fixes.Process, error) {
	l := &looking{pod: pod, fact: &fixes.Process{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: fixes.ProcessName(pod.Name, container)},
		Pod:        pod.Name, Container: container, Image: imageOf(pod, container),
	}}
	run, err := inContainer(config, pod, container)
	if err == nil {
		l.runner = run
		err = l.all(ctx)
	}
	if err != nil {
		l.fact.Err = phrase(err)
	}
	return l.fact, err
}

func imageOf(pod *corev1.Pod, container string) string {
	if w, ok := fixes.AsWorkload(pod); ok {
		if c, ok := w.Container(container); ok {
			return c.Image
		}
	}
	return ""
}

// phrase says why something was not seen.
func phrase(err error) string {
	switch {
	case errors.Is(err, errMissing):
		return "the image has no shell and no cat to look with"
	case errors.Is(err, errTooMuch):
		return "a command printed more than is read"
	case errors.Is(err, context.DeadlineExceeded):
		return "a command took longer than " + commandTimeout.String()
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case apierrors.IsForbidden(err):
		return "forbidden"
	case apierrors.IsNotFound(err):
		return "the pod is gone"
	}
	const most = 200
	text := fixes.Clean(err.Error())
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}

// looking is one look into a container.
type looking struct {
	runner
	pod    *corev1.Pod
	fact   *fixes.Process
	mounts mounts
	shell  []string // how a shell is called here; empty where there is none
}

// run runs a command, which is noted.
func (l *looking) run(ctx context.Context, command ...string) (string, error) {
	out, err := l.runner(ctx, command...)
	if !errors.Is(err, errMissing) {
		l.fact.Commands = append(l.fact.Commands, strings.Join(command, " "))
	}
	return out, err
}

func (l *looking) all(ctx context.Context) error {
	files, shell, err := l.read(ctx)
	if err != nil {
		return err
	}
	var sockets []socket
	for _, f := range files {
		switch {
		case strings.HasSuffix(f.file, "/status"):
			p, ok := parseStatus(f.lines)
			own := shell != 0 && (p.PID == shell || p.parent == shell)
			if ok && !own && len(l.fact.Running) < maxProcesses {
				l.fact.Running = append(l.fact.Running, p.RunningProcess)
			}
		case f.file == mountsFile:
			l.mounts, l.fact.ReadOnlyRoot = parseMounts(f.lines)
		default:
			sockets = append(sockets, parseSockets(f.lines, strings.Contains(f.file, "udp"))...)
		}
	}
	slices.SortFunc(l.fact.Running, func(a, b fixes.RunningProcess) int { return a.PID - b.PID })
	if len(l.fact.Running) == 0 || len(l.mounts) == 0 {
		return errors.New("what the container says of its processes cannot be read")
	}
	if l.sharesProcesses() {
		l.fact.Running = nil // whose they are is not told
	} else {
		l.listens(ctx, sockets)
	}
	return l.files(ctx)
}

// sharesProcesses reports whether the container sees processes of others.
func (l *looking) sharesProcesses() bool {
	return l.pod.Spec.HostPID || l.pod.Spec.ShareProcessNamespace != nil && *l.pod.Spec.ShareProcessNamespace
}

// What [readAll] puts before the number of its shell, and before each file.
const (
	selfMark = "shell "
	fileMark = "file "
)

const mountsFile = "/proc/mounts"

var netFiles = []string{"/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6"}

// readAll prints files of /proc by the shell's own commands.
var readAll = `printf '` + selfMark + `%s\n' $$; for f in /proc/[0-9]*/status ` + mountsFile + ` ` + strings.Join(netFiles, " ") +
	`; do printf '` + fileMark + `%s\n' "$f"; while IFS= read -r l; do printf '%s\n' "$l"; done < "$f"; done 2>/dev/null`

// read returns the files of /proc, and the process number of the shell that
// read them. Without a shell they are those of the first process alone.
func (l *looking) read(ctx context.Context) (files []section, shell int, err error) {
	for _, sh := range [][]string{{"sh"}, {"busybox", "sh"}} {
		out, err := l.run(ctx, append(slices.Clone(sh), "-c", readAll)...)
		if errors.Is(err, errMissing) {
			continue
		}
		if out == "" && err != nil {
			return nil, 0, err
		}
		l.shell = sh // its exit status is that of the last file, which need not be there
		shell, files = sections(out)
		return files, shell, nil
	}
	for _, file := range append([]string{"/proc/1/status", mountsFile}, netFiles...) {
		out, err := l.run(ctx, "cat", file)
		if err != nil && out == "" && len(files) < 2 {
			return nil, 0, err
		}
		files = append(files, section{file, strings.Split(out, "\n")})
	}
	return files, 0, nil
}

// listens tells on which ports the container listens. Sockets are those of the
// whole pod; where it has other containers, a socket is this one's if one of
// its processes has it open.
func (l *looking) listens(ctx context.Context, sockets []socket) {
	if l.pod.Spec.HostNetwork {
		return
	}
	w, _ := fixes.AsWorkload(l.pod)
	alone := len(l.pod.Spec.Containers) == 1
	for c := range w.Containers() {
		sidecar := c.Init && c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		alone = alone && !sidecar && !c.Ephemeral
	}
	mine := func(socket) bool { return true }
	if !alone {
		if len(l.shell) == 0 {
			return
		}
		out, _ := l.run(ctx, append(slices.Clone(l.shell), "-c", "ls -l /proc/[0-9]*/fd 2>/dev/null")...)
		inodes, readable := parseOpen(out)
		for _, p := range l.fact.Running {
			if !readable[p.PID] {
				return // what that process listens on is not told
			}
		}
		mine = func(s socket) bool { return inodes[s.inode] }
	}
	for _, s := range sockets {
		if mine(s) && !slices.Contains(l.fact.Listens, s.port) {
			l.fact.Listens = append(l.fact.Listens, s.port)
		}
	}
	slices.Sort(l.fact.Listens)
	l.fact.ListensKnown = true
}

// started is older than what the container wrote, and newer than the places
// that its runtime made for mounts: /dev, which the runtime fills as the last.
const started = "/dev"

// files tells what was written, and what may be.
func (l *looking) files(ctx context.Context) error {
	find := l.find(ctx)
	folders, all, err := find("-type", "d", "-newer", started)
	if errors.Is(err, errMissing) {
		return nil // there is no find: nothing is known of the files
	}
	if err != nil {
		return err
	}
	others, allOthers, err := find("!", "-type", "d", "-newer", started)
	if err != nil {
		return err
	}
	for _, f := range folders {
		l.fact.Written = append(l.fact.Written, strings.TrimSuffix(f, "/")+"/")
	}
	l.fact.Written = append(l.fact.Written, others...)
	slices.Sort(l.fact.Written)
	l.fact.WrittenKnown = all && allOthers
	if test := l.owned(); test != nil {
		owned, _, err := find(test...)
		if err != nil {
			return err
		}
		l.fact.Owned = topmost(owned)
	}
	if test := l.writable(); test != nil {
		l.fact.Writable, l.fact.WritableKnown, err = find(test...)
	}
	return err
}

// find returns a function that lists files of the container's own file system,
// and whether that is all of them.
func (l *looking) find(ctx context.Context) func(tests ...string) ([]string, bool, error) {
	program := []string{"find"}
	return func(tests ...string) ([]string, bool, error) {
		for {
			command := slices.Concat(program, []string{"/", "-xdev"}, tests, []string{"-print0"})
			out, err := l.run(ctx, command...)
			switch {
			case errors.Is(err, errMissing) && len(program) == 1 && len(l.shell) == 2:
				program = []string{"busybox", "find"}
				continue
			case errors.Is(err, errTooMuch), err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
				paths, _ := parsePaths(out[:strings.LastIndexByte(out, 0)+1], l.mounts)
				return paths, false, nil
			case isExit(err, 1):
				err = nil // a folder that may not be read
			}
			paths, all := parsePaths(out, l.mounts)
			return paths, all, err
		}
	}
}

// owned returns find's test for folders that are a user's as whom a process
// runs, or that its group may write; nil where all run as root.
func (l *looking) owned() []string {
	var test []string
	seen := map[[2]int64]bool{}
	for _, p := range l.fact.Running {
		if who := [2]int64{p.UID, p.GID}; p.UID != 0 && !seen[who] {
			seen[who] = true
			test = append(test, "-o", "-user", strconv.FormatInt(p.UID, 10))
			if p.GID != 0 {
				test = append(test, "-o", "-group", strconv.FormatInt(p.GID, 10), "-perm", "-0020")
			}
		}
	}
	if len(test) == 0 {
		return nil
	}
	return append(append([]string{"-type", "d", "("}, test[1:]...), ")")
}

// topmost leaves out folders that are below another one.
func topmost(folders []string) []string {
	folders = slices.Sorted(slices.Values(folders))
	var out []string
	for _, f := range folders { // a folder comes before what is in it, not always right before
		if !slices.ContainsFunc(out, func(above string) bool { return strings.HasPrefix(f, above+"/") }) {
			out = append(out, f)
		}
	}
	return out
}

// writable returns find's test for what the processes may write: what is
// theirs, their groups', or everybody's, and folders that can be passed but not
// listed. It is nil where they are not all the same user, or root.
func (l *looking) writable() []string {
	if len(l.fact.Running) == 0 {
		return nil
	}
	first := l.fact.Running[0]
	for _, p := range l.fact.Running {
		if p.UID == 0 || p.UID != first.UID || p.GID != first.GID || len(p.Effective) > 0 || !slices.Equal(p.Groups, first.Groups) {
			return nil
		}
	}
	test := []string{"!", "-type", "l", "(", "-perm", "-0002", "-o", "-type", "d", "-perm", "-0001", "!", "-perm", "-0004",
		"-o", "-user", strconv.FormatInt(first.UID, 10)}
	groups := append([]int64{first.GID}, first.Groups...)
	slices.Sort(groups)
	for _, g := range slices.Compact(groups) {
		test = append(test, "-o", "-group", strconv.FormatInt(g, 10), "-perm", "-0020")
	}
	return append(test, ")")
}
