package tui

import (
	"errors"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// previewKey names the diff of one fix made alone.
type previewKey struct {
	scan int
	item int32
	fix  int8
	net  int // version of the decisions about connections
}

type preview struct {
	changes []changeDiff
	err     error
}

// previews holds the diffs that have been made. One is made at a time, of
// what the cursor is on when the one before is done: holding a key down does
// not pile up work.
type previews struct {
	made    map[previewKey]preview
	making  bool
	version int // changes with what is made
}

// maxPreviews bounds what is kept.
const maxPreviews = 500

type previewDone struct {
	key previewKey
	preview
}

func (p *previews) clear() { p.made = nil }

func (p *previews) done(msg previewDone) {
	p.making = false
	if len(p.made) >= maxPreviews {
		p.made = nil
	}
	if p.made == nil {
		p.made = map[previewKey]preview{}
	}
	p.made[msg.key] = msg.preview
	p.version++
}

// previewWanted names the diff that the details show, if there is one.
func (a *app) previewWanted() (previewKey, *fixes.Fix, bool) {
	id, ok := a.list.currentItem()
	if !ok {
		return previewKey{}, nil, false
	}
	it := &a.list.items[id]
	fix := it.fix()
	if fix == nil || fix.Edit == nil {
		return previewKey{}, nil, false
	}
	return previewKey{a.scan.number, id, it.shown, a.net.made}, fix, true
}

// lookUpPreview makes the diff that is wanted and not there.
func (a *app) lookUpPreview() tea.Cmd {
	if a.previews.making || a.scan.running || a.scan.result == nil {
		return nil
	}
	key, fix, ok := a.previewWanted()
	if !ok {
		return nil
	}
	if _, made := a.previews.made[key]; made {
		return nil
	}
	a.previews.making = true
	result, redact, jobs := a.scan.result, a.session.Redact, &a.jobs
	return func() tea.Msg {
		done := previewDone{key: key}
		done.err = jobs.onInventory(func() (err error) {
			done.changes, err = previewFix(result, fix, redact)
			return err
		})
		return done
	}
}

// previewFix makes a fix alone on a draft of its own and returns what changes.
func previewFix(result *fixes.Result, fix *fixes.Fix, redact fixes.Redactor) ([]changeDiff, error) {
	draft := result.Inventory.Draft()
	if err := fix.Edit(draft); err != nil {
		return nil, err
	}
	changes, err := draft.Changes()
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return nil, errors.New("the fix changes nothing")
	}
	var out []changeDiff
	for _, c := range changes {
		d, err := diffOf(c, redact)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// shownPreview returns the diff that the details of a finding show.
func (a *app) shownPreview() (preview, bool) {
	key, _, wanted := a.previewWanted()
	p, made := a.previews.made[key]
	return p, wanted && made
}

// nextContext shows more of the object around each change.
func (a *app) nextContext() {
	a.context = (a.context + 1) % len(contexts)
	if n := contexts[a.context]; n < 0 {
		a.say(info, "changes are shown in the whole object")
	} else {
		a.say(info, "changes are shown with "+plural(n, "line")+" around them")
	}
}
