package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
)

// kills costs ten seconds of a processor each; plugin/apply's TestFault kills a
// run at every step.
var kills = flag.Int("kills", 8, "how often TestKill kills the program before each way of going on")

// workloads is how many are fixed. Most have no pods, so that many runs do
// not take an hour; those that have are rolled out.
const (
	workloads   = 30
	withPods    = 5
	killedWaves = "--wave-size=6"
)

// TestKill kills the program (SIGKILL) at random moments while it fixes thirty
// workloads. Resumed, it ends where a run ends that nobody killed; undone, it
// ends where it began: field by field, in all objects of the namespace.
func TestKill(t *testing.T) {
	t.Parallel() // in a namespace of its own, after all tests that are not
	env := []string{"KUBECONFIG=" + control.Kubeconfig, "XDG_STATE_HOME=" + t.TempDir()}
	succeed := func(args ...string) {
		t.Helper()
		if r := runWith(t, env, "", args...); r.status != 0 {
			t.Fatalf("harden %q: status %d\n%s", args, r.status, r.stderr)
		}
	}
	ns := namespace(t, "killed")
	createWorkloads(t, ns)
	fix := []string{"-n", ns, "--fix", "--yes", "--confidence=review", "--settle=0s", killedWaves}

	begin := snapshot(t, ns)
	started := time.Now()
	succeed(fix...)
	whole := time.Since(started)
	plan := snapshot(t, ns)
	if begin == plan {
		t.Fatal("the fix changes nothing")
	}
	succeed("undo", "--yes", "--settle=0s", killedWaves)
	if got := snapshot(t, ns); got != begin {
		t.Fatalf("undone without a kill, it is not as before:\n%s", firstDifference(begin, got))
	}

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d; a whole run takes %s", seed, whole)
	random := rand.New(rand.NewPCG(seed, seed))
	inTheMiddle := 0
	for n := range 2 * *kills {
		killAfter(t, env, time.Duration(random.Int64N(int64(whole))), fix)
		if state := snapshot(t, ns); state != begin && state != plan {
			inTheMiddle++
		}
		if n%2 == 0 {
			resumed := goOn(t, env, "resume", "--yes")
			if got := snapshot(t, ns); resumed && got != plan {
				t.Fatalf("kill %d, resumed, is not the plan:\n%s", n, firstDifference(plan, got))
			}
		}
		goOn(t, env, "undo", "--yes", "--settle=0s", killedWaves)
		if got := snapshot(t, ns); got != begin {
			t.Fatalf("kill %d, undone, is not the beginning:\n%s", n, firstDifference(begin, got))
		}
		control.Kubectl(t, "get", "all", "-n", ns, "-o", "name") // the server is well
	}
	if inTheMiddle < *kills/2 {
		t.Errorf("only %d of %d kills hit the middle of a run", inTheMiddle, 2**kills)
	}
	noSecretInJournals(t, strings.TrimPrefix(env[1], "XDG_STATE_HOME="))
}

// goOn resumes or undoes what a killed run left, and reports whether there was
// anything: a kill before the journal was begun, or after the end, leaves
// nothing to go on with.
func goOn(t *testing.T, env []string, how ...string) bool {
	t.Helper()
	r := runWith(t, env, "", how...)
	nothing := strings.Contains(r.stderr, "no run on this cluster")
	if r.status != 0 && !nothing {
		t.Fatalf("%q: status %d\n%s%s", how, r.status, r.stdout, r.stderr)
	}
	return !nothing
}

// killAfter starts the program and kills it after a time, if it has not ended
// by then.
func killAfter(t *testing.T, env []string, after time.Duration, args []string) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if cmd.ProcessState.ExitCode() > 0 {
		t.Fatalf("it failed before it was killed: %v\n%s", err, out.String())
	}
}

func createWorkloads(t *testing.T, ns string) {
	t.Helper()
	var docs []string
	for n := range workloads {
		replicas := 0
		if n < withPods {
			replicas = 2
		}
		docs = append(docs, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-%02d, namespace: %s, labels: {app: web-%02[1]d}}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: web-%02[1]d}}
  template:
    metadata: {labels: {app: web-%02[1]d}}
    spec:
      containers:
      - name: web
        image: example.com/web:1
        env:
        - {name: FIRST, value: one}
        - {name: DB_PASSWORD, value: "%s-%02[1]d"}
        - {name: LAST, value: $(DB_PASSWORD)}
`, n, ns, replicas, killedPassword))
	}
	control.Apply(t, strings.Join(docs, "---"))
	for n := range withPods {
		control.Kubectl(t, "rollout", "status", fmt.Sprintf("deployment/web-%02d", n), "-n", ns, "--timeout=180s")
	}
}

const killedPassword = "Xk7#pQ2$$mW9!zr"

// snapshot returns all that a run may change in a namespace, without what the
// server keeps of its own.
func snapshot(t *testing.T, ns string) string {
	t.Helper()
	text := control.Kubectl(t, "get", "namespace/"+ns, "-o", "json") +
		control.Kubectl(t, "get", "deployments,secrets,serviceaccounts,networkpolicies,resourcequotas,limitranges", "-n", ns, "-o", "json")
	decoder := json.NewDecoder(strings.NewReader(text))
	var b strings.Builder
	for decoder.More() {
		var doc map[string]any
		if err := decoder.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		items, isList := doc["items"].([]any)
		if !isList {
			items = []any{doc}
		}
		for _, item := range items {
			obj := item.(map[string]any)
			delete(obj, "status")
			meta := obj["metadata"].(map[string]any)
			for _, f := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
				delete(meta, f)
			}
			if annotations, ok := meta["annotations"].(map[string]any); ok {
				delete(annotations, "deployment.kubernetes.io/revision")
			}
			out, err := json.MarshalIndent(obj, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			b.Write(out)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d:\n%s\nis\n%s", i, strings.Join(w[max(0, i-12):i+3], "\n"), strings.Join(g[max(0, i-12):min(len(g), i+3)], "\n"))
		}
	}
	return fmt.Sprintf("%d lines, and %d", len(w), len(g))
}

// noSecretInJournals demands that no journal holds the password, however
// written, nor a mask in its place.
func noSecretInJournals(t *testing.T, state string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(state, "kubectl-harden", "runs", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no journals: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{"Xk7#pQ2", "WGs3I3BRM", secrets.Mask} {
			if bytes.Contains(text, []byte(form)) {
				t.Errorf("%s holds %q", file, form)
			}
		}
	}
}
