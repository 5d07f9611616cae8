package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestShareProcessNamespace(t *testing.T) {
	const path = "spec.shareProcessNamespace"
	fixestest.Table(t, shareProcessNamespace(), []fixestest.Case{{
		Name: "broken", Objects: deployment("shareProcessNamespace: true\ncontainers: [{name: c, image: x}, {name: d, image: x}]"),
		Want: want(path, fixes.Review), Diff: []string{"- shareProcessNamespace: true"},
	}, {
		Name:    "with a sidecar",
		Objects: deployment("shareProcessNamespace: true\ninitContainers: [{name: s, image: x, restartPolicy: Always}]\ncontainers: [{name: c, image: x}]"),
		Want:    want(path, fixes.Review),
	}, {
		Name:    "alone once it runs",
		Objects: deployment("shareProcessNamespace: true\ninitContainers: [{name: i, image: x}]\ncontainers: [{name: c, image: x}]"),
	}, {
		Name: "fixed", Objects: deployment("shareProcessNamespace: false\ncontainers: [{name: c, image: x}, {name: d, image: x}]"),
	}, {
		Name: "not set", Objects: deployment("containers: [{name: c, image: x}, {name: d, image: x}]"),
	}})
}
