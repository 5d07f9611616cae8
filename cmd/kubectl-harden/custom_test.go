package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const customFile = "../../testdata/manifests/custom.yaml"

// customResources are the custom kinds of the test manifest.
const customResources = "rollouts.argoproj.io,services.serving.knative.dev,deploymentconfigs.apps.openshift.io," +
	"clonesets.apps.kruise.io,statefulsets.apps.kruise.io,daemonsets.apps.kruise.io,scaledjobs.keda.sh"

// withCustomKinds installs the kinds for the time of a test.
func withCustomKinds(t *testing.T) {
	t.Helper()
	const file = "../../testdata/customkinds/crds.yaml"
	control.Kubectl(t, "apply", "-f", file)
	t.Cleanup(func() { control.Kubectl(t, "delete", "-f", file, "--timeout=60s") })
	control.Kubectl(t, "wait", "--for=condition=Established", "-f", file, "--timeout=180s")
	eventually(t, "the custom kinds", func() bool {
		_, _, err := control.KubectlErr("get", customResources, "-A")
		return err == nil
	})
}

// createCustom makes the workloads of the test manifest in a namespace.
func createCustom(t *testing.T, ns string) {
	t.Helper()
	text, err := os.ReadFile(customFile)
	if err != nil {
		t.Fatal(err)
	}
	control.Apply(t, strings.ReplaceAll(string(text), "namespace: custom", "namespace: "+ns))
}

