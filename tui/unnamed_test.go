package tui

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestNoNamespace says of manifests that name no namespace that they do not:
// what stands for it inside is not shown.
func TestNoNamespace(t *testing.T) {
	const objects = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: x, ports: [{containerPort: 80}]}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
`
	for name, keys := range map[string][]string{
		"list":       {"down"},
		"namespaces": {"N"},
		"matrix":     {"N", "enter"},
		"groups":     {"t", "t"},
		"picker":     {"n"},
		"plan":       {"down", "space", "p"},
		"ignore":     {"down", "i"},
	} {
		d := scanned(t, networkSession(t, objects), 120, 40).press(keys...)
		text := d.View().Content
		if strings.Contains(text, fixes.Unnamed) {
			t.Errorf("%s:\n%s", name, text)
		}
		if name != "ignore" && name != "picker" && !strings.Contains(text, "(no namespace)") {
			t.Errorf("%s does not say that there is none:\n%s", name, text)
		}
	}
}
