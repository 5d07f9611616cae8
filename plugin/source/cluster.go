package source

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// Cluster reads from an API server.
type Cluster struct {
	Client *client.Client
	// Namespace limits the scan to one namespace, when it is not empty.
	Namespace string
	// Home is the namespace to look at when the user may not list namespaces:
	// the one of the current context.
	Home string
	// Recreate tells which pods and Jobs may be deleted and created anew; nil:
	// none.
	Recreate func(fixes.Ref) bool

	// namespace is the object that Namespace names, or why it cannot be read.
	namespace    fixes.Object
	namespaceErr error

	mu sync.Mutex // guards listed
	// listed are the places that the last scan listed, and the resourceVersion
	// that each list shows; see [client.Client.ListAt].
	listed map[place]string
}

// place is where objects are listed: a kind in one namespace, or in all.
type place struct {
	kind      fixes.Kind
	namespace string
}

// list lists a place, and notes it.
func (c *Cluster) list(ctx context.Context, at place, each func([]fixes.Object)) error {
	version, err := c.Client.ListAt(ctx, at.kind, at.namespace, each)
	if err == nil {
		c.note(at, version)
	}
	return err
}

func (c *Cluster) note(at place, version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listed[at] = version
}

// namespaceWorkers bounds the lists under way for one kind that may be listed
// only namespace by namespace.
const namespaceWorkers = 8

// Open implements [Source].
func (c *Cluster) Open(ctx context.Context) (*fixes.Inventory, error) {
	info, err := c.Client.ServerVersion(ctx)
	if err != nil {
		return nil, err
	}
	if c.Namespace != "" {
		c.namespace, c.namespaceErr = c.Client.Get(ctx, fixes.Ref{Kind: fixes.KindNamespace, Name: c.Namespace})
		if apierrors.IsNotFound(c.namespaceErr) {
			// A scan of nothing would find nothing, and a typing error pass for a
			// clean bill.
			return nil, fmt.Errorf("namespace %q does not exist", c.Namespace)
		}
	}
	c.Client.ForgetServed() // an operator may have been installed since the last scan
	inv := fixes.NewInventory()
	if inv.APIVersions, err = c.Client.APIVersions(ctx); err != nil {
		return nil, err
	}
	inv.Live, inv.Now, inv.Namespace = true, time.Now(), c.Namespace
	inv.AllowRecreate(c.Recreate)
	// Some distributions write "29+".
	inv.ServerMinor, _ = strconv.Atoi(regexp.MustCompile(`^\d+`).FindString(info.Minor))
	return inv, nil
}

// Load implements [Source]. All kinds are listed in parallel, page by page.
// What the user may not list is skipped and said. What is in a namespace that
// is being deleted is left out: it goes by itself, and the API server refuses
// every create there.
func (c *Cluster) Load(ctx context.Context, kinds []fixes.Kind, emit func(Batch)) error {
	c.mu.Lock()
	c.listed = map[place]string{}
	c.mu.Unlock()
	group, ctx := errgroup.WithContext(ctx)
	going := newGoing(kinds)
	var mu sync.Mutex
	one := func(b Batch) {
		mu.Lock()
		defer mu.Unlock()
		emit(b)
	}
	namespaces := sync.OnceValues(func() ([]string, error) { return c.listNamespaces(ctx) })
	for _, kind := range kinds {
		group.Go(func() error {
			var slimmer slimmer // of one kind: pages come one after another
			var unreadable unreadable
			skips, err := c.load(ctx, kind, namespaces, func(objects []fixes.Object) {
				if kind == fixes.KindNamespace {
					going.note(objects)
				} else {
					objects = going.without(ctx, objects)
				}
				for _, obj := range objects {
					slimmer.slim(obj)
					unreadable.note(obj)
				}
				one(Batch{Kind: kind, Objects: objects})
			})
			if kind == fixes.KindNamespace {
				close(going.known)
			}
			if err != nil {
				return fmt.Errorf("list %s: %w", kind, err)
			}
			one(Batch{Kind: kind, Skips: append(skips, unreadable.skips(kind)...), Last: true})
			return nil
		})
	}
	return group.Wait()
}

