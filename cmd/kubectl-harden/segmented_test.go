//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// shopNeeds are the connections of testdata/shop that must stay: its own, those
// from outside to its front, and those of who collects its metrics.
var shopNeeds = []string{
	"front -> catalogue 8080", "front -> orders 8081",
	"catalogue -> db 5432", "catalogue -> clock 1123",
	"orders -> db 5432", "orders -> queue 4222", "orders -> gateway 8443",
	"worker -> db 5432", "worker -> queue 4222", "worker -> mail 2525", "worker -> partner 443",
	"ring-0 -> ring-1 7000", "ring-1 -> ring-0 7000",
	"watcher -> api 6443",
	"prometheus -> front 9102",
	"outside -> front 8080",
	"stranger -> front 8080", // its node port is open to everyone who reaches the cluster
}

// shopTargets are the ports of each part, as the program probes them.
var shopTargets = map[string][]string{
	"front": {"tcp 8080", "tcp 9102"}, "catalogue": {"tcp 8080", "tcp 9000"}, "orders": {"tcp 8081"}, "queue": {"tcp 4222"},
	"mail": {"tcp 2525"}, "db": {"tcp 5432"}, "ring-0": {"tcp 7000"}, "ring-1": {"tcp 7000"}, "clock": {"udp 1123"},
	"gateway": {"tcp 8443"}, "partner": {"tcp 443"}, "other": {"tcp 443"}, "metadata": {"tcp 80"}, "api": {"tcp 6443"},
}

// Addresses of the outside: two of the internet (RFC 5737), and that of the
// clouds' metadata services.
var outsideAddresses = map[string]string{"partner": "198.51.100.7", "other": "203.0.113.7", "metadata": "169.254.169.254"}

// TestSegmentedOnNode segments the namespaces of a running shop on a real node. Every
// connection that it needs goes on, those that only its code knows too; of all
// others, from each pod and from outside to each port, only those are left that
// the plan says it keeps by guess.
func TestSegmentedOnNode(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	everything := s.pairs(func(string) bool { return true })
	s.eventually(t, "before", everything)
	s.working(t, "before")

	guessed := s.guesses(t)
	s.harden(t, "--category=network", "--skip=service-exposed,network-allow-all", "--confidence=review", "--fix", "--yes", "--settle=0s")
	policies := s.policies(t)
	allowed := s.pairs(func(pair string) bool {
		return slices.Contains(shopNeeds, pair) || guessed[peers.Replace(pair)]
	})
	s.eventually(t, "segmented", allowed)
	s.working(t, "segmented")
	t.Logf("open: %d of %d pairs and ports before, %d after, %d of them by guess", len(everything), len(everything), len(allowed), len(guessed))

	// New pods get as far as the old ones.
	s.node.Kubectl(t, "rollout", "restart", "deployment/worker", "-n", "shop")
	s.node.Kubectl(t, "rollout", "status", "deployment/worker", "-n", "shop", "--timeout=180s")

	s.harden(t, "--category=network", "--skip=service-exposed,network-allow-all", "--confidence=review", "--fix", "--yes", "--settle=0s")
	if again := s.policies(t); again != policies {
		t.Errorf("a second run changed the policies:\n%s\nwere\n%s", again, policies)
	}
	s.harden(t, "undo", "--yes", "--settle=0s")
	s.eventually(t, "undone", everything)
}

// shop is the running application.
type shop struct {
	node    *cluster.Node
	state   string // where the program keeps its runs
	program string
	outside int // the process whose network is the outside
	pods    []shopPod
	address map[string]string // of parts, and of the outside
}

// shopPod is a pod, or the outside if it has no name. Its container is called
// app; its part is that, or the pod's name where there are two.
type shopPod struct{ namespace, name, app, part string }

// peers makes of the names of the ring's pods that of their StatefulSet.
var peers = strings.NewReplacer("ring-0", "ring", "ring-1", "ring")

