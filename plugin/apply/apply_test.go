package apply_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

var (
	control *cluster.Cluster
	api     *client.Client
)

// stages make pods fail that have the label fate, and leave those of the name
// solo to be deleted by the server alone: kwok deletes by name, and may hit a
// pod that was made anew. Those that end slowly take three seconds.
var stages = cluster.WithStages(cluster.CrashLoop("fate", "crash"), cluster.NotReady("fate", "not-ready"), `
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-deleted-by-the-server}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  weight: 1000000
  selector:
    matchLabels: {app: solo}
    matchExpressions: [{key: .metadata.deletionTimestamp, operator: Exists}]
  next: {}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-ends-slowly}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  weight: 1000000
  selector:
    matchLabels: {ends: slowly}
    matchExpressions: [{key: .metadata.deletionTimestamp, operator: Exists}]
  delay: {durationMilliseconds: 3000}
  next: {delete: true}
`)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	var err error
	if control, err = cluster.New(ctx, "", stages); err != nil {
		fmt.Fprintln(os.Stderr, "control plane:", err)
		return 1
	}
	defer control.Stop()
	config, err := clientcmd.BuildConfigFromFlags("", control.Kubeconfig)
	if err == nil {
		api, err = client.New(config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

const password = "Tr0ub4dor&3-horse"

// shop makes a namespace with one Deployment, and returns a plan for it.
func shop(t *testing.T) (namespace string, plan *fixes.Plan) {
	t.Helper()
	namespace = "t-" + strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(t.Name(), "Test"), "/", "-"))
	control.Kubectl(t, "create", "namespace", namespace)
	t.Cleanup(func() { control.Kubectl(t, "delete", "namespace", namespace, "--wait=false") })
	control.Apply(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: `+namespace+`}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example.com/web:1
        env: [{name: DB_PASSWORD, value: `+password+`}]
`)
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", namespace, "--timeout=180s")
	return namespace, scan(t, namespace)
}

func scan(t *testing.T, namespace string) *fixes.Plan {
	t.Helper()
	result, err := source.Scan(t.Context(), &source.Cluster{Client: api, Namespace: namespace}, nil, catalog.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Verified || len(plan.Changes) < 5 {
		t.Fatalf("plan: verified %v, %d changes", plan.Verified, len(plan.Changes))
	}
	return plan
}

func applier(t *testing.T) *apply.Applier {
	t.Helper()
	return &apply.Applier{
		Client: api, Redact: secrets.Redact, Runs: journal.Open(t.TempDir()),
		Settings: journal.Settings{WaveSize: 5, OnFailure: apply.Stop, FieldManager: apply.FieldManager},
	}
}

// write makes a plan's changes.
func write(ctx context.Context, a *apply.Applier, plan *fixes.Plan, report func(fixes.Outcome)) error {
	run, err := a.Begin(plan)
	if err != nil {
		return err
	}
	return run.Do(ctx, nil, report)
}

// outcomes gathers the last state of each change, in order.
type outcomes struct {
	order []*fixes.Change
	last  map[*fixes.Change]fixes.Outcome
}

func (o *outcomes) report(out fixes.Outcome) {
	if o.last == nil {
		o.last = map[*fixes.Change]fixes.Outcome{}
	}
	if _, seen := o.last[out.Change]; !seen {
		o.order = append(o.order, out.Change)
	}
	o.last[out.Change] = out
}

func (o *outcomes) of(kind string) fixes.Outcome {
	for _, c := range o.order {
		if c.Object.Kind.Name == kind {
			return o.last[c]
		}
	}
	return fixes.Outcome{}
}

func (o *outcomes) states() []fixes.State {
	var states []fixes.State
	for _, c := range o.order {
		states = append(states, o.last[c].State)
	}
	return states
}

func exists(t *testing.T, namespace, what string) bool {
	t.Helper()
	out := control.Kubectl(t, "get", what, "-n", namespace, "--ignore-not-found", "-o", "name")
	return out != ""
}

func TestWrite(t *testing.T) {
	namespace, plan := shop(t)
	var got outcomes
	if err := applier(t).DryRun(t.Context(), plan, got.report); err != nil {
		t.Fatal(err)
	}
	if exists(t, namespace, "secret/web-env") {
		t.Fatal("a dry run wrote")
	}
	if err := write(t.Context(), applier(t), plan, got.report); err != nil {
		t.Fatal(err)
	}
	for i, s := range got.states() {
		if s != fixes.Applied {
			t.Errorf("%s is %s: %s", got.order[i].Object, s, got.last[got.order[i]].Detail)
		}
	}
	if left := control.Kubectl(t, "get", "deployment", "web", "-n", namespace, "-o", "yaml"); strings.Contains(left, password) {
		t.Errorf("the password is still there:\n%s", left)
	}
	if manager := control.Kubectl(t, "get", "secret", "web-env", "-n", namespace, "--show-managed-fields", "-o", "yaml"); !strings.Contains(manager, "manager: kubectl-harden") {
		t.Errorf("the field manager is not named:\n%s", manager)
	}
	// Whoever does it again finds what was created, and patches that no longer
	// hold.
	var again outcomes
	err := applier(t).DryRun(t.Context(), plan, again.report)
	if !errors.Is(err, apply.ErrStale) || again.of("Secret").State != fixes.Unchanged {
		t.Errorf("again: %v %v", err, again.states())
	}
}

// TestWarnings passes on what the server warns of.
func TestWarnings(t *testing.T) {
	_, plan := shop(t)
	// Without the change that replaces the pods, they stay what they are.
	plan.Changes = slices.DeleteFunc(plan.Changes, func(c fixes.Change) bool { return c.Restarts() })
	for i := range plan.Changes {
		if ns, ok := plan.Changes[i].After.(*corev1.Namespace); ok {
			ns.Labels["pod-security.kubernetes.io/enforce"] = "restricted"
		}
	}
	for _, c := range plan.Choices {
		c.Fix.Confidence = fixes.Review // a safe one is refused
	}
	var got outcomes
	if err := applier(t).DryRun(t.Context(), plan, got.report); err != nil {
		t.Fatal(err)
	}
	if w := got.of("Namespace").Warnings; len(w) == 0 || !strings.Contains(strings.Join(w, " "), "restricted") {
		t.Errorf("warnings: %q", w)
	}
}

// TestMeanwhile changes the object between the scan and the write.
func TestMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, namespace string)
		stale  bool
	}{
		{"other-field", func(t *testing.T, namespace string) {
			control.Kubectl(t, "scale", "deployment/web", "-n", namespace, "--replicas=3")
			control.Kubectl(t, "label", "deployment/web", "-n", namespace, "team=blue")
		}, false},
		{"same-field", func(t *testing.T, namespace string) {
			control.Kubectl(t, "set", "env", "deployment/web", "-n", namespace, "DB_PASSWORD=another-one-9f8e")
		}, true},
		{"deleted", func(t *testing.T, namespace string) {
			control.Kubectl(t, "delete", "deployment/web", "-n", namespace)
		}, true},
		{"replaced", func(t *testing.T, namespace string) {
			text := control.Kubectl(t, "get", "deployment/web", "-n", namespace, "-o", "yaml")
			control.Kubectl(t, "delete", "deployment/web", "-n", namespace)
			control.Apply(t, text)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			namespace, plan := shop(t)
			c.change(t, namespace)
			before := control.Kubectl(t, "get", "deployment", "-n", namespace, "-o", "jsonpath={.items[*].spec}")
			var got outcomes
			err := applier(t).DryRun(t.Context(), plan, got.report)
			if !c.stale {
				if err == nil {
					err = write(t.Context(), applier(t), plan, got.report)
				}
				if err != nil || got.of("Deployment").State != fixes.Applied {
					t.Fatalf("%v %v", err, got.of("Deployment"))
				}
				if n := control.Kubectl(t, "get", "deployment/web", "-n", namespace, "-o", "jsonpath={.spec.replicas}"); n != "3" {
					t.Errorf("replicas were put back to %s", n)
				}
				return
			}
			if !errors.Is(err, apply.ErrStale) || got.of("Deployment").State != fixes.Stale {
				t.Errorf("%v %+v", err, got.of("Deployment"))
			}
			if after := control.Kubectl(t, "get", "deployment", "-n", namespace, "-o", "jsonpath={.items[*].spec}"); after != before {
				t.Error("something was written")
			}
		})
	}
}

// TestRefused is denied by an admission policy, in the dry run already or
// only in the real write.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, allowed string
		want          error
	}{
		{"always", "false", apply.ErrRefused},
		{"write", "request.?dryRun.orValue(false)", apply.ErrRolledBack},
	} {
		t.Run(c.name, func(t *testing.T) {
			namespace, plan := shop(t)
			policy := "deny-" + namespace
			control.Apply(t, `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: `+policy+`}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [UPDATE], resources: [deployments]}]
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: `+namespace+`}}
  validations:
  - expression: "`+c.allowed+`"
    messageExpression: "'never with ' + string(oldObject.spec.template.spec.containers[0].env[0].value)"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: `+policy+`}
