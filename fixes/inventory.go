package fixes

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Skip says what a scan could not look at, and why.
type Skip struct {
	// Resource is the plural name with its group, as kubectl writes it.
	Resource string
	// Namespace is empty when the whole kind was left out, and
	// [OtherNamespaces] when all namespaces but those seen were.
	Namespace string
	Reason    string
}

// OtherNamespaces stands in a [Skip] for the namespaces that a user who may
// not list them cannot name.
const OtherNamespaces = "*"

// Inventory is what one scan found: typed objects, indexed by kind, in a
// stable order. It is safe for concurrent reading once it is filled.
type Inventory struct {
	// Live tells a running cluster from manifests: there, pods and Jobs cannot
	// be edited in place (see AllowRecreate), and status is evidence.
	Live bool
	// ServerMinor is the minor version of the API server (37 for v1.37), or 0
	// when it is not known.
	ServerMinor int
	// Now is when a running cluster was looked at. It is zero where there is no
	// such time: manifests do not age.
	Now time.Time
	// APIVersions are the API groups and versions that the server has ("cilium.io/v2"),
	// where that is known.
	APIVersions []string
	// Namespace limits the scan to one namespace, when it is not empty.
	Namespace string
	Wishes

	base    *Inventory // what a draft overlays; nil for a scan's own inventory
	objects map[Kind]map[key]Object
	skips   []Skip
	origins map[Ref]Position
	// recreate tells what may be deleted and created anew; nil is nothing.
	recreate func(Ref) bool

	mu      sync.Mutex // guards derived
	derived derived
}

// derived is what follows from an inventory's objects. It is made on demand,
// and dropped when an object that it rests on is added.
type derived struct {
	sorted    map[Kind][]Object
	workloads map[string][]Workload // by namespace
	podsByTop map[Ref][]*corev1.Pod // by the topmost owner
	memos     map[reflect.Type]*memo
}

// derive returns what get finds among what was derived before, or builds
// it, without the lock: building one may need another.
func derive[T any](inv *Inventory, get func(*derived) (T, bool), build func() T, keep func(*derived, T)) T {
	inv.mu.Lock()
	v, ok := get(&inv.derived)
	inv.mu.Unlock()
	if ok {
		return v
	}
	v = build()
	inv.mu.Lock()
	defer inv.mu.Unlock()
	keep(&inv.derived, v)
	return v
}

// NewInventory returns an empty inventory.
func NewInventory() *Inventory {
	return &Inventory{objects: map[Kind]map[key]Object{}}
}

// key identifies an object among those of its kind.
type key struct{ namespace, name, origin string }

func keyOf(obj Object) key {
	return key{obj.GetNamespace(), obj.GetName(), obj.GetSelfLink()}
}

// Add puts an object of a known kind into the inventory, replacing one of the
// same name, and reports whether the kind is known. It sets the object's
// apiVersion and kind, which typed lists leave out.
func (inv *Inventory) Add(obj Object) bool {
	kind, ok := KindOf(obj)
	if !ok {
		return false
	}
	if !kind.Custom() { // which says it, in the version that it came with
		obj.GetObjectKind().SetGroupVersionKind(kind.GVK())
	}
	inv.set(kind, keyOf(obj), obj)
	return true
}

func (inv *Inventory) set(kind Kind, k key, obj Object) {
	if inv.objects[kind] == nil {
		inv.objects[kind] = map[key]Object{}
	}
	inv.objects[kind][k] = obj
	delete(inv.derived.sorted, kind)
	inv.forget(kind)
	if slices.Contains(workloadKinds, kind) {
		inv.derived.workloads, inv.derived.podsByTop = nil, nil
	}
}

// Serves reports whether objects of a custom kind can be created: the server
// has its group and version, or manifests hold such an object already.
func (inv *Inventory) Serves(kind Kind) bool {
	return slices.Contains(inv.APIVersions, kind.APIVersion()) || !inv.Live && inv.Len(kind) > 0
}

// Skip records that objects could not be looked at.
func (inv *Inventory) Skip(s Skip) {
	at, _ := slices.BinarySearchFunc(inv.skips, s, func(a, b Skip) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Namespace, b.Namespace))
	})
	inv.skips = slices.Insert(inv.skips, at, s)
}

// Skips lists what could not be looked at, in order.
func (inv *Inventory) Skips() []Skip {
	if inv.base != nil {
		return inv.base.Skips()
	}
	return inv.skips
}

// Unseen collects what some rules would judge and an inventory does not show, each
// once; see [Rule.Unseen].
func Unseen(inv *Inventory, rules []*Rule) []Skip {
	var skips []Skip
	for _, r := range rules {
		if r.Unseen == nil {
			continue
		}
		for _, s := range r.Unseen(inv) {
			if !slices.Contains(skips, s) {
				skips = append(skips, s)
			}
		}
	}
	return skips
}

// Position is a place in a manifest.
type Position struct {
	File string
	// Line counts from 1; it is 0 when it is not known.
	Line int
}

// SetPosition records where an object was read.
func (inv *Inventory) SetPosition(ref Ref, p Position) {
	if inv.origins == nil {
		inv.origins = map[Ref]Position{}
	}
	inv.origins[ref] = p
}

