package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func TestRolloutIsTold(t *testing.T) {
	d := planned(t, shopSession(t), 120, 40).underWay(rollingOut...)
	d.has("wave 3/5 · 4/7 · 0:13", "✓ wave 2 · pay · 1 workload", "▸ wave 3 · shop · 2 workloads", "1/2",
		"›  ▸ patch  shop/web  1 of 2 pods replaced, 1 ready          0:03", "4 applied · 1 rolling out · 2 pending")
	// The clock goes on while the model is looked at, not by itself.
	d.clock = d.clock.Add(time.Minute)
	d.has("0:13")
	d.Update(tick{})
	d.has("wave 3/5 · 4/7 · 1:13", "1:03")
	d.hear(say{change: web, state: fixes.Applied}).has("✓ wave 3 · shop · 2 workloads", "applied 1:04")
	d.clock = d.clock.Add(time.Minute)
	d.Update(tick{})
	d.has("applied 1:04")
	d.hear(say{change: payDeny, state: fixes.Applied}, say{change: shopDeny, state: fixes.Unchanged}).has("watching whether it lasts", "7/7")
}

// TestCursorStaysWhilePodsAreReplaced demands that progress of one rollout and
// another does not make the cursor jump, and that the user's moves end the
// following.
func TestCursorStaysWhilePodsAreReplaced(t *testing.T) {
	d := planned(t, shopSession(t), 120, 40).underWay(rollingOut...).has("›  ▸ patch  shop/web")
	d.hear(say{change: web, state: fixes.RollingOut, detail: "2 of 2 pods replaced, 1 ready"}).has("›  ▸ patch  shop/web")
	d.press("g").hear(say{change: web, state: fixes.Applied}, say{change: payDeny, state: fixes.Applying}).has("›the whole plan")
}

func TestWorstIsUnderTheCursor(t *testing.T) {
	d := rolledBackShop(t, 120, 40)
	d.has("›  ↩ patch  shop/web  Deployment                 rolled back 0:04", "container web exits with status 1",
		"last words: panic: open /etc/app/token", "event: BackOff", "last seen 1 of 2 pods replaced, 1 ready",
		"not all applied: Deployment shop/web rolled back, and 1 more", "2 rolled back · 3 applied · 2 not attempted · 0:17")
	d.press("n").has("›  ↩ create shop/web-env").press("n").has("›  ↩ patch  shop/web")
	d.on("the whole plan").has("the plan was applied in part", "n goes to what went wrong")
	if d.saved == d.dec.version {
		t.Error("what was not made is forgotten")
	}
}

func TestWorst(t *testing.T) {
	for _, c := range []struct {
		name   string
		script []say
		want   int
	}{
		{"the cause before what was put back because of it", []say{
			{change: api, state: fixes.Applied}, {change: api, state: fixes.RolledBack}, {change: web, state: fixes.RollingOut}, {change: web, state: fixes.RolledBack}}, web},
		{"the first of several", []say{{change: web, state: fixes.Failed}, {change: agent, state: fixes.Failed}}, web},
		{"what is not known before what is put back", []say{{change: agent, state: fixes.RolledBack}, {change: web, state: fixes.Unknown}}, web},
		{"what is left half done before what is put back", []say{{change: agent, state: fixes.RolledBack}, {change: web, state: fixes.Unsettled}}, web},
		{"a state of a later version", []say{{change: agent, state: "puzzled"}}, agent},
	} {
		d := planned(t, shopSession(t), 120, 40).underWay(c.script...)
		if got, ok := d.apply.worst(); !ok || got != c.want {
			t.Errorf("%s: %d", c.name, got)
		}
	}
	d := planned(t, shopSession(t), 120, 40).underWay(rollingOut...)
	if _, ok := d.apply.worst(); ok {
		t.Error("something went wrong")
	}
}

func TestResults(t *testing.T) {
	failed := errors.New("the plan was rolled back")
	every := func(s fixes.State) []say {
		var list []say
		for i := range 7 {
			list = append(list, say{change: i, state: s})
		}
		return list
	}
	for _, c := range []struct {
		name   string
		script []say
		err    error
		want   string
	}{
		{"all there", every(fixes.Unchanged), nil, "done in 7 min"},
		{"all put back", every(fixes.RolledBack), failed, "rolled back, because of Secret pay/api-env"},
		{"one put back by others", append(every(fixes.Applied), say{change: web, state: fixes.Reverted}), failed, "not all stayed: Deployment shop/web reverted"},
		{"stale", append(every(fixes.NotAttempted), say{change: api, state: fixes.Stale}), failed, "nothing applied: Deployment pay/api stale"},
		{"nothing was told", nil, errors.New("no journal\x1b[31m\nat all"), `nothing applied: no journal\x1b[31m`},
		{"nothing was told, and no error", nil, nil, "nothing applied: 7 not attempted"},
		{"interrupted", rollingOut, context.Canceled, "stopped: 1 unsettled, 4 applied, 2 not attempted"},
	} {
		d := planned(t, shopSession(t), 120, 40).underWay(c.script...)
		if c.script != nil && c.err == nil {
			d.clock = d.apply.started.Add(7 * time.Minute)
		}
		if got := d.over(c.err); !strings.HasPrefix(got.apply.result.text, c.want) {
			t.Errorf("%s: %q", c.name, got.apply.result.text)
		}
		d.press("?", "esc").has(strings.Split(c.want, "\x1b")[0]) // it stays when a key is pressed
	}
}

