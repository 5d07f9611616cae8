package tui

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestFilterSaysWhatIsWrong: what is no filter is said, and hides nothing.
func TestFilterSaysWhatIsWrong(t *testing.T) {
	l, d := shopList(t)
	for raw, c := range map[string]struct {
		wrong string
		want  int
	}{
		"nsx:shop":         {"no field nsx: ns sev rule", 10},
		"nsx:shop ns:shop": {"no field nsx", 6},
		"!nsx:shop":        {"no field nsx", 10},
		"helm:pay":         {"", 2}, // a word that findings hold
		"sev:hgh":          {"no severity hgh: low medium high critical", 10},
		"sev:hgh,low,med":  {"no severity hgh", 3},
		"sev:=>high":       {"no severity =>high", 10},
		"staged:maybe":     {"no answer maybe: yes no", 10},
		"threat:phishing":  {"no threat phishing", 10},
		"cat:zzz":          {"no category zzz", 10},
		"fix:perfect":      {"no fix perfect: none manual review safe", 10},
		"ns:nowhere":       {"no namespace nowhere", 10},
		"ns:nowhere,pay":   {"no namespace nowhere", 3},
		"!ns:nowhere":      {"no namespace nowhere", 10},
		"rule:zzz":         {"no rule zzz", 10},
		"kind:Ingress":     {"no kind ingress", 10},
		"name:zzz":         {"no object zzz", 10},
		"by:argocd":        {"no manager argocd", 10},
		"10.0.0.1:80":      {"", 0}, // no name of a field
	} {
		l.setFilter(raw, d)
		if l.total != c.want || !strings.HasPrefix(l.filter.wrong, c.wrong) || c.wrong == "" && l.filter.wrong != "" {
			t.Errorf("%q: %d match, wrong is %q", raw, l.total, l.filter.wrong)
		}
	}
}

// TestFilterOfWhatIsGone: a filter that was right and now matches nothing does
// not become one that matches all, and one of words finds what has come instead.
func TestFilterOfWhatIsGone(t *testing.T) {
	for raw, want := range map[string]int{"ns:shop": 0, "redis": 0, "pay": 3, "!pay": 1, "ns:pay sa-token": 1} {
		l, d := shopList(t)
		l.setFilter(raw, d)
		l.renew()
		l.add(newItems(slices.DeleteFunc(fixes.Scan(shopInventory(t), testRules()).Findings, func(f *fixes.Finding) bool {
			return f.Object.Namespace == "shop" || f.Object.Name == "shop"
		})))
		l.refilter(d)
		l.rebuild(d)
		if l.total != want || len(l.order) != 4 {
			t.Errorf("%q: %d of %d match, want %d", raw, l.total, len(l.order), want)
		}
	}
}

