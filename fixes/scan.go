package fixes

import (
	"runtime"
	"slices"
	"sync"
)

// Result is what a scan found.
type Result struct {
	Inventory *Inventory
	Rules     []*Rule
	Findings  []*Finding
	// Others are findings that were not asked for. They are not shown, but a
	// plan is verified against them too.
	Others []*Finding
	// Suppressed are findings that an ignore hides: they are neither shown nor
	// counted, and no plan leaves or brings them. See [Result.Ignore].
	Suppressed []Suppressed

	ignoring *ignoring // nil: nothing is ignored
}

// Scanner judges an inventory while it is being filled: each rule runs as
// soon as all the kinds that it looks at are there.
type Scanner struct {
	result  Result
	waiting []*Rule
	loaded  map[Kind]bool
}

// NewScanner returns a scanner of an inventory that is still empty.
func NewScanner(inv *Inventory, rules []*Rule) *Scanner {
	return &Scanner{
		result:  Result{Inventory: inv, Rules: rules},
		waiting: slices.Clone(rules),
		loaded:  map[Kind]bool{},
	}
}

// Loaded tells the scanner that the inventory now holds all objects of a
// kind, and returns the findings of the rules that could run for it.
func (s *Scanner) Loaded(kind Kind) []*Finding {
	s.loaded[kind] = true
	var ready []*Rule
	s.waiting = slices.DeleteFunc(s.waiting, func(r *Rule) bool {
		for _, k := range r.Kinds {
			if !s.loaded[k] {
				return false
			}
		}
		ready = append(ready, r)
		return true
	})
	return s.run(ready)
}

// Result returns what was found, in reading order. Rules that still wait for
// a kind run now, on what is there.
func (s *Scanner) Result() *Result {
	s.run(s.waiting)
	s.waiting = nil
	SortFindings(s.result.Findings)
	return &s.result
}

// run checks rules side by side: they only read.
func (s *Scanner) run(rules []*Rule) []*Finding {
	found := make([][]*Finding, len(rules))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(len(rules), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := range next {
				found[i] = rules[i].Run(s.result.Inventory)
			}
		})
	}
	for i := range rules {
		next <- i
	}
	close(next)
	workers.Wait()
	all := slices.Concat(found...)
	s.result.Findings = append(s.result.Findings, all...)
	return all
}

// Scan judges an inventory that is complete.
func Scan(inv *Inventory, rules []*Rule) *Result {
	return NewScanner(inv, rules).Result()
}
