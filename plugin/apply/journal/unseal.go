package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Lost is a string whose secret is nowhere any more.
type Lost struct {
	// Change is a place in the list of changes.
	Change int
	Object fixes.Ref
	// Path leads there as [fixes.Finding.Path] does.
	Path string
}

// maxText bounds the strings of an object that are put together: no object is
// larger, and a journal that somebody else wrote could want more.
const maxText = 16 << 20 // bytes

// Unseal is the reverse of [Seal]. It takes all changes of a run, and finds
// their secrets in the cluster. An object that is not there, or that the user
// may not read, is passed over; any other error of read ends it.
//
// A value that no place holds any more is reported, and its field is made as
// the object's other state has it, so that the change does not touch it; with
// it go the other entries of an environment, a command or a list like those,
// which may refer to it. A change that creates an object (or deletes and
// creates it anew) and has lost a value must not be made.
func Unseal(ctx context.Context, sealed []Change, read Reader) ([]fixes.Change, []Lost, error) {
	refs := make([]fixes.Ref, len(sealed))
	for i := range sealed {
		var err error
		if refs[i], err = sealed[i].Object.Ref(); err != nil {
			return nil, nil, fmt.Errorf("change %d: %w", i, err)
		}
	}
	u := unsealer{finder: newFinder(sealed, refs, read)}
	changes := make([]fixes.Change, len(sealed))
	for i := range sealed {
		var err error
		if changes[i], err = u.change(ctx, i, &sealed[i], refs[i]); err != nil {
			return nil, nil, err
		}
	}
	return changes, u.lost, nil
}

type unsealer struct {
	*finder
	lost []Lost
}

func (u *unsealer) change(ctx context.Context, number int, c *Change, ref fixes.Ref) (fixes.Change, error) {
	before, missing, err := u.fill(ctx, ref, c.Before, c.After)
	if err != nil {
		return fixes.Change{}, err
	}
	after, alsoMissing, err := u.fill(ctx, ref, c.After, c.Before)
	if err != nil {
		return fixes.Change{}, err
	}
	for _, path := range missing {
		u.lost = append(u.lost, Lost{number, ref, field(before, path)})
	}
	for _, path := range alsoMissing {
		if !slices.Contains(missing, path) {
			u.lost = append(u.lost, Lost{number, ref, field(after, path)})
		}
	}
	leave(before, after, missing)
	leave(after, before, alsoMissing)
	out := fixes.Change{Action: c.Action, Object: ref}
	if before != nil {
		if out.Before, err = typed(before, ref); err != nil {
			return fixes.Change{}, err
		}
		c.identify(out.Before)
	}
	if after != nil {
		if out.After, err = typed(after, ref); err != nil {
			return fixes.Change{}, err
		}
		if before != nil {
			c.identify(out.After) // as a draft's copy of the object
		}
	}
	return out, nil
}

// leave makes what has lost a string as it is in the object's other state.
func leave(tree, other map[string]any, missing []string) {
	if tree == nil || other == nil {
		return
	}
	for _, path := range missing {
		if _, there := lookup(tree, path); there { // it may have gone with another
			adopt(tree, other, scope(tree, path))
		}
	}
}

// fill returns an object with its secrets, and the places of those that were
// not found, which are left empty.
func (u *unsealer) fill(ctx context.Context, ref fixes.Ref, doc, opposite *Doc) (tree map[string]any, missing []string, err error) {
	if doc == nil {
		return nil, nil, nil
	}
	if tree = runtime.DeepCopyJSON(doc.Object); tree == nil {
		tree = map[string]any{}
	}
	size := 0
	for i := range doc.Secrets {
		h := &doc.Secrets[i]
		if _, ok := lookupString(tree, h.At); !ok {
			return nil, nil, fmt.Errorf("%s: no string at %s", ref, h.At)
		}
		s, ok, err := u.compose(ctx, ref, h, opposite, maxText-size)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %s: %w", ref, field(tree, h.At), err)
		}
		if !ok {
			missing = append(missing, h.At)
			continue
		}
		size += len(s)
		if err := put(tree, h.At, s); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", ref, err)
		}
	}
	return tree, missing, nil
}

// compose puts a string together.
func (u *unsealer) compose(ctx context.Context, ref fixes.Ref, h *Hidden, opposite *Doc, room int) (string, bool, error) {
	if h.Own {
		if s, ok, err := u.text(ctx, place{ref: ref, hidden: h, opposite: opposite}); ok || err != nil {
			return s, ok, err
		}
	}
	var b strings.Builder
	for _, p := range h.Parts {
		text := p.Text
		if p.Secret != 0 {
			value, ok, err := u.value(ctx, p.Secret, ref)
			if !ok || err != nil {
				return "", false, err
			}
			if text, err = encode(value, p.Encoding); err != nil {
				return "", false, err
			}
		}
		if b.WriteString(text); b.Len() > room {
			return "", false, errors.New("larger than an object can be")
		}
	}
	return b.String(), true, nil
}

// scope returns the steps to what is left alone where the string at a place is
// lost. In a list of strings, or of names with values, one may refer to
// another, and so the list is left alone as a whole.
func scope(tree any, path string) []string {
	all := split(path)
	n, index := len(all), indexes(tree, all)
	switch {
	case index[n-1] >= 0:
		return all[:n-1]
	case n > 1 && all[n-1] == "value" && index[n-2] >= 0:
		return all[:n-2]
	}
	return all
}
