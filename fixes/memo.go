package fixes

import (
	"reflect"
	"slices"
	"sync"
)

// memo is something that was derived from the objects of some kinds.
type memo struct {
	kinds []Kind
	once  sync.Once
	value any
}

// Memo returns what build makes of an inventory's objects of the given kinds,
// at which alone build may look. It is built once for each type T, and again
// when such an object is added; a draft shares its base's where it changes
// none. So rules that run many times (on every draft of a plan) need not index
// a whole cluster each time. T must be safe for concurrent use, and a type of
// its caller's own.
func Memo[T any](inv *Inventory, kinds []Kind, build func(*Inventory) T) T {
	for inv.base != nil && !slices.ContainsFunc(kinds, func(k Kind) bool { return len(inv.objects[k]) > 0 }) {
		inv = inv.base
	}
	t := reflect.TypeFor[T]()
	inv.mu.Lock()
	m := inv.derived.memos[t]
	if m == nil {
		if inv.derived.memos == nil {
			inv.derived.memos = map[reflect.Type]*memo{}
		}
		m = &memo{kinds: kinds}
		inv.derived.memos[t] = m
	}
	inv.mu.Unlock()
	m.once.Do(func() { m.value = build(inv) }) // without the lock: building one may need another
	return m.value.(T)
}

// forget drops what was derived from objects of a kind.
func (inv *Inventory) forget(kind Kind) {
	for t, m := range inv.derived.memos {
		if slices.Contains(m.kinds, kind) {
			delete(inv.derived.memos, t)
		}
	}
}

// Scanned returns the inventory below all drafts: what the scan found. Rules
// that judge what has been (what an old revision holds that the current one has
// no more) ask it for the current state: a fix in the same plan does not make
// the past.
func (inv *Inventory) Scanned() *Inventory {
	for inv.base != nil {
		inv = inv.base
	}
	return inv
}
