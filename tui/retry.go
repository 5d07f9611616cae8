package tui

import (
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// retryScan is due when a server that did not answer is to be tried again.
type retryScan struct{ number int }

// scanFailed says why, and tries again by itself where a later try may do.
func (a *app) scanFailed(err error) tea.Cmd {
	var down *fixes.UnreachableError
	if !errors.As(err, &down) || a.opts.backoff == nil {
		a.say(bad, a.scansAgain("scan failed: "+inWords(err)))
		return nil
	}
	a.scan.tries++
	a.notice = notice{} // for what is down
	wait := a.opts.backoff(a.scan.tries)
	a.scan.retry = a.opts.now().Add(wait)
	number := a.scan.number
	return tea.Batch(tea.Tick(wait, func(time.Time) tea.Msg { return retryScan{number} }), a.animate())
}

func (a *app) onRetryScan(msg retryScan) tea.Cmd {
	if msg.number != a.scan.number || a.scan.running || a.scan.retry.IsZero() {
		return nil
	}
	return a.startScan()
}

// inWords says in a line why something failed, safe to show.
func inWords(err error) string {
	if down, ok := errors.AsType[*fixes.UnreachableError](err); ok {
		return fixes.Clean("the API server at " + strings.TrimPrefix(down.Host, "https://") + " " + down.Reason)
	}
	return fixes.Clean(firstLine(err.Error()))
}

// saidOf says all that is said of an error, safe to show.
func saidOf(err error) string {
	if _, ok := errors.AsType[*fixes.UnreachableError](err); ok {
		return inWords(err)
	}
	return fixes.CleanLines(err.Error())
}

// retrying says when a server is tried again.
func (a *app) retrying(at time.Time) string {
	if wait := a.until(at); wait > 0 {
		return join(" ", fmt.Sprintf("retrying in %d s", wait), a.keyFor("scan", "now"))
	}
	return "retrying now"
}

// until counts the seconds until a time.
func (a *app) until(at time.Time) int {
	return max(int(at.Sub(a.opts.now()).Round(time.Second).Seconds()), 0)
}
