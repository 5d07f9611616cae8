package tui

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// historyShop is a session on the shop with a past: a run that was cut off, one
// that was done, one that was undone, its undo, and a file that is no journal.
func historyShop(t testing.TB) Session {
	s := shopSession(t)
	const no, whole = "it came to its end", "it is undone already"
	began := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	s.Runs = func(context.Context) ([]PastRun, error) {
		return []PastRun{
			{Number: 9, Started: began, State: "interrupted", Made: 1, Changes: []RunChange{
				{Action: fixes.Patch, Object: "Deployment shop/web", State: "rolled-out", Rules: []string{"env-secret", "sa-token"}, Made: true},
				{Action: fixes.Patch, Object: "DaemonSet shop/agent", State: "unsettled", Detail: "0 of 3 pods\x1b[31m ready\nmore", Made: true, Left: true},
				{Action: fixes.Create, Object: "NetworkPolicy shop/default-deny", State: "not attempted", Left: true},
			}},
			{Number: 8, Started: began.Add(-26 * time.Hour), State: "done", Made: 1, WhyNotResumed: no,
				Changes: []RunChange{{Action: fixes.Patch, Object: "Deployment pay/api", State: "rolled-out", Made: true}}},
			{Number: 7, Started: began.Add(-72 * time.Hour), State: "done", Undoes: 6, Made: 1, WhyNotResumed: no,
				Changes: []RunChange{{Action: fixes.Patch, Object: "Deployment pay/api", State: "rolled-out", Made: true}}},
			{Number: 6, Started: began.Add(-73 * time.Hour), State: "done", UndoneBy: 7, Made: 1, WhyNotUndone: whole, WhyNotResumed: no,
				Changes: []RunChange{{Action: fixes.Patch, Object: "Deployment pay/api", State: "rolled-out", Made: true}}},
			{Number: 5, Err: errors.New("run 5: line 3 is no JSON\x1b[31m")},
			{Number: 4, Started: began.Add(-74 * time.Hour), State: "done", Trial: true, WhyNotUndone: "it only tried copies", WhyNotResumed: no,
				Changes: []RunChange{{Action: "try", Object: "Deployment pay/api", State: "tried"}}},
		}, nil
	}
	plan := func(run, changes int) RunPlan {
		p := RunPlan{Run: run, Plan: &fixes.Plan{Verified: true}, Remaining: 1}
		for i := range changes {
			p.Plan.Changes = append(p.Plan.Changes, fixes.Change{Action: fixes.Patch, Object: fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: string(rune('a' + i))}})
		}
		return p
	}
	planUndo, undo := s.PlanUndo, s.Undo
	s.PlanUndo = func(ctx context.Context, run int) (RunPlan, error) {
		if run == 0 {
			return planUndo(ctx, run)
		}
		p := plan(run, 1)
		p.Left = []string{"Deployment shop/web: spec.replicas (changed since by kubectl)"}
		return p, nil
	}
	s.Undo = func(ctx context.Context, run int, p *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		return undo(ctx, run, p, o, report)
	}
	s.PlanResume = func(_ context.Context, run int) (RunPlan, error) { return plan(run, 3), nil }
	s.Resume = undo
	s.RunCommand = func(verb string, run int) string {
		return "kubectl harden " + verb + " " + plural(run, "")[:1] + " --context prod"
	}
	return s
}

func TestHistory(t *testing.T) {
	d := scanned(t, historyShop(t), 120, 30).press("H").has("history", "9    2 h ago", "interrupted", "made      1 of 3 changes", "left      2 changes",
		"patch DaemonSet shop/agent: unsettled", `0 of 3 pods\x1b[31m ready`, "closes env-secret, sa-token", "resume    r, or kubectl harden resume 9 --context prod")
	d.press("j").has("8    28 h ago", "resume    no: it came to its end").press("r").has("it came to its end")
	d.press("j").has("undo of 6, 1 change").press("j").has("undone by 7").press("u").has("it is undone already")
	d.press("j").has("unreadable", `line 3 is no JSON\x1b[31m`).press("u").has("its journal cannot be read")
	d.press("j").has("1 workload tried").press("esc").has("by rule")
}

func TestHistoryUndoesAnyRun(t *testing.T) {
	s := historyShop(t)
	var runs []int
	undo := s.Undo
	s.Undo = func(ctx context.Context, run int, p *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		runs = append(runs, run)
		return undo(ctx, run, p, o, report)
	}
	d := scanned(t, s, 120, 30).press("H", "j", "u").has("Undo in prod?", "Not put back:", "spec.replicas", "$ kubectl harden undo 8 --context prod")
	d.press("esc").has("history").press("u", "y").has("undo ", "1 undone", "done in").press("esc").has("r scans again").press("p").has("the cluster has changed")
	if len(runs) != 1 || runs[0] != 8 {
		t.Errorf("undid %v", runs)
	}
}

func TestHistoryResumes(t *testing.T) {
	s := historyShop(t)
	var run int
	s.Resume = func(_ context.Context, n int, p *fixes.Plan, _ ApplyOptions, report func(fixes.Outcome)) error {
		run = n
		for i := range p.Changes {
			report(say{change: i, state: fixes.Applied}.of(p))
		}
		return nil
	}
	d := scanned(t, s, 120, 30).press("H", "r").has("Go on with run 9 in prod?", "1 of 3 changes are to be made", "$ kubectl harden resume 9")
	d.press("r").has("Go on with run 9").press("y").has("resume", "3 applied", "done in").press("u").has("Undo in prod?", "undo 9")
	if run != 9 {
		t.Errorf("resumed %d", run)
	}
}

func TestHistoryThatCannotBeRead(t *testing.T) {
	s := historyShop(t)
	s.Runs = func(context.Context) ([]PastRun, error) { return nil, errors.New("the folder is a link\x1b[31m") }
	scanned(t, s, 120, 30).press("H").has("The journals cannot be read: the folder is a", `link\x1b[31m`).press("u").has("no run is listed")
	s.Runs = func(context.Context) ([]PastRun, error) { return nil, nil }
	scanned(t, s, 120, 30).press("H").has("No run has written to this cluster from here").press("u").has("no run is listed")
	s.Runs = nil
	scanned(t, s, 120, 30).press("H").has("no record is kept")
}
