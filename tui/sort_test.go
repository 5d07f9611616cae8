package tui

import (
	"slices"
	"strings"
	"testing"
)

func TestSortings(t *testing.T) {
	l, d := shopList(t)
	for _, c := range []struct {
		by   groupBy
		sort sorting
		want string
	}{
		{byRule, aToZ, "env-secret 3|network-open 2|privileged 1|rbac-wildcard 1|sa-token 3"},
		{byRule, safeFirst, "env-secret 3|sa-token 3|network-open 2|privileged 1|rbac-wildcard 1"},
		{byRule, mostFirst, "env-secret 3|sa-token 3|network-open 2|privileged 1|rbac-wildcard 1"},
		{byNamespace, aToZ, "(whole cluster) 1|pay 3|shop 6"},
		{byNamespace, mostFirst, "shop 6|pay 3|(whole cluster) 1"},
		{byThreat, aToZ, "denial of service 2|elevation of privilege 5|information disclosure 6|tampering 2"},
		{byThreat, mostFirst, "information disclosure 6|elevation of privilege 5|tampering 2|denial of service 2"},
		{bySeverity, aToZ, "critical 1|high 6|medium 3"},
		{bySeverity, mostFirst, "high 6|medium 3|critical 1"},
		{bySeverity, safeFirst, "high 6|medium 3|critical 1"},
		{byObject, mostFirst, "Deployment shop/web 3|DaemonSet shop/agent 2|Deployment pay/api 2|ClusterRole ops\\x1b[31m\\u202eevil 1|Namespace pay 1|Namespace shop 1"},
	} {
		l.sort = c.sort
		l.regroup(c.by, d)
		l.openAll(false, d)
		if got := strings.ReplaceAll(strings.Join(rowsOf(l), "|"), " 0/", " "); got != c.want {
			t.Errorf("by %v, %v:\n got %s\nwant %s", c.by, c.sort, got, c.want)
		}
	}
}

func TestSortWithinGroups(t *testing.T) {
	l, d := shopList(t)
	l.by = bySeverity
	l.setOpen(l.items[l.order[1]].group[bySeverity], true) // high
	for s, want := range map[sorting]string{
		worstFirst: "env-secret pay/api|env-secret shop/web|env-secret shop/web|network-open pay|network-open shop|rbac-wildcard ops",
		aToZ:       "env-secret pay/api|env-secret shop/web|env-secret shop/web|network-open pay|network-open shop|rbac-wildcard ops",
		safeFirst:  "env-secret shop/web|" + "env-secret shop/web|env-secret pay/api|network-open pay|network-open shop|rbac-wildcard ops",
		mostFirst:  "env-secret pay/api|env-secret shop/web|env-secret shop/web|network-open pay|network-open shop|rbac-wildcard ops",
	} {
		l.resort(s, d)
		var got []string
		for _, r := range rowsOf(l) {
			if strings.HasPrefix(r, "  ") {
				got = append(got, strings.TrimSuffix(strings.TrimSpace(r), "\\x1b[31m\\u202eevil"))
			}
		}
		if g := strings.Join(got, "|"); g != want {
			t.Errorf("%v:\n got %s\nwant %s", s, g, want)
		}
	}
}

// TestSortingHasAll demands that each sorting lists just what the others list,
// wherever it is grouped by, and keeps the cursor on its finding.
func TestSortingHasAll(t *testing.T) {
	l, d := shopList(t)
	for by := range groupings {
		l.regroup(by, d)
		l.openAll(true, d)
		sorted := func() []string { rows := rowsOf(l); slices.Sort(rows); return rows }
		l.resort(worstFirst, d)
		want := sorted()
		for s := range sortings {
			l.scroll.to(2)
			at, _ := l.current()
			l.resort(s, d)
			if now, _ := l.current(); now != at {
				t.Errorf("by %v, %v: the cursor is on %v, was on %v", by, s, now, at)
			}
			if got := sorted(); !slices.Equal(got, want) {
				t.Errorf("by %v, %v: %v, want %v", by, s, got, want)
			}
		}
	}
}

func TestSortKeys(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 30).has("by rule, worst first")
	d.press("s").has("by rule, a to z", "sorted by name").press("s").has("by rule, safe first").press("s").has("by rule, most first").press("s").has("by rule, worst first")
	d.press("t").has("by namespace, worst first").press("t", "t", "t").has("by severity, worst first").press("T").has("by threat").press("t", "t").has("by rule")
	d.press("T").has("by severity")
}
