package secrets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Every move takes the plaintext out of the annotation that kubectl apply keeps
// the last manifest in, and puts nothing in its place: with valueFrom there, the
// next apply of the old manifest would silently bring the value back; without
// it, the API server refuses that apply.

// scrubLastApplied lets drop edit the last applied manifest of an object, and
// writes it back when drop says that it has changed.
func scrubLastApplied(obj fixes.Object, drop func(applied map[string]any) bool) error {
	annotations := obj.GetAnnotations()
	text, ok := annotations[corev1.LastAppliedConfigAnnotation]
	if !ok {
		return nil
	}
	var applied map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&applied); err != nil {
		return fmt.Errorf("its annotation %s is not JSON", corev1.LastAppliedConfigAnnotation)
	}
	if !drop(applied) {
		return nil
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out) // ends with a newline, as kubectl's does
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(applied); err != nil {
		return err
	}
	annotations[corev1.LastAppliedConfigAnnotation] = out.String()
	return nil
}

// scrubVariable takes out the value of a variable of a container.
func scrubVariable(obj fixes.Object, container, name, value string) error {
	return scrubLastApplied(obj, func(applied map[string]any) bool {
		return inContainer(applied, container, func(c map[string]any) bool {
			dropped := false
			env, _ := c["env"].([]any)
			for _, item := range env {
				if e, ok := item.(map[string]any); ok && e["name"] == name && e["value"] == value {
					delete(e, "value")
					dropped = true
				}
			}
			return dropped
		})
	})
}

// scrubWord cuts a credential out of a word of a container's command or args.
// What is around it stays: it keeps the words that follow in their places.
func scrubWord(obj fixes.Object, container, list string, index int, credential string) error {
	return scrubLastApplied(obj, func(applied map[string]any) bool {
		return inContainer(applied, container, func(c map[string]any) bool {
			words, _ := c[list].([]any)
			if index >= len(words) {
				return false
			}
			word, ok := words[index].(string)
			if !ok || !strings.Contains(word, credential) {
				return false
			}
			words[index] = strings.ReplaceAll(word, credential, "")
			return true
		})
	})
}

// scrubKey takes a key out of the data of a ConfigMap.
func scrubKey(obj fixes.Object, key string) error {
	return scrubLastApplied(obj, func(applied map[string]any) bool {
		dropped := false
		for _, field := range []string{"data", "binaryData"} {
			if data, ok := applied[field].(map[string]any); ok {
				if _, there := data[key]; there {
					delete(data, key)
					dropped = true
				}
			}
		}
		return dropped
	})
}

// inContainer calls drop with a container, wherever in the manifest it stands,
// and reports whether drop has changed anything.
func inContainer(v any, name string, drop func(container map[string]any) bool) bool {
	dropped := false
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			dropped = inContainer(item, name, drop) || dropped
		}
	case map[string]any:
		if v["name"] == name && drop(v) {
			return true
		}
		for _, item := range v {
			dropped = inContainer(item, name, drop) || dropped
		}
	}
	return dropped
}
