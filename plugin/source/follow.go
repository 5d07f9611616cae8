package source

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

const (
	// debounce is how long changes are collected before they are judged.
	debounce = 500 * time.Millisecond
	// idle is how many times longer than a judgement the pause after it is at
	// least: a cluster that never rests takes a quarter of a processor's time.
	idle = 3
	// pollEvery is how often a place is listed that cannot be watched.
	pollEvery = 30 * time.Second
	// steady is how long a watch has to last to be taken for one that works.
	steady = time.Second
	// maxWatches bounds the watches under way; what is beyond is polled.
	maxWatches = 200
	// mostTemplates bounds the templates that are remembered of a kind's owners.
	mostTemplates = 20_000
)

// Follow keeps the result up to date until ctx ends: it watches the places that
// the scan listed, from the state that it saw, and judges what changes. It calls
// report with each new result, and with what becomes of the connection. A place
// whose history the server has no more is listed anew; one that may not be
// watched is listed every half minute. It returns when all that it has started
// has ended.
func (l *Live) Follow(ctx context.Context, report func(fixes.Update)) {
	f := &follower{live: l, report: report, pending: newChanges(), wake: make(chan struct{}, 1), polled: map[string]bool{}}
	f.link = link{broken: map[*stream]bool{}, say: func(lost error, retry time.Time) {
		f.tell(func(u *fixes.Update) { u.Lost, u.Retry = lost, retry })
	}}
	var streams sync.WaitGroup
	for i, s := range l.streams() {
		s.polls = s.polls || i >= maxWatches
		streams.Go(func() { f.run(ctx, s) })
	}
	f.judge(ctx)
	streams.Wait()
}

// stream is one place that is followed.
type stream struct {
	place
	name string // of the only object that is watched, where that is so
	// version is what has been seen; empty: the place has to be listed.
	version string
	polls   bool
	slimmer slimmer
}

// streams returns what there is to follow.
func (l *Live) streams() []*stream {
	l.cluster.mu.Lock()
	defer l.cluster.mu.Unlock()
	var list []*stream
	for at, version := range l.cluster.listed {
		s := &stream{place: at, version: version}
		switch at.kind {
		case fixes.KindEndpointSlice: // few of many
			s.polls = true
		case fixes.KindNamespace:
			s.name = l.cluster.Namespace
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *stream) int {
		return cmp.Or(cmp.Compare(a.kind.String(), b.kind.String()), cmp.Compare(a.namespace, b.namespace))
	})
	return list
}

// follower collects what changes, and judges it from time to time.
type follower struct {
	live   *Live
	report func(fixes.Update)
	link   link

	mu      sync.Mutex
	pending *changes
	wake    chan struct{}

	saying sync.Mutex // guards what follows, and orders what is reported
	state  fixes.Update
	polled map[string]bool
}

// tell reports a change of how things stand.
func (f *follower) tell(change func(*fixes.Update)) {
	f.saying.Lock()
	defer f.saying.Unlock()
	change(&f.state)
	f.report(f.state)
	f.state.Result, f.state.Changed = nil, nil // each result is told once
}

// poll says that a kind cannot be watched, once.
func (f *follower) poll(kind fixes.Kind) {
	f.saying.Lock()
	defer f.saying.Unlock()
	if name := kind.String(); !f.polled[name] {
		f.polled[name] = true
		f.state.Polled = slices.Sorted(maps.Keys(f.polled))
		f.report(f.state)
	}
}

// note collects changes.
func (f *follower) note(change func(*changes)) {
	f.mu.Lock()
	change(f.pending)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// judge makes new results of what was collected.
func (f *follower) judge(ctx context.Context) {
	rest := time.Duration(0)
	for {
		select {
		case <-f.wake:
		case <-ctx.Done():
			return
		}
		sleep(ctx, max(debounce, rest))
		if ctx.Err() != nil {
			return
		}
		f.mu.Lock()
		got := f.pending
		f.pending = newChanges()
		f.mu.Unlock()
		began := time.Now()
		f.live.take(got, func(u fixes.Update) {
			f.tell(func(now *fixes.Update) { now.Result, now.Changed, now.Number = u.Result, u.Changed, u.Number })
		})
		rest = idle * time.Since(began)
	}
}

// run follows one place until ctx ends, or there is nothing to follow.
func (f *follower) run(ctx context.Context, s *stream) {
	defer f.link.mend(s)
	for ctx.Err() == nil {
		err := f.watch(ctx, s)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil: // the server ends each watch after a while
		case errors.Is(err, client.ErrNotServed):
			f.note(func(c *changes) { c.replace(s.place, nil) })
			return
		case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
			s.version = ""
		case apierrors.IsForbidden(err), apierrors.IsMethodNotSupported(err):
			f.link.mend(s)
			f.poll(s.kind)
			sleep(ctx, pollEvery)
			s.version = ""
		default:
			f.link.fail(ctx, s, err)
		}
	}
}

// errUnsteady is the error of a server that ends a watch at once.
var errUnsteady = errors.New("the server ends watches as soon as they begin")

// watch lists the place where that is due, and watches it until the watch ends.
func (f *follower) watch(ctx context.Context, s *stream) error {
	if s.version == "" && s.name == "" {
		if err := f.list(ctx, s); err != nil {
			return err
		}
	}
	if s.polls {
		f.link.mend(s)
		f.poll(s.kind)
		sleep(ctx, pollEvery)
		s.version = ""
		return nil
	}
	began, told := time.Now(), false
	works := time.AfterFunc(steady, func() { f.link.mend(s) })
	defer works.Stop()
	version := s.version
	if s.name != "" {
		version = "" // begins with the object as it is
	}
	err := f.live.cluster.Client.Watch(ctx, s.kind, s.namespace, s.name, version, func(e client.Event) {
		s.version, told = e.Version, true
		if e.Object == nil {
			return
		}
		ref := fixes.RefOf(e.Object)
		if len(s.slimmer.templates)+len(s.slimmer.revisions) > mostTemplates {
			s.slimmer = slimmer{} // controllers come and go
		}
		s.slimmer.slim(e.Object)
		f.note(func(c *changes) {
			c.objects[ref] = e.Object
			if e.Gone {
				c.objects[ref] = nil
			}
		})
	})
	if err == nil && !told && time.Since(began) < steady && ctx.Err() == nil {
		return errUnsteady
	}
	return err
}

// list reads all of the place. What may not be listed any more is skipped from
// now on, as a scan would.
func (f *follower) list(ctx context.Context, s *stream) error {
	cluster := f.live.cluster
	var objects []fixes.Object
	var err error
	if s.kind == fixes.KindEndpointSlice {
		_, err = cluster.loadAPIAddresses(ctx, func(list []fixes.Object) { objects = append(objects, list...) })
		for _, obj := range objects {
			s.slimmer.slim(obj)
		}
	} else {
		s.version, objects, err = cluster.read(ctx, s.place, &s.slimmer)
	}
	refused := apierrors.IsForbidden(err)
	if err != nil && !refused {
		return err
	}
	f.note(func(c *changes) {
		c.replace(s.place, objects)
		if refused || f.live.wasRefused(s.place) {
			c.refused[s.place] = refused
		}
	})
	return err
}
