package tui

// cannotCanary says why there is no fix to try on a copy of a pod.
func (a *app) cannotCanary() string {
	if a.session.Apply == nil {
		return a.noCluster()
	}
	if why := a.noPlan(); why != "" {
		return why
	}
	return when(a.plan.copyable == 0, "no staged fix to review changes a workload's pods")
}

func (a *app) toggleCanary() {
	a.canary = !a.canary
	if a.canary {
		a.say(info, "canary on: a fix to review is tried on a copy of a pod before it is made")
	} else {
		a.say(info, "canary off")
	}
}

// canaryOn reports whether an apply of the plan tries something on a copy.
func (a *app) canaryOn() bool { return a.canary && a.plan.copyable > 0 }

// canaryText says what canary does to the plan, and what copies could do.
func (a *app) canaryText() []string {
	if !a.canaryOn() {
		return nil
	}
	text := []string{"", "Canary: fixes to review are tried on a copy of a pod first (" + plural(a.plan.copyable, "workload") + ")."}
	if len(a.plan.canaryRisks) == 0 {
		return text
	}
	text = append(text, a.styles.warn.bold().Render("These copies act by themselves:"))
	for _, risk := range a.plan.canaryRisks {
		text = append(text, "- "+risk)
	}
	return text
}
