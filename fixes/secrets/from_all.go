package secrets

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func fromAll() *fixes.Rule {
	return &fixes.Rule{
		ID:         "secret-in-env-from-all",
		Category:   fixes.Secrets,
		Title:      "A whole Secret is put into a container's environment",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.4.1"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K08")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindSecret, fixes.KindConfigMap),
		Docs:       fromAllDocs,
		Check:      checkFromAll,
	}
}

const fromAllDocs = `
envFrom gives a container every key of a Secret, those that are added later
included. The environment is inherited by child processes, printed by crash
reports, and shown by debugging pages: what a process does not need should not
be in it, and what it needs is better in a file.

## What is looked at
The keys that the container's own command, arguments and variables name, as
$(KEY) or, in a shell, $KEY.

## The fix
Where some are named, those are given one by one in place of the whole, under
the same names, with their prefix, before all other variables: order and
precedence stay. A variable that only the program itself reads is not seen here,
and is gone then: look first. The pods restart.

Where none is named, mount the Secret as files, and let the program read those.

## By hand
    kubectl get deployments -o json | jq '.items[].spec.template.spec.containers[].envFrom'
`

func checkFromAll(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		for c := range w.Containers() {
			if c.Ephemeral {
				continue
			}
			seen := map[string]int{}
			for i, from := range c.EnvFrom {
				if from.SecretRef == nil || madeHere(p.Inventory, w.Ref().Namespace, from.SecretRef.Name) {
					continue
				}
				at := wholeSecret{workload: w.Ref(), container: c.Name, secret: from.SecretRef.Name, prefix: from.Prefix}
				at.nth = seen[at.key()]
				seen[at.key()]++
				var why string
				at.names, why = at.named(p.Inventory, c)
				p.Report(fromAllFinding(w, c, i, at, why))
			}
		}
	}
}

// madeHere reports whether this program made a Secret, of keys that the
// container had from a whole ConfigMap before.
func madeHere(inv *fixes.Inventory, namespace, name string) bool {
	s, ok := fixes.Lookup[*corev1.Secret](inv, namespace, name)
	return ok && s.Annotations[ownerAnnotation] != ""
}

// wholeSecret is a place at which a container takes a whole Secret: the nth
// with that prefix.
type wholeSecret struct {
	workload                  fixes.Ref
	container, secret, prefix string
	nth                       int
	// names are the variables to keep. They are those of the scan: fixes before
	// may have taken a name out of an argument.
	names []string
}

func (at wholeSecret) key() string { return at.container + "/" + at.prefix + at.secret }

func fromAllFinding(w fixes.Workload, c fixes.Container, i int, at wholeSecret, why string) fixes.Finding {
	f := fixes.Finding{
		Object:  at.workload,
		Path:    fmt.Sprintf("%s.envFrom[%d].secretRef", c.Path, i),
		Key:     fmt.Sprintf("%s#%d", at.key(), at.nth),
		Message: fmt.Sprintf("Container %s gets every key of Secret %s in its environment.", c.Name, at.secret),
	}
	if len(at.names) == 0 {
		f.Fixes = []fixes.Fix{{
			Title: "Mount the keys that it needs as files", Confidence: fixes.Manual, Why: why,
			Steps: strings.Join([]string{
				"1. See which keys there are:",
				"     kubectl describe secret " + at.secret + " -n " + at.workload.Namespace,
				"2. In the template of " + at.workload.String() + ", replace envFrom by a volume, and let the program read the files (many take NAME_FILE in place of NAME):",
				"     volumes: [{name: credentials, secret: {secretName: " + at.secret + ", items: [{key: KEY, path: KEY}]}}]",
				"     volumeMounts: [{name: credentials, mountPath: /run/secrets/" + at.secret + ", readOnly: true}]",
				"   or name the keys one by one by env[].valueFrom.secretKeyRef.",
				"3. Check: kubectl harden -n " + at.workload.Namespace + " --rule secret-in-env-from-all",
			}, "\n"),
		}}
		return f
	}
	f.Evidence = []string{"it names " + strings.Join(at.names, ", ")}
	risks := []string{"A variable that only the program itself reads, and no command or variable names, is gone."}
	if w.Ref().Kind.Rolls() {
		risks = append(risks, "The pods restart.")
	}
	f.Fixes = []fixes.Fix{{
		Title:      "Give it " + strings.Join(at.names, ", ") + " only",
		Confidence: fixes.Review,
		Why:        "these are what its command, arguments and variables name; whether the program reads others is not known",
		Risks:      risks,
		Edit:       at.edit,
	}}
	return f
}

