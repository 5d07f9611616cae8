//go:build !unix

package cluster

import (
	"context"
	"errors"
)

func lock(context.Context, string) (func(), error) {
	return nil, errors.New("clusters for tests are started on Unix systems only")
}