// TestStop demands that a stop after the wave is asked for and passed on, and
// that one at once ends the context.
func TestStop(t *testing.T) {
	d := planned(t, shopSession(t), 120, 40).underWay(rollingOut...)
	d.press("s").has("y after this wave", "x at once", "esc go on").press("esc", "s", "s").has("Stop?") // the key that asked does not answer
	closed := func() bool {
		select {
		case <-d.apply.stop:
			return true
		default:
			return false
		}
	}
	if closed() {
		t.Error("it is stopped before the answer")
	}
	d.press("y").has("stopping after this wave")
	if !closed() || d.apply.feed.ctx.Err() != nil {
		t.Error("no stop after the wave")
	}
	d.press("s").has("x at once").hasNot("after this wave  x").press("y").has("x at once").press("x").has("stopping")
	if d.apply.feed.ctx.Err() == nil {
		t.Error("no stop at once")
	}
	d.press("s").has("it is stopping already")
	d.over(context.Canceled).has("1 unsettled", "2 not attempted", "its rollout was not waited for", "stopped: 1 unsettled, 4 applied").press("s").has("nothing is being applied")
}

func TestStopReachesTheApply(t *testing.T) {
	s := shopSession(t)
	s.Apply = func(_ context.Context, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		report(say{change: 0, state: fixes.Applied}.of(plan))
		<-o.Stop
		return errors.New("the plan was applied in part")
	}
	d := planned(t, s, 120, 40)
	ended := make(chan tea.Msg)
	run := d.startApply()().(tea.BatchMsg)[0]
	go func() { ended <- run() }()
	d.press("s", "y")
	d.Update(<-ended)
	d.has("stopped: 1 applied, 6 not attempted")
}

func TestQuitDuringAnApply(t *testing.T) {
	d := planned(t, shopSession(t), 120, 40).underWay(rollingOut...)
	if quits(d, "q") {
		t.Fatal("q quits without asking")
	}
	d.has("Stop, and quit?")
	if !quits(d, "y") || d.apply.feed.ctx.Err() == nil {
		t.Error("y does not stop and quit")
	}
	d = planned(t, shopSession(t), 120, 40).underWay(rollingOut...)
	if quits(d, "ctrl+c") || d.apply.feed.ctx.Err() != nil {
		t.Fatal("ctrl+c stops without asking")
	}
	d.has("Stop, and quit?")
	if !quits(d, "ctrl+c") || d.apply.feed.ctx.Err() == nil {
		t.Error("ctrl+c, twice, does not stop and quit")
	}
}

func TestUndo(t *testing.T) {
	d := undoable(t, 120, 40).press("u").has("Undo in prod?", "7 changes: 3 patched · 4 deleted · 3 workloads restart", "Not put back:",
		"- Deployment shop/web: spec.template.spec.containers[0].env[1]", `pay/\x1b[31mworker`)
	d.press("u").has("Undo in prod?").press("esc").hasNot("Undo in").press("u", "y")
	d.has("undo ", "7 undone", "first, enforcement · shop", "wave 3 · shop · 2 workloads", "last, what others needed", "✓ delete shop/default-deny",
		"done in 0.0 s; r scans again")
	d.press("u").has("it is undone; r scans again").press("esc").has("r scans again").press("a").has("7 undone").press("r").has("findings in")
}

// TestUndoIsKeptInReach demands that the last apply can be undone after the
// next scan.
func TestUndoIsKeptInReach(t *testing.T) {
	d := planned(t, shopSession(t), 120, 40)
	d.press("esc", "a").has("nothing was applied yet").press("p", "a", "y").has("7 applied").press("r").has("2 findings").press("a").has("7 applied")
	d.press("esc").hasNot("from before the apply").press("a", "u", "y").has("7 undone")
}

