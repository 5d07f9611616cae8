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
	// patch and diff are the same changes as they are copied.
	patch, diff string
	err         error
}

// previews holds the diffs that have been made. One is made at a time, of
// what the cursor is on when the one before is done: holding a key down does
// not pile up work.
type previews struct {
	made map[previewKey]preview
	// last holds, for each fix of an item, the diff that was made last, of
	// whatever result: it is shown until the one that is wanted is made.
	last    map[previewKey]preview
	making  bool
	since   int // the scan from which on diffs are taken: items were others before
	version int // changes with what is made
}

// maxPreviews bounds what is kept.
const maxPreviews = 500

type previewDone struct {
	key previewKey
	preview
}

func (p *previews) clear() { p.made, p.last = nil, nil }

// renew drops all diffs, and those that come of what was before a scan.
func (p *previews) renew(scan int) {
	p.clear()
	p.since = scan
	p.version++
}

// latest is the key of a fix's last diff.
func (k previewKey) latest() previewKey { return previewKey{item: k.item, fix: k.fix} }

// get returns a diff, or the one before it while that is not made yet.
func (p *previews) get(key previewKey) (preview, bool) {
	if d, made := p.made[key]; made {
		return d, true
	}
	d, made := p.last[key.latest()]
	return d, made
}

func (p *previews) done(msg previewDone) {
	p.making = false
	if msg.key.scan < p.since {
		return
	}
	if len(p.made) >= maxPreviews || len(p.last) >= maxPreviews {
		p.clear()
	}
	if p.made == nil {
		p.made, p.last = map[previewKey]preview{}, map[previewKey]preview{}
	}
	p.made[msg.key], p.last[msg.key.latest()] = msg.preview, msg.preview
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
			done.preview, err = previewFix(result, fix, redact)
			return err
		})
		return done
	}
}

// previewFix makes a fix alone on a draft of its own and returns what changes.
func previewFix(result *fixes.Result, fix *fixes.Fix, redact fixes.Redactor) (p preview, err error) {
	draft := result.Inventory.Draft()
	if err := fix.Edit(draft); err != nil {
		return p, err
	}
	changes, err := draft.Changes()
	if err != nil {
		return p, err
	}
	if len(changes) == 0 {
		return p, errors.New("the fix changes nothing")
	}
	for _, c := range changes {
		d, err := diffOf(c, redact)
		if err != nil {
			return p, err
		}
		p.changes = append(p.changes, d)
	}
	if p.patch, err = patchesOf(changes, redact); err != nil {
		return p, err
	}
	p.diff, err = diffsOf(changes, redact)
	return p, err
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
