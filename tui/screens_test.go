package tui

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// failing is a session in which applying goes wrong half way.
func failing(t testing.TB) Session {
	s := shopSession(t)
	s.Apply = scripted(errors.New("the plan was applied in part"),
		say{change: 0, state: fixes.Applied, detail: "created"},
		say{change: 1, state: fixes.Failed,
			detail:   "admission webhook \"policy.example.com\" denied the request: the image is not on the list of allowed ones, ask the platform team",
			warnings: []string{"would violate PodSecurity \"restricted:latest\""}},
		say{change: 2, state: fixes.NotAttempted})
	return s
}

// midway is a session whose scan has not ended yet.
func midway(t testing.TB, w, h int) *driver {
	s := shopSession(t)
	d := newDriver(t, s, w, h)
	d.startScan() // the commands are played by hand
	found := fixes.Scan(shopInventory(t), testRules()[:2]).Findings
	d.Update(newScanReport(d.scan.number, []fixes.Progress{{Kinds: 14, Loaded: 9, Found: found}}))
	return d
}

// remarks are what a server says that does not plainly accept the plan.
var remarks = []say{
	{change: agent, state: fixes.Failed,
		detail: "its new pods would be refused: pods \"agent\" is forbidden: exceeded quota: compute, requested: limits.memory=1Gi, used: limits.memory=8Gi, limited: limits.memory=8Gi"},
	{change: web, state: fixes.Checked, warnings: []string{
		"the server would change: spec.template.spec.containers[0].resources",
		"would violate PodSecurity \"restricted:latest\""}},
}

// asking is a plan about which the server has said half of what it will.
func asking(t *testing.T, w, h int) *driver {
	s := shopSession(t)
	ask := s.Check
	s.Check = nil
	d := planned(t, s, w, h)
	d.session.Check = ask
	d.lookUpCheck() // the commands are played by hand
	d.plan.check.feed.put(say{change: apiSecret, state: fixes.Checked}.of(d.plan.plan))
	d.plan.check.feed.put(say{change: api, state: fixes.Checked, warnings: []string{"spec.x is deprecated"}}.of(d.plan.plan))
	d.Update(checkReport{d.plan.check.number})
	return d
}

// canary is a plan that is to be tried on copies, one of which is dangerous.
func canary(t *testing.T, w, h int) *driver {
	s := shopSession(t)
	s.CanaryRisks = func(*fixes.Plan) []string {
		return []string{"Deployment pay/api: no Service asks it for anything: a worker takes jobs on its own; it has no readiness probe: that it runs is all that can be seen"}
	}
	return planned(t, s, w, h).press("C")
}

func rolledBackShop(t *testing.T, w, h int) *driver {
	d := planned(t, shopSession(t), w, h).underWay(rollingOut...).hear(rolledBack...)
	return d.over(errors.New("the plan was applied in part"))
}

func revertedShop(t *testing.T, w, h int) *driver {
	d := planned(t, shopSession(t), w, h).underWay(rollingOut...)
	return d.hear(
		say{change: web, state: fixes.Applied}, say{change: payDeny, state: fixes.Applied}, say{change: shopDeny, state: fixes.Applied},
		say{change: api, state: fixes.Reverted, detail: "something put it back: spec.template.spec.automountServiceAccountToken; change it in the values of Helm release pay"},
	).over(errors.New("the plan was applied in part"))
}

// undoable is a plan that was applied, and of which not all can be taken back.
func undoable(t *testing.T, w, h int) *driver {
	s := shopSession(t)
	look := s.PlanUndo
	s.PlanUndo = func(ctx context.Context, run int) (RunPlan, error) {
		plan, err := look(ctx, run)
		plan.Left = []string{"Deployment shop/web: spec.template.spec.containers[0].env[1] (changed since by kubectl-edit)",
			"Secret pay/api-env: it is still used by Deployment pay/\x1b[31mworker"}
		return plan, err
	}
	return planned(t, s, w, h).press("a", "y")
}

