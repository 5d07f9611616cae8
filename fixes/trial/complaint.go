package trial

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// cause is what a program complains about.
type cause int

const (
	readOnly    cause = iota // it writes to a file system that is read-only
	denied                   // it may not do something at a path
	ownership                // it wants to own a path, or to change its owner or mode
	missing                  // a path is not there
	occupied                 // something else is where an empty folder was put
	full                     // an empty folder's limit is reached
	identity                 // it changes its user or groups
	needs                    // it makes a call that takes a capability
	lowPort                  // it listens on a port below 1024
	forbidden                // a program file may not be started
	gains                    // it gains privileges
	filtered                 // a system call is filtered
	nobody                   // its user has no entry in the image's passwd
	wantsRoot                // it says that it has to be root
	refusesRoot              // it says that it must not be root
	imageRoot                // the image runs as root
	imageName                // the image names its user by a word
	unseeded                 // a copy of what the image has at a path cannot be made
)

// complaint is one thing that a container failed at, as far as its log, its
// state and the events tell. It holds nothing of the log itself but a path.
type complaint struct {
	container string
	cause     cause
	// path is absolute and valid, or empty. folder: it names a folder; made: one
	// that was to be made.
	path         string
	folder, made bool
	// port is 0 where it is not told, and so is id: of the user or the group that
	// it wants to be.
	port int
	id   int64
	// capability is what a call takes.
	capability corev1.Capability
	// weak: the line names no error, so the cause is a guess.
	weak bool
}

// String returns what is shown of a complaint.
func (c complaint) String() string {
	at := func(text string) string {
		if c.path == "" {
			return text
		}
		return text + " " + c.path
	}
	switch c.cause {
	case readOnly:
		return at("it writes to the read-only file system,")
	case denied:
		return at("permission denied,")
	case ownership:
		return at("it may not change, or does not have, the ownership of")
	case missing:
		return at("it misses")
	case occupied:
		return at("no folder can be put at")
	case full:
		return "its empty folder is full"
	case identity:
		return "it changes its user or groups itself, which is not permitted"
	case needs:
		return at(fmt.Sprintf("a call that takes %s is not permitted,", c.capability))
	case lowPort:
		if c.port == 0 {
			return "it may not listen on its port"
		}
		return fmt.Sprintf("it may not listen on port %d", c.port)
	case forbidden:
		return at("its program may not be started,")
	case gains:
		return "it gains privileges by a program (sudo, setuid), which is not permitted"
	case filtered:
		return "a system call is filtered"
	case nobody:
		return "its user has no entry in the image's list of users"
	case wantsRoot:
		return "it says that it has to be root"
	case refusesRoot:
		return "it says that it must not be root"
	case imageRoot:
		return "the image runs as root"
	case unseeded:
		return "it could not copy what the image has there"
	}
	return "the image names its user by a word"
}

// placed reports whether an empty folder may help.
func (c complaint) placed() bool {
	return c.cause == readOnly || c.cause == ownership || c.cause == denied && (c.path == "" || !reads(c.path))
}

// vagueness is 1 for a complaint that does not tell what it is about.
func (c complaint) vagueness() int {
	if c.path == "" && (c.cause == denied || c.cause == readOnly) {
		return 1
	}
	return 0
}

// said returns a complaint's text without a dangling comma.
func (c complaint) said() string { return strings.TrimSuffix(c.String(), ",") }

// The reading of what a cluster gives is bounded.
const (
	maxLog        = 64 << 10 // the end of a log
	maxLine       = 1000
	maxLines      = 500
	maxEvents     = 50
	maxComplaints = 40
)

// read lists the complaints of an outcome, each once: those of containers that
// failed first, and the last that a container said before what it said earlier.
func read(o Outcome) []complaint {
	var list, running []complaint
	for i := range o.Containers {
		c := &o.Containers[i]
		own := c.complaints()
		if c.failed() {
			list = append(list, own...)
		} else {
			running = append(running, own...)
		}
	}
	list = append(list, running...)
	only := ""
	if len(o.Containers) == 1 {
		only = o.Containers[0].Name
	}
	for i, event := range o.Events {
		if i == maxEvents {
			break
		}
		for _, c := range parse(event) {
			c.container = only
			for k := range o.Containers { // the kubelet names the container in some
				if strings.Contains(event, o.Containers[k].Name) {
					c.container = o.Containers[k].Name
				}
			}
			if c.container != "" {
				list = append(list, c)
			}
		}
	}
	// What names its place says more than what does not.
	slices.SortStableFunc(list, func(a, b complaint) int { return a.vagueness() - b.vagueness() })
	var once []complaint
	for _, c := range list {
		if len(once) < maxComplaints && !slices.Contains(once, c) {
			once = append(once, c)
		}
	}
	if strong := slices.DeleteFunc(slices.Clone(once), func(c complaint) bool { return c.weak }); len(strong) > 0 {
		return strong
	}
	return once
}

// failed reports whether a container ended badly or did not start.
func (c *Container) failed() bool {
	return !c.Running && (c.ExitCode != 0 || c.Signal != 0 || !c.Init)
}

const sigsys = 31

func (c *Container) complaints() []complaint {
	list := parse(c.Message)
	if len(list) == 0 {
		list = parse(c.Reason)
	}
	text := c.Log
	if len(text) > maxLog {
		text = text[len(text)-maxLog:]
	}
	lines := strings.Split(text, "\n")
	if len(lines) > maxLines {
		lines = lines[len(lines)-maxLines:]
	}
	for _, line := range slices.Backward(lines) {
		list = append(list, parse(line)...)
	}
	if c.Signal == sigsys || c.ExitCode == 128+sigsys {
		list = append([]complaint{{cause: filtered}}, list...)
	}
	for i := range list {
		list[i].container = c.Name
	}
	return list
}
