// Package client reads and writes typed objects of a cluster: lists are paged
// and come as protobuf, writes name their field manager. It is all that the
// plugin needs of an API client, without a typed clientset's weight.
package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// PageSize is the number of objects asked for at a time. It is kubectl's.
const PageSize = 500

// Client talks to one API server. It is safe for concurrent use.
type Client struct {
	config *rest.Config
	http   *http.Client

	mu      sync.Mutex
	byGroup map[schema.GroupVersion]rest.Interface
}

// New returns a client for a configuration, which it does not change.
func New(config *rest.Config) (*Client, error) {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	if config.QPS == 0 {
		config.QPS = -1 // the server's own priority and fairness decides, not a guess here
	}
	config.WarningHandlerWithContext = warningHandler{}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	return &Client{config: config, http: httpClient, byGroup: map[schema.GroupVersion]rest.Interface{}}, nil
}

// Host returns the server's address.
func (c *Client) Host() string { return c.config.Host }

func (c *Client) group(kind fixes.Kind) (rest.Interface, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gv := kind.GVK().GroupVersion()
	if r, ok := c.byGroup[gv]; ok {
		return r, nil
	}
	config := rest.CopyConfig(c.config)
	config.GroupVersion = &gv
	config.APIPath = "/apis"
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	r, err := rest.RESTClientForConfigAndClient(config, c.http)
	if err != nil {
		return nil, err
	}
	c.byGroup[gv] = r
	return r, nil
}

// ServerVersion asks the server what it is. It is the cheapest call that
// shows whether the server is there and takes the credentials.
func (c *Client) ServerVersion(ctx context.Context) (*version.Info, error) {
	r, err := c.group(fixes.KindNamespace)
	if err != nil {
		return nil, err
	}
	body, err := r.Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	var info version.Info
	if err := json.Unmarshal(body, &info); err != nil {
		return nil, fmt.Errorf("the server's version is not JSON: %w", err)
	}
	return &info, nil
}

// List calls each for the objects of every page of a kind, in a namespace or
// (when it is empty) everywhere.
func (c *Client) List(ctx context.Context, kind fixes.Kind, namespace string, each func([]fixes.Object)) error {
	r, err := c.group(kind)
	if err != nil {
		return err
	}
	listKind := kind.GVK()
	listKind.Kind += "List"
	opts := metav1.ListOptions{Limit: PageSize}
	for {
		list, err := scheme.Scheme.New(listKind)
		if err != nil {
			return err
		}
		err = r.Get().NamespaceIfScoped(namespace, kind.Namespaced && namespace != "").Resource(kind.Resource).
			VersionedParams(&opts, scheme.ParameterCodec).Do(ctx).Into(list)
		if opts.Continue != "" && apierrors.IsResourceExpired(err) {
			// The rest of the pages is gone: ask again, for all at once.
			opts = metav1.ListOptions{}
			continue
		}
		if err != nil {
			return err
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return err
		}
		objects := make([]fixes.Object, len(items))
		for i, item := range items {
			objects[i] = item.(fixes.Object)
		}
		each(objects)
		page, err := meta.ListAccessor(list)
		if err != nil {
			return err
		}
		if opts.Continue = page.GetContinue(); opts.Continue == "" {
			return nil
		}
	}
}

// Get reads one object.
func (c *Client) Get(ctx context.Context, ref fixes.Ref) (fixes.Object, error) {
	req, err := c.request(http.MethodGet, ref)
	if err != nil {
		return nil, err
	}
	return into(ctx, req, ref)
}

// WriteOptions say how an object is written.
type WriteOptions struct {
	FieldManager string
	// DryRun lets the server do all but the write: admission, validation, and
	// defaulting.
	DryRun bool
}

func (o WriteOptions) dryRun() []string {
	if o.DryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// Create adds an object.
func (c *Client) Create(ctx context.Context, obj fixes.Object, o WriteOptions) (fixes.Object, error) {
	ref := fixes.RefOf(obj)
	collection := ref
	collection.Name = ""
	req, err := c.request(http.MethodPost, collection)
	if err != nil {
		return nil, err
	}
	req = req.VersionedParams(&metav1.CreateOptions{FieldManager: o.FieldManager, DryRun: o.dryRun()}, scheme.ParameterCodec).Body(obj)
	return into(ctx, req, ref)
}

// Patch applies a JSON Patch to an object.
func (c *Client) Patch(ctx context.Context, ref fixes.Ref, patch []byte, o WriteOptions) (fixes.Object, error) {
	req, err := c.request(http.MethodPatch, ref)
	if err != nil {
		return nil, err
	}
	req = req.VersionedParams(&metav1.PatchOptions{FieldManager: o.FieldManager, DryRun: o.dryRun()}, scheme.ParameterCodec).
		SetHeader("Content-Type", string(types.JSONPatchType)).Body(patch)
	return into(ctx, req, ref)
}

func (c *Client) request(verb string, ref fixes.Ref) (*rest.Request, error) {
	r, err := c.group(ref.Kind)
	if err != nil {
		return nil, err
	}
	req := r.Verb(verb).NamespaceIfScoped(ref.Namespace, ref.Kind.Namespaced).Resource(ref.Kind.Resource)
	if ref.Name != "" {
		req = req.Name(ref.Name)
	}
	return req, nil
}

func into(ctx context.Context, req *rest.Request, ref fixes.Ref) (fixes.Object, error) {
	obj, err := scheme.Scheme.New(ref.Kind.GVK())
	if err != nil {
		return nil, err
	}
	if err := req.Do(ctx).Into(obj); err != nil {
		return nil, err
	}
	typed := obj.(fixes.Object)
	typed.GetObjectKind().SetGroupVersionKind(ref.Kind.GVK())
	return typed, nil
}
