package main

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// administered is a namespace in which the administrators' policies decide: one of
// each kind, in the newest version that its makers publish.
const administered = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: example.com/web:1, env: [{name: API, value: "api:80"}, {name: DB, value: "db:80"}, {name: CACHE, value: "cache:80"}]}
SERVERS
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: NS}
spec:
  priority: 5
  subject: {pods: {namespaceSelector: IN, podSelector: {matchLabels: {app: db}}}}
  ingress: [{name: no-web, action: Deny, from: [{pods: {namespaceSelector: IN, podSelector: {matchLabels: {app: web}}}}], ports: [{portNumber: {protocol: TCP, port: 80}}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec: {subject: {namespaces: IN}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}
---
apiVersion: policy.networking.k8s.io/v1beta1
kind: ClusterNetworkPolicy
metadata: {name: NS}
spec:
  tier: Admin
  priority: 6
  subject: {pods: {namespaceSelector: IN, podSelector: {matchLabels: {app: cache}}}}
  ingress: [{name: no-web, action: Deny, from: [{namespaces: IN}], protocols: [{tcp: {destinationPort: {number: 80}}}]}]
`

const administeredServer = `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: NS}
spec:
  selector: {matchLabels: {app: NAME}}
  template: {metadata: {labels: {app: NAME}}, spec: {containers: [{name: c, image: "example.com/NAME:1", ports: [{containerPort: 80}]}]}}
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: NS}
spec: {selector: {app: NAME}, ports: [{port: 80}]}
`

// adminDefinitions are those of the administrators' policies, as their makers publish
// them: the first two kinds in one release, their successor in another.
func adminDefinitions(t *testing.T) (files []string) {
	t.Helper()
	for module, pattern := range map[string]string{"netpol": "*adminnetworkpolicies.yaml", "customkinds": "*clusternetworkpolicies.yaml"} {
		cmd := exec.Command("go", "mod", "download", "-json", "sigs.k8s.io/network-policy-api")
		cmd.Dir = "../../testdata/" + module
		out, err := cmd.Output()
		var got struct{ Dir string }
		if err != nil || json.Unmarshal(out, &got) != nil {
			t.Fatalf("go mod download in %s: %v: %s", cmd.Dir, err, out)
		}
		found, err := filepath.Glob(got.Dir + "/config/crd/standard/" + pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no definitions in %s: %v", got.Dir, err)
		}
		files = append(files, found...)
	}
	return files
}

// TestAdminPolicies has the administrators' policies of a real server counted, in
// the matrix and by the fix.
func TestAdminPolicies(t *testing.T) {
	var args []string
	for _, file := range adminDefinitions(t) {
		args = append(args, "-f", file)
	}
	control.Kubectl(t, append([]string{"create"}, args...)...)
	t.Cleanup(func() { control.Kubectl(t, append([]string{"delete", "--timeout=60s"}, args...)...) })
	control.Kubectl(t, append([]string{"wait", "--for=condition=Established", "--timeout=30s"}, args...)...)
	eventually(t, "the kinds", func() bool {
		_, _, err := control.KubectlErr("get", "adminnetworkpolicies,baselineadminnetworkpolicies,clusternetworkpolicies")
		return err == nil
	})
	// Some time a server will have the newer version alone.
	control.Kubectl(t, "patch", "crd", "clusternetworkpolicies.policy.networking.k8s.io", "--type=json", "-p",
		`[{"op": "test", "path": "/spec/versions/0/name", "value": "v1alpha2"}, {"op": "replace", "path": "/spec/versions/0/served", "value": false}]`)
	ns := namespace(t, "administered")
	servers := ""
	for _, name := range []string{"api", "db", "cache"} {
		servers += strings.ReplaceAll(administeredServer, "NAME", name)
	}
	control.Apply(t, strings.NewReplacer("SERVERS", strings.ReplaceAll(servers, "NS", ns), "NS", ns,
		"IN", "{matchLabels: {kubernetes.io/metadata.name: "+ns+"}}").Replace(administered))

	allowed := func() map[string][2]bool {
		t.Helper()
		var matrix struct {
			Connections []struct {
				From, To      struct{ Name string }
				Before, After bool
			}
		}
		if err := json.Unmarshal([]byte(succeed(t, "network", "-n", ns, "-o", "json").stdout), &matrix); err != nil {
			t.Fatal(err)
		}
		out := map[string][2]bool{}
		for _, c := range matrix.Connections {
			if c.From.Name == "web" { // not of all others together
				out[c.To.Name] = [2]bool{c.Before, c.After}
			}
		}
		return out
	}
	closed, open := [2]bool{}, [2]bool{true, true}
	if got, want := allowed(), map[string][2]bool{"api": closed, "db": closed, "cache": closed}; !maps.Equal(got, want) {
		t.Errorf("under all policies, before and after: %v, want %v", got, want)
	}
	control.Kubectl(t, "delete", "baselineadminnetworkpolicy", "default")
	if got, want := allowed(), map[string][2]bool{"api": open, "db": closed, "cache": closed}; !maps.Equal(got, want) {
		t.Errorf("without the baseline, before and after: %v, want %v", got, want)
	}
}
