package client

import (
	"context"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Delete removes an object, provided that it is still the one given: its uid
// and its resourceVersion are preconditions. What it owns goes before it, so
// that it is gone only when all of it is.
func (c *Client) Delete(ctx context.Context, obj fixes.Object, o WriteOptions) error {
	ref := fixes.RefOf(obj)
	req, err := c.request(ctx, http.MethodDelete, ref)
	if err != nil {
		return err
	}
	uid, version := obj.GetUID(), obj.GetResourceVersion()
	foreground := metav1.DeletePropagationForeground
	options := &metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
		PropagationPolicy: &foreground,
		DryRun:            o.dryRun(),
	}
	if req, err = body(req, ref.Kind, options); err != nil {
		return err
	}
	return req.Do(ctx).Error()
}
