package tui

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// rowsOf writes the rows of a list: groups with their counts, findings by
// rule and object.
func rowsOf(l *list) []string {
	var out []string
	for _, r := range l.rows {
		if r.isGroup() {
			t := l.tallies[r.group]
			out = append(out, fmt.Sprintf("%s %d/%d", l.groups[l.by][r.group].label, t.staged, t.n))
		} else {
			it := l.items[r.item]
			out = append(out, "  "+it.f.Rule.ID+" "+it.object)
		}
	}
	return out
}

func shopList(t *testing.T) (*list, *decisions) {
	l, d := newList(), &decisions{}
	l.add(newItems(fixes.Scan(shopInventory(t), testRules()).Findings))
	d.grow(len(l.items))
	l.refilter(d)
	l.scroll.h = 100
	l.rebuild(d)
	return l, d
}

func TestGroupings(t *testing.T) {
	l, d := shopList(t)
	for by, want := range map[groupBy]string{
		byRule:      "privileged 0/1|env-secret 0/3|network-open 0/2|rbac-wildcard 0/1|sa-token 0/3",
		byNamespace: "shop 0/6|(whole cluster) 0/1|pay 0/3",
		byObject: "DaemonSet shop/agent 0/2|ClusterRole ops\\x1b[31m\\u202eevil 0/1|Deployment pay/api 0/2|" +
			"Deployment shop/web 0/3|Namespace pay 0/1|Namespace shop 0/1",
		byThreat:   "elevation of privilege 0/5|tampering 0/2|information disclosure 0/6|denial of service 0/2",
		bySeverity: "critical 0/1|high 0/6|medium 0/3",
	} {
		l.regroup(by, d)
		if got := strings.Join(rowsOf(l), "|"); got != want {
			t.Errorf("by %v:\n got %s\nwant %s", by, got, want)
		}
	}
}

func TestRegroupKeepsTheFinding(t *testing.T) {
	l, d := shopList(t)
	l.openAll(true, d)
	for i := range 15 {
		l.scroll.to(i)
		want, ok := l.currentItem()
		if !ok {
			continue
		}
		for range groupings { // once around
			l.regroup((l.by+1)%groupings, d)
			if id, ok := l.currentItem(); !ok || id != want {
				t.Fatalf("by %v: on %d %v, was on %d", l.by, id, ok, want)
			}
		}
	}
}

func TestFilter(t *testing.T) {
	l, d := shopList(t)
	for _, c := range []struct {
		filter string
		want   int
		fuzzy  bool
	}{
		{"", 10, false},
		{"env-secret", 3, false},
		{"ENV-SECRET", 3, false},
		{"env shop", 2, false},
		{"high pay", 2, false},
		{"manual", 1, false},
		{"!safe", 6, false},
		{"pay !secret !token", 1, false},
		{"helm:pay", 2, false},
		{"redis", 1, false},
		{"esecret", 3, true},
		{"satok web", 1, true},
		{"zzz", 0, false},
		{"!", 10, false},
		{"ns:shop", 6, false},
		{"NS:SHOP", 6, false},
		{"namespace:sho", 6, false},
		{"ns:shop,pay", 9, false},
		{"ns:pa,-", 4, false},
		{"!ns:shop", 4, false},
		{"ns:", 10, false},
		{"ns:,", 10, false},
		{"sev:high", 6, false},
		{"sev:h", 6, false},
		{"sev:>=high", 7, false},
		{"sev:high+", 7, false},
		{"sev:>high", 1, false},
		{"sev:<high", 3, false},
		{"sev:<=high", 9, false},
		{"severity:crit,med", 4, false},
		{"!sev:high+", 3, false},
		{"sev:>=", 10, false},
		{"rule:env", 3, false},
		{"rule:env-secret,privileged", 4, false},
		{"kind:Deployment", 5, false},
		{"kind:namespace", 2, false},
		{"name:web", 3, false},
		{"name:e", 6, false},
		{"threat:tampering", 2, false},
		{"threat:d,t", 2, false},
		{"threat:none", 0, false},
		{"!threat:e", 5, false},
		{"fix:safe", 4, false},
		{"fix:review", 4, false},
		{"fix:review+", 8, false},
		{"fix:none", 1, false},
		{"cat:secrets", 3, false},
		{"cat:n", 2, false}, // nodes and network
		{"by:helm", 2, false},
		{"by:none", 8, false},
		{"!by:none", 2, false},
		{"staged:no", 10, false},
		{"staged:yes", 0, false},
		{"ns:shop kind:dep !rule:sa sev:high", 2, false},
		{"ns:shop redis", 1, false},
		{"ns:shop esecret", 2, true},
		{"ns:pay esecret", 1, true},
	} {
		l.setFilter(c.filter, d)
		findings := 0
		for _, r := range l.rows {
			if !r.isGroup() {
				findings++
			}
		}
		if l.total != c.want || l.fuzzy != c.fuzzy || l.filter.on() && findings != c.want {
			t.Errorf("%q: %d match (%d listed), fuzzy %v; want %d, %v", c.filter, l.total, findings, l.fuzzy, c.want, c.fuzzy)
		}
	}
}

