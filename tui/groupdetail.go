package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// groupDetail sums a group up; for a rule it also explains it.
func (a *app) groupDetail(id int32, w int) (string, []string) {
	g, ids := &a.list.groups[a.list.by][id], a.list.living(a.list.inGroup(id))
	out := []string{join("  ", a.styles.bold.Render(g.label), a.severity(g.severity))}
	var rule *fixes.Rule
	if all := a.list.inGroup(id); a.list.by == byRule && len(all) > 0 {
		rule = a.list.items[all[0]].f.Rule
		out = append(out, wrap(rule.Title, w)...)
	}
	out = append(out, "")
	var confidence [fixes.Safe + 1]int
	var severity [fixes.Critical + 1]int
	perRule := map[*fixes.Rule]int{}
	for _, i := range ids {
		it := &a.list.items[i]
		if fix := it.fix(); fix != nil {
			confidence[fix.Confidence]++
		} else {
			confidence[0]++
		}
		severity[it.f.Severity]++
		perRule[it.f.Rule]++
	}
	sep := " " + a.glyphs.dot + " "
	out = append(out, a.fact("findings", join(sep, plural(len(ids), "finding"),
		when(a.list.tallies[id].staged > 0, fmt.Sprintf("%d staged", a.list.tallies[id].staged)),
		when(a.list.tallies[id].ignored > 0, fmt.Sprintf("%d ignored", a.list.tallies[id].ignored))), w)...)
	var parts []string
	for _, s := range slices.Backward(fixes.Severities()) {
		if n := severity[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	out = append(out, a.fact("severity", strings.Join(parts, sep), w)...)
	parts = nil
	for _, c := range []fixes.Confidence{fixes.Safe, fixes.Review, fixes.Manual} {
		if n := confidence[c]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c))
		}
	}
	if n := confidence[0]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d without a fix", n))
	}
	out = append(out, a.fact("fixes", strings.Join(parts, sep), w)...)
	if rule != nil {
		return "rule " + g.label, append(out, a.ruleDetail(rule, w)...)
	}
	out = append(out, "")
	rules := map[string]int{}
	for r, n := range perRule {
		rules[r.ID] += n
	}
	for _, n := range ranked(rules) {
		out = append(out, fit(fmt.Sprintf("%6d  %s", rules[n], n), w, a.glyphs.ellipsis))
	}
	return a.list.by.String() + " " + g.label, out
}

// ranked returns the keys of counts, the highest first.
func ranked(counts map[string]int) []string {
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y string) int {
		if d := counts[y] - counts[x]; d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	return keys
}

// ruleDetail explains a rule: its Markdown, wrapped.
func (a *app) ruleDetail(r *fixes.Rule, w int) []string {
	var threats []string
	for _, t := range r.Threats {
		threats = append(threats, threatWords(t))
	}
	out := a.fact("threats", strings.Join(threats, " "+a.glyphs.dot+" "), w)
	out = append(out, "")
	out = append(append(out, a.flow(r.Docs, false, w)...), "")
	return append(out, a.references(r, w)...)
}
