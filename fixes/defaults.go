package fixes

import (
	"reflect"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// defaults are the values that the API server gives to fields that are left
// out in what a change adds: containers, probes, volumes, policies, bindings.
// nil stands for any value. The source is SetDefaults_* in
// pkg/apis/{core,rbac,networking,admissionregistration}/v1/defaults.go of
// Kubernetes 1.37. A default that follows from other fields is listed with all
// values that it can have.
var defaults = map[string][]any{
	"apiGroup":                      {"rbac.authorization.k8s.io"}, // of a subject, of a roleRef
	"apiVersion":                    {"v1"},                        // of a fieldRef
	"defaultMode":                   {int64(corev1.SecretVolumeSourceDefaultMode)},
	"dnsPolicy":                     {string(corev1.DNSClusterFirst)},
	"expirationSeconds":             {int64(3600)}, // of a projected token
	"failurePolicy":                 {"Fail"},
	"failureThreshold":              {int64(3)},
	"finalizers":                    {[]any{"kubernetes"}}, // of a Namespace's spec
	"imagePullPolicy":               {"Always", "IfNotPresent"},
	"kubernetes.io/metadata.name":   nil, // the name of its Namespace
	"matchPolicy":                   {"Equivalent"},
	"path":                          {"/"}, // of a probe
	"periodSeconds":                 {int64(10)},
	"policyTypes":                   {[]any{"Ingress"}, []any{"Ingress", "Egress"}},
	"protocol":                      {"TCP", "HTTP1"}, // of a port, of a probe
	"pullPolicy":                    {"Always", "IfNotPresent"},
	"restartPolicy":                 {string(corev1.RestartPolicyAlways)},
	"schedulerName":                 {corev1.DefaultSchedulerName},
	"scheme":                        {"HTTP"},
	"scope":                         {"*"},
	"successThreshold":              {int64(1)},
	"terminationGracePeriodSeconds": {int64(corev1.DefaultTerminationGracePeriodSeconds)},
	"terminationMessagePath":        {corev1.TerminationMessagePathDefault},
	"terminationMessagePolicy":      {string(corev1.TerminationMessageReadFile)},
	"timeoutSeconds":                {int64(1)},
	"type":                          {string(corev1.SecretTypeOpaque), ""}, // of a Secret, of a hostPath
}

// entries are the maps whose keys people choose. No key of theirs is a
// default, and each stands for itself.
var entries = setOf(
	"annotations", "binaryData", "data", "default", "defaultRequest", "hard", "labels", "limits",
	"matchLabels", "max", "min", "nodeSelector", "requests", "stringData",
)

func setOf(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// fieldName is the name by which a key of a map is known to [defaults]: none
// where people choose the keys, but for the one label that the server sets.
func fieldName(parent, key string) string {
	if entries[parent] && key != corev1.LabelMetadataName {
		return ""
	}
	return key
}

// isDefault reports whether a field that was left out has a value that the
// server gives it.
func isDefault(name string, v any) bool {
	if name == "" {
		return false
	}
	if m, ok := v.(map[string]any); ok {
		return len(m) == 0
	}
	values, known := defaults[name]
	return known && (values == nil || slices.ContainsFunc(values, func(d any) bool { return reflect.DeepEqual(d, v) }))
}

// mismatch is a place at which an object is not as it was written.
type mismatch struct {
	path string
	// added: the place holds something, and nothing was written there.
	added bool
}

// mismatches returns where what is there now differs from what was written,
// other than by the defaults that the server adds. The name is that of the
// field that holds both.
func mismatches(path, name string, wrote, live any) []mismatch {
	switch w := wrote.(type) {
	case map[string]any:
		l, ok := live.(map[string]any)
		if !ok && (live != nil || len(w) > 0) {
			return []mismatch{{path: path}}
		}
		var out []mismatch
		for _, key := range sortedKeys(w, l) {
			out = append(out, mismatches(joinPath(path, key), fieldName(name, key), w[key], l[key])...)
		}
		return out
	case []any:
		l, ok := live.([]any)
		if !ok && live != nil || len(l) != len(w) {
			return []mismatch{{path: path}}
		}
		var out []mismatch
		for i := range w {
			out = append(out, mismatches(elementPath(path, i), "", w[i], l[i])...)
		}
		return out
	case nil, string:
		if (w == nil || w == "") && isDefault(name, live) { // some types write an empty string for nothing
			return nil
		}
		if w == nil && live != nil {
			return []mismatch{{path, true}}
		}
	}
	if reflect.DeepEqual(wrote, live) {
		return nil
	}
	return []mismatch{{path: path}}
}

// stillThere reports whether what is there now is what was written.
func stillThere(name string, wrote, live any) bool {
	return len(mismatches("", name, wrote, live)) == 0
}

// joinPath appends a key to a path as findings write them:
// spec.template, metadata.labels["app.kubernetes.io/name"].
func joinPath(path, key string) string {
	for _, r := range key {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return path + "[" + strconv.Quote(key) + "]"
		}
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func elementPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
