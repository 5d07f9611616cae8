package secrets

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

func argsSecret() *fixes.Rule {
	return &fixes.Rule{
		ID:         "args-secret",
		Category:   fixes.Secrets,
		Title:      "A credential stands in a container's command line",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.4.1"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K08")},
		Kinds:      slices.Concat(fixes.WorkloadKinds(), rbac.Kinds(), []fixes.Kind{fixes.KindSecret}),
		Docs:       argsSecretDocs,
		Check:      checkArgsSecret,
	}
}

const argsSecretDocs = `
A credential in command or args can be read by everyone who may read the
workload, as one in env can, and by every process on the node that sees the
list of processes.

## What is looked at
command and args as one line: options (--password=x, --password x, -p x of the
programs that mean a password by it), assignments, URLs, headers, and the words
of a shell script. Exec probes and lifecycle commands are annotation-secret's:
the kubelet puts no variables into those.

## The fix
Moves the value to the Secret WORKLOAD-env, gives the container a new variable
with it (ARG_PASSWORD), and writes $(ARG_PASSWORD) in its place, which the
kubelet replaces before the program starts: it gets the same words. In the script
of "sh -c" the shell reads the variable, quoted such that it stays one word
("${ARG_PASSWORD}"); where the script is too tangled for that (here-documents,
backquotes), the kubelet's form is used there too. It is manual where the value
holds references or the shell's own quoting. The pods restart.

The list of processes still shows the value: most programs can read it from a
file or a variable instead.

It was readable until now: rotate it. A later kubectl apply of the old manifest
brings it back: change the manifest as well (kubectl harden -f shows how).

## By hand
    kubectl get deployments -o json | jq '.items[].spec.template.spec.containers[] | {command, args}'
`

func checkArgsSecret(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		for c := range w.Containers() {
			if c.Ephemeral {
				continue
			}
			for _, found := range commandSecrets(slices.Concat(c.Command, c.Args)) {
				p.Report(argFinding(p, w, c, found))
			}
		}
	}
}

// commandSecrets returns the credentials in a command line, each place once.
func commandSecrets(words []string) []detect.ArgFinding {
	if len(words) == 0 {
		return nil
	}
	var out []detect.ArgFinding
	for _, f := range detect.Args(words) {
		overlaps := slices.ContainsFunc(out, func(o detect.ArgFinding) bool {
			return o.Index == f.Index && f.Range.Start < o.Range.End && o.Range.Start < f.Range.End
		})
		if f.Verdict.Secret && !overlaps {
			out = append(out, f)
		}
	}
	return out
}

// place names the word of a command line by its list and its place there.
func place(c fixes.Container, index int) (list string, i int) {
	if index < len(c.Command) {
		return "command", index
	}
	return "args", index - len(c.Command)
}

func argFinding(p *fixes.Pass, w fixes.Workload, c fixes.Container, found detect.ArgFinding) fixes.Finding {
	words := slices.Concat(c.Command, c.Args)
	list, i := place(c, found.Index)
	what := "Option or variable " + found.Flag
	if found.Flag == "" {
		what = fmt.Sprintf("Word %s[%d]", list, i)
	}
	f := fixes.Finding{
		Object: w.Ref(),
		Path:   fmt.Sprintf("%s.%s[%d]", c.Path, list, i),
		Key:    fmt.Sprintf("%s/%s[%d]/%s#%d", c.Name, list, i, found.Flag, nth(words, found)),
		Message: fmt.Sprintf("%s in the command line of container %s is a literal (%s): whoever may read %s can read it.",
			what, c.Name, found.Verdict.Reason, w.Ref().Kind.Resource),
		Evidence: withReaders(p, w.Ref().Kind, w.Ref().Namespace, found.Verdict.Evidence...),
	}
	if found.Verdict.Confidence < sureness {
		f.Severity = fixes.Medium
	}
	secret := workloadSecretRef(p.Inventory, w)
	fix := fixes.Fix{
		Title:      "Move it to Secret " + secret.NamespacedName(),
		Confidence: fixes.Review,
		Why:        "the program gets the same words; the container has a variable more",
		Risks:      []string{"The value was readable until now: rotate it.", "The list of processes on the node still shows it."},
	}
	credential := words[found.Index][found.Range.Start:found.Range.End]
	if _, ok := rewriteWord(words, found.Index, found.Range, variableFor(found.Flag)); ok {
		fix.Creates = []fixes.Ref{secret}
		fix.Edit = argMove{workload: w.Ref(), container: c.Name, index: found.Index, flag: found.Flag, credential: credential}.edit
		if w.Ref().Kind.Rolls() {
			fix.Risks = append(fix.Risks, restarts(p)...)
		}
		if w.Object.GetAnnotations()[corev1.LastAppliedConfigAnnotation] != "" {
			fix.Risks = append(fix.Risks, "A later kubectl apply of the old manifest brings it back: change the manifest too.")
		}
	} else {
		fix.Confidence, fix.Why = fixes.Manual, "the value is quoted by the shell's rules or holds references, and cannot be moved as it stands"
		fix.Steps = fmt.Sprintf("Put the value into a Secret, add a variable to container %s with valueFrom.secretKeyRef, and write the variable in place of the value "+
			"in %s[%d] (in a script \"${NAME}\", outside of single quotes; elsewhere $(NAME)).\nThen check: kubectl harden --rule args-secret", c.Name, list, i)
	}
	f.Fixes = []fixes.Fix{fix}
	return f
}

// nth counts the credentials of a word before one, those that have moved among
// them: it must not change its number when another moves.
func nth(words []string, found detect.ArgFinding) int {
	before := words[found.Index][:found.Range.Start]
	n := strings.Count(before, "$("+variablePrefix) + strings.Count(before, "${"+variablePrefix)
	for _, f := range commandSecrets(words) {
		if f.Index == found.Index && f.Range.Start < found.Range.Start {
			n++
		}
	}
	return n
}