func startShop(t *testing.T) *shop {
	t.Helper()
	src, err := os.ReadFile("../../testdata/shop/main.go")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile("../../testdata/shop/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{program: cluster.StaticProgram(t, string(src)), state: t.TempDir()}
	rootfs := t.TempDir()
	if out, err := exec.Command("cp", s.program, filepath.Join(rootfs, "program")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.node = cluster.StartNode(t)
	for _, ref := range []string{"shop:1", "prom/prometheus:1"} {
		s.node.LoadImage(t, ref, rootfs, cluster.ImageConfig{Entrypoint: []string{"/program"}, User: "65532"})
	}
	s.startOutside(t)
	s.node.Apply(t, string(manifest))
	for w := range strings.FieldsSeq(s.node.Kubectl(t, "get", "deployments,statefulsets", "-A", "-o",
		`jsonpath={range .items[*]}{.metadata.namespace}/{.kind}/{.metadata.name} {end}`)) {
		ns, workload, _ := strings.Cut(w, "/")
		s.node.Kubectl(t, "rollout", "status", workload, "-n", ns, "--timeout=180s")
	}
	return s
}

// startOutside makes a host beyond the node, with the addresses that stand for
// the internet. It is gone with its process.
func (s *shop) startOutside(t *testing.T) {
	t.Helper()
	cmd := s.node.Command("unshare", "--net", "sh", "-c", "ip link set lo up && exec "+s.program)
	cmd.Env = append(cmd.Env, "ROLE=outside", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	s.outside = cmd.Process.Pid
	deadline := time.Now().Add(3 * time.Minute)
	for exe := ""; exe != s.program; exe, _ = os.Readlink(fmt.Sprintf("/proc/%d/exe", s.outside)) {
		if time.Now().After(deadline) {
			t.Fatalf("the outside does not start: it runs %q", exe)
		}
		time.Sleep(20 * time.Millisecond)
	}
	here := fmt.Sprintf("link add outside type veth peer name eth0 netns %d\naddress add 10.99.0.1/24 dev outside\nlink set outside up\n", s.outside)
	there := "address add 10.99.0.2/24 dev eth0\nlink set eth0 up\nroute add default via 10.99.0.1\n"
	for _, address := range outsideAddresses {
		here += "route add " + address + " via 10.99.0.2\n"
		there += "address add " + address + "/32 dev lo\n"
	}
	for _, ip := range []struct {
		*exec.Cmd
		batch string
	}{{s.node.Command("ip", "-batch", "-"), here}, {s.beyond("ip", "-batch", "-"), there}} {
		ip.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		ip.Stdin = strings.NewReader(ip.batch)
		if out, err := ip.CombinedOutput(); err != nil {
			t.Fatalf("the outside's network: %v: %s", err, out)
		}
	}
}

// beyond is exec.Command for a program of the outside.
func (s *shop) beyond(name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{fmt.Sprintf("--net=/proc/%d/ns/net", s.outside), "--", name}, args...)...)
}

// look reads which pods there are, and their addresses.
func (s *shop) look(t *testing.T) {
	t.Helper()
	s.pods, s.address = nil, map[string]string{"api": strings.TrimSpace(s.node.Kubectl(t, "get", "node", cluster.NodeName,
		"-o", `jsonpath={.status.addresses[?(@.type=="InternalIP")].address}`))}
	maps.Copy(s.address, outsideAddresses)
	for line := range strings.Lines(s.node.Kubectl(t, "get", "pods", "-A", "--field-selector=status.phase=Running",
		"-o", `jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name} {.status.podIP} {.metadata.labels.app}{"\n"}{end}`)) {
		f := strings.Fields(line)
		if len(f) != 4 {
			continue
		}
		part := f[3]
		if part == "ring" {
			part = f[1]
		}
		s.pods = append(s.pods, shopPod{f[0], f[1], f[3], part})
		s.address[part] = f[2]
	}
}

// pairs returns the pairs of parts and ports that are wanted, from all pods and
// the outside to everything. What the stranger's own policy opens is left out.
func (s *shop) pairs(want func(pair string) bool) []string {
	var out []string
	for _, from := range []string{"front", "catalogue", "orders", "queue", "worker", "mail", "db", "ring-0", "ring-1", "clock", "watcher",
		"gateway", "prometheus", "stranger", "outside"} {
		for to, targets := range shopTargets {
			beyond := to == "api" || outsideAddresses[to] != ""
			if from == to || beyond && (from == "stranger" || from == "outside") {
				continue
			}
			for _, target := range targets {
				_, port, _ := strings.Cut(target, " ")
				pair := from + " -> " + to + " " + port
				if want(pair) {
					out = append(out, pair)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// eventually waits until just these pairs can connect.
func (s *shop) eventually(t *testing.T, when string, want []string) {
	t.Helper()
	start := time.Now()
	for {
		got, err := s.connected(t)
		if err == nil && slices.Equal(got, want) {
			t.Logf("%s: after %s", when, time.Since(start).Round(100*time.Millisecond))
			return
		}
		if time.Since(start) > 3*time.Minute {
			t.Fatalf("%s: %v\nconnected but should not be: %q\nnot connected: %q", when, err, without(got, want), without(want, got))
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func without(list, of []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(of, s) })
}

// connected tries the whole product. The error says where that was not possible:
// a pod that ends while it is asked, say.
func (s *shop) connected(t *testing.T) (out []string, failed error) {
	t.Helper()
	s.look(t)
	all := s.pairs(func(string) bool { return true })
	var lock sync.Mutex
	s.each(append(slices.Clone(s.pods), shopPod{part: "outside"}), func(pod shopPod) {
		pairs := map[string]string{} // by what is probed
		for _, pair := range all {
			f := strings.Fields(pair)
			if f[0] == pod.part {
				kind := "tcp/"
				if f[2] == "clock" {
					kind = "udp/"
				}
				pairs[kind+s.address[f[2]]+":"+f[3]] = pair
			}
		}
		answer, err := s.command(pod, append([]string{"probe"}, slices.Sorted(maps.Keys(pairs))...)...).Output()
		lock.Lock()
		defer lock.Unlock()
		if err != nil {
			failed = fmt.Errorf("probing from %s: %w", pod.part, err)
		}
		for target := range strings.FieldsSeq(string(answer)) {
			out = append(out, pairs[target])
		}
	})
	slices.Sort(out)
	return out, failed
}

// command runs the program in a pod, or outside.
func (s *shop) command(pod shopPod, args ...string) *exec.Cmd {
	if pod.name == "" {
		return s.beyond(s.program, args...)
	}
	return s.node.Command("kubectl", append([]string{"exec", "-n", pod.namespace, pod.name, "-c", pod.app, "--", "/program"}, args...)...)
}

// each does something for some pods at a time.
func (s *shop) each(pods []shopPod, do func(shopPod)) {
	var group sync.WaitGroup
	turns := make(chan struct{}, 4)
	for _, pod := range pods {
		group.Go(func() {
			turns <- struct{}{}
			do(pod)
			<-turns
		})
	}
	group.Wait()
}

// working demands that all parts get what they ask for from now on, that names
// resolve, that the Job does its work, that the node port answers, and that no
// probe has failed.
func (s *shop) working(t *testing.T, when string) {
	t.Helper()
	job := "report-" + when
	s.node.Kubectl(t, "create", "job", job, "-n", "shop", "--from=cronjob/report")
	begin := time.Now()
	s.each(s.pods, func(pod shopPod) {
		const name = "dns/kubernetes.default.svc.cluster.local"
		if out, err := s.command(pod, "probe", name).Output(); err != nil || strings.TrimSpace(string(out)) != name {
			t.Errorf("%s: no name resolves in %s: %v", when, pod.part, err)
			return
		}
		for {
			err := s.answered(pod, begin)
			if err == nil {
				return
			}
			if time.Since(begin) > 3*time.Minute {
				t.Errorf("%s: %s: %v", when, pod.part, err)
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	if out, err := s.beyond(s.program, "probe", "http/"+s.address["api"]+":30080").Output(); err != nil || len(out) == 0 {
		t.Errorf("%s: the node port does not answer: %v", when, err)
	}
	s.node.Kubectl(t, "wait", "--for=condition=Complete", "job/"+job, "-n", "shop", "--timeout=180s")
	for line := range strings.Lines(s.node.Kubectl(t, "get", "pods", "-A", "--field-selector=status.phase=Running", "-o",
		`jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].ready} {.status.containerStatuses[0].restartCount}{"\n"}{end}`)) {
		if !strings.HasSuffix(strings.TrimSpace(line), " true 0") {
			t.Errorf("%s: pod, ready, restarts: %s", when, line)
		}
	}
}

// answered reports what a part has asked since a time, and not been told three
// times in a row.
func (s *shop) answered(pod shopPod, since time.Time) error {
	out, err := s.command(pod, "status").Output()
	if err != nil {
		return err
	}
	states := map[string]struct {
		Last    time.Time
		Answers int
		Error   string
	}{}
	if err := json.Unmarshal(out, &states); err != nil {
		return err
	}
	for peer, state := range states {
		if state.Answers < 3 || state.Last.Before(since) {
			return fmt.Errorf("%s: %d answers in a row, the last asked for at %s; %s", peer, state.Answers, state.Last, state.Error)
		}
	}
	return nil
}

// guesses returns the pairs that the plan says it keeps by guess. They may
// only lead to the two parts of which no object tells a client.
func (s *shop) guesses(t *testing.T) map[string]bool {
	t.Helper()
	var matrix struct {
		Connections []struct {
			From, To struct{ Place, Name string }
			Ports    []string
			Sure     string
			After    bool
		}
	}
	r := s.harden(t, "network", "-o", "json")
	if err := json.Unmarshal([]byte(r.stdout), &matrix); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, c := range matrix.Connections {
		if c.Sure != "guessed" || !c.After {
			continue
		}
		if c.To.Name != "orders" && c.To.Name != "mail" {
			t.Errorf("a guess that objects make needless: %+v", c)
		}
		for _, port := range c.Ports {
			number, _, _ := strings.Cut(port, "/")
			out[c.From.Name+" -> "+c.To.Name+" "+number] = true
		}
	}
	return out
}

func (s *shop) harden(t *testing.T, args ...string) result {
	t.Helper()
	r := runWith(t, []string{"KUBECONFIG=" + s.node.Kubeconfig, "XDG_STATE_HOME=" + s.state}, "", args...)
	if r.status != 0 {
		t.Fatalf("harden %q: status %d\n%s%s", args, r.status, r.stdout, r.stderr)
	}
	return r
}

func (s *shop) policies(t *testing.T) string {
	t.Helper()
	return s.node.Kubectl(t, "get", "networkpolicies", "-A", "-o",
		`jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}`)
}