func undoingShop(t *testing.T, w, h int) *driver {
	d := planned(t, shopSession(t), w, h).press("a", "y")
	plan := undoOf(d.plan.plan)
	d.startUndo(RunPlan{Plan: plan}, newOutline(plan, 2, true, d.glyphs.dot))
	return d.hear(
		say{change: 0, state: fixes.Applying}, say{change: 0, state: fixes.Applied},
		say{change: 1, state: fixes.Applying}, say{change: 1, state: fixes.Applied},
		say{change: 2, state: fixes.Applying}, say{change: 2, state: fixes.RollingOut, detail: "1 of 2 pods replaced, 1 ready"},
		say{change: 3, state: fixes.Applying})
}

func TestScreens(t *testing.T) {
	cases := []struct {
		name string
		make func(t *testing.T) *driver
	}{
		{"findings_120x40", func(t *testing.T) *driver {
			return scanned(t, shopSession(t), 120, 40).on("env[1]").press("space")
		}},
		{"findings_80x24", func(t *testing.T) *driver { return scanned(t, shopSession(t), 80, 24).on("env[1]") }},
		{"findings_60x40", func(t *testing.T) *driver {
			return scanned(t, shopSession(t), 60, 40).on("env[1]").press("f", "space", "f")
		}},
		{"findings_40x12", func(t *testing.T) *driver { return scanned(t, shopSession(t), 40, 12).press("S") }},
		{"detail_40x12", func(t *testing.T) *driver {
			return scanned(t, shopSession(t), 40, 12).on("env-secret").press("right", "right", "enter")
		}},
		{"rule_80x24", func(t *testing.T) *driver { return scanned(t, shopSession(t), 80, 24).on("env-secret") }},
		{"manual_80x24", func(t *testing.T) *driver {
			return scanned(t, shopSession(t), 80, 24).on("agent  Daemon").press("space")
		}},
		{"threats_120x40", func(t *testing.T) *driver {
			return scanned(t, shopSession(t), 120, 40).press("t", "t", "t", "=", "j", "j")
		}},
		{"filter_80x24", func(t *testing.T) *driver {
			return scanned(t, shopSession(t), 80, 24).press("/").write("pay !secret")
		}},
		{"fields_100x24", func(t *testing.T) *driver {
			return scanned(t, shopSession(t), 100, 24).press("s", "/").write("ns:shop sev:high+ kind:d").press("tab")
		}},
		{"copy_100x24", func(t *testing.T) *driver {
			return scanned(t, shopSession(t), 100, 24).on("pay/api").press("v", "j", "space", "y", "j")
		}},
		{"scanning_80x24", func(t *testing.T) *driver { return midway(t, 80, 24).press("p") }},
		{"scan_failed_80x24", func(t *testing.T) *driver {
			s := shopSession(t)
			s.Scan = func(context.Context, func(fixes.Progress)) (*fixes.Result, error) {
				return nil, errors.New("list deployments: the server could not find\x1b[31m the requested resource")
			}
			return scanned(t, s, 80, 24)
		}},
		{"help_120x40", func(t *testing.T) *driver { return scanned(t, shopSession(t), 120, 40).press("?") }},
		{"plan_120x40", func(t *testing.T) *driver { return scanned(t, shopSession(t), 120, 40).press("S", "p").on("web-env") }},
		{"plan_80x24", func(t *testing.T) *driver {
			d := scanned(t, shopSession(t), 80, 24).press("S", "j")
			return d.on("network-open").press("space", "p")
		}},
		{"plan_40x12", func(t *testing.T) *driver { return scanned(t, shopSession(t), 40, 12).press("S", "p") }},
		{"confirm_80x24", func(t *testing.T) *driver { return scanned(t, shopSession(t), 80, 24).press("S", "p", "a") }},
		{"checked_120x40", func(t *testing.T) *driver {
			s := shopSession(t)
			s.Check = checked(errors.New("the server would refuse the plan"), remarks...)
			return planned(t, s, 120, 40)
		}},
		{"refused_80x24", func(t *testing.T) *driver {
			s := shopSession(t)
			s.Check = checked(errors.New("the server would refuse the plan"), remarks...)
			return planned(t, s, 80, 24).press("n", "a")
		}},
		{"checked_44x24", func(t *testing.T) *driver {
			s := shopSession(t)
			s.Check = checked(nil, remarks...)
			return planned(t, s, 44, 24)
		}},
		{"asking_100x24", func(t *testing.T) *driver { return asking(t, 100, 24) }},
		{"canary_100x30", func(t *testing.T) *driver { return canary(t, 100, 30).press("a") }},
		{"applying_120x24", func(t *testing.T) *driver { return planned(t, shopSession(t), 120, 24).underWay(rollingOut...) }},
		{"applying_44x24", func(t *testing.T) *driver { return planned(t, shopSession(t), 44, 24).underWay(rollingOut...) }},
		{"rolled_back_120x30", func(t *testing.T) *driver { return rolledBackShop(t, 120, 30) }},
		{"rolled_back_80x24", func(t *testing.T) *driver { return rolledBackShop(t, 80, 24) }},
		{"stop_100x24", func(t *testing.T) *driver {
			return planned(t, shopSession(t), 100, 24).underWay(rollingOut...).press("s")
		}},
		{"stopping_80x24", func(t *testing.T) *driver {
			return planned(t, shopSession(t), 80, 24).underWay(rollingOut...).press("s", "y")
		}},
		{"stopped_80x24", func(t *testing.T) *driver {
			d := planned(t, shopSession(t), 80, 24).underWay(rollingOut...).press("s", "y")
			return d.hear(say{change: web, state: fixes.Applied}, say{change: payDeny, state: fixes.NotAttempted, detail: "the run was stopped"},
				say{change: shopDeny, state: fixes.NotAttempted, detail: "the run was stopped"}).over(errors.New("the plan was applied in part"))
		}},
		{"reverted_100x24", func(t *testing.T) *driver { return revertedShop(t, 100, 24) }},
		{"undo_100x30", func(t *testing.T) *driver { return undoable(t, 100, 30).press("u") }},
		{"undoing_100x24", func(t *testing.T) *driver { return undoingShop(t, 100, 24) }},
		{"undone_80x24", func(t *testing.T) *driver { return planned(t, shopSession(t), 80, 24).press("a", "y", "u", "y") }},
		{"failed_120x40", func(t *testing.T) *driver {
			return scanned(t, failing(t), 120, 40).press("S", "p", "a", "y")
		}},
		{"ignore_100x30", func(t *testing.T) *driver {
			s, _ := ignoring(t)
			return scanned(t, s, 100, 30).on("env[1]").press("i", "right").write("moves to Vault this quarter")
		}},
		{"ignored_100x30", func(t *testing.T) *driver { return hostileIgnored(t, 100, 30).press("I").on("env[1]") }},
		{"part_100x40", func(t *testing.T) *driver { return inPart(t, 100, 40) }},
		{"columns_240x40", func(t *testing.T) *driver { return wide(t) }},
		{"object_100x30", func(t *testing.T) *driver {
			return scanned(t, shopSession(t), 100, 30).on("env[1]").press("o", "/").write("password").press("enter")
		}},
		{"kept_80x24", func(t *testing.T) *driver { return keptShop(t, 80, 24) }},
		{"guarded_100x30", func(t *testing.T) *driver { return planned(t, production(t), 100, 30).press("a") }},
		{"ascii_80x24", func(t *testing.T) *driver {
			s := shopSession(t)
			s.ASCII = true
			return scanned(t, s, 80, 24).press("S", "p").on("shop/web ")
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { golden.RequireEqual(t, c.make(t).screenText()+"\n") })
	}
}

// TestStyled pins what the colours are put on.
func TestStyled(t *testing.T) {
	d := scanned(t, shopSession(t), 80, 24).on("env[1]").press("space")
	golden.RequireEqual(t, d.View().Content+"\n")
}

// everyScreen returns drivers that show all there is to see.
func everyScreen(t *testing.T) map[string]*driver {
	at := func(keys ...string) *driver { return scanned(t, failing(t), 120, 40).press(keys...) }
	refusedPlan := shopSession(t)
	refusedPlan.Check = checked(errors.New("refused"), remarks...)
	lost := follow(t, shopSession(t), 120, 40)
	lost.hear(fixes.Update{Lost: errors.New("list pods: \x1b[31mnot now\u202e"), Retry: lost.clock.Add(4 * time.Second)})
	scan := newDriver(t, shopSession(t), 120, 40)
	scan.startScan()
	scan.Update(newScanReport(scan.scan.number, []fixes.Progress{{Kinds: 14, Loaded: 9, Objects: 1200, Waiting: fixes.WorkloadKinds(),
		Skips: []fixes.Skip{{Resource: "secrets", Namespace: "\x1b[31mpay", Reason: "forbidden\u202e"}}}}))
	return map[string]*driver{
		"refused":  planned(t, refusedPlan, 120, 40).press("n"),
		"asking":   asking(t, 120, 40),
		"canary":   canary(t, 120, 40).press("a"),
		"applying": planned(t, shopSession(t), 120, 40).underWay(rollingOut...),
		"stop":     planned(t, shopSession(t), 120, 40).underWay(rollingOut...).press("s"),
		"rollback": rolledBackShop(t, 120, 40),
		"reverted": revertedShop(t, 120, 40),
		"undo":     undoable(t, 120, 40).press("u"),
		"undoing":  undoingShop(t, 120, 40),
		"scanning": midway(t, 120, 40),
		"scan":     scan,
		"lost":     lost.driver,
		"contexts": scanned(t, twoClusters(t), 120, 40).press("C"),
		"spaces":   scanned(t, twoClusters(t), 120, 40).press("n"),
		"leaving":  scanned(t, twoClusters(t), 120, 40).press("S", "C", "down", "enter"),
		"findings": at("j", "j", "j", "j"),
		"detail":   at("j", "j", "j", "j", "enter", "J"),
		"filter":   at("/", "p", "a"),
		"help":     at("?"),
		"wrong":    at("/", "n", "x", ":", "y"),
		"complete": at("/", "n", "s", ":", "tab", "tab"),
		"copy":     at("S", "j", "j", "j", "j", "y", "j"),
		"copied":   at("/", "w", "e", "b", "enter", "y", "l"),
		"marked":   at("j", "j", "x", "v", "j", "j"),
		"plan":     at("S", "p", "j", "j"),
		"confirm":  at("S", "p", "a"),
		"export":   at("S", "E"),
		"skips":    at("!"),
		"apply":    at("S", "p", "a", "y"),
		"quit":     at("S", "q"),
		"ignore":   hostileIgnored(t, 120, 40).press("j", "i", "down", "x"),
		"ignored":  hostileIgnored(t, 120, 40).press("I").on("env[1]"),
		"end":      hostileIgnored(t, 120, 40).press("I").on("env[1]").press("i"),
		"kept":     keptShop(t, 120, 40),
		"notice":   noticed(t, 120, 40),
		"history":  scanned(t, historyShop(t), 120, 40).press("H", "j"),
		"run":      scanned(t, historyShop(t), 120, 40).press("H", "j", "enter"),
		"undo run": scanned(t, historyShop(t), 120, 40).press("H", "j", "u"),
		"resume":   scanned(t, historyShop(t), 120, 40).press("H", "r"),
		"resumed":  scanned(t, historyShop(t), 120, 40).press("H", "r", "y"),
		"guarded":  planned(t, production(t), 120, 40).press("a").write("pro"),
		"readonly": planned(t, readOnlyShop(t), 120, 40),
		"part":     inPart(t, 120, 40),
		"columns":  wide(t).press("|", "|"),
		"object":   at("j", "j", "j", "j", "o"),
		"reveal":   at("j", "j", "j", "j", "V"),
		"edited":   edited(t, 120, 40),
	}
}

// TestEverySize demands at every size, of one screen after the other, that no
// line is wider than the terminal, and that there are as many lines as it has.
func TestEverySize(t *testing.T) {
	sweep(t)
	screens := everyScreen(t)
	names := slices.Sorted(maps.Keys(screens))
	for w := 1; w <= 160; w++ {
		for h := 1; h <= 50; h++ {
			if raced && (w+h)%5 > 0 {
				continue
			}
			name := names[(5*w+h)%len(names)]
			d := screens[name]
			d.Update(tea.WindowSizeMsg{Width: w, Height: h})
			lines := strings.Split(d.View().Content, "\n")
			if len(lines) != h {
				t.Fatalf("%s at %dx%d has %d lines", name, w, h, len(lines))
			}
			for i, line := range lines {
				if got := ansi.StringWidth(line); got != w {
					t.Fatalf("%s at %dx%d: line %d is %d wide: %q", name, w, h, i, got, line)
				}
			}
		}
	}
}

// TestNothingLeaks looks on every screen for what must never be seen: the
// secrets, and control characters of a hostile name.
func TestNothingLeaks(t *testing.T) {
	for name, d := range everyScreen(t) {
		for range 60 {
			text := d.screenText()
			for _, not := range []string{"plaintext", "\x1b", "\u202e"} {
				if strings.Contains(text, not) {
					t.Fatalf("%s shows %q:\n%s", name, not, text)
				}
			}
			d.press("j")
		}
	}
}

// TestASCII demands of every screen that it can do without more than ASCII.
func TestASCII(t *testing.T) {
	asciiOnly = true
	defer func() { asciiOnly = false }()
	all := everyScreen(t)
	all["network"] = scanned(t, networkSession(t, market), 120, 40).press("N")
	all["matrix"] = scanned(t, networkSession(t, market), 140, 40).press("N", "enter", "space")
	all["connections"] = scanned(t, networkSession(t, market), 140, 40).press("N", "enter", "o")
	for name, d := range all {
		for range 30 {
			screen := d.screenText()
			if i := strings.IndexFunc(screen, func(r rune) bool { return r >= 0x80 }); i >= 0 {
				t.Fatalf("%s has %q:\n%s", name, []rune(screen[i:])[0], screen)
			}
			d.press("j")
		}
	}
}

func TestResizeKeepsThePlace(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 40).on("env[2]")
	for _, size := range [][2]int{{40, 12}, {20, 5}, {79, 60}, {200, 20}} {
		d.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		if !strings.Contains(d.screenText(), "›  · shop/w") {
			t.Fatalf("at %v the cursor is out of sight:\n%s", size, d.screenText())
		}
	}
}

