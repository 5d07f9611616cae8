package trial_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/trial"
)

// program is a model of a server: what it does at its start, one thing after
// the other. The first that the kernel does not let it do ends it.
type program struct {
	uid    int64 // the image's user
	does   []act
	folder map[string]int64 // the image's folders, with their owners
	silent bool             // it does not say why it ends
	blind  bool             // its processes cannot be looked at
}

type act struct {
	call string // write, mkdir, chown, drop, bind, kill, read, filecaps, keyctl, passwd
	path string
	id   int64 // whom it drops to or gives a path to; the port
	// warns: it goes on when it fails.
	warns bool
}

func (a act) String() string { return fmt.Sprintf("%s %s %d", a.call, a.path, a.id) }

// kernel is what the model runs on: one container of a pod.
type kernel struct {
	uid        int64
	caps       map[corev1.Capability]bool
	bounding   map[corev1.Capability]bool
	readOnly   bool
	filtered   bool
	lowPorts   bool
	scratch    []fixes.Scratch
	owner      map[string]int64 // of what was chowned or made
	made       map[string]bool
	folder     map[string]int64
	asRootSeed bool
}

var defaults = []corev1.Capability{"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
	"NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}

// run answers a try as a kubelet and a kernel would.
func (p program) run(t trial.Try) trial.Outcome {
	own := t.Confinement.Containers["c"]
	k := kernel{uid: p.uid, caps: map[corev1.Capability]bool{}, owner: map[string]int64{}, made: map[string]bool{}, folder: p.folder}
	add := own.Add
	if t.AsItIs {
		own, add = fixes.ContainerConfinement{Root: true, WritableRoot: true, Unconfined: true, Escalates: true}, defaults
	} else if own.User != nil {
		k.uid = *own.User
	}
	for _, c := range add {
		k.caps[c] = true
	}
	k.bounding = k.caps
	k.readOnly, k.filtered, k.scratch, k.asRootSeed = !own.WritableRoot, !own.Unconfined, own.Scratch, own.Root
	k.lowPorts = len(t.Confinement.Sysctls) > 0
	if !own.Root && k.uid == 0 {
		return trial.Outcome{Containers: []trial.Container{{Name: "c", Reason: "CreateContainerConfigError",
			Message: "container has runAsNonRoot and image will run as root (pod: \"x\", container: c)"}}}
	}
	for _, s := range own.Scratch {
		if _, there := p.folder[s.Path]; s.Seed && !there {
			return trial.Outcome{Containers: []trial.Container{{Name: seedName(t, s.Path), Init: true, ExitCode: 1,
				Log: "cp: can't stat '" + s.Path + "/.': No such file or directory"}, {Name: "c", Reason: "PodInitializing"}}}
		}
	}
	if k.uid != 0 {
		k.caps = map[corev1.Capability]bool{}
	}
	seen := &fixes.Process{Container: "c", Running: []fixes.RunningProcess{{PID: 1, UID: k.uid, GID: k.uid}}, WrittenKnown: true, ListensKnown: true}
	var log []string
	for i, a := range p.does {
		if text := k.do(a, seen); text != "" {
			log = append(log, text)
			if a.warns {
				continue
			}
			if p.silent {
				log = nil
			}
			return trial.Outcome{Containers: []trial.Container{{Name: "c", ExitCode: int32(1 + i%3), Reason: "Error", Log: strings.Join(log, "\n")}}}
		}
	}
	out := trial.Outcome{Ready: true, Containers: []trial.Container{{Name: "c", Running: true, Log: strings.Join(log, "\n")}}}
	if !p.blind {
		out.Processes = []*fixes.Process{seen}
	}
	return out
}

func seedName(t trial.Try, at string) string {
	w, _ := fixes.AsWorkload(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "x"}}}})
	t.Confinement.Apply(w)
	for c := range w.Containers() {
		if _, p, ok := w.Seeds(c); ok && p == at {
			return c.Name
		}
	}
	return "?"
}

