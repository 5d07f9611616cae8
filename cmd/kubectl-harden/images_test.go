package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// imagePolicy is the name of the policy and the binding that the program makes.
const imagePolicy = "kubectl-harden-images"

// TestImagePolicy has the API server enforce the policy that the program makes:
// in containers, init containers, ephemeral containers, image volumes and
// templates, with images named in all the ways in which they can be.
func TestImagePolicy(t *testing.T) {
	ns := namespace(t, "image-policy")
	clean := func() {
		control.Kubectl(t, "delete", "--ignore-not-found", "validatingadmissionpolicybinding,validatingadmissionpolicy", imagePolicy)
	}
	clean() // a scan of the whole cluster, in another test, may have made one
	t.Cleanup(clean)
	control.Kubectl(t, "create", "deployment", "old", "-n", ns, "--image=foreign.example.com/old:1")
	control.Kubectl(t, "run", "target", "-n", ns, "--image=docker.io/library/nginx:1")

	args := []string{"--rule", "image-registry-unlisted", "--allowed-registries", "docker.io/library,registry.example.com,ghcr.io/acme,localhost:5000"}
	// Other tests have namespaces of their own, whose pods the policy must not
	// keep out while it is in force.
	warn := succeed(t, append(args, "--fix", "--yes", "--confidence=review")...)
	if !strings.Contains(warn.stdout, "validatingadmissionpolicy.admissionregistration.k8s.io/"+imagePolicy+" created") {
		t.Fatalf("not made:\n%s%s", warn.stdout, warn.stderr)
	}
	eventually(t, "a warning", func() bool {
		out, err := dryRun(t, ns, pod("docker.io/evil/web"))
		return err == nil && strings.Contains(out, "not from an allowed registry: docker.io/evil/web")
	})
	control.Kubectl(t, "patch", "validatingadmissionpolicybinding", imagePolicy, "--type=merge", "-p",
		`{"spec":{"matchResources":{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"`+ns+`"}}}}}`)
	succeed(t, append(args, "--enforce", "--fix", "--yes", "--confidence=review")...)
	if got := control.Kubectl(t, "get", "validatingadmissionpolicybinding", imagePolicy, "-o", "jsonpath={.spec.validationActions}"); got != `["Deny"]` {
		t.Fatalf("actions: %s", got)
	}
	eventually(t, "a refusal", func() bool {
		_, err := dryRun(t, ns, pod("docker.io/evil/web"))
		return err != nil
	})
	again := succeed(t, append(args, "--enforce", "--fix", "--yes", "--confidence=review")...)
	if !strings.Contains(again.stderr, "Nothing to change.") {
		t.Errorf("a second fix changes something:\n%s%s", again.stdout, again.stderr)
	}
	if warnings := control.Kubectl(t, "get", "validatingadmissionpolicy", imagePolicy, "-o", "jsonpath={.status.typeChecking}"); strings.Contains(warnings, "warning") {
		t.Errorf("the expressions have faults: %s", warnings)
	}

	t.Run("names", func(t *testing.T) {
		digest := "@sha256:" + strings.Repeat("a", 64)
		for image, admitted := range map[string]bool{
			"nginx": true, "nginx:1.27": true, "nginx" + digest: true, "nginx:1.27" + digest: true,
			"library/nginx": true, "docker.io/nginx": true, "docker.io/library/nginx:1": true, "index.docker.io/nginx": true,
			"index.docker.io/library/nginx:1" + digest: true, "evil/nginx": false, "docker.io/evil/nginx": false,
			"registry.example.com/a": true, "registry.example.com/a/b/c:1" + digest: true, "registry.example.com:5000/a": false,
			"registry.example.com.evil.io/a": false, "evil.io/registry.example.com/a": false, "registry.example.community/a": false,
			"ghcr.io/acme/web": true, "ghcr.io/acme": true, "ghcr.io/acme-evil/web": false, "ghcr.io/web": false, "ghcr.io/acme:1": true,
			"localhost:5000/web": true, "localhost:5000/web:1": true, "localhost:5001/web": false, "localhost/web": false,
			"registry.example.com:5000": true, // docker.io/library/registry.example.com, with the tag 5000
			"Evil/web":                  false, "quay.io/acme/web": false,
		} {
			out, err := dryRun(t, ns, pod(image))
			if (err == nil) != admitted {
				t.Errorf("%s: %v\n%s", image, err, out)
			}
			if err != nil && !strings.Contains(out, "not from an allowed registry: ") {
				t.Errorf("%s is refused for another reason:\n%s", image, out)
			}
		}
	})
	t.Run("places", func(t *testing.T) {
		const good, bad = "nginx:1", "foreign.example.com/web:1"
		both := `[{name: a, image: "` + good + `"}, {name: b, image: "` + bad + `"}]`
		for name, manifest := range map[string]string{
			"container":      "apiVersion: v1\nkind: Pod\nmetadata: {name: probe}\nspec: {containers: " + both + "}\n",
			"init container": "apiVersion: v1\nkind: Pod\nmetadata: {name: probe}\nspec: {initContainers: " + both + `, containers: [{name: c, image: "nginx"}]}` + "\n",
			"image volume":   "apiVersion: v1\nkind: Pod\nmetadata: {name: probe}\nspec: {volumes: [{name: v, image: {reference: \"" + bad + "\"}}], containers: [{name: c, image: nginx}]}\n",
			"Deployment":     template("apps/v1", "Deployment", "selector: {matchLabels: {app: p}}", bad),
			"StatefulSet":    template("apps/v1", "StatefulSet", "serviceName: p, selector: {matchLabels: {app: p}}", bad),
			"DaemonSet":      template("apps/v1", "DaemonSet", "selector: {matchLabels: {app: p}}", bad),
			"ReplicaSet":     template("apps/v1", "ReplicaSet", "selector: {matchLabels: {app: p}}", bad),
			"Job":            template("batch/v1", "Job", "backoffLimit: 1", bad),
			"RC":             template("v1", "ReplicationController", "selector: {app: p}", bad),
			"CronJob": "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: probe}\nspec: {schedule: '@daily', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: \"" +
				bad + "\"}]}}}}}\n",
		} {
			if out, err := dryRun(t, ns, manifest); err == nil || !strings.Contains(out, "not from an allowed registry: foreign.example.com/web; allowed: ") {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
			if out, err := dryRun(t, ns, strings.ReplaceAll(manifest, bad, good)); err != nil {
				t.Errorf("%s with a good image: %v\n%s", name, err, out)
			}
		}
	})
	t.Run("ephemeral containers", func(t *testing.T) {
		debug := func(image string) (string, error) {
			out, err := control.Command(control.KubectlPath, "debug", "target", "-n", ns, "--image="+image, "--", "true").CombinedOutput()
			return string(out), err
		}
		if out, err := debug("foreign.example.com/debug:1"); err == nil || !strings.Contains(out, "not from an allowed registry") {
			t.Errorf("%v\n%s", err, out)
		}
		if out, err := debug("busybox:1"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("what is there", func(t *testing.T) {
		// An update that brings no new image goes through; one that does not.
		control.Kubectl(t, "label", "deployment", "old", "-n", ns, "kept=yes")
		control.Kubectl(t, "scale", "deployment", "old", "-n", ns, "--replicas=0")
		out, err := control.Command(control.KubectlPath, "set", "image", "deployment/old", "-n", ns, "*=foreign.example.com/new:1").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "not from an allowed registry") {
			t.Errorf("%v\n%s", err, out)
		}
		control.Kubectl(t, "set", "image", "deployment/old", "-n", ns, "*=registry.example.com/new:1")
	})
}

// TestRegistryIsAskedOnDemand asks a registry on loopback, and only when the
// user says so.
func TestRegistryIsAskedOnDemand(t *testing.T) {
	var requests atomic.Int32
	back := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		back.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	image := strings.TrimPrefix(server.URL, "http://") + "/shop/web:1.8"
	ref, err := name.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	requests.Store(0)
	args := []string{"-f", "-", "--fix", "--dry-run", "--confidence=review"}
	if r := runAs(t, "", pod(image), args...); r.status != 0 || strings.Contains(r.stdout, digest.String()) {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("the registry was asked %d times, and nobody had said so", n)
	}
	if r := runAs(t, "", pod(image), append(args, "--ask-registries")...); r.status != 0 || !strings.Contains(r.stdout, image+"@"+digest.String()) {
		t.Errorf("status %d: the registry's answer is not pinned\n%s%s", r.status, r.stdout, r.stderr)
	}
	server.Close()
	r := runAs(t, "", pod(image), "-f", "-", "--ask-registries", "-o", "table")
	if r.status != 0 || !strings.Contains(r.stdout+r.stderr, "did not tell of 1 image: the connection is refused") {
		t.Errorf("status %d: a registry that is not there is not said\n%s%s", r.status, r.stdout, r.stderr)
	}
	r = runAs(t, "", pod(image), "-f", "-", "--probe-registries", "-o", "table")
	if r.status != 0 || !strings.Contains(r.stdout+r.stderr, ": the connection is refused") {
		t.Errorf("status %d: a registry that is not there is not said\n%s%s", r.status, r.stdout, r.stderr)
	}
}

func pod(image string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: probe}\nspec: {containers: [{name: c, image: %q}]}\n", image)
}

// template is a workload whose pods have one container.
func template(version, kind, fields, image string) string {
	restart := ""
	if kind == "Job" {
		restart = "restartPolicy: Never, "
	}
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: probe}\nspec: {%s, template: {metadata: {labels: {app: p}}, spec: {%scontainers: [{name: c, image: %q}]}}}\n",
		version, kind, fields, restart, image)
}

// dryRun asks the API server whether it would create a manifest.
func dryRun(t *testing.T, ns, manifest string) (string, error) {
	t.Helper()
	cmd := control.Command(control.KubectlPath, "create", "--dry-run=server", "-n", ns, "-f", "-")
	cmd.Stdin = strings.NewReader(manifest)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// eventually waits for what takes effect a while after it was written.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !done(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come", what)
		}
	}
}