spec: {policyName: `+policy+`, validationActions: [Deny]}
`)
			t.Cleanup(func() {
				control.Kubectl(t, "delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", policy)
			})
			enforced(t, namespace)

			var got outcomes
			err := applier(t).DryRun(t.Context(), plan, got.report)
			if errors.Is(c.want, apply.ErrRolledBack) {
				if err != nil {
					t.Fatal(err)
				}
				err = write(t.Context(), applier(t), plan, got.report)
			}
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			refused := got.of("Deployment")
			if refused.State != fixes.Failed || !strings.Contains(refused.Detail, "never with "+secrets.Mask) || strings.Contains(refused.Detail, password) {
				t.Errorf("%+v", refused)
			}
			if errors.Is(c.want, apply.ErrRolledBack) {
				if got.of("Secret").State != fixes.RolledBack {
					t.Error("what was made for the refused change is not rolled back")
				}
				if s := got.of("NetworkPolicy").State; s != fixes.NotAttempted {
					t.Errorf("what comes after the refusal is %s", s)
				}
			}
			if exists(t, namespace, "secret/web-env") {
				t.Error("the Secret of the refused change is there")
			}
			if exists(t, namespace, "networkpolicy/default-deny") {
				t.Error("the run went on after the refusal")
			}
		})
	}
}

// enforced waits until the API server has taken up a policy against writes to
// a namespace's Deployments.
func enforced(t *testing.T, namespace string) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		_, stderr, err := control.KubectlErr("annotate", "deployment/web", "-n", namespace, "probe=x", "--overwrite")
		if err != nil && strings.Contains(stderr, "never with") {
			return
		}
	}
	t.Fatal("the policy does not take effect")
}

// TestPodsRefused is stopped by what judges pods only: the Deployment alone
// would go through, and its pods never come.
func TestPodsRefused(t *testing.T) {
	namespace, plan := shop(t)
	control.Apply(t, `
