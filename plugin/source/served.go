package source

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Getter reads a path of a cluster's API, which may end in a query, as JSON.
type Getter interface {
	Raw(ctx context.Context, path string) ([]byte, error)
}

// Served reports whether a cluster serves an API group's version, which not
// every cluster has ("metrics.k8s.io/v1beta1"). It is worth asking first: who
// may not list a resource is told so before it is known whether there is such a
// one. What cannot be told counts as served, so that the list says why.
func Served(ctx context.Context, api Getter, apiVersion string) bool {
	_, err := api.Raw(ctx, "/apis/"+apiVersion)
	return !apierrors.IsNotFound(err)
}