func (c *Cluster) load(ctx context.Context, kind fixes.Kind, namespaces func() ([]string, error), each func([]fixes.Object)) ([]fixes.Skip, error) {
	if c.Namespace != "" && kind == fixes.KindNamespace {
		if c.namespaceErr == nil {
			c.note(place{kind, ""}, "")
			each([]fixes.Object{c.namespace})
		}
		return skipped(kind, "", c.namespaceErr)
	}
	if kind == fixes.KindEndpointSlice {
		return c.loadAPIAddresses(ctx, each)
	}
	at := place{kind, c.Namespace}
	if !kind.Namespaced {
		at.namespace = ""
	}
	err := c.list(ctx, at, each)
	if err == nil && kind == fixes.KindService && c.Namespace != "" && c.Namespace != metav1.NamespaceDefault {
		// Where pods of all namespaces reach the Kubernetes API. Who may not read it
		// gets policies that are less exact, which the plan says.
		if svc, err := c.Client.Get(ctx, fixes.Ref{Kind: kind, Namespace: metav1.NamespaceDefault, Name: "kubernetes"}); err == nil {
			each([]fixes.Object{svc})
		}
	}
	if c.Namespace != "" || !kind.Namespaced || !apierrors.IsForbidden(err) {
		return skipped(kind, "", err)
	}
	return c.loadByNamespace(ctx, kind, namespaces, each)
}

// loadAPIAddresses reads the EndpointSlices that rules look at: that of the
// Kubernetes API itself, which its servers write, and those of the cluster's DNS.
// There are about as many others as Services.
func (c *Cluster) loadAPIAddresses(ctx context.Context, each func([]fixes.Object)) ([]fixes.Skip, error) {
	kind := fixes.KindEndpointSlice
	slice, err := c.Client.Get(ctx, fixes.Ref{Kind: kind, Namespace: metav1.NamespaceDefault, Name: "kubernetes"})
	if err == nil {
		each([]fixes.Object{slice})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return skipped(kind, metav1.NamespaceDefault, err)
	}
	dns, err := c.Client.Select(ctx, kind, metav1.NamespaceSystem, discoveryv1.LabelServiceName+"=kube-dns", "")
	if err != nil {
		return skipped(kind, metav1.NamespaceSystem, err)
	}
	each(dns)
	c.note(place{kind, ""}, "")
	return nil, nil
}

// loadByNamespace lists a kind in every namespace that is known, since the
// user may not list it everywhere at once.
func (c *Cluster) loadByNamespace(ctx context.Context, kind fixes.Kind, namespaces func() ([]string, error), each func([]fixes.Object)) ([]fixes.Skip, error) {
	names, err := namespaces()
	if err != nil && !apierrors.IsForbidden(err) {
		return nil, err
	}
	var skips []fixes.Skip
	if err != nil {
		names = []string{c.Home}
		skips = append(skips, fixes.Skip{Resource: kind.String(), Namespace: fixes.OtherNamespaces,
			Reason: "forbidden, and namespaces may not be listed"})
	}
	var mu sync.Mutex
	refused := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(namespaceWorkers)
	for _, ns := range names {
		group.Go(func() error {
			err := c.list(ctx, place{kind, ns}, func(objects []fixes.Object) {
				mu.Lock()
				defer mu.Unlock()
				each(objects)
			})
			more, err := skipped(kind, ns, err)
			mu.Lock()
			defer mu.Unlock()
			skips, refused = append(skips, more...), refused+len(more)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if refused == len(names) { // said once
		return []fixes.Skip{{Resource: kind.String(), Reason: "forbidden"}}, nil
	}
	return skips, nil
}

func (c *Cluster) listNamespaces(ctx context.Context) ([]string, error) {
	var names []string
	err := c.Client.List(ctx, fixes.KindNamespace, "", func(objects []fixes.Object) {
		for _, obj := range objects {
			names = append(names, obj.GetName())
		}
	})
	return names, err
}

// skipped turns an answer that means "not for you" or "not here" into a skip.
func skipped(kind fixes.Kind, namespace string, err error) ([]fixes.Skip, error) {
	var reason string
	switch {
	case err == nil:
		return nil, nil
	case apierrors.IsForbidden(err):
		reason = "forbidden"
	case apierrors.IsNotFound(err), apierrors.IsMethodNotSupported(err):
		reason = "not found on the server"
	default:
		return nil, err
	}
	return []fixes.Skip{{Resource: kind.String(), Namespace: namespace, Reason: reason}}, nil
}
