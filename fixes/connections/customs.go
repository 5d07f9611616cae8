package connections

import (
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// customs are those of an application that its guesses go by.
type customs struct {
	// directory has what only answers those who register with it or take their
	// configuration from it.
	directory map[End]bool
	// namesAll has those whose settings name two services of their application, or
	// more: then they name all that they call.
	namesAll map[End]bool
	// fewExposed has the namespaces of which not all that serves something is open
	// to the outside, or that is little. Then what is so is a front, which calls its
	// siblings and is not called by them. A store is never a front.
	fewExposed map[string]bool
	// prefix has, of a namespace, the word with which most names begin there: the
	// application's own.
	prefix map[string]string
	// fronts has the namespaces of which something is open to the outside, or a front
	// by its name.
	fronts map[string]bool
	// loads has those that only put load on an application.
	loads map[End]bool
}

// directories are the names of what others register with or take their
// configuration from, such as Eureka and Spring's Config Server.
var directories = []string{"registry", "service-registry", "eureka", "discovery", "config"}

// findCustoms looks at all that is known, before anything is guessed.
func (g *Graph) findCustoms() *customs {
	c := &customs{map[End]bool{}, map[End]bool{}, map[string]bool{}, map[string]string{}, map[string]bool{}, map[End]bool{}}
	exposed, serving := map[string]int{}, map[string]int{}
	members, services := map[string]int{}, map[string]int{} // of a namespace: all, and those of an application
	prefixed := map[[2]string]int{}                         // those of a namespace whose names begin with a word
	service := map[End]bool{}
	for _, w := range g.Workloads {
		ns := w.Object.GetNamespace()
		members[ns]++
		c.loads[Of(w)] = drives(w)
		first, _, _ := strings.Cut(w.Object.GetName(), "-")
		prefixed[[2]string{ns, first}]++
		if isService(w) {
			service[Of(w)] = true
			services[ns]++
		}
		if !IsStore(w) && g.serves(w) {
			serving[ns]++
			if g.isExposed(Of(w)) {
				exposed[ns]++
			}
			c.fronts[ns] = c.fronts[ns] || isFront(w) || g.isExposed(Of(w))
		}
	}
	for ns := range members {
		c.fewExposed[ns] = exposed[ns] < serving[ns] || exposed[ns] < 3
	}
	for _, w := range g.Workloads {
		ns, words := w.Object.GetNamespace(), wordsOf(w.Object.GetName())
		if len(words) > 1 && members[ns] > 2 && 2*prefixed[[2]string{ns, words[0]}] > members[ns] {
			c.prefix[ns] = words[0]
			words = words[1:] // of the application: shop-registry
		}
		c.directory[Of(w)] = service[Of(w)] && slices.Contains(directories, strings.Join(words, "-"))
	}
	named := map[End]map[End]bool{}
	for _, w := range g.Workloads {
		to := Of(w)
		if !service[to] || c.directory[to] {
			continue
		}
		callers := map[End]bool{}
		for _, l := range g.To(to) {
			if l.From != to && !l.scrape && l.From.Workload.Namespace == to.Workload.Namespace && service[l.From] {
				callers[l.From] = true
			}
		}
		if len(callers) > 2 && 2*len(callers) >= services[w.Object.GetNamespace()]-1 {
			continue // most name it: as with a directory, they may have the rest there
		}
		for from := range callers {
			if named[from] == nil {
				named[from] = map[End]bool{}
			}
			named[from][to] = true
			c.namesAll[from] = len(named[from]) > 1
		}
	}
	return c
}

// isService reports whether a workload is part of an application, and no store.
func isService(w fixes.Workload) bool { return !IsStore(w) && !isProduct(w) }
