package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
	"github.com/kubectl-harden/kubectl-harden/tui"
)

// liveShop is what is watched.
const liveShop = `
apiVersion: v1
kind: Namespace
metadata: {name: live}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: live}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1.4
        env: [{name: LOG_LEVEL, value: info}]
`

// threeContexts writes a kubeconfig with the control plane's context, another
// name of it, and a cluster that is down.
func threeContexts(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(c.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	here := config.Contexts[config.CurrentContext]
	config.Contexts["other"] = here.DeepCopy()
	down := config.Clusters[here.Cluster].DeepCopy()
	down.Server = "https://127.0.0.1:1"
	config.Clusters["down"] = down
	config.Contexts["down"] = here.DeepCopy()
	config.Contexts["down"].Cluster = "down"
	file := filepath.Join(t.TempDir(), "config")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// openSession returns the session of a command line.
func openSession(t *testing.T, kubeconfig string, change func(*Flags)) (tui.Session, *Options) {
	t.Helper()
	flags := NewFlags()
	*flags.Connection.KubeConfig = kubeconfig
	if change != nil {
		change(flags)
	}
	o, err := flags.ToOptions(genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, ErrOut: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o.session(), o
}

func scanSession(t *testing.T, s tui.Session) *fixes.Result {
	t.Helper()
	result, err := s.Scan(t.Context(), func(fixes.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// watched is a watch that runs, and what it has told.
type watched struct {
	mu      sync.Mutex
	updates []fixes.Update
	news    chan struct{}
}

func startWatching(t *testing.T, s tui.Session) *watched {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w, done := &watched{news: make(chan struct{}, 1)}, make(chan struct{})
	go func() {
		defer close(done)
		s.Watch(ctx, func(u fixes.Update) {
			w.mu.Lock()
			w.updates = append(w.updates, u)
			w.mu.Unlock()
			select {
			case w.news <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(2 * time.Minute):
			t.Error("the watch does not end")
		}
	})
	return w
}

// until waits for an update that is so.
func (w *watched) until(t *testing.T, what string, is func(fixes.Update) bool) {
	t.Helper()
	deadline := time.After(3 * time.Minute)
	for {
		w.mu.Lock()
		at := slices.IndexFunc(w.updates, is)
		if at >= 0 {
			w.updates = w.updates[at+1:]
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		select {
		case <-w.news:
		case <-deadline:
			t.Fatalf("no update: %s", what)
		}
	}
}

// hasFinding reports whether a result has a finding of a rule about an object.
func hasFinding(r *fixes.Result, rule, kind, namespace, name string) bool {
	return r != nil && slices.ContainsFunc(r.Findings, func(f *fixes.Finding) bool {
		return f.Rule.ID == rule && f.Object.Kind.Name == kind && f.Object.Namespace == namespace && f.Object.Name == name
	})
}

// said writes all findings of a result about a namespace, by what is said.
func said(r *fixes.Result, namespace string) []string {
	var out []string
	for _, f := range r.Findings {
		if f.Object.Namespace != namespace && f.Object.Name != namespace {
			continue
		}
		line := fmt.Sprint(f.Fingerprint, " ", f.Rule.ID, " ", f.Object, " ", f.Path, " ", f.Message)
		for _, fix := range f.Fixes {
			line += fmt.Sprint(" / ", fix.Title, " ", fix.Confidence)
		}
		out = append(out, line)
	}
	return out
}

const withSecret = `{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"DB_PASSWORD","value":"Tr0ub4dor&3-horse"}]}]}}}}`

// TestLive scans a real control plane and stays with it: an object is read anew,
// the cluster is followed, its API server is lost, and others are moved to.
func TestLive(t *testing.T) {
	c := cluster.Start(t)
	c.Apply(t, liveShop)
	c.Kubectl(t, "rollout", "status", "deployment/web", "-n", "live", "--timeout=180s")
	kubeconfig := threeContexts(t, c)

	t.Run("rescan", func(t *testing.T) {
		s, _ := openSession(t, kubeconfig, nil)
		before := scanSession(t, s)
		if hasFinding(before, "env-secret", "Deployment", "live", "web") {
			t.Fatal("the finding is there already")
		}
		web := fixes.Ref{Kind: fixes.KindDeployment, Namespace: "live", Name: "web"}
		c.Kubectl(t, "patch", "deployment", "web", "-n", "live", "-p", withSecret)
		c.Kubectl(t, "rollout", "status", "deployment/web", "-n", "live", "--timeout=180s")
		update, err := s.Rescan(t.Context(), web)
		if err != nil {
			t.Fatal(err)
		}
		if !hasFinding(update.Result, "env-secret", "Deployment", "live", "web") || !slices.Contains(update.Changed, web) {
			t.Fatalf("the finding is not seen: changed %v", update.Changed)
		}
		fresh, _ := openSession(t, kubeconfig, nil)
		if got, want := said(update.Result, "live"), said(scanSession(t, fresh), "live"); !slices.Equal(got, want) {
			t.Errorf("the object was read anew:\n%s\na scan finds:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		again, err := s.Rescan(t.Context(), web)
		if err != nil || again.Result != nil && len(again.Changed) > 0 {
			t.Errorf("nothing has changed, but: %v, %v", again.Changed, err)
		}
		c.Kubectl(t, "patch", "deployment", "web", "-n", "live", "--type=json", "-p", `[{"op":"remove","path":"/spec/template/spec/containers/0/env"}]`)
		c.Kubectl(t, "rollout", "status", "deployment/web", "-n", "live", "--timeout=180s")
	})

	t.Run("watch", func(t *testing.T) {
		s, _ := openSession(t, kubeconfig, nil)
		if hasFinding(scanSession(t, s), "env-secret", "Deployment", "live", "web") {
			t.Fatal("the finding is there already")
		}
		w := startWatching(t, s)
		c.Kubectl(t, "patch", "deployment", "web", "-n", "live", "-p", withSecret)
		w.until(t, "a secret comes", func(u fixes.Update) bool { return hasFinding(u.Result, "env-secret", "Deployment", "live", "web") })
		c.Kubectl(t, "patch", "deployment", "web", "-n", "live", "--type=json", "-p", `[{"op":"remove","path":"/spec/template/spec/containers/0/env"}]`)
		w.until(t, "it goes", func(u fixes.Update) bool {
			return u.Result != nil && !hasFinding(u.Result, "env-secret", "Deployment", "live", "web")
		})
		c.Kubectl(t, "create", "deployment", "late", "-n", "live", "--image=registry.example.com/late:1")
		w.until(t, "a Deployment comes", func(u fixes.Update) bool {
			return u.Result != nil && slices.ContainsFunc(u.Result.Findings, func(f *fixes.Finding) bool { return f.Object.Name == "late" })
		})
		c.Kubectl(t, "delete", "deployment", "late", "-n", "live")
		w.until(t, "it goes", func(u fixes.Update) bool {
			return u.Result != nil && !slices.ContainsFunc(u.Result.Findings, func(f *fixes.Finding) bool { return f.Object.Name == "late" })
		})
		// An object that is read anew while it is followed is no older than what follows.
		if _, err := s.Rescan(t.Context(), fixes.Ref{Kind: fixes.KindDeployment, Namespace: "live", Name: "web"}); err != nil {
			t.Error(err)
		}
	})

	t.Run("switch", func(t *testing.T) {
		s, _ := openSession(t, kubeconfig, func(f *Flags) { *f.Connection.BearerToken = "for-this-cluster" })
		names, err := s.Contexts()
		if err != nil || !slices.Contains(names, "other") || !slices.Contains(names, "down") {
			t.Fatalf("contexts %v, %v", names, err)
		}
		_, err = s.Switch(t.Context(), tui.Place{Context: "down"})
		var down *fixes.UnreachableError
		if !errors.As(err, &down) || !strings.Contains(down.Reason, "connection refused") {
			t.Errorf("moved to what is down: %v", err)
		}
		if _, err = s.Switch(t.Context(), tui.Place{Context: "no-such"}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("moved to what is not there: %v", err)
		}
		if _, err = s.Switch(t.Context(), tui.Place{Context: "other", Namespace: "no-such"}); err == nil || !strings.Contains(err.Error(), `namespace "no-such" does not exist`) {
			t.Errorf("moved to a namespace that is not there: %v", err)
		}
		other, err := s.Switch(t.Context(), tui.Place{Context: "other"})
		if err != nil {
			t.Fatal(err)
		}
		if other.Context != "other" || other.Scope != "all namespaces" {
			t.Errorf("moved to %q, %q", other.Context, other.Scope)
		}
		in, err := other.Switch(t.Context(), tui.Place{Context: "other", Namespace: "live"})
		if err != nil {
			t.Fatal(err)
		}
		result := scanSession(t, in)
		if in.Namespace != "live" || len(result.Findings) == 0 || !strings.Contains(in.Command(result.Findings[0]), "--context other -n live") {
			t.Errorf("%d findings; %s", len(result.Findings), in.Command(result.Findings[0]))
		}
		for _, f := range result.Findings {
			if ns := f.Object.Namespace; ns != "" && ns != "live" {
				t.Errorf("a finding about %s", f.Object)
			}
		}
		spaces, err := in.Namespaces(t.Context())
		if err != nil || !slices.Contains(spaces, "kube-system") {
			t.Errorf("namespaces %v, %v", spaces, err)
		}
		// One namespace is followed as well as all.
		w := startWatching(t, in)
		c.Kubectl(t, "patch", "deployment", "web", "-n", "live", "-p", withSecret)
		w.until(t, "a secret comes", func(u fixes.Update) bool { return hasFinding(u.Result, "env-secret", "Deployment", "live", "web") })
	})

	t.Run("restart", func(t *testing.T) {
		s, _ := openSession(t, kubeconfig, nil)
		if !hasFinding(scanSession(t, s), "env-secret", "Deployment", "live", "web") {
			t.Fatal("the finding is not there")
		}
		w := startWatching(t, s)
		c.KillAPIServer()
		w.until(t, "it is lost", func(u fixes.Update) bool {
			var down *fixes.UnreachableError
			return errors.As(u.Lost, &down) && strings.Contains(down.Reason, "connection refused") && time.Until(u.Retry) < time.Minute
		})
		if _, err := s.Rescan(t.Context(), fixes.Ref{Kind: fixes.KindDeployment, Namespace: "live", Name: "web"}); err == nil {
			t.Error("an object was read of a server that is down")
		}
		if err := c.StartAPIServer(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.until(t, "it is back", func(u fixes.Update) bool { return u.Lost == nil })
		c.Kubectl(t, "patch", "deployment", "web", "-n", "live", "--type=json", "-p", `[{"op":"remove","path":"/spec/template/spec/containers/0/env"}]`)
		w.until(t, "a secret goes", func(u fixes.Update) bool {
			return u.Result != nil && !hasFinding(u.Result, "env-secret", "Deployment", "live", "web")
		})
	})
}

// TestElsewhere demands that what was said about one cluster is not said about
// another.
func TestElsewhere(t *testing.T) {
	f := NewFlags()
	*f.Connection.BearerToken, *f.Connection.APIServer, *f.Connection.Impersonate = "token", "https://a", "jane"
	f.Recreate, f.Decisions.Keep = []string{"shop/pod/web"}, []string{"shop/web:shop/db:5432"}
	from, err := f.ToOptions(genericiooptions.IOStreams{})
	if err != nil {
		t.Fatal(err)
	}
	from.Context = "prod"
	for _, c := range []struct {
		to        tui.Place
		token     string
		decisions int
	}{
		{tui.Place{Context: "prod", Namespace: "shop"}, "token", 1},
		{tui.Place{Context: "test"}, "", 0},
	} {
		o, err := f.elsewhere(from, c.to)
		if err != nil {
			t.Fatal(err)
		}
		got := o.connection
		if *got.Context != c.to.Context || *got.Namespace != c.to.Namespace || o.Namespace != c.to.Namespace || *got.Impersonate != "jane" {
			t.Errorf("%v: context %q, namespace %q, as %q", c.to, *got.Context, *got.Namespace, *got.Impersonate)
		}
		if *got.BearerToken != c.token || (*got.APIServer == "") != (c.token == "") {
			t.Errorf("%v: token %q, server %q", c.to, *got.BearerToken, *got.APIServer)
		}
		pod := fixes.Ref{Kind: fixes.KindPod, Namespace: "shop", Name: "web"}
		if len(o.decisions.get()) != c.decisions || o.Recreate != nil && o.Recreate(pod) != (c.decisions > 0) {
			t.Errorf("%v: %d decisions, or what may be recreated is not as it was said", c.to, len(o.decisions.get()))
		}
	}
	if *f.Connection.Namespace != "" || *f.Connection.BearerToken != "token" {
		t.Error("the flags themselves were changed")
	}
}
