package trial

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/known"
)

// user is whom a process runs as.
type user struct{ uid, gid int64 }

// Users for a program of which nothing is known: "nonroot" as images without a
// distribution name it, and nobody, who is in nearly every image's passwd.
var (
	nonRoot = user{65532, 65532}
	nobodys = user{65534, 65534}
)

// evidence is what is known of a container, as it runs without changes.
type evidence struct {
	// first is whom its first process runs as, final whom it drops to by itself:
	// that of most of its other processes. They are nil where nothing was seen.
	first, final *user
	rooted       []string // names of processes of root
	written      []string
	// owned are folders below /var of whom it runs as: there programs keep what
	// changes (FHS 3.0, chapter 5), some of it only when asked for something. Those
	// elsewhere are the program itself, which had better not be written.
	owned        []string
	table        []fixes.Scratch // of the table of known images
	listens      []int32
	listensKnown bool
}

// gather returns what facts and the table of known images say of a workload's
// containers.
func gather(inv *fixes.Inventory, w fixes.Workload) map[string]evidence {
	seen := map[string]evidence{}
	images := map[string]string{}
	for c := range w.Containers() {
		images[c.Name] = c.Image
		// Of another registry the image may be another one.
		if n, ok := known.Lookup(c.Image); ok && n.Doubt == "" {
			e := evidence{table: n.Writes}
			if n.User != nil && *n.User != 0 {
				e.final = &user{*n.User, *n.User}
				if n.Group != nil {
					e.final.gid = *n.Group
				}
			}
			seen[c.Name] = e
		}
	}
	for _, pod := range inv.Pods(w) {
		for c := range images {
			p, ok := fixes.Lookup[*fixes.Process](inv, pod.Namespace, fixes.ProcessName(pod.Name, c))
			if ok && p.Image == images[c] {
				seen[c] = seen[c].with(p)
			}
		}
		if !inv.Live {
			continue
		}
		for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if status.User == nil || status.User.Linux == nil || imageOf(pod, status.Name) != images[status.Name] {
				continue
			}
			if e := seen[status.Name]; e.first == nil {
				e.first = &user{status.User.Linux.UID, status.User.Linux.GID}
				seen[status.Name] = e
			}
		}
	}
	return seen
}

func imageOf(pod *corev1.Pod, container string) string {
	w, _ := fixes.AsWorkload(pod)
	if c, ok := w.Container(container); ok {
		return c.Image
	}
	return ""
}

// with adds what was seen of a container's processes.
func (e evidence) with(p *fixes.Process) evidence {
	votes := map[user]int{}
	for i, process := range p.Running {
		u := user{process.UID, process.GID}
		if i == 0 {
			e.first = &u
		}
		if u.uid > 0 {
			votes[u]++
		}
	}
	e.rooted = rootNames(p)
	most := 0
	for u, n := range votes {
		if n > most || n == most && e.final != nil && u.uid < e.final.uid {
			most, e.final = n, &user{u.uid, u.gid}
		}
	}
	if p.WrittenKnown {
		e.written = p.Written
	}
	for _, folder := range p.Owned {
		if within(folder, "/var") && folder != "/var" {
			e.owned = append(e.owned, folder+"/")
		}
	}
	if p.ListensKnown {
		e.listens, e.listensKnown = p.Listens, true
	}
	return e
}

// root reports whether a container is known to start as root.
func (e evidence) root() bool { return e.first != nil && e.first.uid == 0 }

// candidates lists whom a container may run as, the likeliest first, and also with
// root's group, which may read what root made.
func (s *Search) candidates(container string) []user {
	e := s.seen[container]
	var list []user
	switch {
	case e.final != nil:
		list = []user{*e.final}
	case e.first != nil && e.first.uid != 0:
		list = []user{*e.first}
	default:
		return []user{nonRoot, {nonRoot.uid, 0}, nobodys}
	}
	return append(list, user{list[0].uid, 0})
}

// targets lists whom a program that fails to change its user wants to become.
func (s *Search) targets(c complaint) []user {
	var list []user
	if final := s.seen[c.container].final; final != nil {
		list = append(list, *final)
	}
	if c.id > 0 {
		list = append(list, user{c.id, c.id})
	}
	return list
}

// maxWritten bounds how many paths of a container are taken from evidence.
const maxWritten = 200

// withoutCompiled leaves out where Python keeps compiled modules, and folders
// that were changed for nothing else: it does without.
func withoutCompiled(written []string) []string {
	const cache = "/__pycache__/"
	folder := func(text string) string { return strings.TrimSuffix(text, "/") + "/" }
	cached, others := map[string]bool{}, map[string]bool{} // folders with a cache, and with other files
	for _, text := range written {
		if at := strings.Index(folder(text), cache); at >= 0 {
			cached[text[:at]+"/"] = true
		} else if !strings.HasSuffix(text, "/") {
			others[path.Dir(text)+"/"] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(written), func(text string) bool {
		return strings.Contains(folder(text), cache) || cached[text] && !others[text]
	})
}

// foldersOf returns the folders in which a container was seen to write. Each
// path is a file, or ends with a slash.
func foldersOf(written []string) []fixes.Scratch {
	var list []fixes.Scratch
	written = withoutCompiled(written)
	for _, text := range written[:min(len(written), maxWritten)] {
		p, ok := usable(text)
		if !ok {
			continue
		}
		folder := p
		if !strings.HasSuffix(text, "/") {
			folder = path.Dir(p)
		}
		if mayCover(folder) && scratchAt(list, folder) < 0 {
			list = slices.DeleteFunc(list, func(s fixes.Scratch) bool { return within(s.Path, folder) })
			list = append(list, fixes.Scratch{Path: folder, Seed: !empty(folder)})
		}
	}
	return list
}
