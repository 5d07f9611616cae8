package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// rescanned is an object that was read anew, and what is found now.
type rescanned struct {
	scan   int // the scan that it was read after
	object fixes.Ref
	update heldUpdate
	err    error
}

// cannotRescan says why no single object can be read anew.
func (a *app) cannotRescan() string {
	_, ok := a.list.currentItem()
	switch {
	case a.session.Rescan == nil:
		return a.scansAgain("a single object is read anew from a cluster only")
	case a.scan.running:
		return "a scan is running"
	case a.scan.result == nil:
		return a.scansAgain("the scan failed")
	case a.rescanning:
		return "an object is being read"
	case !ok:
		return "go to a finding first: its object is read anew"
	}
	return ""
}

// rescan reads the object under the cursor anew, and judges again.
func (a *app) rescan() tea.Cmd {
	id, _ := a.list.currentItem()
	a.rescanning = true
	done := rescanned{scan: a.scans, object: a.list.items[id].f.Object}
	ctx, jobs, read := a.ctx, &a.jobs, a.session.Rescan
	decided, decisions := a.net.version > 0, a.net.decisions
	return tea.Batch(func() tea.Msg {
		done.err = jobs.ask(ctx, func(ctx context.Context) (err error) {
			done.update.Update, err = read(ctx, done.object)
			return err
		})
		if done.err == nil && done.update.Result != nil {
			done.update.prepare(jobs, decided, decisions)
		}
		return done
	}, a.animate())
}

func (a *app) onRescanned(msg rescanned) tea.Cmd {
	a.rescanning = false
	what := fixes.Clean(msg.object.String())
	if msg.scan != a.scans {
		return nil // another scan has begun since, which sees it too
	}
	if msg.err != nil {
		a.say(bad, what+": "+inWords(msg.err))
		return nil
	}
	if msg.update.Result == nil {
		a.say(info, what+": read anew, nothing has changed")
		return nil
	}
	if a.overlay != nil || a.apply.running || a.plan.composing || a.net.making { // see takeHeld
		a.watch.held = &msg.update
		return nil
	}
	d, cmd := a.takeUpdate(msg.update)
	switch {
	case len(d.dropped) > 0:
		a.say(warn, what+": "+d.String()+"; "+a.saidDropped(d))
	case d.any():
		a.say(good, what+": "+d.String())
	default:
		a.say(info, join("; ", what+": read anew, with the same findings", d.remade))
	}
	return cmd
}
