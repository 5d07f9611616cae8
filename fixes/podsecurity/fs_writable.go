package podsecurity

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// fsWritable is about the root file system. The standards do not ask for it to
// be read-only.
func fsWritable() *fixes.Rule {
	return control{
		id:         "fs-writable",
		title:      "A container may write to its own file system",
		severity:   fixes.Low,
		threats:    []fixes.Threat{fixes.Tampering},
		references: []fixes.Reference{fixes.CIS("5.6.3")},
		docs: `
Whoever breaks into a container can replace its program, or leave tools in it
that outlive the connection, as long as its file system can be written. Few
programs write more than a folder or two.

## The fix
Sets readOnlyRootFilesystem: true, and mounts an empty folder with a size limit
over each path that is known to be written: by its processes (--inspect), as a
volume of its image (--ask-registries), or by the table of popular images; over
/tmp where nothing better is known. Where what the image has at the path is needed,
an init container of the same image copies it into the folder first.

It is safe where its makers run the image like this, or where its processes have
no right to write anything but such folders. Else a person looks first: a program
may write a file only once a day. The folders are empty again in each new pod, and
a pod that writes more than their limit is evicted.

There is no edit for a container that is seen to write to / itself.

## By hand
    kubectl exec POD -- find / -xdev -newer /dev
`,
		faults: func(s *subject) []fault {
			if s.Windows() {
				return nil
			}
			return s.inContainers("securityContext.readOnlyRootFilesystem", func(c fixes.Container) string {
				switch own := security(c).ReadOnlyRootFilesystem; {
				case c.Ephemeral || isTrue(own): // an ephemeral container cannot be edited and does not come back
					return ""
				case own == nil:
					return "readOnlyRootFilesystem is not set"
				}
				return "readOnlyRootFilesystem: false"
			})
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return s.say("may write to its own file system: who breaks in can replace its program.",
				"may write to their own file systems: who breaks in can replace their programs."), 0
		},
		fix: fsWritableFix,
	}.rule()
}

func fsWritableFix(s *subject) fixes.Fix {
	confidence, why := fixes.Safe, "its makers run it so, or its processes may write nothing else"
	var unproven, seeded, names []string
	folders := map[string][]fixes.Scratch{}
	for c := range s.Containers() {
		if c.Ephemeral || isTrue(security(c).ReadOnlyRootFilesystem) {
			continue
		}
		w := s.writes(c)
		if w.root != "" {
			s.note(c, w.said)
			return s.writesToRoot(c, w.root)
		}
		names, folders[c.Name] = append(names, c.Name), w.folders
		s.note(c, w.said)
		if !w.proven {
			unproven = append(unproven, who(c))
		}
		for _, f := range w.folders {
			if f.Seed {
				seeded = append(seeded, f.Path)
			}
		}
	}
	var risks []string
	if len(unproven) > 0 {
		confidence, why = fixes.Review, "what else "+listed(unproven)+" writes is not known"
		risks = append(risks, "A program that writes elsewhere fails, at once or later.", "A pod that writes more than a folder's limit is evicted.")
	}
	if len(seeded) > 0 {
		risks = append(risks, "An init container copies "+listed(seeded)+" with cp, which the image must have.")
	}
	return s.edited("Make the root file system read-only, with empty folders where it is written", confidence, why, risks, func(w fixes.Workload) {
		yes := true
		for c := range w.Containers() {
			if !c.Ephemeral && !isTrue(security(c).ReadOnlyRootFilesystem) {
				editSecurity(c).ReadOnlyRootFilesystem = &yes
			}
		}
		for _, name := range names { // after all are edited: it may add init containers
			w.AddScratch(name, folders[name])
		}
	})
}

// written is what a container writes.
type written struct {
	folders []fixes.Scratch
	// proven: it writes nothing else.
	proven bool
	// root is what it writes to / itself, where nothing can be mounted.
	root string
	// said is the evidence.
	said string
}

