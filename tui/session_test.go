package tui

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// writer is the type of Apply and of Undo.
type writer = func(context.Context, *fixes.Plan, ApplyOptions, func(fixes.Outcome)) error

// applyAll is an Apply for which all goes well. It puts what was applied into
// the inventory.
func applyAll(inv *fixes.Inventory) writer {
	return func(_ context.Context, plan *fixes.Plan, _ ApplyOptions, report func(fixes.Outcome)) error {
		for _, s := range []fixes.State{fixes.Checked, fixes.Applying, fixes.Applied} {
			for i := range plan.Changes {
				o := fixes.Outcome{Change: &plan.Changes[i], State: s}
				if s == fixes.Applied {
					inv.Add(plan.Changes[i].After)
					o.Detail = "server says ok"
				}
				report(o)
			}
		}
		return nil
	}
}

// say is what is reported of one change of a plan.
type say struct {
	change   int
	state    fixes.State
	detail   string
	warnings []string
}

func (s say) of(plan *fixes.Plan) fixes.Outcome {
	return fixes.Outcome{Change: &plan.Changes[s.change], State: s.state, Detail: s.detail, Warnings: s.warnings}
}

// scripted is an Apply or Undo that says what it is told to, and ends with err.
func scripted(err error, script ...say) writer {
	return func(_ context.Context, plan *fixes.Plan, _ ApplyOptions, report func(fixes.Outcome)) error {
		for _, s := range script {
			report(s.of(plan))
		}
		return err
	}
}

// ofRun makes a writer an Undo or Resume, whichever run it is about.
func ofRun(w writer) func(context.Context, int, *fixes.Plan, ApplyOptions, func(fixes.Outcome)) error {
	return func(ctx context.Context, _ int, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		return w(ctx, plan, o, report)
	}
}

// checked is a Check that accepts all but what is told otherwise.
func checked(err error, but ...say) func(context.Context, *fixes.Plan, func(fixes.Outcome)) error {
	return func(_ context.Context, plan *fixes.Plan, report func(fixes.Outcome)) error {
		for i := range plan.Changes {
			o := say{change: i, state: fixes.Checked}
			if at := slices.IndexFunc(but, func(s say) bool { return s.change == i }); at >= 0 {
				o = but[at]
			}
			report(o.of(plan))
		}
		return err
	}
}

// undoOf is a plan that takes back another: enforcement first, what was made
// for others last.
func undoOf(plan *fixes.Plan) *fixes.Plan {
	undo := &fixes.Plan{Verified: true}
	for _, c := range slices.Backward(plan.Changes) {
		inverse := fixes.Change{Action: fixes.Patch, Object: c.Object, Before: c.After, After: c.Before}
		if c.Action == fixes.Create {
			inverse.Action = fixes.Delete
		}
		undo.Changes = append(undo.Changes, inverse)
	}
	return undo
}

// asciiOnly makes all sessions of the shop such for terminals without more.
var asciiOnly bool

