package secrets

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

func envSecret() *fixes.Rule {
	return &fixes.Rule{
		ID:         "env-secret",
		Category:   fixes.Secrets,
		Title:      "A credential stands in plain text in a pod's environment",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.4.1"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K08")},
		Kinds:      slices.Concat(fixes.WorkloadKinds(), rbac.Kinds(), []fixes.Kind{fixes.KindSecret}),
		Docs:       envSecretDocs,
		Check:      checkEnvSecret,
	}
}

const envSecretDocs = `
A literal value in a pod's environment can be read by everyone who may read the
Deployment: far more people and programs than may read Secrets. It also stands
in Git, in old ReplicaSets, in dashboards and in backups, and it is shown by
"kubectl describe".

## What is looked at
The name, the value and both together: known token formats, private keys,
passwords inside URLs and connection strings, entropy. References, paths, names
of Secrets, placeholders, flags and durations are not credentials.

## The fix
Moves the value to the Secret WORKLOAD-env and refers to it by secretKeyRef.
The process sees the same environment: the order of the entries, references to
them by $(NAME) and duplicate names stay as they are, and $$ is stored as the $
that the process would have seen. Where a value also holds references, only the
credential in it moves, to a variable of its own before it. Equal values in one
namespace share one key. The pods restart.

The value is taken out of the last-applied-configuration annotation too. A later
kubectl apply of the old manifest is then refused by the API server ("may not be
specified when value is not empty"), rather than silently bringing the value
back: change the manifest as well (kubectl harden -f shows how).

It was readable until now: rotate it.

## By hand
    kubectl get deployments -o json | jq '.items[].spec.template.spec.containers[].env'
`

// restarts says what comes with a new revision.
func restarts(p *fixes.Pass) []string {
	risks := []string{"The pods restart."}
	if p.Live {
		risks = append(risks, "The revision before keeps the value, for kubectl rollout undo: the next scan finds it there (secret-residue).")
	}
	return risks
}

// sureness is the confidence from which a value is called a credential
// without a doubt; below, the finding is less severe.
const sureness = 0.8

func checkEnvSecret(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		for c := range w.Containers() {
			if c.Ephemeral {
				continue // a debugging session: it cannot be edited and does not come back
			}
			seen := map[string]int{}
			for i, e := range c.Env {
				nth := seen[e.Name]
				seen[e.Name]++
				if e.Value == "" {
					continue
				}
				if v := detect.Classify(e.Name, e.Value); v.Secret {
					p.Report(envFinding(p, w, c, i, nth, v))
				}
			}
		}
	}
}

func envFinding(p *fixes.Pass, w fixes.Workload, c fixes.Container, i, nth int, v detect.Verdict) fixes.Finding {
	e := c.Env[i]
	f := fixes.Finding{
		Object: w.Ref(),
		Path:   fmt.Sprintf("%s.env[%d].value", c.Path, i),
		Key:    fmt.Sprintf("%s/%s#%d", c.Name, e.Name, nth),
		Message: fmt.Sprintf("%s in container %s is a literal (%s): whoever may read %s can read it.",
			e.Name, c.Name, v.Reason, w.Ref().Kind.Resource),
		Evidence: withReaders(p, w.Ref().Kind, w.Ref().Namespace, v.Evidence...),
	}
	if v.Confidence < sureness {
		f.Severity = fixes.Medium
	}
	move := envMove{workload: w.Ref(), container: c.Name, name: e.Name, nth: nth}
	fix := fixes.Fix{
		Title:      "Move it to Secret " + workloadSecretRef(p.Inventory, w).NamespacedName(),
		Confidence: fixes.Safe,
		Why:        "the process sees the same environment",
		Risks:      []string{"The value was readable until now: rotate it."},
		Creates:    []fixes.Ref{workloadSecretRef(p.Inventory, w)},
		Edit:       move.edit,
	}
	if w.Ref().Kind.Rolls() {
		fix.Risks = append(fix.Risks, restarts(p)...)
	}
	switch {
	case hasReference(e.Value):
		fix.Confidence = fixes.Review
		fix.Why = "the value also refers to other variables, so the credential in it moves to a variable of its own; a later kubectl apply of the old manifest would undo that"
	case w.Object.GetAnnotations()[corev1.LastAppliedConfigAnnotation] != "":
		fix.Confidence = fixes.Review
		fix.Why = "it was made by kubectl apply, which is refused from now on until the manifest is changed as well"
	}
	f.Fixes = []fixes.Fix{fix}
	return f
}
