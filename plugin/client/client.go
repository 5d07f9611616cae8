// Package client reads and writes typed objects of a cluster: lists are paged
// and come as protobuf, writes name their field manager. It is all that the
// plugin needs of an API client, without a typed clientset's weight.
package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
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

	discovering sync.Mutex // held while served is asked for
	served      *served
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

func (c *Client) group(gv schema.GroupVersion, custom bool) (rest.Interface, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.byGroup[gv]; ok {
		return r, nil
	}
	config := rest.CopyConfig(c.config)
	config.GroupVersion = &gv
	config.APIPath = "/apis"
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	if custom { // such objects have no protobuf
		config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
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
	body, err := c.Raw(ctx, "/version")
	if err != nil {
		return nil, err
	}
	var info version.Info
	if err := json.Unmarshal(body, &info); err != nil {
		return nil, fmt.Errorf("the server's version is not JSON: %w", err)
	}
	return &info, nil
}

// Raw reads a path of the API, which may end in a query, as it is answered, in
// JSON where the server has the choice.
func (c *Client) Raw(ctx context.Context, path string) ([]byte, error) {
	return c.RawAs(ctx, path, runtime.ContentTypeJSON)
}

// RawAs is [Client.Raw] for another media type than plain JSON.
func (c *Client) RawAs(ctx context.Context, path, accept string) ([]byte, error) {
	r, err := c.group(schema.GroupVersion{Version: "v1"}, false)
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(path, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	req := r.Get().AbsPath(path).SetHeader("Accept", accept)
	for name := range params {
		req = req.Param(name, params.Get(name))
	}
	return req.Do(ctx).Raw()
}

// List calls each for the objects of every page of a kind, in a namespace or
// (when it is empty) everywhere. There are none of a custom kind that the
// server has not got.
func (c *Client) List(ctx context.Context, kind fixes.Kind, namespace string, each func([]fixes.Object)) error {
	_, err := c.ListAt(ctx, kind, namespace, each)
	return err
}

// ListAt is [Client.List], and returns the resourceVersion that the list shows,
// from which on it can be watched. It is empty when there is no such version:
// the server has not got the kind, or the pages show different states.
func (c *Client) ListAt(ctx context.Context, kind fixes.Kind, namespace string, each func([]fixes.Object)) (version string, err error) {
	versions, err := c.versions(ctx, kind)
	if err != nil || len(versions) == 0 {
		return "", err
	}
	opts := metav1.ListOptions{Limit: PageSize}
	mixed := false
	for {
		objects, at, err := c.page(ctx, kind, versions[0], namespace, opts)
		if missing(kind, err) {
			if versions = versions[1:]; len(versions) == 0 {
				return "", nil
			}
			continue
		}
		if opts.Continue != "" && apierrors.IsResourceExpired(err) {
			// The rest of the pages is gone: ask again, for all at once.
			opts, mixed = metav1.ListOptions{}, true
			continue
		}
		if err != nil {
			return "", err
		}
		each(objects)
		if opts.Continue = at.Continue; at.Continue == "" {
			if mixed {
				return "", nil
			}
			return at.ResourceVersion, nil
		}
	}
}

// page returns a page of objects, and where it stands: its resourceVersion, and
// what asks for the next one, if there is one.
func (c *Client) page(ctx context.Context, kind fixes.Kind, version, namespace string, opts metav1.ListOptions) ([]fixes.Object, metav1.ListMeta, error) {
	var at metav1.ListMeta
	gv := schema.GroupVersion{Group: kind.Group, Version: version}
	r, err := c.group(gv, kind.Custom())
	if err != nil {
		return nil, at, err
	}
	result := r.Get().NamespaceIfScoped(namespace, kind.Namespaced && namespace != "").Resource(kind.Resource).
		SpecificallyVersionedParams(&opts, scheme.ParameterCodec, paramsVersion).Do(ctx)
	if kind.Custom() {
		return customPage(kind, result)
	}
	list, err := scheme.Scheme.New(gv.WithKind(kind.Name + "List"))
	if err != nil {
		return nil, at, err
	}
	if err := result.Into(list); err != nil {
		return nil, at, err
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, at, err
	}
	objects := make([]fixes.Object, len(items))
	for i, item := range items {
		objects[i] = item.(fixes.Object)
	}
	page, err := meta.ListAccessor(list)
	if err != nil {
		return nil, at, err
	}
	at.ResourceVersion, at.Continue = page.GetResourceVersion(), page.GetContinue()
	return objects, at, nil
}

// paramsVersion is the version whose options a query is written in. All groups
// take them, and custom groups are in no scheme.
var paramsVersion = schema.GroupVersion{Version: "v1"}

// Get reads one object.
func (c *Client) Get(ctx context.Context, ref fixes.Ref) (fixes.Object, error) {
	req, err := c.request(ctx, http.MethodGet, ref)
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
	req, err := c.request(ctx, http.MethodPost, collection)
	if err != nil {
		return nil, err
	}
	opts := &metav1.CreateOptions{FieldManager: o.FieldManager, DryRun: o.dryRun()}
	req = req.SpecificallyVersionedParams(opts, scheme.ParameterCodec, paramsVersion)
	if req, err = body(req, ref.Kind, obj); err != nil {
		return nil, err
	}
	return into(ctx, req, ref)
}

// Patch applies a JSON Patch to an object.
func (c *Client) Patch(ctx context.Context, ref fixes.Ref, patch []byte, o WriteOptions) (fixes.Object, error) {
	req, err := c.request(ctx, http.MethodPatch, ref)
	if err != nil {
		return nil, err
	}
	opts := &metav1.PatchOptions{FieldManager: o.FieldManager, DryRun: o.dryRun()}
	req = req.SpecificallyVersionedParams(opts, scheme.ParameterCodec, paramsVersion).
		SetHeader("Content-Type", string(types.JSONPatchType)).Body(patch)
	return into(ctx, req, ref)
}

func (c *Client) request(ctx context.Context, verb string, ref fixes.Ref) (*rest.Request, error) {
	version, err := c.version(ctx, ref.Kind)
	if err != nil {
		return nil, err
	}
	r, err := c.group(schema.GroupVersion{Group: ref.Kind.Group, Version: version}, ref.Kind.Custom())
	if err != nil {
		return nil, err
	}
	req := r.Verb(verb).NamespaceIfScoped(ref.Namespace, ref.Kind.Namespaced).Resource(ref.Kind.Resource)
	if ref.Name != "" {
		req = req.Name(ref.Name)
	}
	return req, nil
}

// body gives a request a body: of a custom kind as JSON, since no scheme knows
// the kind or its group's options.
func body(req *rest.Request, kind fixes.Kind, v runtime.Object) (*rest.Request, error) {
	if !kind.Custom() {
		return req.Body(v), nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return req.SetHeader("Content-Type", runtime.ContentTypeJSON).Body(text), nil
}

func into(ctx context.Context, req *rest.Request, ref fixes.Ref) (fixes.Object, error) {
	if ref.Kind.Custom() {
		return customObject(ref.Kind, req.Do(ctx))
	}
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
