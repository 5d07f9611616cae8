package connections

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// A text is something that a workload is given and that may name hosts.
type text struct {
	// key is the name of a variable or a flag, or of what stands before a word in
	// a file.
	key, value string
	// file tells texts of many lines, which say a lot of other things too.
	file bool
	// image: it is the image that says so, of which only what names Services is
	// taken; the rest tells where its parts were downloaded from.
	image  bool
	reason Reason
}

// maxText bounds what is read of one value, in bytes.
const maxText = 1 << 20

// texts yields what the containers of a workload are given: variables,
// commands, and the files of ConfigMaps and Secrets that they mount.
func texts(inv *fixes.Inventory, w fixes.Workload) iter.Seq[text] {
	return func(yield func(text) bool) {
		seen := map[string]bool{} // files are read once, whoever mounts them
		for c := range w.Containers() {
			if c.Ephemeral {
				continue
			}
			given := map[string]bool{}
			for t := range variables(inv, w, c) {
				given[t.key] = true
				if !yield(t) {
					return
				}
			}
			for _, t := range built(inv, w, c, given) {
				if !yield(t) {
					return
				}
			}
		}
		for m := range mounted(inv, w) {
			ref := fixes.RefOf(m.obj)
			for _, key := range slices.Sorted(maps.Keys(entries(m.obj))) {
				id := ref.String() + " " + key
				if seen[id] || !m.has(key) {
					continue
				}
				seen[id] = true
				m.reason.Text = fmt.Sprintf("file %s of %s", key, ref.ResourceName())
				if !yield(text{key: key, value: entries(m.obj)[key], file: true, reason: m.reason}) {
					return
				}
			}
		}
	}
}

// variables yields a container's variables, with $(VAR) replaced as the
// kubelet does, and its command.
func variables(inv *fixes.Inventory, w fixes.Workload, c fixes.Container) iter.Seq[text] {
	return func(yield func(text) bool) {
		ns, ref := w.Object.GetNamespace(), w.Ref()
		env := map[string]string{}
		give := func(key, value, path, what string) bool {
			return yield(text{key: key, value: value, reason: Reason{ref, path, what}})
		}
		for i, from := range c.EnvFrom {
			var obj fixes.Object
			switch {
			case from.ConfigMapRef != nil:
				obj = lookup[*corev1.ConfigMap](inv, ns, from.ConfigMapRef.Name)
			case from.SecretRef != nil:
				obj = lookup[*corev1.Secret](inv, ns, from.SecretRef.Name)
			}
			for _, key := range slices.Sorted(maps.Keys(entries(obj))) {
				value := entries(obj)[key]
				env[from.Prefix+key] = value
				if !give(from.Prefix+key, value, fmt.Sprintf("%s.envFrom[%d]", c.Path, i), "key "+key+" of "+fixes.RefOf(obj).ResourceName()) {
					return
				}
			}
		}
		for i, e := range c.Env {
			value, what := expand(e.Value, env), "variable "+e.Name
			if src := e.ValueFrom; src != nil {
				var obj fixes.Object
				key := ""
				switch {
				case src.ConfigMapKeyRef != nil:
					obj, key = lookup[*corev1.ConfigMap](inv, ns, src.ConfigMapKeyRef.Name), src.ConfigMapKeyRef.Key
				case src.SecretKeyRef != nil:
					obj, key = lookup[*corev1.Secret](inv, ns, src.SecretKeyRef.Name), src.SecretKeyRef.Key
				}
				if obj == nil {
					continue
				}
				value = entries(obj)[key]
				what += ", key " + key + " of " + fixes.RefOf(obj).ResourceName()
			}
			env[e.Name] = value
			if !give(e.Name, value, fmt.Sprintf("%s.env[%d]", c.Path, i), what) {
				return
			}
		}
		flag := ""
		for i, arg := range slices.Concat(c.Command, c.Args) {
			arg = expand(arg, env)
			path := fmt.Sprintf("%s.args[%d]", c.Path, i-len(c.Command))
			if i < len(c.Command) {
				path = fmt.Sprintf("%s.command[%d]", c.Path, i)
			}
			t := text{key: flag, value: arg, file: strings.Contains(arg, "\n"), reason: Reason{ref, path, "its command"}}
			if !yield(t) {
				return
			}
			flag = ""
			if strings.HasPrefix(arg, "-") && !strings.Contains(arg, "=") {
				flag = arg // its value may come next
			}
		}
	}
}

// built returns what a container's image gives it, where a registry has told of
// that and the pod does not give it something else.
func built(inv *fixes.Inventory, w fixes.Workload, c fixes.Container, given map[string]bool) []text {
	fact := fixes.ImageFact(inv, c.Image)
	if fact == nil {
		return nil
	}
	var out []text
	give := func(key, value, what string) {
		out = append(out, text{key: key, value: value, image: true, reason: Reason{w.Ref(), c.Path + ".image", what + " of its image"}})
	}
	for _, e := range fact.Env {
		name, value, _ := strings.Cut(e, "=")
		if !given[name] {
			give(name, value, "variable "+fixes.Clean(name))
		}
	}
	var argv []string
	switch {
	case len(c.Command) > 0:
	case len(c.Args) > 0:
		argv = fact.Entrypoint
	default:
		argv = slices.Concat(fact.Entrypoint, fact.Cmd)
	}
	flag := ""
	for _, arg := range argv {
		give(flag, arg, "the command")
		if flag = ""; strings.HasPrefix(arg, "-") && !strings.Contains(arg, "=") {
			flag = arg
		}
	}
	return out
}

// lookup returns an object by its name, or nil.
func lookup[T fixes.Object](inv *fixes.Inventory, namespace, name string) fixes.Object {
	if obj, ok := fixes.Lookup[T](inv, namespace, name); ok {
		return obj
	}
	return nil
}

// entries returns what a ConfigMap or a Secret holds that is text.
func entries(obj fixes.Object) map[string]string {
	switch o := obj.(type) {
	case *corev1.ConfigMap:
		return o.Data
	case *corev1.Secret:
		out := map[string]string{}
		for key, value := range o.Data {
			if len(value) <= maxText && utf8.Valid(value) {
				out[key] = string(value)
			}
		}
		maps.Copy(out, o.StringData)
		return out
	}
	return nil
}

// expand replaces $(VAR) by the variables that are known, as the kubelet does.
// A variable that is not known stays as it is.
func expand(value string, env map[string]string) string {
	if !strings.Contains(value, "$(") {
		return value
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(value, "$(")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, after, closed := strings.Cut(rest, ")")
		known, ok := env[name]
		switch {
		case !closed:
			out.WriteString("$(" + rest)
			return out.String()
		case ok:
			out.WriteString(known)
		default:
			out.WriteString("$(" + name + ")")
		}
		if out.Len() > maxText {
			return out.String()
		}
		value = after
	}
}