// TestFilterByLetters demands that a filter typed letter by letter finds what
// it finds at once.
func TestFilterByLetters(t *testing.T) {
	for _, text := range []string{"env-secret shop", "pay !secret", "satokweb", "zzzz", "high r", "e x", "prvlgd",
		"ns:shop sev:high+ web", "web ns:pay,shop", "!ns:pay env", "esecret ns:shop", "rule:env-secret,sa-token fix:safe"} {
		typed, d := shopList(t)
		for i := range text {
			typed.setFilter(text[:i+1], d)
		}
		whole, d2 := shopList(t)
		whole.setFilter(text, d2)
		if !slices.Equal(rowsOf(typed), rowsOf(whole)) || typed.fuzzy != whole.fuzzy {
			t.Errorf("%q: typed %v, whole %v", text, rowsOf(typed), rowsOf(whole))
		}
		for i := len(text) - 1; i >= 0; i-- {
			typed.setFilter(text[:i], d)
		}
		if typed.total != 10 {
			t.Errorf("%q taken away leaves %d", text, typed.total)
		}
	}
}

// TestStreamedIsSorted adds findings in random portions and demands the order
// and the groups of adding them at once.
func TestStreamedIsSorted(t *testing.T) {
	whole, _ := shopList(t)
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		found := fixes.Scan(shopInventory(t), testRules()).Findings
		rnd.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
		l, d := newList(), &decisions{}
		l.scroll.h = 5
		for len(found) > 0 {
			n := 1 + rnd.IntN(len(found))
			l.add(newItems(found[:n]))
			l.add(newItems(found[:n])) // again, to no effect
			found = found[n:]
			d.grow(len(l.items))
			l.refilter(d)
			l.rebuild(d)
			l.scroll.to(rnd.IntN(len(l.rows)))
		}
		for by := range groupings {
			l.regroup(by, d)
			l.openAll(true, d)
			whole.regroup(by, d)
			whole.openAll(true, d)
			if !slices.Equal(rowsOf(l), rowsOf(whole)) {
				t.Fatalf("seed %d by %v:\n%v\n%v", seed, by, rowsOf(l), rowsOf(whole))
			}
		}
	}
}

func TestScrollerKeepsTheCursorInSight(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var s scroller
	for range 10000 {
		switch rnd.IntN(3) {
		case 0:
			s.size(rnd.IntN(100), rnd.IntN(30))
		default:
			s.to(s.cursor + rnd.IntN(41) - 20)
		}
		from, to := s.window()
		if s.n > 0 && (s.cursor < from || s.cursor >= to) || from < 0 || to > s.n || to-from < min(s.n, s.h) {
			t.Fatalf("%+v shows %d to %d", s, from, to)
		}
	}
}