// do returns the program's complaint, or "".
func (k *kernel) do(a act, seen *fixes.Process) string {
	switch a.call {
	case "write", "mkdir":
		folder := path.Dir(a.path)
		if a.call == "mkdir" && slices.ContainsFunc(k.scratch, func(s fixes.Scratch) bool { return s.Path == a.path }) {
			return "" // EEXIST, which it takes
		}
		text := k.write(folder)
		if text == "" {
			k.owner[a.path], k.made[a.path] = k.uid, a.call == "mkdir"
			seen.Written = append(seen.Written, folder+"/", a.path+map[bool]string{true: "/"}[a.call == "mkdir"])
			return ""
		}
		if a.call == "mkdir" {
			return fmt.Sprintf("mkdir: cannot create directory '%s': %s", a.path, text)
		}
		return fmt.Sprintf("nginx: [emerg] open() %q failed (%d: %s)", a.path, map[string]int{"Permission denied": 13, "Read-only file system": 30}[text], text)
	case "chown":
		if k.owner[a.path] == a.id && k.uid == a.id && k.made[a.path] {
			return ""
		}
		under := slices.ContainsFunc(k.scratch, func(s fixes.Scratch) bool {
			return (a.path == s.Path || strings.HasPrefix(a.path, s.Path+"/")) && s.Seed
		})
		if _, there := k.folder[a.path]; there && under && k.uid == a.id {
			return "" // the seed made it ours
		}
		if !k.covered(a.path) && k.readOnly {
			return fmt.Sprintf("chown: %s: Read-only file system", a.path)
		}
		if !k.caps["CHOWN"] {
			return fmt.Sprintf("chown: changing ownership of '%s': Operation not permitted", a.path)
		}
		k.owner[a.path] = a.id
	case "drop":
		if k.uid == a.id {
			return "" // entrypoints look first
		}
		if !k.caps["SETUID"] || !k.caps["SETGID"] {
			return fmt.Sprintf("su-exec: setgroups(%d): Operation not permitted", a.id)
		}
		k.uid, k.caps = a.id, map[corev1.Capability]bool{}
		seen.Running[0].UID, seen.Running[0].GID = a.id, a.id
	case "mustdrop": // an entrypoint that does not look
		if !k.caps["SETUID"] || !k.caps["SETGID"] {
			return fmt.Sprintf("error: failed switching to \"%d\": operation not permitted", a.id)
		}
		k.uid, k.caps = a.id, map[corev1.Capability]bool{}
		seen.Running = append(seen.Running, fixes.RunningProcess{PID: 7, UID: a.id, GID: a.id})
	case "bind":
		if a.id < 1024 && !k.lowPorts && !k.caps["NET_BIND_SERVICE"] {
			return fmt.Sprintf("bind() to 0.0.0.0:%d failed (13: Permission denied)", a.id)
		}
		seen.Listens = append(seen.Listens, int32(a.id))
	case "kill":
		if !k.caps["KILL"] {
			return "kill: (17): Operation not permitted"
		}
	case "read": // of root's, which nobody else may read
		if k.uid != 0 {
			return fmt.Sprintf("cannot open %s for reading: Permission denied", a.path)
		}
	case "filecaps":
		if !k.bounding["NET_BIND_SERVICE"] {
			return "exec /usr/bin/caddy: operation not permitted"
		}
	case "keyctl":
		if k.filtered {
			return "keyctl: Function not implemented"
		}
	case "passwd":
		if k.uid != 0 && k.uid != 65534 && k.uid > 1000 {
			return fmt.Sprintf("initdb: error: could not look up effective user ID %d: user does not exist", k.uid)
		}
	}
	return ""
}

func (k *kernel) covered(p string) bool {
	return slices.ContainsFunc(k.scratch, func(s fixes.Scratch) bool { return p == s.Path || strings.HasPrefix(p, s.Path+"/") })
}

// write returns the error of making a file in a folder.
func (k *kernel) write(folder string) string {
	if k.covered(folder) {
		at := slices.ContainsFunc(k.scratch, func(s fixes.Scratch) bool { return s.Path == folder })
		seeded := slices.ContainsFunc(k.scratch, func(s fixes.Scratch) bool { return s.Seed && strings.HasPrefix(folder, s.Path+"/") })
		_, image := k.folder[folder]
		_, own := k.owner[folder]
		switch {
		case at:
			return ""
		case own && k.owner[folder] == k.uid, seeded && image && !k.asRootSeed:
			return ""
		case !own && (!seeded || !image):
			return "No such file or directory"
		}
	} else if k.readOnly {
		return "Read-only file system"
	}
	owner := k.folder[folder]
	if o, ok := k.owner[folder]; ok {
		owner = o
	}
	if owner == k.uid || k.caps["DAC_OVERRIDE"] || folder == "/tmp" {
		return ""
	}
	return "Permission denied"
}

// randomProgram is one that runs as it is.
func randomProgram(r *rand.Rand) program {
	p := program{folder: map[string]int64{"/tmp": 0, "/run": 0, "/var/log": 0, "/var/cache": 0, "/var/lib": 0, "/etc/app": 0},
		silent: r.IntN(6) == 0, blind: r.IntN(4) == 0}
	final := int64(100 + r.IntN(50))
	p.folder["/var/lib/app"], p.folder["/var/log/app"] = final, final
	if r.IntN(4) == 0 {
		p.uid = final
	}
	writes := func(list ...string) {
		for _, at := range list {
			owner, there := p.folder[path.Dir(at)]
			if r.IntN(3) == 0 && (!there || owner == p.uid || p.uid == 0 || path.Dir(at) == "/tmp") {
				p.does = append(p.does, act{call: "write", path: at})
			}
		}
	}
	as := p.uid
	if as == 0 {
		writes("/run/app.pid", "/etc/app/app.conf", "/var/log/app.log")
		if r.IntN(4) == 0 {
			p.does = append(p.does, act{call: "mkdir", path: "/var/cache/app"})
			if r.IntN(2) == 0 {
				p.does = append(p.does, act{call: "chown", path: "/var/cache/app", id: final})
			}
		}
		if r.IntN(6) == 0 {
			p.does = append(p.does, act{call: "chown", path: "/var/lib/app", id: final})
		}
		if r.IntN(5) == 0 {
			p.does = append(p.does, act{call: "read", path: "/etc/app/secret.key"})
		}
		if r.IntN(3) == 0 {
			p.does = append(p.does, act{call: "bind", id: 80})
		}
		if r.IntN(10) == 0 {
			p.does = append(p.does, act{call: "kill"})
		}
		switch r.IntN(5) {
		case 0, 1:
			p.does, as = append(p.does, act{call: "drop", id: final}), final
		case 2:
			p.does, as = append(p.does, act{call: "mustdrop", id: final}), final
		}
	}
	for _, at := range []string{"/var/lib/app/db", "/var/log/app/x.log"} {
		if r.IntN(3) == 0 {
			p.does = append(p.does, act{call: "write", path: at})
		}
	}
	if r.IntN(4) == 0 {
		p.does = append(p.does, act{call: "write", path: "/tmp/x"})
	}
	for _, call := range []string{"filecaps", "keyctl", "passwd"} {
		if r.IntN(10) == 0 && (call != "filecaps" || as == 0) {
			p.does = append(p.does, act{call: call})
		}
	}
	return p
}