func TestNoticeIsSeenOnALowScreen(t *testing.T) {
	scanned(t, shopSession(t), 80, 8).press("U").has("nothing is staged")
}

// TestLongLinesOfADiffGoOn demands that all of a change can be read.
func TestLongLinesOfADiffGoOn(t *testing.T) {
	d := newDriver(t, shopSession(t), 80, 24)
	long := strings.Repeat("abcdefghij", 20)
	var got strings.Builder
	lines, _ := d.drawDiff(changeDiff{title: "patch", lines: []fixes.Line{{Sign: '+', Text: "v: " + long}}, hunks: []hunk{{to: 1}}}, look{all: 1}, 30)
	for _, line := range lines[1:] {
		line = ansi.Strip(line)
		if ansi.StringWidth(line) > 30 || line[0] != '+' {
			t.Errorf("line %q", line)
		}
		got.WriteString(string([]rune(line)[2:]))
	}
	if got.String() != "v: "+long {
		t.Errorf("got %q", got.String())
	}
}

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1230 * time.Millisecond: "1.2 s", 12 * time.Second: "12 s", 75 * time.Second: "1 min 15 s",
	} {
		if got := elapsed(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestFlow(t *testing.T) {
	d := newDriver(t, shopSession(t), 80, 24)
	text := "One two\nthree. Four\nfive.\n\n## Head\n- item that\n  goes on\n- next\nText:\n    code --flag\n"
	for steps, want := range map[bool]string{
		false: "One two three. Four five.||Head|- item that goes on|- next Text:|    code --flag",
		true:  "One two three. Four five.||Head|- item that goes on|- next Text:|    code --flag",
	} {
		if got := ansi.Strip(strings.Join(d.flow(text, steps, 40), "|")); got != want {
			t.Errorf("steps %v:\n got %s\nwant %s", steps, got, want)
		}
	}
}
