package journal

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// A Reader reads an object as the cluster holds it now.
type Reader func(context.Context, fixes.Ref) (fixes.Object, error)

// finder finds secret values at the places that hold them.
type finder struct {
	read Reader
	// live holds the objects that were read, nil for one that is not there or
	// may not be read.
	live map[fixes.Ref]map[string]any
	// places are those of each value, in the order of the changes.
	places map[int][]place
	found  map[search]finding
}

// place is a part of a string that holds a value.
type place struct {
	ref    fixes.Ref
	hidden *Hidden
	part   int
	// opposite is the object's other state, or nil, and other what is hidden
	// there at this place.
	opposite *Doc
	other    *Hidden
}

func newFinder(sealed []Change, refs []fixes.Ref, read Reader) *finder {
	f := &finder{read: read, live: map[fixes.Ref]map[string]any{}, places: map[int][]place{}, found: map[search]finding{}}
	for i := range sealed {
		f.add(refs[i], sealed[i].Before, sealed[i].After)
		f.add(refs[i], sealed[i].After, sealed[i].Before)
	}
	return f
}

func (f *finder) add(ref fixes.Ref, doc, opposite *Doc) {
	if doc == nil {
		return
	}
	others := map[string]*Hidden{}
	if opposite != nil {
		for i := range opposite.Secrets {
			others[opposite.Secrets[i].At] = &opposite.Secrets[i]
		}
	}
	for i := range doc.Secrets {
		h := &doc.Secrets[i]
		seen := map[int]bool{} // one part is enough where a value is repeated
		for k, p := range h.Parts {
			if p.Secret > 0 && !p.Blind && !seen[p.Secret] {
				seen[p.Secret] = true
				f.places[p.Secret] = append(f.places[p.Secret], place{ref, h, k, opposite, others[h.At]})
			}
		}
	}
}

// circle is a set of places. They are looked at in this order: a Secret is
// where a value belongs, and what is nearer to an object is likelier the value
// that it had, should somebody change one of several that were alike.
type circle int

const (
	secretsNearby circle = iota // in the namespace
	ownPlaces                   // of the object itself
	nearby
	secretsElsewhere
	elsewhere
	circles
)

func circleOf(p place, ref fixes.Ref) circle {
	isSecret := p.ref.Kind == fixes.KindSecret
	switch near := p.ref.Namespace == ref.Namespace; {
	case near && isSecret:
		return secretsNearby
	case p.ref == ref:
		return ownPlaces
	case near:
		return nearby
	case isSecret:
		return secretsElsewhere
	}
	return elsewhere
}

// search is what one answer holds for: a value in one circle around an object,
// or around all of its namespace.
type search struct {
	secret    int
	circle    circle
	namespace string
	own       fixes.Ref // for ownPlaces
}

type finding struct {
	value string
	ok    bool
}

// value finds a value for an object.
func (f *finder) value(ctx context.Context, secret int, ref fixes.Ref) (string, bool, error) {
	for c := range circles {
		key := search{secret: secret, circle: c, namespace: ref.Namespace}
		if c == ownPlaces {
			key.own = ref
		}
		got, known := f.found[key]
		if !known {
			var err error
			if got.value, got.ok, err = f.search(ctx, secret, c, ref); err != nil {
				return "", false, err
			}
			f.found[key] = got
		}
		if got.ok {
			return got.value, true, nil
		}
	}
	return "", false, nil
}

func (f *finder) search(ctx context.Context, secret int, c circle, ref fixes.Ref) (string, bool, error) {
	for _, p := range f.places[secret] {
		if circleOf(p, ref) != c {
			continue
		}
		s, ok, err := f.text(ctx, p)
		if err != nil {
			return "", false, err
		}
		if !ok {
			continue
		}
		raw, ok := match(p.hidden.Parts, s)
		if !ok {
			continue
		}
		if value, ok := p.hidden.Parts[p.part].value(raw[p.part]); ok {
			return value, true, nil
		}
	}
	return "", false, nil
}

// text returns the string that stands at a place now, unless it is the one
// that the object has in its other state.
func (f *finder) text(ctx context.Context, p place) (string, bool, error) {
	tree, err := f.object(ctx, p.ref)
	if err != nil || tree == nil {
		return "", false, err
	}
	s, ok := lookupString(tree, p.hidden.At)
	if !ok || s == "" {
		return "", false, nil
	}
	if p.hidden.Apart && p.other != nil {
		if _, ok := match(p.other.Parts, s); ok {
			return "", false, nil
		}
	}
	if p.opposite != nil {
		if o, there := lookupString(p.opposite.Object, p.hidden.At); there && o == s {
			return "", false, nil
		}
	}
	return s, true, nil
}

// object reads an object, once.
func (f *finder) object(ctx context.Context, ref fixes.Ref) (map[string]any, error) {
	if tree, ok := f.live[ref]; ok {
		return tree, nil
	}
	obj, err := f.read(ctx, ref)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		f.live[ref] = nil
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", ref, err)
	}
	tree, err := manifest(obj)
	if err != nil {
		return nil, err
	}
	f.live[ref] = tree
	return tree, nil
}
