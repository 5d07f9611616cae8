package source

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Live is what a scan of a cluster found, kept up to date: object by object
// where it is asked to (Rescan), or with all that changes (Follow). Rules judge the
// new inventory as far as a change can reach; see [fixes.Result.After].
type Live struct {
	cluster *Cluster
	rules   []*fixes.Rule
	// decisions returns what the user has decided about connections by now.
	decisions func() []fixes.Decision
	now       func() time.Time

	mu     sync.Mutex // held while a result is made
	inv    *fixes.Inventory
	latest fixes.Result // what all rules have found; who gets a result may part it
	number int
	// seen are the skips that follow from the inventory's objects.
	seen []fixes.Skip
	// refused are places that could be listed once and may not be any more.
	refused map[place]bool
}

// NewLive returns the result of a scan of a cluster as one that can be kept up
// to date.
func NewLive(c *Cluster, result *fixes.Result, decisions func() []fixes.Decision) *Live {
	inv := result.Inventory.Scanned()
	return &Live{
		cluster: c, rules: result.Rules, decisions: decisions, now: time.Now, latest: *result,
		inv: inv, seen: skipsOf(inv, result.Rules), refused: map[place]bool{},
	}
}

// skipsOf returns the skips that follow from the objects that are there.
func skipsOf(inv *fixes.Inventory, rules []*fixes.Rule) []fixes.Skip {
	var skips []fixes.Skip
	for _, kind := range fixes.Needs(rules) {
		if !kind.Custom() {
			continue
		}
		var u unreadable
		for _, obj := range inv.List(kind) {
			u.note(obj)
		}
		skips = append(skips, u.skips(kind)...)
	}
	return append(skips, fixes.Unseen(inv, rules)...)
}

// changes are what has become of objects since an inventory was made.
type changes struct {
	objects map[fixes.Ref]fixes.Object // nil: it is gone
	// replaced are the places of which the objects above are all that there are.
	replaced map[place]bool
	// refused says of places whether they may be listed.
	refused map[place]bool
}

func newChanges() *changes {
	return &changes{objects: map[fixes.Ref]fixes.Object{}, replaced: map[place]bool{}, refused: map[place]bool{}}
}

// replace notes all objects of a place.
func (c *changes) replace(at place, objects []fixes.Object) {
	for ref := range c.objects {
		if at.holds(ref) {
			delete(c.objects, ref)
		}
	}
	c.replaced[at] = true
	for _, obj := range objects {
		c.objects[fixes.RefOf(obj)] = obj
	}
}

// holds reports whether a place is where an object is listed.
func (at place) holds(ref fixes.Ref) bool {
	return at.kind == ref.Kind && (at.namespace == "" || at.namespace == ref.Namespace)
}

// take makes the result of the inventory after changes, and calls report with
// it before any later one is made. Where no rule can see a difference it
// reports nothing.
func (l *Live) take(c *changes, report func(fixes.Update)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	update, news := l.judge(c)
	if news {
		report(update)
	}
}

func (l *Live) judge(c *changes) (fixes.Update, bool) {
	list := l.listChanges(c)
	update := fixes.Update{}
	for _, change := range list {
		if !alike(l.inv.Get(change.Object), change.After) {
			update.Changed = append(update.Changed, change.Object)
		}
	}
	if len(update.Changed) == 0 && len(c.refused) == 0 {
		if len(list) > 0 { // what is written must be what is there, by its resourceVersion too
			l.inv = l.inv.Updated(list)
		}
		return update, false
	}
	maps.Copy(l.refused, c.refused)
	l.inv = l.next(list)
	l.number++
	update.Number = l.number
	update.Result = l.latest.After(l.inv, update.Changed)
	l.latest = *update.Result
	slices.SortFunc(update.Changed, fixes.Ref.Compare)
	return update, true
}

// listChanges returns in what the inventory differs from what is known now.
func (l *Live) listChanges(c *changes) []fixes.ObjectChange {
	var list []fixes.ObjectChange
	for ref, obj := range c.objects {
		old := l.inv.Get(ref)
		switch {
		case old == nil && (obj == nil || l.goes(ref.Namespace)):
			continue
		case old != nil && obj != nil && outdated(obj, old):
			continue
		}
		if obj != nil && !ref.Kind.Custom() {
			obj.GetObjectKind().SetGroupVersionKind(ref.Kind.GVK()) // which lists leave out
		}
		list = append(list, fixes.ObjectChange{Object: ref, After: obj})
	}
	for at := range c.replaced {
		for _, obj := range l.inv.List(at.kind) {
			ref := fixes.RefOf(obj)
			if _, known := c.objects[ref]; !known && at.holds(ref) {
				list = append(list, fixes.ObjectChange{Object: ref})
			}
		}
	}
	return list
}

