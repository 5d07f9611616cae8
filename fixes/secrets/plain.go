package secrets

import (
	"encoding/base64"
	"maps"
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

// plain is a credential that stands in plain text in a decoded manifest.
type plain struct {
	// Where is its place in words ("env DB_PASSWORD of container web").
	Where string
	// Value is the credential itself. It is compared, never shown.
	Value string
	// drop takes it out of the manifest, and puts nothing in its place.
	drop func()
}

// plainIn returns the credentials of a manifest: in the environments and
// command lines of its containers, wherever those stand, or in the data of a
// ConfigMap or a Secret.
func plainIn(manifest map[string]any) []plain {
	switch manifest["kind"] {
	case "ConfigMap":
		return plainData(manifest, "data", func(text string) (string, bool) { return text, true })
	case "Secret":
		return slices.Concat(
			plainData(manifest, "stringData", func(text string) (string, bool) { return text, true }),
			plainData(manifest, "data", func(text string) (string, bool) {
				value, err := base64.StdEncoding.DecodeString(text)
				return string(value), err == nil
			}))
	}
	return plainPods(manifest, 0)
}

// deepest bounds how deep a manifest is looked into: a CronJob's containers are
// nine levels down.
const deepest = 32

// plainPods finds the containers of a manifest.
func plainPods(v any, depth int) []plain {
	var found []plain
	if depth > deepest {
		return nil
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			found = append(found, plainPods(item, depth+1)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			list, isList := v[key].([]any)
			if !isList || key != "containers" && key != "initContainers" && key != "ephemeralContainers" {
				found = append(found, plainPods(v[key], depth+1)...)
				continue
			}
			for _, item := range list {
				if c, ok := item.(map[string]any); ok {
					found = append(found, plainContainer(c)...)
				}
			}
		}
	}
	return found
}

func plainContainer(c map[string]any) []plain {
	var found []plain
	name, _ := c["name"].(string)
	env, _ := c["env"].([]any)
	for _, item := range env {
		e, _ := item.(map[string]any)
		variable, _ := e["name"].(string)
		value, _ := e["value"].(string)
		for _, part := range parts(variable, value) {
			found = append(found, plain{"env " + variable + " of container " + name, part, func() { delete(e, "value") }})
		}
	}
	return append(found, plainCommand(c, name)...)
}

// plainCommand finds the credentials of a command line, which is in two lists.
func plainCommand(c map[string]any, name string) []plain {
	command, args := texts(c["command"]), texts(c["args"])
	var found []plain
	for _, f := range detect.Args(slices.Concat(command, args)) {
		if !f.Verdict.Secret {
			continue
		}
		list, i, words := "command", f.Index, command
		if i >= len(command) {
			list, i, words = "args", i-len(command), args
		}
		word := words[i]
		found = append(found, plain{list + " of container " + name, word[f.Range.Start:f.Range.End], func() {
			// The word goes: words of its kind may have gone before it.
			now, _ := c[list].([]any)
			if at := slices.Index(now, any(word)); at >= 0 {
				c[list] = slices.Delete(now, at, at+1)
			}
		}})
	}
	return found
}

// texts returns a list of strings; what is none of one counts as empty, so that
// the others keep their places.
func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for i := range list {
		out[i], _ = list[i].(string)
	}
	return out
}

func plainData(manifest map[string]any, field string, decode func(string) (string, bool)) []plain {
	data, _ := manifest[field].(map[string]any)
	var found []plain
	for _, key := range slices.Sorted(maps.Keys(data)) {
		text, _ := data[key].(string)
		value, ok := decode(text)
		if !ok {
			continue
		}
		for _, part := range parts(key, value) {
			found = append(found, plain{field + " " + key, part, func() { delete(data, key) }})
		}
	}
	return found
}

// parts returns the credentials inside a value.
func parts(name, value string) []string {
	var out []string
	for _, r := range detect.Parts(name, value) {
		out = append(out, value[r.Start:r.End])
	}
	return out
}

// values is a set of credentials.
type values map[string]bool

// valuesOf returns the values of what was found in a manifest.
func valuesOf(found []plain) values {
	set := values{}
	for _, p := range found {
		set[p.Value] = true
	}
	return set
}

// without returns what was found that is not in the set.
func without(found []plain, set values) []plain {
	return slices.DeleteFunc(found, func(p plain) bool { return set[p.Value] })
}

// places returns where credentials stand, each place once, in order.
func places(found []plain) []string {
	var out []string
	for _, p := range found {
		out = append(out, p.Where)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
