package logging

import (
	"fmt"
	"path"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func logToFile() *fixes.Rule {
	return &fixes.Rule{
		ID:         "log-to-file",
		Category:   fixes.Logging,
		Title:      "A container writes its log to a file, which no collector reads",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.Repudiation},
		References: logReferences(),
		Kinds:      collectorKinds(),
		Docs:       logToFileDocs,
		Check:      checkLogToFile,
	}
}

const logToFileDocs = `
The kubelet keeps what a container writes to its standard output and error, and
collectors read that. A log in a file goes with the container, and fills its node's disk.

## What is looked at
Of each container, but for collectors:
- arguments (--log-file, --log_dir, --logfile, -Dlogging.file.name …) and variables
  (LOG_FILE, LOG_DIR, LOGGING_FILE_NAME …) with a path;
- files of mounted ConfigMaps: access_log and error_log of nginx, CustomLog and ErrorLog
  of Apache, logging.file.name and the like in properties;
- writable volumes that are mounted at a folder for logs (/var/log/app, .../logs), but
  for those that a fix put there lest a program fail to write.

/dev/stdout, /dev/stderr and /proc/self/fd are no files. The official images of nginx and
httpd have links to these in place of their log files, which hold as long as no volume
hides them. Where another container of the pod reads the same volume (a collector, or
tail), nothing is reported.

## The fix
Best is to make the program write to standard output: how, only its documentation says.
Where the file's folder is one for logs, the plan can add a container beside it that
prints the file: busybox's tail, by digest, with the program's own user, no capability and
a read-only root; a Job gets it as an init container that restarts (Kubernetes 1.29), so
that the Job still ends. A folder that is no volume yet becomes an emptyDir of at most
256 MiB: what the image has there is hidden, and a program that fills it is evicted. The
file is not rotated by this.

## By hand
    kubectl exec deploy/web -- ls -l /var/log
    kubectl logs deploy/web --all-containers
`

func checkLogToFile(p *fixes.Pass) {
	known := collectorsOf(p.Inventory)
	skip := map[fixes.Ref]bool{}
	for _, c := range known.collectors {
		skip[c.Ref()] = true
	}
	for _, c := range known.blind {
		skip[c.Ref()] = true
	}
	for _, w := range p.Workloads("") {
		if skip[w.Ref()] || w.Finished() || w.Windows() {
			continue
		}
		for c := range w.Containers() {
			if c.Ephemeral || c.Init && !restarts(c) || isReader(c) {
				continue
			}
			reportFiles(p, w, c)
		}
	}
}

// reportFiles reports the first log file of each folder that a container writes.
func reportFiles(p *fixes.Pass, w fixes.Workload, c fixes.Container) {
	folders := map[string]bool{}
	for _, l := range logFilesOf(p.Inventory, w, c) {
		if folders[l.folder()] || read(w, c, l) {
			continue
		}
		folders[l.folder()] = true
		f := fixes.Finding{
			Object: w.Ref(), Path: c.Path + l.path, Key: c.Name + " " + l.file,
			Message:  fmt.Sprintf("Container %s writes a log to %s, where no collector reads it, and which goes with the container.", c.Name, l.file),
			Evidence: []string{l.why},
		}
		if fix, ok := streamFix(p, w, c, l); ok {
			f.Fixes = append(f.Fixes, fix)
		}
		f.Fixes = append(f.Fixes, stdoutFix(w, c, l))
		p.Report(f)
	}
}

// stdoutFix tells how the log gets to standard output.
func stdoutFix(w fixes.Workload, c fixes.Container, l logFile) fixes.Fix {
	steps := "Take out " + l.why + ", or set it to /dev/stdout, if the program takes that."
	if l.dir {
		steps = "Tell the program to log to standard output instead of the folder " + l.file + ", as its documentation says."
	}
	return fixes.Fix{
		Title: "Make container " + c.Name + " log to standard output", Confidence: fixes.Manual,
		Why: "how its program is told to, its documentation says",
		Steps: steps + "\nOr add a container beside it that prints the files (kubernetes.io, Logging Architecture, streaming sidecar).\n" +
			"Check: kubectl logs " + w.Ref().KubectlArgs() + " -c " + c.Name,
	}
}

// logFile is a file, or a folder of files, to which a container writes its log.
type logFile struct {
	file string
	dir  bool
	// path leads to what says so, from the container; why is that in words.
	path, why string
}

// folder is the one in which the file is.
func (l logFile) folder() string {
	if l.dir {
		return l.file
	}
	return path.Dir(l.file)
}

// isReader reports whether a container is there to print or ship others' logs.
func isReader(c fixes.Container) bool {
	for i := range programs {
		if programs[i].runs(c.Image) || programs[i].starts(c) {
			return true
		}
	}
	return strings.Contains(strings.Join(append(append([]string{}, c.Command...), c.Args...), " "), "tail ") ||
		len(c.Command) > 0 && path.Base(c.Command[0]) == "tail"
}

// read reports whether another container of the pod is a reader of the volume in
// which a log file is.
func read(w fixes.Workload, c fixes.Container, l logFile) bool {
	at, ok := mountOf(c, l.folder())
	if !ok {
		return false
	}
	for other := range w.Containers() {
		if other.Name == c.Name || !isReader(other) {
			continue
		}
		for _, m := range other.VolumeMounts {
			if m.Name == at.Name {
				return true
			}
		}
	}
	return false
}
