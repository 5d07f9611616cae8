package journal

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
)

// check masks what is hidden, and redacts again: a string in which the
// redaction still finds something is hidden as a whole. It reports whether
// there was one. masked is what the redaction made of the object.
func (s *sealer) check(out *side, ref fixes.Ref, masked map[string]any) (found bool, err error) {
	tree := runtime.DeepCopyJSON(out.Object)
	for _, h := range out.Secrets {
		mask := maskParts(h.Parts)
		if isBinary(ref.Kind, h.At) {
			mask = "" // a mask is no base64
		}
		if err := put(tree, h.At, mask); err != nil {
			return false, err
		}
	}
	obj, err := typed(tree, ref)
	if err != nil {
		return false, err
	}
	again, err := manifest(s.redact(obj))
	if err != nil {
		return false, err
	}
	eachPair(tree, again, "", func(path, text string, other any) {
		if isName(path) || isBinary(ref.Kind, path) || !showsMore(text, other) {
			return
		}
		plain, ok := out.hidden[path]
		if !ok {
			plain, _ = lookupString(out.Object, path)
		}
		parts := s.whole(plain)
		if redacted, ok := other.(string); ok && path == lastApplied {
			shown, _ := lookupString(masked, path)
			paths, ok := showMoreJSON(text, redacted)
			switch {
			case ok && len(paths) == 0:
				return // it is only written differently
			case ok:
				out.whole = append(out.whole, paths...)
				parts = s.hideJSON(ref.Namespace, plain, shown, out.whole)
			}
		}
		out.hide(path, plain, parts)
		found = true
	})
	return found, nil
}

// maskParts returns a string with its secrets masked.
func maskParts(parts []Part) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Secret != 0 {
			b.WriteString(secrets.Mask)
		}
		b.WriteString(p.Text)
	}
	return b.String()
}

// showsMore reports whether a string whose secrets are masked shows another,
// going by what the redaction makes of it.
func showsMore(text string, other any) bool {
	if strings.ReplaceAll(text, secrets.Mask, "") == "" {
		return false // nothing is left to show
	}
	redacted, ok := other.(string)
	return !ok || redacted != text
}
