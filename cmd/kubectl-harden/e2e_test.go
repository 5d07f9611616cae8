package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// shopSecrets are the credentials of the demo shop.
var shopSecrets = []string{"Tr0ub4dor&3-horse", "9f86d081884c7d659a2feaa0c55ad015", "wJalrXUtnFEMI"}

// serverSet are fields of the demo's objects that only a server sets.
var serverSet = regexp.MustCompile(`(?m)^  (uid|generation): .*\n`)

// createShop makes the demo shop in the control plane, in namespaces of its
// own, by kubectl create or apply. What the cluster makes by itself is left
// out: pods, ReplicaSets and ServiceAccounts.
func createShop(t *testing.T, verb, shop, payments string) {
	t.Helper()
	var docs []string
	for doc := range strings.SplitSeq(string(source.DemoManifests()), "\n---\n") {
		if strings.Contains(doc, "\nkind: Pod\n") || strings.Contains(doc, "\nkind: ReplicaSet\n") ||
			strings.Contains(doc, "\nkind: ServiceAccount\n") {
			continue
		}
		doc = strings.NewReplacer(
			"namespace: shop", "namespace: "+shop, "name: shop\n", "name: "+shop+"\n",
			"namespace: payments", "namespace: "+payments, "kind: Namespace\nmetadata:\n  name: payments", "kind: Namespace\nmetadata:\n  name: "+payments,
		).Replace(doc + "\n")
		docs = append(docs, serverSet.ReplaceAllString(doc, ""))
	}
	file := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(docs, "\n---\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	control.Kubectl(t, verb, "-f", file)
	t.Cleanup(func() {
		control.Kubectl(t, "delete", "namespace", shop, payments, "--wait=false")
		control.Kubectl(t, "delete", "--ignore-not-found", "validatingadmissionpolicybinding,validatingadmissionpolicy", "kubectl-harden-images")
	})
	rolledOut(t, shop, payments)
}

// rolledOut waits until every workload of the shop runs as its spec says.
func rolledOut(t *testing.T, shop, payments string) {
	t.Helper()
	for _, w := range [][2]string{{shop, "deployment/web"}, {shop, "statefulset/db"}, {shop, "daemonset/node-tuner"}, {payments, "deployment/api"}} {
		control.Kubectl(t, "rollout", "status", w[1], "-n", w[0], "--timeout=180s")
	}
}

func inNamespaces(r report, namespaces ...string) []finding {
	return slices.DeleteFunc(r.Findings, func(f finding) bool {
		ns := f.Object.Namespace
		if f.Object.Kind == "Namespace" {
			ns = f.Object.Name
		}
		return !slices.Contains(namespaces, ns)
	})
}

// TestShop is the main job: scan, fix, see the rollouts finish, and see that
// what was fixed is gone and stays gone.
func TestShop(t *testing.T) {
	for _, verb := range []string{"create", "apply"} {
		t.Run(verb, func(t *testing.T) {
			shop, payments := "shop-"+verb, "payments-"+verb
			createShop(t, verb, shop, payments)

			before := inNamespaces(parseReport(t, succeed(t, "-o", "json")), shop, payments)
			for _, r := range catalog.Rules() {
				if r.Category == fixes.Nodes || r.Category == fixes.Logging {
					continue // what the shop breaks of them is a finding of the cluster's
				}
				if !slices.ContainsFunc(before, func(f finding) bool { return f.Category == string(r.Category) }) {
					t.Errorf("no finding of category %s", r.Category)
				}
			}
			for _, f := range before {
				for _, s := range shopSecrets {
					if strings.Contains(f.Message, s) {
						t.Errorf("a finding shows a secret: %s", f.Message)
					}
				}
			}

			// The cluster has namespaces of other tests, some of them on their way out.
			manifests := succeed(t, "--fix", "--dry-run", "--confidence=review", "-o", "yaml")
			kubectlTakes(t, manifests.stdout)

			// Deployment api is Helm's.
			fixed := succeed(t, "--fix", "--yes", "--confidence=review", "--include-managed")
			if !strings.Contains(fixed.stdout, "deployment.apps/web in "+shop+" patched") {
				t.Errorf("the outcome does not name what was patched:\n%s", fixed.stdout)
			}
			rolledOut(t, shop, payments)

			after := inNamespaces(parseReport(t, succeed(t, "-o", "json")), shop, payments)
			left := map[string]bool{}
			for _, f := range after {
				left[f.Fingerprint] = true
			}
			closed := 0
			for _, f := range before {
				if f.Fix == nil || f.Fix.Confidence == "manual" {
					continue
				}
				if closed++; left[f.Fingerprint] {
					t.Errorf("still there after the fix: %s of %s %s at %s", f.Rule, f.Object.Kind, f.Object.Name, f.Path)
				}
			}
			if closed < 15 {
				t.Errorf("only %d findings of the shop had a fix", closed)
			}
			env := control.Kubectl(t, "get", "deployment", "web", "-n", shop, "-o", "jsonpath={.spec.template.spec.containers[0].env}")
			for _, s := range shopSecrets {
				if strings.Contains(env, s) {
					t.Error("a secret is still in the environment")
				}
			}
			annotation := control.Kubectl(t, "get", "deployment", "web", "-n", shop, "-o", "jsonpath={.metadata.annotations}")
			for _, s := range shopSecrets {
				if strings.Contains(annotation, s) {
					t.Error("a secret is still in an annotation")
				}
			}

			// The revisions before the fix hold the credentials; once they are gone,
			// there is nothing more to do.
			second := succeed(t, "--fix", "--yes", "--confidence=review", "--include-managed", "-n", shop)
			for line := range strings.Lines(second.stdout) {
				if !strings.HasSuffix(line, " deleted\n") || !strings.HasPrefix(line, "replicaset.apps/web-") && !strings.HasPrefix(line, "controllerrevision.apps/db-") {
					t.Errorf("a second fix changes more than old revisions: %s", line)
				}
			}
			for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
				again := succeed(t, "--fix", "--yes", "--confidence=review", "--include-managed", "-n", shop)
				if again.stdout == "" && strings.Contains(again.stderr, "Nothing to change.") {
					break
				}
				if time.Now().After(deadline) { // the garbage collector has had its time
					t.Fatalf("a third fix changes something:\n%s%s", again.stdout, again.stderr)
				}
			}
		})
	}
}

