package quota

import (
	"fmt"
	"math"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// amount is what pods ask for: thousandths of a core, bytes, and a count.
type amount struct{ cpu, memory, pods int64 }

// most bounds every amount, so that no replica count and no request that a
// cluster holds can overflow a sum.
const most = 1 << 60

func (a amount) plus(b amount) amount {
	return amount{min(a.cpu+b.cpu, most), min(a.memory+b.memory, most), min(a.pods+b.pods, most)}
}

func (a amount) times(n int64) amount {
	mul := func(v int64) int64 {
		if n != 0 && v > most/n {
			return most
		}
		return v * n
	}
	return amount{mul(a.cpu), mul(a.memory), mul(a.pods)}
}

// max returns the larger of each of the two amounts' parts.
func (a amount) max(b amount) amount {
	return amount{max(a.cpu, b.cpu), max(a.memory, b.memory), max(a.pods, b.pods)}
}

// within reports whether no part of a is above that of b.
func (a amount) within(b amount) bool { return a.max(b) == b }

// String returns "1.2 cpu, 2.5Gi memory, 12 pods".
func (a amount) String() string {
	decimal := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	memory := decimal(math.Ceil(float64(a.memory)/mebi)) + "Mi"
	if a.memory >= gibi {
		memory = decimal(math.Round(float64(a.memory)/gibi*100)/100) + "Gi"
	}
	return fmt.Sprintf("%s cpu, %s memory, %s", decimal(float64(a.cpu)/core), memory, count(a.pods, "pod"))
}

// list returns the amount as the fields of a quota.
func (a amount) list() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceRequestsCPU:    quantity(a.cpu, corev1.ResourceCPU),
		corev1.ResourceRequestsMemory: quantity(a.memory, corev1.ResourceMemory),
		corev1.ResourcePods:           *resource.NewQuantity(a.pods, resource.DecimalSI),
	}
}

// amountOf returns the cpu and memory of a list.
func amountOf(list corev1.ResourceList) amount {
	return amount{
		cpu:    valueOf(list[corev1.ResourceCPU], corev1.ResourceCPU),
		memory: valueOf(list[corev1.ResourceMemory], corev1.ResourceMemory),
	}
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
	cpuStep, memoryStep := int64(core/10), int64(64*mebi)
	if a.cpu > 4*core {
		cpuStep = core
	}
	if a.memory > 4*gibi {
		memoryStep = gibi
	}
	return amount{roundUp(a.cpu, cpuStep), roundUp(a.memory, memoryStep), a.pods}
}

func roundUp(v, step int64) int64 { return (v + step - 1) / step * step }

// count returns "1 pod" or "3 pods".
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatInt(n, 10) + " " + noun + "s"
}