// shopSession is a session on the shop, in which all goes well.
func shopSession(t testing.TB) Session {
	inv := shopInventory(t)
	s := Session{
		Context: "prod", Scope: "all namespaces", Redact: mask, WaveSize: 2,
		Scan:  scanOf(func() *fixes.Inventory { return inv }, testRules()),
		Check: checked(nil),
		Export: func(_ context.Context, plan *fixes.Plan, dir string) (string, error) {
			return plural(len(plan.Changes), "file") + " written to " + dir, nil
		},
		Reveal:  func(c fixes.Change, path string) (string, error) { return c.Reveal(mask, path) },
		Command: func(f *fixes.Finding) string { return "kubectl harden --rule " + f.Rule.ID + " --fix --dry-run" },
		ListCommand: func(s Selection) (string, []string) {
			return "kubectl harden --context prod" + when(s.Namespace != "", " -n "+s.Namespace), s.Unsaid
		},
		StagedCommand: func(c []fixes.Choice) (string, []string) {
			return "kubectl harden --context prod --finding " + c[0].Finding.Fingerprint + " --fix --dry-run", nil
		},
		ASCII: asciiOnly,
	}
	var applied *fixes.Plan
	apply := applyAll(inv)
	s.Apply = func(ctx context.Context, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		applied = plan
		return apply(ctx, plan, o, report)
	}
	s.PlanUndo = func(context.Context, int) (RunPlan, error) {
		if applied == nil {
			return RunPlan{}, errors.New("no run of this session wrote anything")
		}
		return RunPlan{Run: 7, Plan: undoOf(applied)}, nil
	}
	s.Undo = func(_ context.Context, _ int, plan *fixes.Plan, _ ApplyOptions, report func(fixes.Outcome)) error {
		for i := range plan.Changes {
			report(say{change: i, state: fixes.Applying}.of(plan))
			report(say{change: i, state: fixes.Applied}.of(plan))
		}
		applied = &fixes.Plan{}
		return nil
	}
	return s
}

// The changes of the plan of all fixes of the shop.
const (
	apiSecret = iota
	webSecret
	api
	agent
	web
	payDeny
	shopDeny
)

// planned is a driver that looks at the plan of all fixes of the shop.
func planned(t testing.TB, s Session, w, h int) *driver {
	d := scanned(t, s, w, h).press("S")
	for _, group := range []string{"env-secret", "network-open", "sa-token"} {
		d.on(group).press("space")
	}
	return d.press("p")
}

// underWay is a driver whose apply has begun and reports what it is told to,
// with a second between two reports.
func (d *driver) underWay(script ...say) *driver {
	d.startApply() // the commands are played by hand
	return d.hear(script...)
}

func (d *driver) hear(script ...say) *driver {
	for _, s := range script {
		d.clock = d.clock.Add(time.Second)
		d.apply.feed.put(s.of(d.apply.plan))
		d.Update(applyReport{d.apply.number})
	}
	return d
}

// over ends the apply that is under way.
func (d *driver) over(err error) *driver {
	d.Update(applyDone{d.apply.number, err})
	return d
}

// rollingOut is the first half of a script: what others need and the first
// wave are there, and the second is rolling out.
var rollingOut = []say{
	{change: apiSecret, state: fixes.Applying}, {change: apiSecret, state: fixes.Applied},
	{change: webSecret, state: fixes.Applying}, {change: webSecret, state: fixes.Applied},
	{change: api, state: fixes.Applying}, {change: api, state: fixes.RollingOut, detail: "0 of 1 pods replaced, 1 ready"},
	{change: api, state: fixes.Applied},
	{change: agent, state: fixes.Applying}, {change: agent, state: fixes.RollingOut, detail: "1 of 3 pods replaced, 2 ready"},
	{change: web, state: fixes.Applying}, {change: web, state: fixes.RollingOut, detail: "0 of 2 pods replaced, 2 ready"},
	{change: agent, state: fixes.Applied},
	{change: web, state: fixes.RollingOut, detail: "1 of 2 pods replaced, 1 ready"},
}

// crash is why a rollout failed, as the apply says it.
const crash = `the new pods of Deployment shop/web do not start: container web exits with status 1
web-7d9f5c4b8-x2x1q: CrashLoopBackOff, restarted 4 times
  last words: panic: open /etc/app/token: no such file or directory
event: BackOff restarting failed container web (x5)`

// rolledBack is the end of that script, in which a rollout fails.
var rolledBack = []say{
	{change: web, state: fixes.RolledBack, detail: crash},
	{change: webSecret, state: fixes.RolledBack, detail: "it was made for Deployment shop/web, which was rolled back"},
	{change: payDeny, state: fixes.NotAttempted, detail: "an earlier change failed"},
	{change: shopDeny, state: fixes.NotAttempted, detail: "an earlier change failed"},
}