// kubectlTakes demands that kubectl apply accepts manifests, and that the
// server would.
func kubectlTakes(t *testing.T, manifests string) {
	t.Helper()
	cmd := control.Command(control.KubectlPath, "apply", "--dry-run=server", "-f", "-")
	cmd.Stdin = strings.NewReader(manifests)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("kubectl apply refuses the export: %v\n%s", err, out)
	}
}

// TestKustomizeExport builds an export with kubectl, and sees that the result
// is what the plan says and that no file for Git holds a secret.
func TestKustomizeExport(t *testing.T) {
	shop, payments := "shop-export", "payments-export"
	createShop(t, "apply", shop, payments)
	dir := filepath.Join(t.TempDir(), "fixes")
	succeed(t, "--fix", "--dry-run", "--confidence=review", "--output-dir", dir, "-n", shop)

	built := control.Kubectl(t, "kustomize", dir)
	for _, want := range []string{"secretKeyRef", "automountServiceAccountToken: false", "kind: NetworkPolicy", "pod-security.kubernetes.io/enforce"} {
		if !strings.Contains(built, want) {
			t.Errorf("the build lacks %q:\n%s", want, built)
		}
	}
	secrets, err := os.Stat(filepath.Join(dir, "secrets.yaml"))
	if err != nil || secrets.Mode().Perm() != 0o600 {
		t.Errorf("secrets.yaml: %v, mode %v", err, secrets.Mode())
	}
	ignored, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
	if err != nil || !bytes.Contains(ignored, []byte("/secrets.yaml\n")) {
		t.Errorf(".gitignore: %v\n%s", err, ignored)
	}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "secrets.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, s := range shopSecrets {
			if bytes.Contains(text, []byte(s)) {
				t.Errorf("%s holds a secret:\n%s", path, text)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	control.Kubectl(t, "apply", "-f", filepath.Join(dir, "secrets.yaml"))
	control.Kubectl(t, "apply", "-k", dir)
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", shop, "--timeout=180s")
	after := parseReport(t, succeed(t, "-n", shop, "-o", "json"))
	for _, f := range after.Findings {
		if f.Path == "spec.revisionHistoryLimit" {
			continue // the revisions before the fix, which no manifest holds
		}
		if f.Fix != nil && f.Fix.Confidence != "manual" {
			t.Errorf("still there after applying the export: %s of %s %s", f.Rule, f.Object.Kind, f.Object.Name)
		}
	}
	if r := harden(t, "--fix", "--dry-run", "--output-dir", dir); r.status != 2 || !strings.Contains(r.stderr, "not empty") {
		t.Errorf("a folder that is not empty: status %d, %s", r.status, r.stderr)
	}
}

// TestFewRights scans as somebody who may list one kind in one namespace.
func TestFewRights(t *testing.T) {
	ns := namespace(t, "few-rights")
	control.Kubectl(t, "create", "deployment", "web", "-n", ns, "--image=example.com/web:1")
	control.Kubectl(t, "set", "env", "deployment/web", "-n", ns, "DB_PASSWORD=Tr0ub4dor&3-horse")
	control.Kubectl(t, "create", "role", "reader", "-n", ns, "--verb=list", "--resource=deployments")
	control.Kubectl(t, "create", "rolebinding", "reader", "-n", ns, "--role=reader", "--group=devs")

	r := runAs(t, control.KubeconfigNoRights, "", "-n", ns, "-o", "json")
	if r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	out := parseReport(t, r)
	var rules []string
	for _, f := range out.Findings {
		rules = append(rules, f.Rule)
	}
	if !slices.Contains(rules, "env-secret") {
		t.Errorf("findings: %q", rules)
	}
	for _, missing := range []string{"quota-missing", "limitrange-missing", "network-no-default-deny", "psa-missing"} {
		if slices.Contains(rules, missing) {
			t.Errorf("%s is reported, and what would tell may not be listed", missing)
		}
	}
	var skipped []string
	for _, s := range out.Skipped {
		skipped = append(skipped, s.Resource)
	}
	for _, want := range []string{"secrets", "networkpolicies.networking.k8s.io", "pods"} {
		if !slices.Contains(skipped, want) {
			t.Errorf("%s is not among what was skipped: %q", want, skipped)
		}
	}
	if slices.Contains(skipped, "deployments.apps") {
		t.Error("deployments were looked at")
	}

	everywhere := runAs(t, control.KubeconfigNoRights, "")
	if everywhere.status != 0 || !strings.Contains(everywhere.stderr, "not looked at: secrets (forbidden)") ||
		everywhere.stdout != "No findings in what could be looked at.\n" {
		t.Errorf("without rights: status %d\n%s%s", everywhere.status, everywhere.stdout, everywhere.stderr)
	}
}

// TestNamespaceByNamespace scans as somebody who may list namespaces, but
// Deployments only in some of them.
func TestNamespaceByNamespace(t *testing.T) {
	ns := namespace(t, "one-of-many")
	control.Kubectl(t, "create", "deployment", "web", "-n", ns, "--image=example.com/web:1")
	control.Kubectl(t, "create", "clusterrole", "namespaces", "--verb=list", "--resource=namespaces")
	control.Kubectl(t, "create", "clusterrolebinding", "namespaces", "--clusterrole=namespaces", "--group=devs")
	t.Cleanup(func() { control.Kubectl(t, "delete", "clusterrole,clusterrolebinding", "namespaces") })
	control.Kubectl(t, "create", "role", "reader", "-n", ns, "--verb=list", "--resource=deployments")
	control.Kubectl(t, "create", "rolebinding", "reader", "-n", ns, "--role=reader", "--group=devs")

	r := runAs(t, control.KubeconfigNoRights, "", "-o", "json", "--rule", "image-mutable-tag")
	if r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	out := parseReport(t, r)
	if len(inNamespaces(out, ns)) != 1 {
		t.Errorf("findings: %+v", out.Findings)
	}
	if !slices.ContainsFunc(out.Skipped, func(s struct{ Resource, Namespace, Reason string }) bool {
		return s.Resource == "deployments.apps" && s.Namespace == "default"
	}) {
		t.Errorf("skipped: %+v", out.Skipped)
	}
}

// TestFailOn gives CI its answer.
func TestFailOn(t *testing.T) {
	if r := harden(t, "--demo", "--fail-on", "high"); r.status != 1 || !strings.Contains(r.stderr, "severity high or above") {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
	if r := harden(t, "--demo", "--rule", "image-mutable-tag", "--fail-on", "critical"); r.status != 0 {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
}

// TestCompletionShim installs the program that kubectl completes by, and asks
// kubectl.
func TestCompletionShim(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(dir, "kubectl-harden")); err != nil {
		t.Fatal(err)
	}
	if r := harden(t, "completion", "install", "--dir", dir); r.status != 0 {
		t.Fatal(r.stderr)
	}
	cmd := exec.Command(control.KubectlPath, "__complete", "harden", "--severity", "")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "KUBECONFIG="+control.Kubeconfig)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "critical") {
		t.Errorf("kubectl completes %q (%v)", out, err)
	}
}
