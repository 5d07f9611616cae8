package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// ErrNotServed is returned for a watch of a custom kind that the server has not
// got.
var ErrNotServed = errors.New("the server has no such kind")

// Event is one thing that a watch tells.
type Event struct {
	// Object is the object as it is now, or as it was last. It is nil where the
	// watch only says that it goes on.
	Object fixes.Object
	// Gone says that the object is deleted.
	Gone bool
	// Version is the resourceVersion that the watch has come to.
	Version string
}

// Watch calls each for every change of the objects of a kind, in a namespace or
// (when it is empty) everywhere, that came after a resourceVersion. Where name is
// not empty, it watches the object of that name alone. It returns nil when the
// server has ended the watch, as it does after some minutes: whoever wants to go
// on asks again, from the last event's version. The error is one of
// [apierrors.IsResourceExpired] when the server has no changes from that
// version on any more.
func (c *Client) Watch(ctx context.Context, kind fixes.Kind, namespace, name, version string, each func(Event)) error {
	versions, err := c.versions(ctx, kind)
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		return ErrNotServed
	}
	for _, v := range versions {
		if err = c.watch(ctx, kind, v, namespace, name, version, each); !missing(kind, err) {
			return err
		}
	}
	return ErrNotServed
}

func (c *Client) watch(ctx context.Context, kind fixes.Kind, apiVersion, namespace, name, version string, each func(Event)) error {
	r, err := c.group(schema.GroupVersion{Group: kind.Group, Version: apiVersion}, kind.Custom())
	if err != nil {
		return err
	}
	opts := metav1.ListOptions{Watch: true, AllowWatchBookmarks: true, ResourceVersion: version}
	if name != "" {
		opts.FieldSelector = "metadata.name=" + name
	}
	req := r.Get().NamespaceIfScoped(namespace, kind.Namespaced && namespace != "").Resource(kind.Resource).
		SpecificallyVersionedParams(&opts, scheme.ParameterCodec, paramsVersion)
	if kind.Custom() {
		return watchCustom(ctx, kind, req, each)
	}
	w, err := req.Watch(ctx)
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-w.ResultChan():
			if !ok {
				return ctx.Err()
			}
			if e.Type == watch.Error {
				return apierrors.FromObject(e.Object)
			}
			if obj, ok := e.Object.(fixes.Object); ok {
				obj.GetObjectKind().SetGroupVersionKind(kind.GVK())
				each(newEvent(e.Type, obj))
			}
		}
	}
}

func newEvent(t watch.EventType, obj fixes.Object) Event {
	e := Event{Object: obj, Gone: t == watch.Deleted, Version: obj.GetResourceVersion()}
	if t == watch.Bookmark {
		e.Object = nil
	}
	return e
}

// watchCustom reads a watch of a custom kind, which comes as JSON.
func watchCustom(ctx context.Context, kind fixes.Kind, req *rest.Request, each func(Event)) error {
	body, err := req.Stream(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := json.NewDecoder(body)
	for {
		var line struct {
			Type   watch.EventType `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := lines.Decode(&line); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return ctx.Err()
			}
			return err
		}
		if line.Type == watch.Error {
			var status metav1.Status
			if err := json.Unmarshal(line.Object, &status); err != nil {
				return fmt.Errorf("the server's error of a watch is not JSON: %w", err)
			}
			return apierrors.FromObject(&status)
		}
		var content map[string]any
		if err := utiljson.Unmarshal(line.Object, &content); err != nil {
			return fmt.Errorf("the server's %s is not JSON: %w", kind, err)
		}
		each(newEvent(line.Type, fixes.NewCustom(kind, content)))
	}
}
