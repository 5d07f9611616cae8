package logging

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

var (
	// logArgument is an argument, or a variable of Java's, that names a log file.
	logArgument = regexp.MustCompile(`^(?:--?|-D)(log[._-]?file(?:[._-]?(?:name|path))?|log[._-]?dir|log[._-]?path|logs[._-]?dir|access-?logfile|error-?logfile|access[._-]log|error[._-]log|logging\.file(?:\.(?:name|path))?)(?:=(.*))?$`)
	// logVariable is an environment variable that names one.
	logVariable = regexp.MustCompile(`^(?:[A-Z0-9]+_)*(?:LOG_?FILE(?:_?(?:NAME|PATH))?|LOG_?DIR|LOG_?PATH|LOGS_?DIR|LOGGING_FILE(?:_(?:NAME|PATH))?)$`)
	// logDirective is a line of a configuration that names one: nginx, Apache,
	// properties, Redis, PostgreSQL, ini.
	logDirective = regexp.MustCompile(`(?m)^[ \t]*(access_log|error_log|CustomLog|ErrorLog|logging\.file(?:\.name)?|log[._-]?file|logfile|general_log_file|slow_query_log_file)[ \t]*[=: \t][ \t]*["']?(/[^\s"';]+)`)
	// folderWord says that a name is one for a folder.
	folderWord = regexp.MustCompile(`(?i)(dir|path|logs)$`)
)

// logFilesOf lists the log files that a container's arguments, variables,
// configuration and volumes tell of, in that order.
func logFilesOf(inv *fixes.Inventory, w fixes.Workload, c fixes.Container) []logFile {
	var out []logFile
	add := func(name, file, at, why string) {
		file = strings.Trim(file, `"'`)
		if !strings.HasPrefix(file, "/") || strings.ContainsAny(file, "$ \t\n") || noFile(file) || linked(c, file) {
			return
		}
		dir := strings.HasSuffix(file, "/") || folderWord.MatchString(name) && path.Ext(file) == ""
		out = append(out, logFile{file: path.Clean(file), dir: dir, path: at, why: why})
	}
	for _, list := range []struct {
		field string
		words []string
	}{{"command", c.Command}, {"args", c.Args}} {
		for i, word := range list.words {
			m := logArgument.FindStringSubmatch(word)
			if m == nil {
				continue
			}
			value := m[2]
			if value == "" && i+1 < len(list.words) {
				value = list.words[i+1]
			}
			add(m[1], value, fmt.Sprintf(".%s[%d]", list.field, i), "argument "+strings.SplitN(word, "=", 2)[0])
		}
	}
	for i, e := range c.Env {
		if logVariable.MatchString(e.Name) {
			add(e.Name, e.Value, fmt.Sprintf(".env[%d].value", i), "variable "+e.Name)
		}
	}
	files := configFiles(inv, w, c)
	for _, name := range sortedKeys(files) {
		for _, m := range logDirective.FindAllStringSubmatch(files[name], -1) {
			add(m[1], m[2], ".volumeMounts", m[1]+" in "+name+" of a ConfigMap")
		}
	}
	for i, m := range c.VolumeMounts {
		if !m.ReadOnly && m.SubPath == "" && logFolder(m.MountPath) && scratch(w, m.Name) && !fixes.IsScratch(m) {
			add("dir", m.MountPath+"/", fmt.Sprintf(".volumeMounts[%d]", i), "volume "+m.Name+" at "+m.MountPath)
		}
	}
	return out
}

// noFile reports whether a path is that of a stream, or of nothing.
func noFile(file string) bool {
	return strings.HasPrefix(file, "/dev/") || strings.HasPrefix(file, "/proc/")
}

// linkedLogs are images in which log files are links to the container's streams,
// by their Dockerfiles: the last part of the repository, and the folder.
var linkedLogs = map[string]string{
	"nginx":              "/var/log/nginx",
	"nginx-unprivileged": "/var/log/nginx",
	"httpd":              "/usr/local/apache2/logs",
}

// linked reports whether the image has a link to a stream in place of a file, and
// no volume hides it.
func linked(c fixes.Container, file string) bool {
	repo, _, _ := strings.Cut(c.Image, "@")
	repo, _, _ = strings.Cut(path.Base(repo), ":")
	folder, ok := linkedLogs[repo]
	if !ok || path.Dir(file) != folder {
		return false
	}
	switch path.Base(file) {
	case "access.log", "error.log":
		_, hidden := mountOf(c, folder)
		return !hidden
	}
	return false
}

// logFolder reports whether a folder is one for logs, by its name.
func logFolder(folder string) bool {
	folder = path.Clean(folder)
	base := strings.ToLower(path.Base(folder))
	return strings.HasPrefix(folder, "/var/log/") || folder == "/var/log" || base == "logs" || base == "log"
}

// scratch reports whether a volume is one that the pod writes: it is none of the
// node's, and none that a controller fills.
func scratch(w fixes.Workload, name string) bool {
	for _, v := range w.Spec.Volumes {
		if v.Name == name {
			return v.EmptyDir != nil || v.PersistentVolumeClaim != nil || v.Ephemeral != nil || v.VolumeSource == (corev1.VolumeSource{})
		}
	}
	return false
}

// mountOf returns the mount in which a folder of a container is: the innermost.
func mountOf(c fixes.Container, folder string) (corev1.VolumeMount, bool) {
	var best corev1.VolumeMount
	found := false
	for _, m := range c.VolumeMounts {
		at := path.Clean(m.MountPath)
		if above(at, folder) && (!found || len(at) > len(path.Clean(best.MountPath))) {
			best, found = m, true
		}
	}
	return best, found
}