apiVersion: v1
kind: ResourceQuota
metadata: {name: full, namespace: `+namespace+`}
spec: {hard: {pods: "1"}}
`)
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if used := control.Kubectl(t, "get", "quota", "full", "-n", namespace, "-o", "jsonpath={.status.used.pods}"); used == "1" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the quota is not counted")
		}
	}
	var got outcomes
	err := applier(t).DryRun(t.Context(), plan, got.report)
	refused := got.of("Deployment")
	if !errors.Is(err, apply.ErrRefused) || !strings.Contains(refused.Detail, "its new pods would be refused") || !strings.Contains(refused.Detail, "exceeded quota") {
		t.Errorf("%v %+v", err, refused)
	}
}

// TestPodsRefusedBefore says of a workload whose pods the server refuses before
// the change too that it is so, and lets the rest go on.
func TestPodsRefusedBefore(t *testing.T) {
	namespace, _ := shop(t)
	control.Apply(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: lost, namespace: `+namespace+`}
spec:
  selector: {matchLabels: {app: lost}}
  template:
    metadata: {labels: {app: lost}}
    spec:
      serviceAccountName: nobody
      containers: [{name: main, image: example.com/lost:1}]
`)
	var got outcomes
	if err := applier(t).DryRun(t.Context(), scan(t, namespace), got.report); err != nil {
		t.Fatal(err)
	}
	for _, out := range got.last {
		warned := slices.ContainsFunc(out.Warnings, func(w string) bool {
			return strings.Contains(w, "refused now already") && strings.Contains(w, `"nobody" not found`)
		})
		if lost := out.Change.Object.Name == "lost"; out.State != fixes.Checked || warned != lost {
			t.Errorf("%s: %v %q", out.Change.Object, out.State, out.Warnings)
		}
	}
}

// TestClaims checks a pod that mounts what its StatefulSet claims.
func TestClaims(t *testing.T) {
	namespace, _ := shop(t)
	control.Apply(t, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: `+namespace+`}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      volumes: [{name: data, emptyDir: {}}] # the claim takes its place
      containers: [{name: db, image: "example.com/db:1", volumeMounts: [{name: data, mountPath: /data}]}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`)
	var got outcomes
	if err := applier(t).DryRun(t.Context(), scan(t, namespace), got.report); err != nil {
		t.Errorf("%v %+v", err, got.of("StatefulSet"))
	}
}

// TestExists meets an object of the name that is to be created.
func TestExists(t *testing.T) {
	namespace, plan := shop(t)
	control.Kubectl(t, "create", "secret", "generic", "web-env", "-n", namespace, "--from-literal=DB_PASSWORD=other")
	var got outcomes
	err := applier(t).DryRun(t.Context(), plan, got.report)
	if !errors.Is(err, apply.ErrRefused) || got.of("Secret").State != fixes.Failed || !strings.Contains(got.of("Secret").Detail, "there already") {
		t.Errorf("%v %+v", err, got.of("Secret"))
	}
	// The next scan sees it and takes another name.
	if plan := scan(t, namespace); !slices.ContainsFunc(plan.Changes, func(c fixes.Change) bool { return c.Object.Name == "web-env-2" }) {
		t.Error("no other name was taken")
	}
}

// TestInterrupted begins no further change after the context ends.
func TestInterrupted(t *testing.T) {
	namespace, plan := shop(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got outcomes
	err := write(ctx, applier(t), plan, func(out fixes.Outcome) {
		got.report(out)
		if out.State == fixes.Applied {
			cancel()
		}
	})
	if !errors.Is(err, apply.ErrPartial) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	states := got.states()
	if states[0] != fixes.Applied || slices.ContainsFunc(states[1:], func(s fixes.State) bool { return s != fixes.NotAttempted }) {
		t.Errorf("states %v", states)
	}
	if exists(t, namespace, "networkpolicy/default-deny") {
		t.Error("the run went on")
	}
}
