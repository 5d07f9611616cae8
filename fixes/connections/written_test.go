package connections

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// TestTemplates leaves out workloads whose names or labels are to be filled in:
// no policy about them would be taken.
func TestTemplates(t *testing.T) {
	inv := fixestest.Load(t, workload("web", "8080", "")+`
---
apiVersion: v1
kind: Pod
metadata: {name: "tablet-{{uid}}", namespace: shop}
spec: {containers: [{name: c, image: x}]}
---
apiVersion: v1
kind: Pod
metadata: {name: tablet, namespace: shop, labels: {shard: "{{shard}}"}}
spec: {containers: [{name: c, image: x}]}
`)
	if got := Find(inv).Workloads; len(got) != 1 || got[0].Object.GetName() != "web" {
		t.Errorf("%d workloads", len(got))
	}
}