// customSnapshot returns the custom objects of a namespace and what a fix may
// change beside them.
func customSnapshot(t *testing.T, ns string) string {
	t.Helper()
	var list struct {
		Items []map[string]any
	}
	out := control.Kubectl(t, "get", customResources+",statefulsets.apps,secrets", "-n", ns, "-o", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, obj := range list.Items {
		delete(obj, "status")
		meta := obj["metadata"].(map[string]any)
		for _, f := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
			delete(meta, f)
		}
		text, err := json.MarshalIndent(obj, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	return b.String() + snapshot(t, ns)
}

// controller plays Argo's controller for the Rollouts of a namespace: it makes
// a ReplicaSet for each template, scales those before to nothing, and says in
// the status what Argo would.
type controller struct {
	ns string
	// paused leaves Rollouts at a step once their new pods are there.
	paused func() bool
}

func (c controller) run(ctx context.Context) {
	for ctx.Err() == nil {
		c.once()
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

type object = map[string]any

func (c controller) get(args ...string) []object {
	out, _, err := control.KubectlErr(append([]string{"get", "-n", c.ns, "-o", "json"}, args...)...)
	var list struct{ Items []object }
	if err != nil || json.Unmarshal([]byte(out), &list) != nil {
		return nil
	}
	return list.Items
}

func (c controller) once() {
	sets := c.get("replicasets.apps")
	for _, r := range c.get("rollouts.argoproj.io") {
		spec, meta := r["spec"].(object), r["metadata"].(object)
		template, ok := spec["template"].(object)
		if !ok {
			continue
		}
		name, replicas := meta["name"].(string), spec["replicas"]
		text, err := json.Marshal(template)
		if err != nil {
			continue
		}
		sum := sha256.Sum256(text)
		hash := hex.EncodeToString(sum[:4])
		var ready, old, total float64
		found := false
		for _, set := range sets {
			owners, _ := set["metadata"].(object)["ownerReferences"].([]any)
			if len(owners) == 0 || owners[0].(object)["uid"] != meta["uid"] {
				continue
			}
			status, _ := set["status"].(object)
			n, _ := status["readyReplicas"].(float64)
			all, _ := status["replicas"].(float64)
			total += all
			setName, want := set["metadata"].(object)["name"].(string), 0.0
			if setName == name+"-"+hash {
				found, ready, want = true, n, replicas.(float64)
			} else {
				old += all
			}
			if set["spec"].(object)["replicas"] != want {
				_, _, _ = control.KubectlErr("scale", "replicaset/"+setName, "-n", c.ns, fmt.Sprintf("--replicas=%v", want))
			}
		}
		if !found {
			c.makeSet(r, hash)
		}
		phase := "Healthy"
		switch {
		case ready < replicas.(float64) || old > 0:
			phase = "Progressing"
		case c.paused():
			phase = "Paused"
		}
		status, err := json.Marshal(object{"status": object{
			"phase": phase, "observedGeneration": fmt.Sprint(meta["generation"]), "currentPodHash": hash,
			"replicas": total, "updatedReplicas": total - old, "readyReplicas": ready, "availableReplicas": ready,
		}})
		if err == nil {
			_, _, _ = control.KubectlErr("patch", "rollout.argoproj.io/"+name, "-n", c.ns, "--subresource=status", "--type=merge", "-p", string(status))
		}
	}
}

func (c controller) makeSet(rollout object, hash string) {
	meta, spec := rollout["metadata"].(object), rollout["spec"].(object)
	template := spec["template"].(object)
	labels := object{"rollouts-pod-template-hash": hash}
	maps.Copy(labels, template["metadata"].(object)["labels"].(object))
	set, err := json.Marshal(object{
		"apiVersion": "apps/v1", "kind": "ReplicaSet",
		"metadata": object{"name": meta["name"].(string) + "-" + hash, "namespace": c.ns, "labels": labels, "ownerReferences": []object{{
			"apiVersion": rollout["apiVersion"], "kind": "Rollout", "name": meta["name"], "uid": meta["uid"], "controller": true}}},
		"spec": object{"replicas": spec["replicas"], "selector": object{"matchLabels": labels},
			"template": object{"metadata": object{"labels": labels}, "spec": template["spec"]}},
	})
	if err != nil {
		return
	}
	cmd := control.Command("kubectl", "create", "--validate=false", "-f", "-")
	cmd.Stdin = bytes.NewReader(set)
	_ = cmd.Run() // there already, or tried again
}

// TestCustomWorkloads scans, fixes and puts back workloads of all custom kinds.
func TestCustomWorkloads(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	withCustomKinds(t)
	ns := namespace(t, "custom-kinds")
	createCustom(t, ns)
	ctx, stop := context.WithCancel(t.Context())
	var pause atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		controller{ns, pause.Load}.run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
	rolledOut := func() bool {
		return control.Kubectl(t, "get", "rollout.argoproj.io/storefront", "-n", ns, "-o", "jsonpath={.status.phase}") == "Healthy"
	}
	eventually(t, "the Rollout", rolledOut)

	scan := parseReport(t, succeed(t, "-n", ns, "-o", "json"))
	kinds := map[string]bool{}
	for _, f := range inNamespaces(scan, ns) {
		kinds[f.Object.Kind] = true
		if f.Object.Name == "referring" {
			t.Errorf("%s of the Rollout that takes another's template", f.Rule)
		}
	}
	got := slices.Sorted(maps.Keys(kinds))
	want := []string{"CloneSet", "DaemonSet", "Deployment", "DeploymentConfig", "Namespace", "Rollout", "ScaledJob", "Service", "StatefulSet"}
	if !slices.Equal(slices.DeleteFunc(got, func(k string) bool { return k == "ServiceAccount" }), want) {
		t.Errorf("findings of %v", got)
	}
	for _, s := range scan.Skipped {
		t.Errorf("skipped: %+v", s)
	}

	fix := []string{"-n", ns, "--category", "secrets,podsecurity,access", "--confidence=review", "--fix"}
	exported := succeed(t, append(fix, "--dry-run", "-o", "yaml")...).stdout
	for doc := range strings.SplitSeq(exported, "---\n") {
		// Lists of custom objects are replaced as they are, nulls and all.
		if !strings.HasPrefix(doc, "apiVersion: apps/v1") && strings.Contains(doc, "value: null") {
			t.Errorf("a null in what would be applied:\n%s", doc)
		}
	}
	for _, how := range [][]string{{"apply", "--dry-run=server", "-f", "-"}, {"apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"}} {
		cmd := control.Command("kubectl", how...)
		cmd.Stdin = strings.NewReader(exported)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("kubectl %v: %v\n%s", how, err, out)
		}
	}
	dir := filepath.Join(t.TempDir(), "fixes")
	succeed(t, append(fix, "--dry-run", "--output-dir", dir)...)
	if built := control.Kubectl(t, "kustomize", dir); !strings.Contains(built, "apps.kruise.io/v1alpha1") || !strings.Contains(built, "novelPodField") {
		t.Errorf("kustomize builds:\n%s", built)
	}

	begin := customSnapshot(t, ns)
	pods := control.Kubectl(t, "get", "pods", "-n", ns, "-l", "app=storefront", "-o", "jsonpath={.items[*].metadata.name}")
	r := succeed(t, append(fix, "--yes", "--settle=0s")...)
	for _, said := range []string{
		"rollout.argoproj.io/storefront in " + ns + " patched", "service.serving.knative.dev/greeter in " + ns + " patched",
		"statefulset.apps.kruise.io/advanced in " + ns + " patched", "scaledjob.keda.sh/consumer in " + ns + " patched",
	} {
		if !strings.Contains(r.stdout, said) {
			t.Errorf("%q is not said:\n%s%s", said, r.stdout, r.stderr)
		}
	}
	if !rolledOut() {
		t.Error("the rollout of the Rollout was not waited for")
	}
	if now := control.Kubectl(t, "get", "pods", "-n", ns, "-l", "app=storefront", "-o", "jsonpath={.items[*].metadata.name}"); now == pods {
		t.Error("its pods were not replaced")
	}
	fixed := control.Kubectl(t, "get", "rollout.argoproj.io/storefront", "-n", ns, "-o", "json")
	for _, kept := range []string{`"novelPodField"`, `"novelField": "kept"`, `"cpu": 0.25`, `"novelField": 1.5`, `"maxSurge": "25%"`} {
		if !strings.Contains(fixed, kept) {
			t.Errorf("%s is gone:\n%s", kept, fixed)
		}
	}
	for _, secret := range []string{"Jd93kQz7Lm2pX", "Vb5zTq8wLn2x"} {
		if spec := control.Kubectl(t, "get", "rollout.argoproj.io/storefront", "-n", ns, "-o", "jsonpath={.spec}"); strings.Contains(spec, secret) {
			t.Errorf("%s is still there", secret)
		}
	}
	for _, f := range inNamespaces(parseReport(t, succeed(t, "-n", ns, "-o", "json", "--category", "secrets,podsecurity,access")), ns) {
		if f.Rule != "secret-residue" && f.Fix != nil && f.Fix.Confidence != "manual" {
			t.Errorf("still there: %s of %s %s", f.Rule, f.Object.Kind, f.Object.Name)
		}
	}
	succeed(t, "undo", "--yes", "--settle=0s")
	if now := customSnapshot(t, ns); now != begin {
		t.Errorf("undone, it is not as before:\n%s", firstDifference(begin, now))
	}

	// A canary that waits at a step is no failure.
	eventually(t, "the Rollout", rolledOut)
	pause.Store(true)
	r = harden(t, append(fix, "--rule", "pss-host-namespaces", "--yes", "--settle=0s")...)
	if !strings.Contains(r.stdout, "kubectl argo rollouts promote storefront") {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}

// TestHostileCustomObjects scans what a schema that validates nothing lets in.
func TestHostileCustomObjects(t *testing.T) {
	withCustomKinds(t)
	ns := namespace(t, "custom-hostile")
	for i, spec := range []string{
		`{"template": 7}`, `{"template": {"spec": []}}`, `{"template": {"spec": {"containers": {"a": 1}}}}`,
		`{"template": {"spec": {"containers": [null, {"name": "hunter2\u001b[31m", "env": "hunter2"}]}}}`,
		`{"template": {"metadata": {"labels": [1]}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}}`,
		`{"template": {"spec": {"containers": [null, {"name": "a", "image": "x\u001b[31m", "resources": {"limits": {"cpu": -0.5}}}], "volumes": [null]}}}`,
		`{"template": {"spec": {"containers": [{"name": "a", "command": ["` + strings.Repeat("x", 200_000) + `"]}]}}}`,
	} {
		control.Apply(t, fmt.Sprintf(`{"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "metadata": {"name": "c%d", "namespace": %q}, "spec": %s}`, i, ns, spec))
	}
	r := succeed(t, "-n", ns, "-o", "json")
	scan := parseReport(t, r)
	if len(scan.Skipped) != 1 || !strings.Contains(scan.Skipped[0].Reason, "more like it") || scan.Skipped[0].Namespace != ns {
		t.Errorf("skipped: %+v", scan.Skipped)
	}
	if strings.Contains(r.stdout, "hunter2") || strings.Contains(r.stdout, "\x1b") {
		t.Error("hostile text is shown")
	}
	table := harden(t, "-n", ns)
	if strings.Contains(table.stdout+table.stderr, "\x1b[31m") || strings.Contains(table.stderr, "panic") {
		t.Errorf("hostile text is shown:\n%s", table.stderr)
	}
	succeed(t, "-n", ns, "--fix", "--dry-run", "--confidence=review")
}
