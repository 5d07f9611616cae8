package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// guard says what keeps a slip of the finger from a cluster.
type guard struct {
	// production are patterns of the names of contexts where a slip is dear; an
	// asterisk stands for anything. Where they are nil, the words of
	// productionWords count. Those of also count in any case.
	production, also []string
	// confirmAbove is the number of changes above which the context's name is to
	// be typed.
	confirmAbove int
	// whyReadOnly, when it is not empty, is why nothing is written.
	whyReadOnly string
}

// productionWords make a context one of production, where they stand in its
// name between whatever is not a letter.
var productionWords = []string{"prod", "production", "prd", "live"}

// isProduction reports whether a context is one where a slip is dear.
func (g *guard) isProduction(name string) bool {
	is := func(p string) bool { return matches(p, name) }
	if g.production != nil || slices.ContainsFunc(g.also, is) {
		return slices.ContainsFunc(slices.Concat(g.production, g.also), is)
	}
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(productionWords, w) })
}

// matches reports whether a name, in any case, is as a pattern says.
func matches(pattern, name string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	name = strings.ToLower(name)
	if len(parts) == 1 {
		return parts[0] == name
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(name, first) || !strings.HasSuffix(name[len(first):], last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = rest
	}
	return true
}

// mayWrite fails when nothing is to be written, or when there is nobody to ask.
func (r *runner) mayWrite(what string) error {
	if r.guard.whyReadOnly != "" {
		return usageError(fmt.Errorf("%s writes to the cluster, and %s", what, r.guard.whyReadOnly))
	}
	return r.canAsk(what)
}

// agree asks before so many changes: with yes or no, or for the name of the
// context where a slip would be dear.
func (r *runner) agree(ctx context.Context, question string, changes int) (bool, error) {
	word, why := fixes.Clean(r.cluster.context), ""
	switch {
	case word == "":
	case r.guard.isProduction(r.cluster.context):
		why = "This is production"
	case changes > r.guard.confirmAbove:
		why = "These are " + report.Count(changes, "change")
	}
	if why == "" {
		return r.ask(ctx, question)
	}
	answer, err := r.answer(ctx, fmt.Sprintf("%s %s: type %s to go on: ", question, why, word))
	if err != nil {
		return false, err
	}
	return r.yes || answer == word, nil
}
