//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// The size of the cluster that BenchmarkScan fills; the goals are set for 100
// namespaces of 50 Deployments with 2 pods each.
var (
	benchNamespaces  = flag.Int("bench-namespaces", 10, "namespaces that BenchmarkScan fills")
	benchDeployments = flag.Int("bench-deployments", 50, "Deployments in each, with two pods")
)

// BenchmarkScan measures a scan beside its floor, a bare client that lists the
// same kinds and drops them, turn by turn: wall time, CPU time, peak memory
// and requests, and their ratios.
func BenchmarkScan(b *testing.B) {
	big, err := cluster.New(b.Context(), "", cluster.WithNodes(1+*benchNamespaces**benchDeployments*2/1000))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(big.Stop)
	fill(b, big)
	floor := filepath.Join(b.TempDir(), "floor")
	if out, err := exec.Command("go", "build", "-o", floor, "../../testdata/floor").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	var scans, floors []usage
	for b.Loop() {
		floors = append(floors, measure(b, big, floor))
		scans = append(scans, measure(b, big, binary, "-o", "json"))
	}
	scan, least := median(scans), median(floors)
	b.ReportMetric(0, "ns/op") // of the pair: says nothing
	b.ReportMetric(scan.wall.Seconds(), "s-wall")
	b.ReportMetric(scan.cpu.Seconds(), "s-cpu")
	b.ReportMetric(float64(scan.peak)/(1<<20), "MiB-peak")
	b.ReportMetric(scan.requests, "requests")
	b.ReportMetric(scan.wall.Seconds()/least.wall.Seconds(), "x-wall")
	b.ReportMetric(scan.cpu.Seconds()/least.cpu.Seconds(), "x-cpu")
	b.ReportMetric(scan.requests/least.requests, "x-requests")
}

type usage struct {
	wall, cpu time.Duration
	peak      int64 // resident bytes
	requests  float64
}

// median takes each figure's own.
func median(all []usage) usage {
	of := func(less func(a, b usage) int) usage {
		slices.SortFunc(all, less)
		return all[len(all)/2]
	}
	return usage{
		wall:     of(func(a, b usage) int { return int(a.wall - b.wall) }).wall,
		cpu:      of(func(a, b usage) int { return int(a.cpu - b.cpu) }).cpu,
		peak:     of(func(a, b usage) int { return int(a.peak - b.peak) }).peak,
		requests: of(func(a, b usage) int { return int(a.requests - b.requests) }).requests,
	}
}

func measure(b *testing.B, c *cluster.Cluster, program string, args ...string) usage {
	b.Helper()
	before := requests(b, c)
	cmd := exec.CommandContext(b.Context(), program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig)
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	wall := time.Since(start)
	rusage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return usage{
		wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		peak: rusage.Maxrss << 10, requests: requests(b, c) - before,
	}
}

var requestCount = regexp.MustCompile(`(?m)^apiserver_request_total\{.*verb="(?:LIST|GET)".*\} (\S+)$`)

// requests counts the reads that the API server has answered, but those of
// the metrics themselves and of what watches all the time.
func requests(b *testing.B, c *cluster.Cluster) float64 {
	b.Helper()
	total := 0.0
	for _, m := range requestCount.FindAllStringSubmatch(c.Kubectl(b, "get", "--raw", "/metrics"), -1) {
		if strings.Contains(m[0], `resource="leases"`) {
			continue
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			b.Fatal(err)
		}
		total += n
	}
	return total
}

// fill makes Deployments of the kind that are found in the wild, and waits
// for their pods.
func fill(b *testing.B, c *cluster.Cluster) {
	b.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		b.Fatal(err)
	}
	api, err := client.New(config)
	if err != nil {
		b.Fatal(err)
	}
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(8)
	for n := range *benchNamespaces {
		ns := fmt.Sprintf("ns-%d", n)
		if _, err := api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, client.WriteOptions{}); err != nil {
			b.Fatal(err)
		}
		for i := range *benchDeployments {
			group.Go(func() error { return fillOne(ctx, api, ns, i) })
		}
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	want := *benchNamespaces * *benchDeployments * 2
	for {
		running := c.Kubectl(b, "get", "--raw", "/metrics")
		m := regexp.MustCompile(`apiserver_resource_objects\{group="",resource="pods"\} (\S+)`).FindStringSubmatch(running)
		if m != nil {
			if n, err := strconv.ParseFloat(m[1], 64); err == nil && int(n) >= want {
				return
			}
		}
		select {
		case <-b.Context().Done():
			b.Fatal(b.Context().Err())
		case <-time.After(time.Second):
		}
	}
}

func fillOne(ctx context.Context, api *client.Client, ns string, i int) error {
	labels := map[string]string{"app": fmt.Sprintf("app-%d", i)}
	container := corev1.Container{
		Name: "main", Image: fmt.Sprintf("registry.example.com/team/app-%d:1.%d", i, i%9),
		Env:   []corev1.EnvVar{{Name: "LOG_LEVEL", Value: "info"}},
		Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
	}
	if i%3 == 0 {
		container.Env = append(container.Env, corev1.EnvVar{Name: "DB_PASSWORD", Value: fmt.Sprintf("hunter%d!x", 1000+i)})
	}
	if i%4 != 0 {
		container.Resources.Requests = corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi"),
		}
	}
	replicas := int32(2)
	meta := metav1.ObjectMeta{Namespace: ns, Name: labels["app"], Labels: labels}
	_, err := api.Create(ctx, &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{container}},
		},
	}}, client.WriteOptions{})
	if err != nil {
		return err
	}
	_, err = api.Create(ctx, &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		Selector: labels, Ports: []corev1.ServicePort{{Port: 80}},
	}}, client.WriteOptions{})
	return err
}