// goes reports whether a namespace is being deleted.
func (l *Live) goes(namespace string) bool {
	ns := l.inv.Get(fixes.Ref{Kind: fixes.KindNamespace, Name: namespace})
	return ns != nil && ns.GetDeletionTimestamp() != nil
}

// outdated reports whether an object is an older state of one that is known, or
// the same. The numbers of one object can be compared (KEP-5504); what is not a
// number is taken for news.
func outdated(obj, known fixes.Object) bool {
	a, errA := strconv.ParseUint(obj.GetResourceVersion(), 10, 64)
	b, errB := strconv.ParseUint(known.GetResourceVersion(), 10, 64)
	return errA == nil && errB == nil && a <= b && obj.GetUID() == known.GetUID()
}

// next returns the inventory after changes.
func (l *Live) next(list []fixes.ObjectChange) *fixes.Inventory {
	next := l.inv.Updated(list)
	next.Now, next.Decisions = l.now(), l.decisions()
	skips := slices.DeleteFunc(slices.Clone(l.inv.Skips()), func(s fixes.Skip) bool { return slices.Contains(l.seen, s) })
	for at, refused := range l.refused {
		skip := fixes.Skip{Resource: at.kind.String(), Namespace: at.namespace, Reason: "forbidden"}
		skips = slices.DeleteFunc(skips, func(s fixes.Skip) bool { return s == skip })
		if refused {
			skips = append(skips, skip)
		} else {
			delete(l.refused, at)
		}
	}
	next.Reskip(skips) // which rules ask about what they cannot see
	l.seen = skipsOf(next, l.rules)
	for _, s := range l.seen {
		next.Skip(s)
	}
	return next
}

// Rescan reads an object anew, and with it what the rules about it look at in
// its namespace, its owners among that; then all is judged. An object that is
// in no namespace is read alone. The update has no result where nothing has
// changed.
func (l *Live) Rescan(ctx context.Context, ref fixes.Ref) (fixes.Update, error) {
	got := newChanges()
	var mu sync.Mutex
	namespace := ref.Namespace
	if ref.Kind == fixes.KindNamespace {
		namespace = ref.Name
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(namespaceWorkers)
	get := func(ref fixes.Ref) {
		group.Go(func() error {
			obj, err := l.cluster.Client.Get(ctx, ref)
			if err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("get %s: %w", ref, err)
			}
			mu.Lock()
			defer mu.Unlock()
			got.objects[ref] = nil
			if err == nil {
				(&slimmer{}).slim(obj)
				got.objects[ref] = obj
			}
			return nil
		})
	}
	switch {
	case namespace == "":
		get(ref)
	case l.cluster.has(place{fixes.KindNamespace, ""}):
		get(fixes.Ref{Kind: fixes.KindNamespace, Name: namespace})
	}
	for _, kind := range l.readWith(ref.Kind) {
		at := place{kind, namespace}
		if namespace == "" || !kind.Namespaced || !l.cluster.has(at) {
			continue
		}
		group.Go(func() error {
			_, objects, err := l.cluster.read(ctx, at, &slimmer{})
			if err != nil {
				return fmt.Errorf("list %s: %w", kind, err)
			}
			mu.Lock()
			defer mu.Unlock()
			got.replace(at, objects)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return fixes.Update{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	update, _ := l.judge(got)
	return update, nil
}

// readWith returns the kinds that the rules about a kind look at.
func (l *Live) readWith(kind fixes.Kind) []fixes.Kind {
	about := slices.DeleteFunc(slices.Clone(l.rules), func(r *fixes.Rule) bool { return !slices.Contains(r.Kinds, kind) })
	kinds := slices.DeleteFunc(fixes.Needs(about), func(k fixes.Kind) bool { return k.Fact() || k == fixes.KindEndpointSlice })
	slices.SortFunc(kinds, func(a, b fixes.Kind) int { return cmp.Compare(a.String(), b.String()) })
	return kinds
}

// has reports whether the scan has listed a place, by itself or with all
// namespaces.
func (c *Cluster) has(at place) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, here := c.listed[at]
	_, everywhere := c.listed[place{at.kind, ""}]
	return here || everywhere
}

// read lists a place again, as the scan did.
func (c *Cluster) read(ctx context.Context, at place, s *slimmer) (version string, objects []fixes.Object, err error) {
	version, err = c.Client.ListAt(ctx, at.kind, at.namespace, func(page []fixes.Object) {
		for _, obj := range page {
			s.slim(obj)
		}
		objects = append(objects, page...)
	})
	return version, objects, err
}

// wasRefused reports whether a place could not be listed of late.
func (l *Live) wasRefused(at place) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused[at]
}
