package tui

import tea "charm.land/bubbletea/v2"

func (a *app) cannotStop() string {
	switch v := &a.apply; {
	case !v.running:
		return "nothing is being applied"
	case v.halt == atOnce:
		return "it is stopping already; what is being written is brought to its end"
	}
	return ""
}

// askStop asks whether an apply is to end after the wave under way, or at once.
func (a *app) askStop() {
	c := &confirm{
		title: "Stop?", no: "go on",
		text: []string{"What is done stays. What has not begun is not attempted. At once, rollouts under way are not waited for."},
	}
	if a.apply.halt == goesOn {
		c.answers = append(c.answers, reply{"y", "after this wave", (*app).stopAfterWave})
	}
	c.answers = append(c.answers, reply{"x", "at once", func(a *app) tea.Cmd { a.stopAtOnce(); return nil }})
	a.overlay = c
}

func (a *app) stopAfterWave() tea.Cmd {
	if a.apply.halt == goesOn {
		a.apply.halt = afterWave
		close(a.apply.stop)
	}
	return nil
}

func (a *app) stopAtOnce() {
	a.apply.halt = atOnce
	a.apply.feed.end()
}
