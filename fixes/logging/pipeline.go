package logging

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// pipeline is what a collector's configuration says of container logs, as far as
// it could be read.
type pipeline struct {
	// inputs are those that read container logs.
	inputs []input
	// outputs are the names of what takes records off the node; kept are those of
	// outputs that do not (standard output, a file, nothing).
	outputs, kept []string
	// partial: something that belongs to it could not be read: a file that is
	// included, a value that is a variable.
	partial bool
}

// input is one way of reading container logs.
type input struct {
	// include and exclude are patterns of files of the node, in the form of
	// [globs]; where none are included, all are.
	include, exclude []*regexp.Regexp
	// namespaces are the only ones that are read, and without those that are not.
	namespaces, without []string
}

// reads reports whether the logs of a pod's container are read.
func (in input) reads(namespace, pod string) bool {
	if len(in.namespaces) > 0 && !slices.Contains(in.namespaces, namespace) || slices.Contains(in.without, namespace) {
		return false
	}
	files := logFiles(namespace, pod)
	if len(in.include) > 0 {
		files = slices.DeleteFunc(files, func(f string) bool { return !matches(in.include, f) })
	}
	return slices.ContainsFunc(files, func(f string) bool { return !matches(in.exclude, f) })
}

func (p pipeline) reads(namespace, pod string) bool {
	return slices.ContainsFunc(p.inputs, func(in input) bool { return in.reads(namespace, pod) })
}

// logFiles are the names under which the log of a pod's container stands on its
// node (kubelet, pkg/kubelet/kuberuntime: BuildContainerLogsDirectory, and the
// legacy links; Docker's json-file).
func logFiles(namespace, pod string) []string {
	const id = "0f9d6c1e5b3a48c7d2e1f0a9b8c7d6e50f9d6c1e5b3a48c7d2e1f0a9b8c7d6e5"
	return []string{
		containerLogs + "/" + pod + "_" + namespace + "_main-" + id + ".log",
		podLogs + "/" + namespace + "_" + pod + "_5a1c1f0e-0000-4000-8000-000000000001/main/0.log",
		dockerLogs + "/" + id + "/" + id + "-json.log",
	}
}

func matches(patterns []*regexp.Regexp, file string) bool {
	return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(file) })
}

// globs reads shell patterns of files: * and ? within a name, ** across folders,
// [abc] and {a,b}. A pattern that cannot be read, or that holds a variable, is
// not among them, and ok is false. A pattern without a folder is one of names.
func globs(patterns []string) (out []*regexp.Regexp, ok bool) {
	ok = true
	for _, p := range patterns {
		p = strings.TrimSpace(p)
		if p == "" {
			continue
		}
		re, err := regexp.Compile(globToRegexp(p))
		if strings.Contains(p, "$") || strings.Contains(p, "#{") || err != nil {
			ok = false
			continue
		}
		out = append(out, re)
	}
	return out, ok
}

func globToRegexp(p string) string {
	var b strings.Builder
	b.WriteString("^")
	if !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "**") {
		b.WriteString("(?:.*/)?")
	}
	braces := 0
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case strings.HasPrefix(p[i:], "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(p[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '[' && strings.IndexByte(p[i:], ']') > 1:
			end := i + strings.IndexByte(p[i:], ']')
			class := p[i+1 : end]
			b.WriteString("[" + strings.Replace(class, "!", "^", 1) + "]")
			i = end
		case c == '{':
			braces++
			b.WriteString("(?:")
		case c == '}' && braces > 0:
			braces--
			b.WriteString(")")
		case c == ',' && braces > 0:
			b.WriteString("|")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return b.String() + "$"
}

// ofContainers reports whether patterns of files may mean container logs.
func ofContainers(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		p = strings.TrimSpace(p)
		if !strings.HasPrefix(p, "/") {
			return false
		}
		// The folder before the first wildcard is one of them, or above one that the
		// pattern reaches by its wildcards.
		fixed, _, wild := strings.Cut(p, "*")
		fixed = path.Dir(fixed + "x")
		return slices.ContainsFunc(logFolders, func(folder string) bool {
			return above(folder, fixed) || wild && strings.Contains(p, "**") && above(fixed, folder)
		})
	})
}

// fileInput makes an input of patterns of files, if they mean container logs.
func (p *pipeline) fileInput(include, exclude []string) {
	if !ofContainers(include) {
		return
	}
	var in input
	var ok, okay bool
	in.include, ok = globs(include)
	in.exclude, okay = globs(exclude)
	if !ok || !okay {
		p.partial = true
	}
	p.inputs = append(p.inputs, in)
}

// output takes the name of an output, and whether it takes records off the node.
func (p *pipeline) output(name string, ships bool) {
	if ships {
		p.outputs = append(p.outputs, name)
	} else {
		p.kept = append(p.kept, name)
	}
}