// asked evaluates a term of a filter on a finding in the most simple way. It is
// not valid where the filter has to say that it is wrong, or is not complete.
func asked(raw string, all []*fixes.Finding, f *fixes.Finding, staged map[*fixes.Finding]bool) (is, valid bool) {
	text, not := strings.CutPrefix(raw, "!")
	name, list, isField := strings.Cut(text, ":")
	has := func(f *fixes.Finding) []string {
		switch name {
		case "ns", "namespace":
			ns := f.Object.Namespace
			if f.Object.Kind == fixes.KindNamespace {
				ns = f.Object.Name
			}
			if ns == "" {
				ns = "-"
			}
			return []string{ns}
		case "sev", "severity":
			return []string{f.Severity.String()}
		case "rule":
			return []string{f.Rule.ID}
		case "kind":
			return []string{strings.ToLower(f.Object.Kind.Name)}
		case "name":
			return []string{strings.ToLower(fixes.Clean(f.Object.Name))}
		case "cat", "category":
			return []string{string(f.Rule.Category)}
		case "by":
			if f.ManagedBy == "" {
				return []string{"none"}
			}
			return []string{strings.ToLower(f.ManagedBy)}
		case "fix":
			if f.Fix() == nil {
				return []string{"none"}
			}
			return []string{f.Fix().Confidence.String()}
		case "staged":
			if staged[f] {
				return []string{"yes"}
			}
			return []string{"no"}
		case "threat":
			var out []string
			for _, t := range f.Threats {
				out = append(out, string(t))
			}
			if out == nil {
				return []string{"none"}
			}
			return out
		}
		return nil
	}
	if !isField || has(f) == nil {
		for _, other := range all {
			isField = isField && !strings.Contains(textOf(other), text)
		}
		return strings.Contains(textOf(f), text) != not, text != "" && (!isField || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" || name == "")
	}
	closed := map[string][]string{
		"sev": {"low", "medium", "high", "critical"}, "severity": {"low", "medium", "high", "critical"}, "fix": {"none", "manual", "review", "safe"},
		"staged": {"yes", "no"}, "threat": {"spoofing", "tampering", "repudiation", "information-disclosure", "denial-of-service", "elevation-of-privilege", "none"},
		"cat": spelled(fixes.Categories()), "category": spelled(fixes.Categories()),
	}[name]
	ordered := name == "sev" || name == "severity" || name == "fix"
	var wanted []string
	for value := range strings.SplitSeq(list, ",") {
		if value == "" {
			continue
		}
		if closed == nil {
			var exact, held []string
			for _, other := range all {
				for _, v := range has(other) {
					if v == value {
						exact = append(exact, v)
					}
					if strings.Contains(v, value) {
						held = append(held, v)
					}
				}
			}
			if held == nil {
				return false, false
			}
			if exact != nil {
				held = exact
			}
			wanted = append(wanted, held...)
			continue
		}
		rest, op := value, ""
		if ordered {
			rest = strings.TrimLeft(value, "<>=")
			op = strings.TrimSuffix(value, rest)
			if strings.HasSuffix(rest, "+") && op == "" {
				rest, op = strings.TrimSuffix(rest, "+"), ">="
			}
		}
		if rest == "" || !slices.Contains([]string{"", "=", ">=", ">", "<", "<="}, op) {
			return false, false
		}
		meant := slices.DeleteFunc(slices.Clone(closed), func(v string) bool { return !strings.HasPrefix(v, rest) })
		if slices.Contains(closed, rest) {
			meant = []string{rest}
		}
		if len(meant) == 0 {
			return false, false
		}
		for i, v := range closed {
			low, high := slices.Index(closed, meant[0]), slices.Index(closed, meant[len(meant)-1])
			if (op == "" || op == "=") && slices.Contains(meant, v) || op == ">=" && i >= low || op == ">" && i > high ||
				op == "<=" && i <= high || op == "<" && i < low {
				wanted = append(wanted, v)
			}
		}
	}
	is = slices.ContainsFunc(has(f), func(v string) bool { return slices.Contains(wanted, v) })
	return is != not, strings.Trim(list, ",") != ""
}

// textOf is all that a filter looks for words in.
func textOf(f *fixes.Finding) string {
	parts := []string{f.Rule.ID, fixes.Clean(f.Object.NamespacedName()), f.Object.Kind.Name, f.Path, string(f.Rule.Category), f.Severity.String(),
		f.ManagedBy, f.Message}
	for _, t := range f.Threats {
		parts = append(parts, string(t))
	}
	if fix := f.Fix(); fix != nil {
		parts = append(parts, fix.Confidence.String(), fix.Title)
	}
	return strings.ToLower(strings.Join(parts, " "))
}

// FuzzFilter demands of any text that it is read without a panic, that each
// valid term keeps what a simple evaluation keeps, that a term and its opposite
// part the findings, and that terms are joined by and.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"", "!", "env shop", "!safe pay", "ns:shop", "!ns:pay,shop", "sev:>=high", "sev:high+ fix:safe", "sev:<=m", "threat:t,e cat:secrets",
		"by:helm", "by:none name:web kind:dep", "staged:yes", "!staged:yes rule:env", "ns:-", ":", "ns:,", "ns:shop,", "sev:", "sev:>=", "x:y", "helm:pay",
		"sev:+", "sev:=high", "NAME:\\X1B", "fix:<safe", "ns:nowhere", "category:n", "esecret", "ä:ö", "\x00\xff:",
	} {
		f.Add(seed)
	}
	all := fixes.Scan(shopInventory(f), testRules()).Findings
	l, d := newList(), &decisions{}
	l.add(newItems(all))
	d.grow(len(l.items))
	staged := map[*fixes.Finding]bool{l.items[2].f: true, l.items[5].f: true}
	d.decide("some", []decision{d.stage(2, 0), d.stage(5, 0)})
	l.scroll.h = 20
	kept := func(raw string) []bool {
		l.setFilter(raw, d)
		return slices.Clone(l.matched)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		whole := kept(raw)
		together, fuzzy, everyValid := slices.Repeat([]bool{true}, len(all)), l.fuzzy, true
		for term := range strings.FieldsSeq(strings.ToLower(raw)) {
			one := kept(term)
			wrong, abbreviated := l.filter.wrong, l.fuzzy
			_, valid := asked(term, all, all[0], staged)
			everyValid = everyValid && valid && wrong == "" && !abbreviated
			if abbreviated || !valid {
				continue
			}
			if wrong != "" {
				t.Fatalf("%q is called wrong: %s", term, wrong)
			}
			for id := range l.items {
				want, _ := asked(term, all, l.items[id].f, staged)
				if one[id] != want {
					t.Fatalf("%q keeps %s of %s: %v", term, l.items[id].f.Rule.ID, l.items[id].object, one[id])
				}
				together[id] = together[id] && want
			}
			if !strings.HasPrefix(term, "!") {
				opposite := kept("!" + term)
				for id := range opposite {
					if opposite[id] == one[id] {
						t.Fatalf("%q and its opposite both keep, or both leave, %s of %s", term, l.items[id].f.Rule.ID, l.items[id].object)
					}
				}
			}
		}
		if !fuzzy && everyValid && !slices.Equal(whole, together) {
			t.Fatalf("%q keeps %v, its terms %v", raw, whole, together)
		}
	})
}

