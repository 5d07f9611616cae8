package journal

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
)

// learn takes in all values that are to be hidden. Those of Secrets come
// first: they are what others are written after.
func (s *sealer) learn(changes []fixes.Change) error {
	var objects []fixes.Object
	for i := range changes {
		for _, obj := range []fixes.Object{changes[i].Before, changes[i].After} {
			if secret, ok := obj.(*corev1.Secret); ok {
				s.vault.learnSecret(secret)
			}
			if obj != nil {
				objects = append(objects, obj)
			}
		}
	}
	for _, obj := range objects {
		if err := s.learnMasked(obj); err != nil {
			return err
		}
	}
	return nil
}

// learnMasked takes in what the redaction masks in an object.
func (s *sealer) learnMasked(obj fixes.Object) error {
	plain, masked, err := s.redacted(obj)
	if err != nil {
		return err
	}
	kind, _ := fixes.KindOf(obj)
	learn := func(text string, other any) {
		shown, isString := other.(string)
		if !isString || text == "" {
			return // a whole that is hidden holds more than a value
		}
		for _, sp := range regions(text, shown) {
			if value := text[sp.from:sp.to]; !s.vault.knows(value) {
				s.vault.learn(value)
			}
		}
	}
	eachPair(plain, masked, "", func(path, text string, other any) {
		if isBinary(kind, path) || isName(path) {
			return
		}
		if shown, ok := other.(string); ok && path == lastApplied {
			eachToken(text, shown, func(t token, other any) { learn(t.text, other) })
			return
		}
		learn(text, other)
	})
	return nil
}

// regions returns what the redaction has masked in a string, or the whole
// string where that cannot be told.
func regions(text, masked string) []span {
	if text == masked {
		return nil
	}
	all := []span{{from: 0, to: len(text)}}
	literals := strings.Split(masked, secrets.Mask)
	first, last := literals[0], literals[len(literals)-1]
	if len(literals) == 1 || !strings.HasPrefix(text, first) || !strings.HasSuffix(text[len(first):], last) {
		return all
	}
	var out []span
	at, end := len(first), len(text)-len(last)
	for _, literal := range literals[1 : len(literals)-1] {
		if literal == "" {
			continue // one mask after another
		}
		n := strings.Index(text[at:end], literal)
		if n < 0 {
			return all
		}
		if n > 0 {
			out = append(out, span{from: at, to: at + n})
		}
		at += n + len(literal)
	}
	if at < end {
		out = append(out, span{from: at, to: end})
	}
	return out
}
