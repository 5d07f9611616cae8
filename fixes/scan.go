package fixes

import "slices"

// Result is what a scan found.
type Result struct {
	Inventory *Inventory
	Rules     []*Rule
	Findings  []*Finding
	// Others are findings that were not asked for. They are not shown, but a
	// plan is verified against them too.
	Others []*Finding
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
	var found []*Finding
	s.waiting = slices.DeleteFunc(s.waiting, func(r *Rule) bool {
		for _, k := range r.Kinds {
			if !s.loaded[k] {
				return false
			}
		}
		found = append(found, r.Run(s.result.Inventory)...)
		return true
	})
	s.result.Findings = append(s.result.Findings, found...)
	return found
}

// Result returns what was found, in reading order. Rules that still wait for
// a kind run now, on what is there.
func (s *Scanner) Result() *Result {
	for _, r := range s.waiting {
		s.result.Findings = append(s.result.Findings, r.Run(s.result.Inventory)...)
	}
	s.waiting = nil
	SortFindings(s.result.Findings)
	return &s.result
}

// Scan judges an inventory that is complete.
func Scan(inv *Inventory, rules []*Rule) *Result {
	return NewScanner(inv, rules).Result()
}