// TestFilterIsTyped presses the keys of the filter's line.
func TestFilterIsTyped(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 30).press("/").has("ns: sev: rule: kind: name: threat: fix: cat: by: staged:")
	d.write("n").has("ns: name:").press("tab").has("/ ns:").press("tab").has("/ name:").press("shift+tab").has("/ ns:")
	d.press("ctrl+u").write("!n").press("tab").write("p").has("pay shop", "1 of 10").press("tab").has("/ !ns:pay", "7 of 10").hasNot("no namespace")
	d.press("ctrl+u").write("ns:").has("- pay shop").write("s").has("6 of 10").press("tab").has("/ ns:shop ", "6 of 10")
	d.write(",").press("tab", "tab").has("/ ns:shop,pay", "9 of 10")
	d.press("enter").has("/ ns:shop,pay", "9")
	// What is wrong is said, hides nothing, and is not taken.
	d.press("/").press("ctrl+u").write("sev:hgh").has("no severity hgh: low medium high critical", "10 of 10").press("enter").has("10 of 10", "no severity hgh")
	d.press("backspace", "backspace", "backspace").write("high+").has("7 of 10").press("enter").has("/ sev:high+")
	// Earlier filters come back.
	d.press("/").press("ctrl+u").write("web").press("ctrl+p").has("/ sev:high+").press("ctrl+p").has("/ ns:shop,pay").press("ctrl+p").has("/ ns:shop,pay", "9 of 10")
	d.press("ctrl+n", "ctrl+n").has("/ web", "3 of 10").press("esc").hasNot("/ web")
	// The arrows move the list, as they do without a filter.
	d.press("/").write("env-secret").press("down", "down").has("›  · shop/web").press("up", "enter")
	d.press("esc").has("10 findings").hasNot("/ env-secret")
	d.press("/").write("zzz").press("enter").has("Nothing matches the filter").press("esc", "/").write("ns:").press("enter").hasNot("Nothing matches").press("esc").hasNot("/ ns:")
}

