package secrets

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

func configMapSecret() *fixes.Rule {
	return &fixes.Rule{
		ID:         "configmap-secret",
		Category:   fixes.Secrets,
		Title:      "A ConfigMap holds a credential",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.4.1"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K08")},
		Kinds:      slices.Concat(fixes.WorkloadKinds(), rbac.Kinds(), []fixes.Kind{fixes.KindConfigMap, fixes.KindSecret}),
		Docs:       configMapSecretDocs,
		Check:      checkConfigMapSecret,
	}
}

const configMapSecretDocs = `
ConfigMaps are meant to be read: by every dashboard, by most people with any
right in the namespace, by all that the role "view" is given to. They are not
encrypted where Secrets are, and stand in Git beside the code.

## What is looked at
Every value, and what stands inside it: properties, ini, .env, TOML, YAML, JSON
and XML files, scripts, URLs and connection strings, private keys; binaryData
where it is text. A finding names the entry of the file.

Left alone are ConfigMaps of the system's namespaces, kube-root-ca.crt and the
records of leader elections.

## The fix
Moves the whole key to a Secret, NAME-secret, and re-points every pod in the
namespace that reads it, before the key goes:

- a variable from the key comes from the Secret's, with the same "optional";
- envFrom keeps the ConfigMap and gets the Secret right behind it, with the same
  prefix, so that what overrides what stays as it was;
- a volume becomes a projected one of both, with the same files, paths and modes,
  also where they are mounted by subPath.

The pods restart; the key leaves the ConfigMap after that, since pods of the old
template read it until they are gone. "kubectl rollout undo" to a revision from
before the fix finds no key then.

It is a matter of review, since a program may read the ConfigMap through the API,
which no manifest tells. It is manual where something cannot be re-pointed: a
running pod or Job without a controller, what belongs to a custom resource, pods
that an update does not replace (OnDelete, a partition, a paused Deployment, a
bare ReplicaSet), an immutable ConfigMap in a cluster, a ConfigMap that a
controller is told to read by name or by label.

It was readable until now: rotate it. A later kubectl apply of the old manifest
brings the key back into the ConfigMap: change the manifests as well (kubectl
harden -f shows how).

## By hand
    kubectl get configmaps -o json | jq '.items[] | {name: .metadata.name, data}'
`

func checkConfigMapSecret(p *fixes.Pass) {
	for _, cm := range fixes.Objects[*corev1.ConfigMap](p.Inventory, "") {
		if isSystemConfigMap(cm) {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(cm.Data)) {
			checkConfigMapKey(p, cm, key, cm.Data[key], "data")
		}
		for _, key := range slices.Sorted(maps.Keys(cm.BinaryData)) {
			if text, ok := asText(cm.BinaryData[key]); ok {
				checkConfigMapKey(p, cm, key, text, "binaryData")
			}
		}
	}
}

// leaderAnnotation holds the record of a leader election by ConfigMap, which
// client-go had before Leases.
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader"

func isSystemConfigMap(cm *corev1.ConfigMap) bool {
	_, leader := cm.Annotations[leaderAnnotation]
	return leader || cm.Name == "kube-root-ca.crt" || cm.Name == "openshift-service-ca.crt" || fixes.IsSystemNamespace(cm.Namespace)
}

// asText returns bytes as text, or false where they are none.
func asText(data []byte) (string, bool) {
	if !utf8.Valid(data) {
		return "", false
	}
	text := string(data)
	return text, !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r\f", r) })
}

func checkConfigMapKey(p *fixes.Pass, cm *corev1.ConfigMap, key, value, field string) {
	v := detect.Classify(key, value)
	if !v.Secret {
		return
	}
	var fix *fixes.Fix // of the key: all entries of a file move together
	report := func(entry string, v detect.Verdict, inside bool) {
		if fix == nil {
			made := configMapFix(p, cm, key, inside)
			fix = &made
		}
		f := fixes.Finding{
			Object:   fixes.RefOf(cm),
			Path:     dataPath(field, key),
			Key:      field + "/" + key,
			Evidence: withReaders(p, fixes.KindConfigMap, cm.Namespace, v.Evidence...),
			Fixes:    []fixes.Fix{*fix},
		}
		what := "Key " + key
		if inside {
			f.Key += "#" + entry
			what = "A file in it, " + key + ","
			if entry != "" {
				what = "Entry " + entry + " of " + key
			}
		}
		f.Message = fmt.Sprintf("%s holds a credential (%s): whoever may read configmaps can read it.", what, v.Reason)
		if v.Confidence < sureness {
			f.Severity = fixes.Medium
		}
		p.Report(f)
	}
	entries := fileEntries(key, value)
	for _, e := range entries {
		report(e.Key, e.Verdict, true)
	}
	if len(entries) == 0 {
		report("", v, false)
	}
}

