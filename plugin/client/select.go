package client

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Select returns the objects of a kind in a namespace that two selectors, of
// labels and of fields, choose; an empty one chooses all. They come in one
// page: it is for the few that belong to one object.
func (c *Client) Select(ctx context.Context, kind fixes.Kind, namespace, labels, fields string) ([]fixes.Object, error) {
	version, err := c.version(ctx, kind)
	if err != nil {
		return nil, err
	}
	objects, _, err := c.page(ctx, kind, version, namespace, metav1.ListOptions{LabelSelector: labels, FieldSelector: fields})
	if missing(kind, err) {
		return nil, nil
	}
	return objects, err
}
