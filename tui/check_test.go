package tui

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func TestServerIsAskedByItself(t *testing.T) {
	s := shopSession(t)
	asked := 0
	s.Check = func(ctx context.Context, plan *fixes.Plan, report func(fixes.Outcome)) error {
		asked++
		return checked(nil)(ctx, plan, report)
	}
	d := planned(t, s, 120, 40).has("accepted by the server", "7✓")
	d.press("esc", "p").has("accepted by the server")
	if asked != 1 {
		t.Errorf("asked %d times about the same plan", asked)
	}
	d.on("shop/web  Deployment").has("server    ✓ accepts it").press("space").has("accepted by the server")
	if asked != 2 {
		t.Errorf("asked %d times about two plans", asked)
	}
}

func TestRefusedPlanIsNotApplied(t *testing.T) {
	s := shopSession(t)
	s.Check = checked(errors.New("refused"), remarks...)
	d := planned(t, s, 120, 40).has("server: 1 refused, 5 accepted, 1 with warnings", "x DaemonSet shop/agent: its new pods")
	d.press("a").has("the server refuses 1 change; leave it out").hasNot("Apply to")
	d.press("n").has("›  x patch  shop/agent", "refuses it", "exceeded quota")
	d.press("n").has("›  ! patch  shop/web", "accepts it, with warnings", "- the server would change:", "warns")
	d.press("n").has("›  x patch  shop/agent")
	d.session.Check = checked(nil)
	d.press("X").has("left out 1 refused change: 1 fix unstaged", "accepted by the server").press("n").has("nothing to say")
	d.press("X").has("the server refuses nothing").press("a").has("Apply to prod?").press("esc", "u").has("8 staged")
}

func TestManyRefusedAreLeftOutAtOnce(t *testing.T) {
	s := shopSession(t)
	s.Check = checked(errors.New("refused"), remarks[0], say{change: api, state: fixes.Failed, detail: "no\x1b[31m\u202e"})
	d := planned(t, s, 120, 40).press("a").has("the server refuses 2 changes; leave them out (space; X all)", `no\x1b[31m\u202e`)
	d.session.Check = checked(nil)
	d.press("X").has("left out 2 refused changes: 3 fixes unstaged").press("u").has("8 staged")
}

func TestStalePlanIsScannedAgain(t *testing.T) {
	s := shopSession(t)
	s.Check = checked(errors.New("stale"), say{change: web, state: fixes.Stale, detail: "generation is 4, was 3"})
	d := planned(t, s, 120, 40).has("1 stale").press("a").has("objects have changed since the scan; r scans again").hasNot("Apply to")
	d.on("shop/web  Deployment").has("has another object by now", "generation is 4")
	d.press("r").has("findings in", "8 staged")
}

// TestObjectionsAreAskedAboutAgain demands that the same plan is asked about
// anew when it is looked at again, since what was in its way may be gone.
func TestObjectionsAreAskedAboutAgain(t *testing.T) {
	s := shopSession(t)
	s.Check = checked(errors.New("refused"), remarks...)
	d := planned(t, s, 120, 40).press("esc")
	d.session.Check = checked(nil)
	d.press("p").has("accepted by the server")
}

func TestCheckEndsWithTheScreen(t *testing.T) {
	d := asking(t, 100, 24).has("asking the server 2/7", "1 with warnings")
	f, number := d.plan.check.feed, d.plan.check.number
	d.press("a").has("has not answered about all of it yet").press("esc", "esc")
	if f.ctx.Err() == nil {
		t.Error("the server is asked though nobody looks")
	}
	d.Update(checkDone{number, context.Canceled}) // of the one broken off
	d.press("p").has("accepted by the server")

	d = asking(t, 100, 24)
	f = d.plan.check.feed
	d.on("shop/web  Deployment").press("space").has("accepted by the server")
	if f.ctx.Err() == nil {
		t.Error("the server is asked about a plan that is another by now")
	}
	d = asking(t, 100, 24)
	f = d.plan.check.feed
	d.press("r")
	if f.ctx.Err() == nil {
		t.Error("the server is asked about a plan of the scan before")
	}
}

func TestServerThatCannotBeAsked(t *testing.T) {
	s := shopSession(t)
	s.Check = func(_ context.Context, plan *fixes.Plan, report func(fixes.Outcome)) error {
		report(say{change: 0, state: fixes.Checked}.of(plan))
		report(say{change: 1, state: fixes.Unknown, detail: "no answer"}.of(plan))
		report(fixes.Outcome{}) // of nothing
		return errors.New("no route to host")
	}
	d := planned(t, s, 120, 40).has("1 accepted, 6 without an answer", "It could not be asked about all: no route to host", "? create shop/web-env")
	d.press("a").has("could not be asked about all of it")
}

func TestWithoutAServerNoMarks(t *testing.T) {
	s := shopSession(t)
	s.Check, s.WaveSize = nil, 0
	d := planned(t, s, 120, 40).has("8 closed", "  create pay/api-env", "wave 3 · shop · 2 workloads").hasNot("server")
	d.press("X").has("the server refuses nothing")
}

func TestCanary(t *testing.T) {
	s := shopSession(t)
	var got []bool
	apply := s.Apply
	s.Apply = func(ctx context.Context, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		got = append(got, o.Canary)
		return apply(ctx, plan, o, report)
	}
	scanned(t, s, 120, 40).press("S", "p", "C").has("no staged fix to review changes a workload's pods").hasNot("canary on")
	risky := 0
	s.CanaryRisks = func(*fixes.Plan) []string { risky++; return []string{"Deployment pay/api: it sends mails\x1b[31m"} }
	d := planned(t, s, 120, 40).press("a").hasNot("Canary", "sends mails").press("esc")
	d.press("C").has("canary on", "canary    on for 1 workload").press("C").has("canary off").hasNot("canary on")
	d.press("C", "a").has("Canary: fixes to review are tried", "These copies act by themselves:", `- Deployment pay/api: it sends mails\x1b[31m`)
	d.press("y")
	if len(got) != 1 || !got[0] || risky != 1 {
		t.Errorf("canary is %v, risks were asked for %d times", got, risky)
	}
	s = shopSession(t)
	s.Apply, s.WhyNoApply = nil, "this is a picture"
	planned(t, s, 120, 40).press("C").has("this is a picture")
}

// TestLongQuestionIsScrolled demands that all of a question can be read, with
// the answers in sight.
func TestLongQuestionIsScrolled(t *testing.T) {
	s := shopSession(t)
	s.CanaryRisks = func(*fixes.Plan) []string {
		var list []string
		for range 20 {
			list = append(list, "Deployment pay/api: it does something")
		}
		return append(list, "Deployment pay/api: the last line")
	}
	d := planned(t, s, 80, 24).press("C", "a").has("y apply", "up/down").hasNot("the last line")
	for range 5 {
		d.press("down")
	}
	d.has("y apply", "the last line")
	for range 5 {
		d.press("up")
	}
	d.has("✓ verified · 4 created")
	if !strings.Contains(d.screenText(), "Apply to prod?") {
		t.Error("the question is gone")
	}
}