// fileEntries returns the credentials inside a value that is a file.
func fileEntries(key, value string) []detect.BlobFinding {
	text := strings.TrimSpace(value)
	if !strings.Contains(text, "\n") && !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "<") {
		return nil
	}
	if strings.HasPrefix(text, "-----BEGIN ") {
		return nil // it is the credential
	}
	return detect.Blob(key, value)
}

// dataPath writes a key's place such that a dot in it is none of the path.
func dataPath(field, key string) string {
	if strings.Contains(key, ".") {
		return fmt.Sprintf("%s[%q]", field, key)
	}
	return field + "." + key
}

func configMapFix(p *fixes.Pass, cm *corev1.ConfigMap, key string, inside bool) fixes.Fix {
	use := usesOf(p.Inventory, cm, key)
	secret := freeSecret(p.Inventory, cm.Namespace, configMapBase(cm))
	what := "Move it"
	if inside {
		what = "Move all of " + key
	}
	fix := fixes.Fix{
		Title:      what + " to Secret " + secret.NamespacedName(),
		Confidence: fixes.Review,
		Why:        "what reads it in pods is re-pointed; a program that reads the ConfigMap through the API would find the key gone",
		Risks:      append([]string{"The value was readable until now: rotate it."}, use.risks()...),
		Creates:    []fixes.Ref{secret},
		Edit:       configMapMove{configMap: fixes.RefOf(cm), key: key, ownSecret: use.all}.edit,
	}
	if len(use.by) == 0 {
		fix.Why = "no pod in view reads it: a program may read it through the API, or nothing does, and the key can be deleted"
	}
	if why, before := use.obstacle(); why != "" {
		fix.Confidence, fix.Why, fix.Edit, fix.Creates = fixes.Manual, why, nil, nil
		fix.Steps = manualMove(cm, key, secret.Name, before, use)
	}
	return fix
}

func configMapBase(cm *corev1.ConfigMap) string { return nameBase(cm.Name, "-secret") }

// manualMove says how to move a key by hand.
func manualMove(cm *corev1.ConfigMap, key, secret, before string, use uses) string {
	ref := fixes.RefOf(cm)
	if notInKey.MatchString(key) {
		return "Rename the key: a ConfigMap's keys are made of letters, digits, '-', '_' and '.'. Then scan again."
	}
	value := fmt.Sprintf("(.data[%q] | @base64)", key)
	if _, binary := cm.BinaryData[key]; binary {
		value = fmt.Sprintf(".binaryData[%q]", key)
	}
	namespace := ""
	if cm.Namespace != "" {
		namespace = " -n " + cm.Namespace
	}
	lines := []string{before,
		"Copy the key into a Secret:",
		fmt.Sprintf(`  kubectl get %s -o json | jq '{apiVersion: "v1", kind: "Secret", metadata: {name: %q}, data: {%q: %s}}' | kubectl create%s -f -`,
			ref.KubectlArgs(), secret, key, value, namespace),
		fmt.Sprintf("Let what reads the key read it from Secret %s (secretKeyRef, envFrom.secretRef, a projected volume of both):", secret),
	}
	for _, u := range use.by {
		lines = append(lines, "  "+u.workload.Ref().String())
	}
	field := "data"
	if _, binary := cm.BinaryData[key]; binary {
		field = "binaryData"
	}
	remove := fmt.Sprintf(`  kubectl patch %s --type=json -p '[{"op": "remove", "path": "/%s/%s"}]'`, ref.KubectlArgs(), field, key)
	if cm.Immutable != nil && *cm.Immutable {
		remove = "  make a ConfigMap of another name without the key, let the pods use that, and: kubectl delete " + ref.KubectlArgs()
	}
	lines = append(lines, "When all their pods are new ones, remove it:", remove,
		"Then check: kubectl harden --rule configmap-secret"+namespace)
	return strings.Join(slices.DeleteFunc(lines, func(s string) bool { return s == "" }), "\n")
}
