// Package discovery reads what an API server serves.
package discovery

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// Resources gives the resources that an API server serves, in all versions of all
// groups.
type Resources struct{ API source.Getter }

// Kind implements [source.Facts].
func (Resources) Kind() fixes.Kind { return fixes.KindServed }

// Load implements [source.Facts]. It gives all resources or, where one group
// cannot be read, none: a role written out from a part would lose rights.
func (r Resources) Load(ctx context.Context, _ *fixes.Inventory, emit func(source.Batch)) error {
	batch := source.Batch{Kind: fixes.KindServed}
	served, err := r.read(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		batch.Skips = []fixes.Skip{{Resource: "what the API server serves", Reason: err.Error()}}
	default:
		batch.Objects = []fixes.Object{served}
	}
	emit(batch)
	return nil
}

type key struct{ group, name string }

func (r Resources) read(ctx context.Context) (*fixes.Served, error) {
	found := map[key]*fixes.ServedResource{}
	var groups metav1.APIGroupList
	if err := r.get(ctx, "/apis", &groups); err != nil {
		return nil, err
	}
	paths := []string{"/api/v1"}
	for _, g := range groups.Groups {
		for _, v := range g.Versions {
			paths = append(paths, "/apis/"+v.GroupVersion)
		}
	}
	for _, path := range paths {
		var list metav1.APIResourceList
		if err := r.get(ctx, path, &list); err != nil {
			return nil, err
		}
		group, _, isGroup := strings.Cut(list.GroupVersion, "/")
		if !isGroup {
			group = ""
		}
		for _, res := range list.APIResources {
			k := key{group, res.Name}
			if found[k] == nil {
				found[k] = &fixes.ServedResource{Group: group, Name: res.Name, Namespaced: res.Namespaced}
			}
			found[k].Verbs = append(found[k].Verbs, res.Verbs...)
		}
	}
	served := &fixes.Served{}
	keys := slices.SortedFunc(maps.Keys(found), func(a, b key) int {
		return strings.Compare(a.group+"\x00"+a.name, b.group+"\x00"+b.name)
	})
	for _, k := range keys {
		slices.Sort(found[k].Verbs)
		found[k].Verbs = slices.Compact(found[k].Verbs)
		served.Resources = append(served.Resources, *found[k])
	}
	return served, nil
}

func (r Resources) get(ctx context.Context, path string, to any) error {
	body, err := r.API.Raw(ctx, path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(body, to); err != nil {
		return fmt.Errorf("%s is not JSON: %w", path, err)
	}
	return nil
}
