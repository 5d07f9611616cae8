package controlplane

import (
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// flags are the flags of a command line, by name.
type flags map[string][]value

// value is what a flag is set to. It is not known where it comes from a variable
// that the pod does not show.
type value struct {
	text  string
	known bool
}

// booleans are the flags that stand for true without a value; the word after one
// is not its value (spf13/pflag, NoOptDefVal).
var booleans = []string{
	"profiling", "anonymous-auth", "service-account-lookup", "service-account-extend-token-expiration",
	"use-service-account-credentials", "client-cert-auth", "auto-tls", "peer-client-cert-auth", "peer-auto-tls",
	"allow-privileged", "leader-elect", "contention-profiling",
}

// parse reads the words after a program's name. The variables ETCD_… stand for
// etcd's flags, which count before them (etcd, server/etcdmain/config.go).
func parse(words []string, env []corev1.EnvVar) flags {
	f := flags{}
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "--" {
			break
		}
		name, text, has := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !strings.HasPrefix(word, "-") || name == "" {
			continue
		}
		name = strings.ReplaceAll(name, "_", "-") // component-base, cli/flag, WordSepNormalizeFunc
		switch {
		case has:
		case !slices.Contains(booleans, name) && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-"):
			i++
			text = words[i]
		default:
			text = "true"
		}
		f[name] = append(f[name], expand(text, env))
	}
	for _, e := range env {
		name, ok := strings.CutPrefix(e.Name, "ETCD_")
		name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if ok && len(f[name]) == 0 {
			f[name] = []value{{e.Value, e.ValueFrom == nil}}
		}
	}
	return f
}

// expand puts in the variables that Kubernetes would: $(NAME), and $$ for $.
func expand(text string, env []corev1.EnvVar) value {
	if strings.ContainsAny(text, "`") || strings.Contains(text, "${") {
		return value{} // a shell's doing
	}
	for _, e := range env {
		if e.ValueFrom == nil {
			text = strings.ReplaceAll(text, "$("+e.Name+")", e.Value)
		}
	}
	return value{text, !strings.Contains(text, "$(")}
}

// script returns the words of a simple shell script: quotes are taken off, and it
// ends where its output is sent somewhere.
func script(text string) []string {
	var words []string
	started := false
	for word := range strings.FieldsSeq(text) {
		word = strings.Trim(word, `"'\;()`)
		started = started || isProgram(program(path.Base(word)))
		if started && (strings.HasPrefix(word, ">") || strings.HasPrefix(word, "1>") || strings.HasPrefix(word, "2>") || word == "|" || word == "&" || word == "&&") {
			break
		}
		if word != "" {
			words = append(words, word)
		}
	}
	return words
}

// has reports whether a flag is given.
func (f flags) has(name string) bool { return len(f[name]) > 0 }

// last is a flag's value, that of its last occurrence; known is false where it is
// set to what the pod does not show.
func (f flags) last(name, byDefault string) (text string, known bool) {
	values := f[name]
	if len(values) == 0 {
		return byDefault, true
	}
	v := values[len(values)-1]
	return v.text, v.known
}

// list is the value of a flag that takes a list, each time that it is given.
func (f flags) list(name string) (entries []string, known bool) {
	known = true
	for _, v := range f[name] {
		known = known && v.known
		for entry := range strings.SplitSeq(v.text, ",") {
			if entry = strings.TrimSpace(entry); entry != "" {
				entries = append(entries, entry)
			}
		}
	}
	return entries, known
}

// is reports whether a boolean flag has a value, by its default if it is not
// given, for certain.
func (f flags) is(name string, want, byDefault bool) bool {
	text, known := f.last(name, strconv.FormatBool(byDefault))
	got, err := strconv.ParseBool(text)
	return known && err == nil && got == want
}

// without reports whether one of some flags is not given, or empty.
func (f flags) without(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		text, known := f.last(name, "")
		return known && text == ""
	})
}

// evidence tells how a flag stands in the command.
func (f flags) evidence(name, byDefault string) string {
	values := f[name]
	if len(values) > 0 {
		return "its command has --" + name + "=" + values[len(values)-1].text
	}
	if byDefault != "" {
		return "its command has no --" + name + ", and the default is " + byDefault
	}
	return "its command has no --" + name
}