func (at wholeSecret) edit(d *fixes.Draft) error {
	w, err := d.EditWorkload(at.workload)
	if err != nil {
		return err
	}
	c, ok := w.Container(at.container)
	if !ok {
		return errGone
	}
	nth := 0
	i := slices.IndexFunc(c.EnvFrom, func(from corev1.EnvFromSource) bool {
		if from.SecretRef == nil || from.SecretRef.Name != at.secret || from.Prefix != at.prefix {
			return false
		}
		nth++
		return nth == at.nth+1
	})
	if i < 0 {
		return nil // done already
	}
	var env []corev1.EnvVar
	for _, name := range at.names {
		ref := reference(at.secret, strings.TrimPrefix(name, at.prefix))
		ref.SecretKeyRef.Optional = c.EnvFrom[i].SecretRef.Optional
		env = append(env, corev1.EnvVar{Name: name, ValueFrom: ref})
	}
	// Variables of envFrom come before all others, which see and replace them.
	c.Env = append(env, c.Env...)
	c.EnvFrom = slices.Delete(c.EnvFrom, i, i+1)
	return nil
}

// named returns the variables that come from the Secret and are named in the
// container, in order; where there are none, it says why.
func (at wholeSecret) named(inv *fixes.Inventory, c fixes.Container) (names []string, why string) {
	keys, known := keysOf(inv, fixes.Ref{Kind: fixes.KindSecret, Namespace: at.workload.Namespace, Name: at.secret})
	if !known {
		return nil, "the Secret is not seen, so which keys it has is not known"
	}
	hidden := map[string]bool{} // by what comes later, and wins
	after := false
	for _, from := range c.EnvFrom {
		if from.SecretRef != nil && from.SecretRef.Name == at.secret && from.Prefix == at.prefix {
			after = true
			continue
		}
		if !after {
			continue
		}
		later, known := keysFrom(inv, at.workload.Namespace, from)
		if !known {
			return nil, "another source of variables after it is not seen, and could have the same names"
		}
		for key := range later {
			hidden[from.Prefix+key] = true
		}
	}
	for _, name := range mentioned(c) {
		key, ok := strings.CutPrefix(name, at.prefix)
		if ok && keys[key] && !hidden[name] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, "neither its command nor its variables name a key: what the program reads is not known"
}

// keysFrom returns the keys of a source of variables, and whether they are
// known.
func keysFrom(inv *fixes.Inventory, namespace string, from corev1.EnvFromSource) (map[string]bool, bool) {
	switch {
	case from.SecretRef != nil:
		return keysOf(inv, fixes.Ref{Kind: fixes.KindSecret, Namespace: namespace, Name: from.SecretRef.Name})
	case from.ConfigMapRef != nil:
		return keysOf(inv, fixes.Ref{Kind: fixes.KindConfigMap, Namespace: namespace, Name: from.ConfigMapRef.Name})
	}
	return nil, true
}

func keysOf(inv *fixes.Inventory, ref fixes.Ref) (map[string]bool, bool) {
	keys := map[string]bool{}
	switch o := inv.Get(ref).(type) {
	case *corev1.Secret:
		for key := range o.Data {
			keys[key] = true
		}
		for key := range o.StringData {
			keys[key] = true
		}
	case *corev1.ConfigMap:
		for key := range o.Data {
			keys[key] = true
		}
	default:
		return nil, false
	}
	return keys, true
}

// shellVariable is $NAME or ${NAME…} in a script.
var shellVariable = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)`)

// mentioned returns the variables that a container's command, arguments and
// literal variables name; the kubelet replaces $(NAME), a shell $NAME.
func mentioned(c fixes.Container) []string {
	var names []string
	reference := func(text string, isReference bool) {
		if isReference {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(text, "$("), ")"))
		}
	}
	for _, e := range c.Env {
		walk(e.Value, reference)
	}
	for _, word := range slices.Concat(c.Command, c.Args) {
		walk(word, reference)
		for _, m := range shellVariable.FindAllStringSubmatch(word, -1) {
			names = append(names, m[1])
		}
	}
	return names
}
