package tui

import "cmp"

// DefaultConfirmAbove is the number of changes above which the name of the
// cluster has to be typed.
const DefaultConfirmAbove = 25

// guard makes a question before changes one that a slip of the finger does not
// answer: in production, and for many changes, the name of the cluster is to be
// typed, or the verb where it has none.
func (a *app) guard(c *confirm, verb string, changes int) {
	if !a.session.Production && changes <= cmp.Or(a.session.ConfirmAbove, DefaultConfirmAbove) {
		return
	}
	c.word = cmp.Or(a.session.Context, verb)
	if a.session.Production {
		c.text = append(c.text, "", a.styles.warn.bold().Render("This is production."))
	}
}

// readOnly takes away from a session all that writes to its cluster.
func (s *Session) readOnly() {
	if s.WhyReadOnly == "" {
		return
	}
	s.WhyNoApply = s.WhyReadOnly
	s.Apply, s.PlanUndo, s.Undo, s.PlanResume, s.Resume = nil, nil, nil, nil, nil
}