// Position returns where an object was read, if it was read from a manifest.
func (inv *Inventory) Position(ref Ref) (Position, bool) {
	if inv.base != nil {
		return inv.base.Position(ref)
	}
	p, ok := inv.origins[ref]
	return p, ok
}

// Covers reports whether every object of the kind in the namespace (or, for
// an empty namespace, anywhere) was looked at. A rule that speaks of
// something missing must ask.
func (inv *Inventory) Covers(kind Kind, namespace string) bool {
	for _, s := range inv.Skips() {
		if s.Resource != kind.String() {
			continue
		}
		if s.Namespace == "" || namespace == "" || s.Namespace == namespace {
			return false
		}
	}
	return true
}

// Get returns the object that a ref names, or nil.
func (inv *Inventory) Get(ref Ref) Object {
	obj, ok := inv.lookup(ref.Kind, key{ref.Namespace, ref.Name, ref.Origin})
	if !ok {
		return nil
	}
	return obj
}

func (inv *Inventory) lookup(kind Kind, k key) (Object, bool) {
	if obj, ok := inv.objects[kind][k]; ok {
		return obj, obj != nil // a draft marks a deletion by nil
	}
	if inv.base != nil {
		return inv.base.lookup(kind, k)
	}
	return nil, false
}

// List returns the objects of a kind ordered by namespace and name. The slice
// belongs to the inventory.
func (inv *Inventory) List(kind Kind) []Object {
	if inv.base != nil && len(inv.objects[kind]) == 0 {
		return inv.base.List(kind)
	}
	return derive(inv,
		func(d *derived) ([]Object, bool) { list, ok := d.sorted[kind]; return list, ok },
		func() []Object { return inv.sort(kind) },
		func(d *derived, list []Object) {
			if d.sorted == nil {
				d.sorted = map[Kind][]Object{}
			}
			d.sorted[kind] = list
		})
}

func (inv *Inventory) sort(kind Kind) []Object {
	own := inv.objects[kind]
	list := make([]Object, 0, len(own))
	if inv.base != nil {
		for _, obj := range inv.base.List(kind) {
			if _, replaced := own[keyOf(obj)]; !replaced {
				list = append(list, obj)
			}
		}
	}
	for _, obj := range own {
		if obj != nil {
			list = append(list, obj)
		}
	}
	slices.SortFunc(list, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()),
			cmp.Compare(a.GetSelfLink(), b.GetSelfLink()))
	})
	return list
}

// listIn returns the objects of a kind in one namespace, or all of them when
// it is empty.
func (inv *Inventory) listIn(kind Kind, namespace string) []Object {
	list := inv.List(kind)
	if namespace == "" {
		return list
	}
	from := sort.Search(len(list), func(i int) bool { return list[i].GetNamespace() >= namespace })
	to := sort.Search(len(list), func(i int) bool { return list[i].GetNamespace() > namespace })
	return list[from:to]
}

// Len returns the number of objects of a kind.
func (inv *Inventory) Len(kind Kind) int { return len(inv.List(kind)) }

// Objects returns the objects of type T in a namespace, or all of them when
// the namespace is empty.
func Objects[T Object](inv *Inventory, namespace string) []T {
	list := inv.listIn(kindFor[T](), namespace)
	out := make([]T, len(list))
	for i, obj := range list {
		out[i] = obj.(T)
	}
	return out
}

// Lookup returns the object of type T with a name.
func Lookup[T Object](inv *Inventory, namespace, name string) (T, bool) {
	obj, ok := inv.lookup(kindFor[T](), key{namespace, name, ""})
	if !ok {
		var none T
		return none, false
	}
	return obj.(T), true
}

// FreeName returns base, or base with the first number from 2 on, such that
// no object of the kind has that name in the namespace.
func (inv *Inventory) FreeName(kind Kind, namespace, base string) string {
	name := base
	for n := 2; inv.Get(Ref{Kind: kind, Namespace: namespace, Name: name}) != nil; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}

// Namespaces returns the names of all namespaces that are there or that an
// object names, in order. Manifests often name namespaces without defining
// them.
func (inv *Inventory) Namespaces() []string {
	seen := map[string]bool{}
	for _, obj := range inv.List(KindNamespace) {
		seen[obj.GetName()] = true
	}
	for _, kind := range workloadKinds {
		for _, obj := range inv.List(kind) {
			if ns := obj.GetNamespace(); ns != "" {
				seen[ns] = true
			}
		}
	}
	names := make([]string, 0, len(seen))
	for ns := range seen {
		names = append(names, ns)
	}
	slices.Sort(names)
	return names
}

// UserNamespaces returns the [Inventory.Namespaces] that rules about namespaces
// speak of: neither the system's own, nor any that is being deleted, in which
// the API server refuses every create.
func (inv *Inventory) UserNamespaces() []string {
	return slices.DeleteFunc(inv.Namespaces(), func(name string) bool {
		ns, ok := Lookup[*corev1.Namespace](inv, "", name)
		return IsSystemNamespace(name) || ok && ns.DeletionTimestamp != nil
	})
}

// IsSystemNamespace reports whether Kubernetes itself lives in the namespace.
// Rules about namespaces leave these alone: a quota or a default-deny there
// takes the cluster down.
func IsSystemNamespace(namespace string) bool {
	switch namespace {
	case "kube-system", "kube-public", "kube-node-lease":
		return true
	}
	return false
}
