package admission

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func enforcing(level string) string {
	return `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {pod-security.kubernetes.io/enforce: ` + level + `}}
`
}

func TestPSAWeak(t *testing.T) {
	strict, plain := containers(restricted), "{containers: [{name: c, image: x}]}"
	privileged := containers("{privileged: true}")
	fixestest.Table(t, psaWeak(), []fixestest.Case{
		{
			Name: "privileged over restricted pods", Live: true,
			Objects: enforcing("privileged") + deployment("web", strict),
			Want:    []string{finding + "safe"},
			Diff: []string{
				"- pod-security.kubernetes.io/enforce: privileged", "+ pod-security.kubernetes.io/enforce: restricted",
				"+ pod-security.kubernetes.io/enforce-version: v1.37", "+ pod-security.kubernetes.io/warn: restricted",
			},
		},
		{
			Name: "privileged over baseline pods", Live: true,
			Objects: enforcing("privileged") + deployment("web", plain),
			Want:    []string{finding + "safe"},
			Diff:    []string{"+ pod-security.kubernetes.io/enforce: baseline"},
		},
		{
			Name:    "manifests",
			Objects: enforcing("baseline") + deployment("web", strict),
			Want:    []string{finding + "review"},
		},
		{Name: "as strict as can be", Live: true, Objects: enforcing("baseline") + deployment("web", plain)},
		{Name: "needed", Live: true, Objects: enforcing("privileged") + deployment("web", privileged)},
		{Name: "one of two needs it", Live: true, Objects: enforcing("privileged") + deployment("web", strict) + deployment("agent", privileged)},
		{Name: "a pod of an older revision needs it", Live: true, Objects: enforcing("baseline") + deployment("web", strict) + podOf("Running", plain)},
		{Name: "restricted", Live: true, Objects: enforcing("restricted") + deployment("web", plain)},
		{Name: "no level", Live: true, Objects: namespace + deployment("web", strict)},
		{Name: "no known level", Live: true, Objects: enforcing("strict") + deployment("web", strict)},
		{Name: "nothing runs", Live: true, Objects: enforcing("privileged")},
		{Name: "weaker than it enforces", Live: true, Objects: enforcing("baseline") + deployment("web", privileged)},
	})
}
