package quota

import (
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// The sum is the one that the API server's quota and the scheduler make.
func TestRequestsAgreeWithKubernetes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	list := func() corev1.ResourceList {
		out := corev1.ResourceList{}
		for _, r := range counted() {
			if rng.IntN(2) == 0 {
				out[r] = quantity(int64(rng.IntN(1000)), r)
			}
		}
		return out
	}
	always := corev1.ContainerRestartPolicyAlways
	for range 5000 {
		defaults := list()
		var spec corev1.PodSpec
		for range rng.IntN(4) {
			c := corev1.Container{Resources: corev1.ResourceRequirements{Requests: list()}}
			if rng.IntN(2) == 0 {
				c.RestartPolicy = &always
			}
			spec.InitContainers = append(spec.InitContainers, c)
		}
		for range rng.IntN(4) {
			spec.Containers = append(spec.Containers, corev1.Container{Resources: corev1.ResourceRequirements{Requests: list()}})
		}
		if rng.IntN(3) == 0 {
			spec.Overhead = list()
		}
		if rng.IntN(3) == 0 {
			spec.Resources = &corev1.ResourceRequirements{Requests: list()}
		}
		got := requests(&spec, amountOf(defaults))
		want := amountOf(resource.PodRequests(&corev1.Pod{Spec: spec}, resource.PodResourcesOptions{NonMissingContainerRequests: defaults}))
		want.pods = 1
		if got != want {
			t.Fatalf("got %v, want %v for %+v with defaults %v", got, want, spec, defaults)
		}
	}
}

// Limits stand for requests that are missing, before any default.
func TestLimitsStandForRequests(t *testing.T) {
	one, two := quantity(1000, corev1.ResourceCPU), quantity(2000, corev1.ResourceCPU)
	limit := corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: two}}
	for _, c := range []struct {
		name string
		spec corev1.PodSpec
		want int64
	}{
		{"of a container", corev1.PodSpec{Containers: []corev1.Container{{Resources: limit}}}, 2000},
		{"of a pod whose containers name nothing", corev1.PodSpec{Resources: &limit, Containers: []corev1.Container{{}}}, 2000},
		{"of a pod whose containers name nothing, below the defaults", corev1.PodSpec{Resources: &limit, Containers: []corev1.Container{{}, {}, {}, {}, {}}}, 2500},
		{"of a pod whose containers name some", corev1.PodSpec{Resources: &limit, Containers: []corev1.Container{
			{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: one}}}, {}}}, 1500},
	} {
		if got := requests(&c.spec, amount{cpu: 500}); got.cpu != c.want {
			t.Errorf("%s: %d, want %d", c.name, got.cpu, c.want)
		}
	}
}

func TestReadable(t *testing.T) {
	for _, c := range []struct{ in, want amount }{
		{amount{}, amount{}},
		{amount{1, 1, 1, 7}, amount{100, 64 * mebi, 64 * mebi, 7}},
		{amount{4000, 4 * gibi, 0, 0}, amount{4000, 4 * gibi, 0, 0}},
		{amount{4001, 4*gibi + 1, 9*gibi - 1, 0}, amount{5000, 5 * gibi, 9 * gibi, 0}},
	} {
		if got := c.in.readable(); got != c.want {
			t.Errorf("%v: got %v, want %v", c.in, got, c.want)
		}
	}
}

func TestAmountString(t *testing.T) {
	for want, a := range map[string]amount{
		"0 cpu, 0Mi memory, 0 pods":                       {},
		"0.005 cpu, 1Mi memory, 1 pod":                    {5, 1, 0, 1},
		"1.2 cpu, 2.5Gi memory, 12 pods":                  {1200, 2560 * mebi, 0, 12},
		"3 cpu, 1023Mi memory, 2 pods":                    {3000, 1023 * mebi, 0, 2},
		"0 cpu, 0Mi memory, 5Gi ephemeral storage, 1 pod": {0, 0, 5 * gibi, 1},
	} {
		if got := a.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
