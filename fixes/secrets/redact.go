package secrets

import (
	"encoding/json"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

// Mask stands for a secret value in everything that is shown.
const Mask = fixes.Mask

// Redact returns a copy of an object in which every value that is a
// credential is masked: a Secret's data, and what looks like a credential in
// environments, commands, probes, hooks, ConfigMaps, annotations and labels. It
// is a [fixes.Redactor].
func Redact(obj fixes.Object) fixes.Object {
	out := obj.DeepCopyObject().(fixes.Object)
	switch o := out.(type) {
	case *corev1.Secret:
		redactSecret(o)
	case *corev1.ConfigMap:
		for key, value := range o.Data {
			o.Data[key] = maskParts(key, value)
		}
		for key, value := range o.BinaryData {
			if text, ok := asText(value); ok {
				o.BinaryData[key] = []byte(maskParts(key, text))
			}
		}
	case *appsv1.ControllerRevision:
		if len(o.Data.Raw) > 0 {
			o.Data.Raw = redactRevision(o.Data.Raw)
		}
	default:
		if w, ok := fixes.AsWorkload(out); ok {
			redactPod(w)
		}
	}
	redactMeta(out.GetAnnotations(), out.GetLabels())
	return out
}

func redactMeta(annotations, labels map[string]string) {
	for key, value := range annotations {
		if key == corev1.LastAppliedConfigAnnotation {
			annotations[key] = redactJSON(value)
		} else {
			annotations[key] = maskMeta(key, value)
		}
	}
	for key, value := range labels {
		if detect.Annotation(key, value).Secret {
			labels[key] = Mask
		}
	}
}

// maskMeta masks an annotation: what looks like a credential in any place, and
// what does there.
func maskMeta(key, value string) string {
	if masked := maskParts(key, value); masked != value || !detect.Annotation(key, value).Secret {
		return masked
	}
	return Mask
}

// redactSecret masks all data. The masks stand in stringData, since data
// would show them encoded.
func redactSecret(s *corev1.Secret) {
	masked := map[string]string{}
	for key := range s.Data {
		masked[key] = Mask
	}
	for key := range s.StringData {
		masked[key] = Mask
	}
	s.Data, s.StringData = nil, masked
}

func redactPod(w fixes.Workload) {
	redactMeta(w.Meta.Annotations, w.Meta.Labels)
	for c := range w.Containers() {
		for i := range c.Env {
			c.Env[i].Value = maskParts(c.Env[i].Name, c.Env[i].Value)
		}
		maskCommand(c.Command, c.Args)
		for h := range handlers(c.Container) {
			if h.exec != nil {
				maskCommand(h.exec.Command)
			}
			if h.httpGet == nil {
				continue
			}
			for i, header := range h.httpGet.HTTPHeaders {
				h.httpGet.HTTPHeaders[i].Value = maskParts(header.Name, header.Value)
			}
		}
	}
}

// maskCommand masks credentials in a command line, which is in several lists:
// what a word means may depend on one in the list before.
func maskCommand(lists ...[]string) {
	found := detect.Args(slices.Concat(lists...))
	first := 0
	for _, list := range lists {
		for i := range list {
			var parts []detect.Range
			for _, f := range found {
				if f.Index == first+i && f.Verdict.Secret {
					parts = append(parts, f.Range)
				}
			}
			list[i] = mask(list[i], parts)
		}
		first += len(list)
	}
}

// maskParts masks the credentials inside a value.
func maskParts(name, value string) string {
	return mask(value, detect.Parts(name, value))
}

// mask replaces parts of a value, which are in order.
func mask(value string, parts []detect.Range) string {
	if len(parts) == 0 {
		return value
	}
	var b strings.Builder
	at := 0
	for _, p := range parts {
		if p.Start < at {
			p.Start = at // parts of a command line may overlap
		}
		b.WriteString(value[at:p.Start] + Mask)
		at = max(at, p.End)
	}
	b.WriteString(value[at:])
	return b.String()
}

// redactJSON masks an object that is written as JSON inside an annotation. If
// it cannot be read, all of it is masked.
func redactJSON(text string) string {
	var u map[string]any
	if err := json.Unmarshal([]byte(text), &u); err != nil {
		return Mask
	}
	maskTree(u, u["kind"] == "Secret")
	out, err := json.Marshal(u)
	if err != nil {
		return Mask
	}
	return string(out)
}

// redactRevision masks an old state of a workload. What cannot be read is masked
// as a whole, in the form of an object still.
func redactRevision(raw []byte) []byte {
	var state map[string]any
	if json.Unmarshal(raw, &state) == nil {
		maskTree(state, false)
		if out, err := json.Marshal(state); err == nil {
			return out
		}
	}
	out, _ := json.Marshal(map[string]string{"masked": Mask})
	return out
}

// maskTree masks what [Redact] masks, in an object of any kind.
func maskTree(v any, secret bool) {
	switch v := v.(type) {
	case []any:
		var words []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				words = append(words, s)
			}
			maskTree(item, false)
		}
		if len(words) == len(v) {
			maskCommand(words)
			for i := range v {
				v[i] = words[i]
			}
		}
	case map[string]any:
		name, named := v["name"].(string)
		for key, item := range v {
			s, isString := item.(string)
			switch {
			case secret && (key == "data" || key == "stringData"):
				v[key] = Mask
			case isString && key == "value" && named:
				v[key] = maskParts(name, s)
			case isString:
				v[key] = maskParts(key, s)
			default:
				maskTree(item, false)
			}
		}
	}
}

var _ fixes.Redactor = Redact
