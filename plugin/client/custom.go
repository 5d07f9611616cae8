package client

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// served are the API groups of a server, and which version to ask for.
type served struct {
	groups map[string]metav1.APIGroup
	// unknown: the user may not ask.
	unknown bool
}

// ForgetServed makes the client ask again which groups the server has, when it
// next needs to know: what serves custom kinds comes and goes.
func (c *Client) ForgetServed() {
	c.discovering.Lock()
	defer c.discovering.Unlock()
	c.served = nil
}

// version returns the version of a kind to ask for.
func (c *Client) version(ctx context.Context, kind fixes.Kind) (string, error) {
	versions, err := c.versions(ctx, kind)
	if err != nil || len(versions) == 0 {
		return kind.Version, err
	}
	return versions[0], nil
}

// versions returns the versions in which a kind may be served, the best first;
// none where the server has not got its group. For custom kinds it reads the list
// of groups, once: one small request, where aggregated discovery would bring all
// resources of all groups. Within a group that is there, a kind may still be
// missing, or be there in another version than its neighbours (as in the Gateway
// API), which the answer to the first request shows.
func (c *Client) versions(ctx context.Context, kind fixes.Kind) ([]string, error) {
	if !kind.Custom() {
		return []string{kind.Version}, nil
	}
	s, err := c.groups(ctx)
	if err != nil {
		return nil, err
	}
	if s.unknown {
		return []string{kind.Version}, nil
	}
	group, ok := s.groups[kind.Group]
	if !ok {
		return nil, nil
	}
	versions := []string{group.PreferredVersion.Version}
	for _, v := range group.Versions {
		switch v.Version {
		case group.PreferredVersion.Version:
		case kind.Version:
			versions = slices.Insert(versions, 0, v.Version)
		default:
			versions = append(versions, v.Version)
		}
	}
	return versions, nil
}

// APIVersions returns the API groups and versions that the server has beside the
// core ("apps/v1"), as far as the user may ask.
func (c *Client) APIVersions(ctx context.Context) ([]string, error) {
	s, err := c.groups(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, g := range s.groups {
		for _, v := range g.Versions {
			out = append(out, v.GroupVersion)
		}
	}
	slices.Sort(out)
	return out, nil
}

// groups returns the server's API groups, which it asks for once.
func (c *Client) groups(ctx context.Context) (*served, error) {
	c.discovering.Lock()
	defer c.discovering.Unlock()
	if c.served == nil {
		s, err := c.discover(ctx)
		if err != nil {
			return nil, err
		}
		c.served = s
	}
	return c.served, nil
}

func (c *Client) discover(ctx context.Context) (*served, error) {
	body, err := c.Raw(ctx, "/apis")
	if apierrors.IsForbidden(err) {
		return &served{unknown: true}, nil
	}
	if err != nil {
		return nil, err
	}
	var list metav1.APIGroupList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("the server's list of API groups is not JSON: %w", err)
	}
	s := &served{groups: map[string]metav1.APIGroup{}}
	for _, g := range list.Groups {
		s.groups[g.Name] = g
	}
	return s, nil
}

// missing reports whether an answer says that the server has not got a custom
// kind, of which there are no objects then.
func missing(kind fixes.Kind, err error) bool { return kind.Custom() && apierrors.IsNotFound(err) }

// customPage reads a page of objects of a custom kind, which come as JSON.
func customPage(kind fixes.Kind, result rest.Result) ([]fixes.Object, metav1.ListMeta, error) {
	var list struct {
		Metadata metav1.ListMeta  `json:"metadata"`
		Items    []map[string]any `json:"items"`
	}
	if err := result.Error(); err != nil {
		return nil, list.Metadata, err
	}
	body, err := result.Raw()
	if err != nil {
		return nil, list.Metadata, err
	}
	if err := utiljson.Unmarshal(body, &list); err != nil {
		return nil, list.Metadata, fmt.Errorf("the server's list of %s is not JSON: %w", kind, err)
	}
	objects := make([]fixes.Object, len(list.Items))
	for i, item := range list.Items {
		objects[i] = fixes.NewCustom(kind, item)
	}
	return objects, list.Metadata, nil
}

// customObject reads one object of a custom kind.
func customObject(kind fixes.Kind, result rest.Result) (fixes.Object, error) {
	if err := result.Error(); err != nil {
		return nil, err
	}
	body, err := result.Raw()
	if err != nil {
		return nil, err
	}
	var content map[string]any
	if err := utiljson.Unmarshal(body, &content); err != nil {
		return nil, fmt.Errorf("the server's %s is not JSON: %w", kind, err)
	}
	return fixes.NewCustom(kind, content), nil
}
