//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster/zoo"
)

// The whole zoo takes twice as long as a dozen of every sort.
var zooServers = flag.String("zoo", "apache2,caddy,dnsmasq,exim,haproxy,mariadb,nginx,php,postgres,redis,squid,worker",
	"servers of the zoo to fix, or all")

// survivor is a server, and what became of it.
type survivor struct {
	zoo.Server
	before, after api.Level
	readOnly      bool
	tries         int
	running       error
	kept          string
}

// TestZooOnNode fixes real servers that run as root, the way people run them, on a
// real node: with trials each must still run and answer, nearly all of them at
// restricted with a read-only root; and without trials, no fix that is called
// safe may break one. With -v it prints the table.
func TestZooOnNode(t *testing.T) {
	t.Parallel() // it waits most of its time, on a node of its own
	node := cluster.StartNode(t)
	servers := chosen(t)
	if err := zoo.Load(t.Context(), node, servers); err != nil {
		t.Fatal(err)
	}
	asker := filepath.Join(t.TempDir(), "asker")
	if err := zoo.BuildAsker(t.Context(), asker); err != nil {
		t.Fatal(err)
	}
	list := make([]*survivor, len(servers))
	for i, s := range servers {
		if err := s.Start(node); err != nil {
			t.Fatal(err)
		}
		list[i] = &survivor{Server: s}
	}
	check(t, node, asker, list, "as it is")
	for _, s := range list {
		s.before, _ = s.level(t, node)
	}

	safe := zooFix(t, node, "--confidence=safe", "--category=podsecurity,access,secrets")
	check(t, node, asker, list, "with the safe fixes alone, which said:\n"+safe)

	said := zooFix(t, node, "--confidence=review", "--canary")
	check(t, node, asker, list, "with trials")
	tight := 0
	for _, s := range list {
		s.after, s.readOnly = s.level(t, node)
		s.told(said)
		switch {
		case s.after == api.LevelRestricted && s.readOnly:
			tight++
		case s.kept == "":
			t.Errorf("%s is at %s, read-only root %v, and nothing says why", s.Name, s.after, s.readOnly)
		}
	}
	t.Log(tableOf(list))
	if want := (4*len(list) + 4) / 5; tight < want && *zooServers != "all" { // the whole zoo has more that need root
		t.Errorf("%d of %d are at restricted with a read-only root, want %d", tight, len(list), want)
	}
	if left := node.Kubectl(t, "get", "pods,networkpolicies", "-A", "-l", "kubectl-harden.dev/canary", "-o", "name"); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

func chosen(t *testing.T) []zoo.Server {
	t.Helper()
	all, err := zoo.Servers()
	if err != nil {
		t.Fatal(err)
	}
	if *zooServers == "all" {
		return all
	}
	var out []zoo.Server
	for name := range strings.SplitSeq(*zooServers, ",") {
		i := slices.IndexFunc(all, func(s zoo.Server) bool { return s.Name == name })
		if i < 0 {
			t.Fatalf("the zoo has no %q", name)
		}
		out = append(out, all[i])
	}
	return out
}

// zooFix fixes everything on the node but what makes a namespace's network and
// quota, and returns what was said.
func zooFix(t *testing.T, node *cluster.Node, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"-A", "--fix", "--yes", "--settle=5s", "--on-failure=continue"}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+node.Kubeconfig, "HOME="+t.TempDir(), "XDG_STATE_HOME="+t.TempDir())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%q: %v\n%s", args, err, out.String())
	}
	if logged := regexp.MustCompile(`(?m)^[EWI]\d{4} .*`).FindString(out.String()); logged != "" {
		t.Errorf("%q: what a library logs is seen: %s", args, logged)
	}
	return out.String()
}

// check demands that all servers run and answer.
func check(t *testing.T, node *cluster.Node, asker string, list []*survivor, how string) {
	t.Helper()
	var group sync.WaitGroup
	for _, s := range list {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			s.running = s.Check(ctx, node, asker)
		})
	}
	group.Wait()
	for _, s := range list {
		if s.running != nil {
			logs, _, _ := node.KubectlErr("logs", "-n", s.Namespace(), "-l", "app="+s.Name, "--tail=20")
			t.Errorf("%s: %v\n%s", how, s.running, logs)
		}
	}
}

// level judges a server's pods as they are to be now.
func (s *survivor) level(t *testing.T, node *cluster.Node) (level api.Level, readOnly bool) {
	t.Helper()
	kind, obj := "deployment", fixes.Object(&appsv1.Deployment{})
	if s.Kind != "" {
		kind, obj = strings.ToLower(s.Kind), &appsv1.StatefulSet{}
	}
	if err := json.Unmarshal([]byte(node.Kubectl(t, "get", kind, s.Name, "-n", s.Namespace(), "-o", "json")), obj); err != nil {
		t.Fatal(err)
	}
	w, _ := fixes.AsWorkload(obj)
	level, _ = podsecurity.NewJudge(fixes.NewInventory()).Level(w.Meta, w.Spec)
	readOnly = true
	for c := range w.Containers() {
		sc := c.SecurityContext
		readOnly = readOnly && sc != nil && sc.ReadOnlyRootFilesystem != nil && *sc.ReadOnlyRootFilesystem
	}
	return level, readOnly
}

// told reads what a run said of a server's trials.
func (s *survivor) told(said string) {
	s.tries = len(regexp.MustCompile(`(?m)^\S+/`+s.Name+` in `+s.Namespace()+`: try \d+\.`).FindAllString(said, -1))
	if m := regexp.MustCompile(`(?m)^\S+/` + s.Name + ` in ` + s.Namespace() + ` runs; it keeps: (.*)$`).FindStringSubmatch(said); m != nil {
		s.kept = m[1]
	}
}

func tableOf(list []*survivor) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nserver\tlevel before\tlevel after\tread-only root\ttries\trunning\tkept")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%d\t%v\t%s\n", s.Name, s.before, s.after, s.readOnly, s.tries, s.running == nil, s.kept)
	}
	_ = w.Flush()
	return b.String()
}