func TestUndoThatCannotBe(t *testing.T) {
	s := shopSession(t)
	s.PlanUndo = func(context.Context, int) (RunPlan, error) {
		return RunPlan{}, errors.New("no journal\x1b[31m")
	}
	planned(t, s, 120, 40).press("a", "y", "u").has("The undo could not be planned", `no journal\x1b[31m`)
	s = shopSession(t)
	s.PlanUndo = func(context.Context, int) (RunPlan, error) {
		return RunPlan{Plan: &fixes.Plan{}, Left: []string{"a: changed"}}, nil
	}
	planned(t, s, 120, 40).press("a", "y", "u").has("Nothing to undo", "- a: changed")
	s = shopSession(t)
	s.PlanUndo = nil
	d := planned(t, s, 120, 40).press("a", "y").hasNot("u undoes it").press("u").has("nothing can be undone here")
	d.press("r").has("findings in")
	planned(t, shopSession(t), 120, 40).underWay(say{change: 0, state: fixes.Failed}).over(errors.New("refused")).press("u").has("nothing was applied")
	d = planned(t, shopSession(t), 120, 40).underWay(rollingOut...).press("u").has("the plan is being applied; s stops it")
	if d.overlay != nil {
		t.Error("an undo during the apply is asked for")
	}
}

// TestUndoIsNotAskedIntoAnotherQuestion demands that a key meant for one
// question does not answer another that comes up just then, and that a plan
// of an undo is dropped when nobody waits for it.
func TestUndoIsNotAskedIntoAnotherQuestion(t *testing.T) {
	ready := func() (*driver, tea.Msg) {
		d := planned(t, shopSession(t), 120, 40).press("a", "y")
		return d, d.undoApplied()()
	}
	d, msg := ready()
	d.press("u").has("the undo is being planned").press("?").Update(msg)
	d.has("Keys").hasNot("Undo in prod?").press("esc")
	d.press("u").has("Undo in prod?")
	d, msg = ready()
	d.press("esc").Update(msg)
	d.hasNot("Undo in prod?")
	d, msg = ready()
	d.press("esc", "a")
	d.undoApplied()
	d.Update(msg) // of the one that was dropped
	d.hasNot("Undo in prod?").has("planning the undo")
}

func TestUndoThatFails(t *testing.T) {
	s := shopSession(t)
	failed := errors.New("the plan was applied in part")
	s.Undo = ofRun(scripted(failed, say{change: 0, state: fixes.Applied}, say{change: 1, state: fixes.Failed, detail: "no"}))
	d := planned(t, s, 120, 40).press("a", "y", "u", "y").has("not all undone: NetworkPolicy pay/default-deny failed", "1 undone", "5 not attempted")
	if !errors.Is(d.jobs.err(), failed) {
		t.Errorf("quitting returns %v", d.jobs.err())
	}
	d.press("u").has("Undo in prod?") // what is left of it
}

// TestWarningsAreToldOnce takes a warning of the dry run, which comes again
// with the write.
func TestWarningsAreToldOnce(t *testing.T) {
	warned := []string{"spec.x is deprecated"}
	d := planned(t, shopSession(t), 120, 40).underWay(
		say{change: web, state: fixes.Checked, warnings: warned}, say{change: web, state: fixes.Applying}, say{change: web, state: fixes.Applied, warnings: warned})
	d.has("is deprecated")
	if n := strings.Count(d.screenText(), "is deprecated"); n != 1 {
		t.Errorf("the warning is told %d times:\n%s", n, d.screenText())
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0:00", 42500 * time.Millisecond: "0:42", 61 * time.Second: "1:01", 3723 * time.Second: "1:02:03",
	} {
		if got := clock(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// TestOutline demands that rows are where the outline says, and what waves
// are called.
func TestOutline(t *testing.T) {
	d := planned(t, shopSession(t), 120, 40)
	changes := d.plan.plan.Changes
	for name, plan := range map[string]*fixes.Plan{"plan": d.plan.plan, "undo": undoOf(d.plan.plan)} {
		for size := range 4 {
			o := newOutline(plan, size, name == "undo", "-")
			for i := range plan.Changes {
				if r := o.rows[o.rowOf(i)]; r.change != i || r.wave != o.in[i] {
					t.Errorf("%s, %d a wave: row of %d is %v", name, size, i, r)
				}
			}
		}
	}
	for _, c := range []struct {
		name string
		plan *fixes.Plan
		undo bool
		want string
	}{
		{"forwards", &fixes.Plan{Changes: changes[3:]}, false, "wave 1 - shop - 2 workloads|last, enforcement - pay|last, enforcement - shop"},
		{"backwards", undoOf(&fixes.Plan{Changes: changes[1:4]}), true, "wave 1 - shop - 1 workload|wave 2 - pay - 1 workload|last, what others needed"},
		{"an undo of an undo", d.plan.plan, true, "first, what others need|wave 2 - pay - 1 workload|wave 3 - shop - 2 workloads|last, enforcement - pay|last, enforcement - shop"},
		{"of the cluster", &fixes.Plan{Changes: []fixes.Change{{Action: fixes.Patch, Object: fixes.Ref{Kind: fixes.KindClusterRole, Name: "x"}}}}, false, "wave 1 - whole cluster - 1 object"},
	} {
		var labels []string
		for _, w := range newOutline(c.plan, 2, c.undo, "-").waves {
			labels = append(labels, w.label)
		}
		if got := strings.Join(labels, "|"); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}
