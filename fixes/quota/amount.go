package quota

import (
	"fmt"
	"math"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// amount is what pods ask for: thousandths of a core, bytes of memory and of
// ephemeral storage, and a count.
type amount struct{ cpu, memory, storage, pods int64 }

// most bounds every amount, so that no replica count and no request that a
// cluster holds can overflow a sum.
const most = 1 << 60

// with returns what f makes of each part of two amounts, bounded.
func (a amount) with(b amount, f func(a, b int64) int64) amount {
	bounded := func(v, w int64) int64 { return min(f(v, w), most) }
	return amount{bounded(a.cpu, b.cpu), bounded(a.memory, b.memory), bounded(a.storage, b.storage), bounded(a.pods, b.pods)}
}

func (a amount) plus(b amount) amount {
	return a.with(b, func(v, w int64) int64 { return v + w })
}

func (a amount) times(n int64) amount {
	return a.with(amount{}, func(v, _ int64) int64 {
		if n != 0 && v > most/n {
			return most
		}
		return v * n
	})
}

// max returns the larger of each of the two amounts' parts.
func (a amount) max(b amount) amount {
	return a.with(b, func(v, w int64) int64 { return max(v, w) })
}

// percent returns a share of the amount, rounded up.
func (a amount) percent(n int64) amount {
	return a.with(amount{}, func(v, _ int64) int64 { return v/100*n + (v%100*n+99)/100 })
}

// String returns "1.2 cpu, 2.5Gi memory, 12 pods", and ephemeral storage where
// there is any.
func (a amount) String() string {
	storage := ""
	if a.storage > 0 {
		storage = bytes(a.storage) + " ephemeral storage, "
	}
	return fmt.Sprintf("%s cpu, %s memory, %s%s", decimal(float64(a.cpu)/core), bytes(a.memory), storage, count(a.pods, "pod"))
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// bytes returns "96Mi" or "2.5Gi".
func bytes(n int64) string {
	if n >= gibi {
		return decimal(math.Round(float64(n)/gibi*100)/100) + "Gi"
	}
	return decimal(math.Ceil(float64(n)/mebi)) + "Mi"
}

// list returns the amount as the fields of a quota.
func (a amount) list() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceRequestsCPU:              quantity(a.cpu, corev1.ResourceCPU),
		corev1.ResourceRequestsMemory:           quantity(a.memory, corev1.ResourceMemory),
		corev1.ResourceRequestsEphemeralStorage: quantity(a.storage, corev1.ResourceEphemeralStorage),
		corev1.ResourcePods:                     *resource.NewQuantity(a.pods, resource.DecimalSI),
	}
}

// part returns the amount's part for a resource of containers.
func (a *amount) part(r corev1.ResourceName) *int64 {
	switch r {
	case corev1.ResourceCPU:
		return &a.cpu
	case corev1.ResourceMemory:
		return &a.memory
	}
	return &a.storage
}

// counted are the resources of containers that an amount sums up.
func counted() []corev1.ResourceName { return append(requested(), corev1.ResourceEphemeralStorage) }

// amountOf returns the resources of a list.
func amountOf(list corev1.ResourceList) amount {
	var a amount
	for _, r := range counted() {
		*a.part(r) = valueOf(list[r], r)
	}
	return a
}

// valueOf returns a quantity in the units of an amount.
func valueOf(q resource.Quantity, r corev1.ResourceName) int64 {
	if r == corev1.ResourceCPU {
		return clamp(q.MilliValue())
	}
	return clamp(q.Value())
}

func quantity(v int64, r corev1.ResourceName) resource.Quantity {
	if r == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(v, resource.DecimalSI)
	}
	return *resource.NewQuantity(v, resource.BinarySI)
}

func clamp(v int64) int64 { return min(max(v, 0), most) }

const (
	core = 1000
	mebi = 1 << 20
	gibi = 1 << 30
)

// readable rounds an amount up to what a person would write: steps of a tenth
// of a core up to 4 cores, then whole ones; 64Mi up to 4Gi, then whole Gi.
func (a amount) readable() amount {
	step := func(v, least, below, step int64) int64 {
		if v <= below {
			step = least
		}
		return roundUp(v, step)
	}
	return amount{
		cpu:     step(a.cpu, core/10, 4*core, core),
		memory:  step(a.memory, 64*mebi, 4*gibi, gibi),
		storage: step(a.storage, 64*mebi, 4*gibi, gibi),
		pods:    a.pods,
	}
}

func roundUp(v, step int64) int64 { return (v + step - 1) / step * step }

// count returns "1 pod" or "3 pods".
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatInt(n, 10) + " " + noun + "s"
}