// writes puts the evidence about a container's writing together.
func (s *subject) writes(c fixes.Container) written {
	n := s.needs(c.Name)
	var w written
	var said []string
	if k := n.known; k != nil && k.WritesKnown {
		for _, f := range k.Writes {
			w.add(f)
		}
		w.proven = k.ReadOnly && k.Doubt == "" && !n.command && !namesPaths(c)
		said = append(said, "it writes "+none(k.Writes)+", "+tableSays(k))
		if w.proven {
			said[0] += ", whose makers run it with a read-only root"
		}
	} else {
		w.add(fixes.Scratch{Path: "/tmp"})
	}
	if n.image != nil {
		for _, v := range n.image.Volumes {
			w.add(fixes.Scratch{Path: path.Clean("/" + v)})
		}
		if len(n.image.Volumes) > 0 {
			said = append(said, "the registry says that the image wants volumes at "+strings.Join(n.image.Volumes, ", "))
		}
	}
	if p := n.process; p != nil && (p.WrittenKnown || len(p.Written) > 0) {
		before := len(w.folders)
		for _, file := range p.Written {
			folder := path.Dir(file) // of a folder with its slash, itself
			if folder == "/" {
				w.root = file
			}
			w.add(fixes.Scratch{Path: folder, Seed: !empties(folder)})
		}
		w.proven = w.proven && p.WrittenKnown && len(w.folders) == before
		said = append(said, "it has written "+none(w.folders[before:])+" beside, "+saw(p))
		if !w.proven && p.WritableKnown && !slices.ContainsFunc(p.Writable, func(at string) bool { return !w.has(at) }) {
			w.proven = true
			said = append(said, "its user may write nothing else")
		}
	}
	w.said = strings.Join(said, "; ")
	return w
}

// add adds a folder, unless one above it is there already; those below it go.
func (w *written) add(f fixes.Scratch) {
	if f.Path == "/" || w.has(f.Path) {
		return
	}
	w.folders = slices.DeleteFunc(w.folders, func(o fixes.Scratch) bool { return strings.HasPrefix(o.Path, f.Path+"/") })
	w.folders = append(w.folders, f)
}

// has reports whether a path is in one of the folders.
func (w *written) has(at string) bool {
	return slices.ContainsFunc(w.folders, func(f fixes.Scratch) bool { return at == f.Path || strings.HasPrefix(at, f.Path+"/") })
}

// empties reports whether a folder is one that programs expect to be empty when
// they start (hier(7)). Below /var/log and its like there are folders of the
// image, so those themselves are not.
func empties(folder string) bool {
	return slices.Contains([]string{"/tmp", "/var/tmp", "/run", "/var/run"}, folder) ||
		slices.ContainsFunc([]string{"/tmp/", "/var/tmp/", "/run/", "/var/run/", "/var/log/", "/var/cache/", "/var/lock/"},
			func(above string) bool { return strings.HasPrefix(folder, above) })
}

// namesPaths reports whether the arguments name a path that no volume is
// mounted at: a program may be told to write there.
func namesPaths(c fixes.Container) bool {
	for _, arg := range c.Args {
		_, value, found := strings.Cut(arg, "=")
		if !found {
			value = arg
		}
		if !path.IsAbs(value) {
			continue
		}
		if !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
			return value == m.MountPath || strings.HasPrefix(value, strings.TrimSuffix(m.MountPath, "/")+"/")
		}) {
			return true
		}
	}
	return false
}

func none(folders []fixes.Scratch) string {
	if len(folders) == 0 {
		return "nothing"
	}
	paths := make([]string, len(folders))
	for i, f := range folders {
		paths[i] = f.Path
	}
	return strings.Join(paths, ", ")
}

func (s *subject) writesToRoot(c fixes.Container, file string) fixes.Fix {
	return s.manual("Make "+who(c)+" write to a folder of its own",
		"it writes "+file+", and nothing can be mounted over / itself", `
Tell the program by its arguments or variables to write into a folder, such as
/data, build the image with that folder, and mount an emptyDir with a sizeLimit
there. Then set readOnlyRootFilesystem: true.`)
}
