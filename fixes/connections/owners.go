package connections

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Whose a store is, by its name.

// storeWords stand before or after the name of a store's owner: carts-db,
// mongodb-profile, redis-cart.
var storeWords = []string{"db", "database", "postgres", "postgresql", "mysql", "mariadb", "mongo", "mongodb", "redis", "cache", "store", "memcached"}

// plainWords end names without telling one workload from another.
var plainWords = []string{"service", "svc", "server", "api", "app"}

var version = regexp.MustCompile(`^v?[0-9]+$`)

// stemOf returns what the name of a store says beside that it is one; empty where
// it does not say so, or nothing else.
func stemOf(store fixes.Workload) string {
	words := wordsOf(store.Object.GetName())
	all := len(words)
	for len(words) > 0 && slices.Contains(storeWords, words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	for len(words) > 0 && slices.Contains(storeWords, words[0]) {
		words = words[1:]
	}
	if len(words) == all {
		return ""
	}
	return strings.Join(words, "-")
}

// belongs reports whether a store is a workload's by its name: carts-db is that
// of carts, mongodb-profile that of profile, and redis-cart of cartservice.
func belongs(store, w fixes.Workload) bool {
	stem := stemOf(store)
	name := strings.Join(wordsOf(w.Object.GetName()), "-")
	return stem != "" && (strings.HasPrefix(name, stem+"-") || akin(name, stem))
}

// akin reports whether two words are of one root: cart and carts, catalog and
// catalogue, reserve and reservation.
func akin(a, b string) bool {
	if a == b || strings.TrimSuffix(a, "s") == strings.TrimSuffix(b, "s") {
		return true
	}
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	return same >= 5 && same+1 >= min(len(a), len(b))
}

// unversioned returns a name without the version at its end.
func unversioned(name string) string {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return name
	}
	end := name[i+1:]
	if slices.Contains([]string{"blue", "green", "canary", "stable"}, end) || strings.HasPrefix(end, "v") && version.MatchString(end) {
		return name[:i]
	}
	return name
}

// areVersions reports whether two workloads are one but for a version at the end of
// their names: api-v1 and api-v2, shop and shop-canary. Numbers alone are rather
// members of a group, which call each other.
func areVersions(a, b fixes.Workload) bool {
	x, y := a.Object.GetName(), b.Object.GetName()
	return x != y && unversioned(x) == unversioned(y) && !IsStore(a) && !IsStore(b)
}

// wordsOf returns the words of a name, without a version and a plain word at
// its end.
func wordsOf(name string) []string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("-_.", r) })
	for len(words) > 1 && (version.MatchString(words[len(words)-1]) || slices.Contains(plainWords, words[len(words)-1])) {
		words = words[:len(words)-1]
	}
	if len(words) == 0 {
		return nil
	}
	last := &words[len(words)-1]
	for _, plain := range plainWords {
		if stem := strings.TrimSuffix(*last, plain); len(stem) > 2 && plain != "app" {
			*last = stem
		}
	}
	return words
}

// isOwner reports whether a store belongs to a workload by its name. The name of the
// application, which all have, tells nothing.
func (g *Graph) isOwner(w, store fixes.Workload) bool {
	return stemOf(store) != g.customs.prefix[store.Object.GetNamespace()] && belongs(store, w)
}

// owners returns the workloads to which a store belongs by its name. One that has
// a nearer store of the same sort is none: user-timeline is not the owner of
// user-db where there is a user-timeline-db.
func (g *Graph) owners(store fixes.Workload) []fixes.Workload {
	if !IsStore(store) {
		return nil
	}
	stem := stemOf(store)
	return slices.DeleteFunc(g.neighbours(store), func(w fixes.Workload) bool {
		return !g.isOwner(w, store) || slices.ContainsFunc(g.Workloads, func(other fixes.Workload) bool {
			return other.Object.GetNamespace() == w.Object.GetNamespace() && len(stemOf(other)) > len(stem) &&
				isDatabase(other) == isDatabase(store) && isCache(other) == isCache(store) && IsStore(other) && belongs(other, w)
		})
	})
}
