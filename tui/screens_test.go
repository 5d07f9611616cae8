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
	s.Apply = func(_ context.Context, plan *fixes.Plan, report func(fixes.Outcome)) error {
		report(fixes.Outcome{Change: &plan.Changes[0], State: fixes.Applied, Detail: "created"})
		report(fixes.Outcome{Change: &plan.Changes[1], State: fixes.Failed,
			Detail:   "admission webhook \"policy.example.com\" denied the request: the image is not on the list of allowed ones, ask the platform team",
			Warnings: []string{"would violate PodSecurity \"restricted:latest\""}})
		report(fixes.Outcome{Change: &plan.Changes[2], State: fixes.NotAttempted})
		return errors.New("1 applied, 1 failed, 1 not attempted")
	}
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
			return scanned(t, shopSession(t), 120, 40).press("o", "o", "o", "=", "j", "j")
		}},
		{"filter_80x24", func(t *testing.T) *driver {
			return scanned(t, shopSession(t), 80, 24).press("/").write("pay !secret")
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
		{"failed_120x40", func(t *testing.T) *driver {
			return scanned(t, failing(t), 120, 40).press("S", "p", "a", "y")
		}},
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
	return map[string]*driver{
		"scanning": midway(t, 120, 40),
		"findings": at("j", "j", "j", "j"),
		"detail":   at("j", "j", "j", "j", "enter", "J"),
		"filter":   at("/", "p", "a"),
		"help":     at("?"),
		"plan":     at("S", "p", "j", "j"),
		"confirm":  at("S", "p", "a"),
		"export":   at("S", "e"),
		"skips":    at("!"),
		"apply":    at("S", "p", "a", "y"),
		"quit":     at("S", "q"),
	}
}

// TestEverySize demands at every size, of one screen after the other, that no
// line is wider than the terminal, and that there are as many lines as it has.
func TestEverySize(t *testing.T) {
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
	for _, line := range d.drawDiff(changeDiff{"patch", []diffLine{{'+', "v: " + long}}}, 30)[1:] {
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