// TestFilterFollowsDecisions: what is staged leaves a list of what is not, and
// the cursor goes on to the next.
func TestFilterFollowsDecisions(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 30).press("/").write("staged:no rule:env-secret").press("enter").has("· 3 ·")
	d.on("pay/api").press("j", "space").has("1 staged", "· 2 ·", "›  · shop/web").press("space").has("2 staged", "· 1 ·")
	d.press("u", "u").has("0 staged", "· 3 ·").press("ctrl+r").has("· 2 ·")
}

// TestMatchesArePointedOut: in the rows stands out what the filter looks for.
func TestMatchesArePointedOut(t *testing.T) {
	l, d := shopList(t)
	item := func(text string) *item {
		return &l.items[slices.IndexFunc(l.items, func(it item) bool { return strings.Contains(textOf(it.f), text) })]
	}
	for _, c := range []struct{ filter, text, of, want string }{
		{"env", "env-secret", "redis", "[env]-secret"},
		{"env cret", "env-secret", "redis", "[env]-se[cret]"},
		{"ret secret", "env-secret", "redis", "env-[secret]"},
		{"!env", "env-secret", "redis", "env-secret"},
		{"ns:shop", "shop/web", "redis", "[shop]/web"},
		{"kind:dep", "Deployment", "redis", "[Dep]loyment"},
		{"sev:high", "high-rise", "redis", "high-rise"},
		{"esecret", "env-secret", "redis", "[e]nv-[secret]"},
		{"satok web", "sa-token", "sa-token shop/web", "[sa]-[tok]en"},
		{"satok web", "shop/web", "sa-token shop/web", "shop/[web]"},
	} {
		l.setFilter(c.filter, d)
		it := item(c.of)
		at := strings.Index(it.name, strings.ToLower(c.text))
		var got strings.Builder
		cell{text: c.text, hits: l.hits(c.text, it, at)}.parts(func(text string, hit bool) {
			if hit {
				text = "[" + text + "]"
			}
			got.WriteString(text)
		})
		if got.String() != c.want {
			t.Errorf("%q: %s, want %s", c.filter, got.String(), c.want)
		}
	}
}

// TestCellsAreCut: what stands out stands out in what is left of a text.
func TestCellsAreCut(t *testing.T) {
	for _, c := range []struct {
		text string
		hits []span
		tail bool
		room int
		want string
	}{
		{"abcdef", []span{{1, 3}}, false, 6, "a[bc]def"},
		{"abcdef", []span{{1, 3}}, false, 4, "a[bc]…"},
		{"abcdef", []span{{1, 5}}, false, 4, "a[bc]…"},
		{"abcdef", []span{{4, 6}}, false, 3, "ab…"},
		{"abcdef", []span{{1, 3}, {4, 6}}, true, 4, "…d[ef]"},
		{"abcdef", []span{{2, 5}}, true, 4, "…[de]f"},
		{"äbcdef", []span{{0, 3}}, false, 3, "[äb]…"},
		{"abcdef", []span{{0, 6}}, false, 1, "…"},
		{"abcdef", []span{{0, 6}}, true, 1, ""},
	} {
		var got strings.Builder
		cell{text: c.text, hits: c.hits, tail: c.tail}.cut(c.room, "…").parts(func(text string, hit bool) {
			if hit {
				text = "[" + text + "]"
			}
			got.WriteString(text)
		})
		if got.String() != c.want {
			t.Errorf("%q in %d: %s, want %s", c.text, c.room, got.String(), c.want)
		}
	}
}

// TestMatchesStandOutWithoutColour: they are underlined, under the cursor too.
func TestMatchesStandOutWithoutColour(t *testing.T) {
	content := scanned(t, shopSession(t), 100, 30).press("/").write("web").press("enter").on("env[1]").View().Content
	underlined := 0
	for part := range strings.SplitSeq(content, "\x1b[") {
		style, text, _ := strings.Cut(part, "m")
		if text == "web" && slices.Contains(strings.Split(style, ";"), "4") && slices.Contains(strings.Split(style, ";"), "1") {
			underlined++
		}
	}
	if underlined < 3 {
		t.Errorf("%d matches stand out:\n%q", underlined, content)
	}
}
