package tui

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// jobs keeps what runs beside the model: the errors that [Run] returns, the
// writers that it waits for, a lock for the inventory, whose indexes are built
// at the first reading, and one for questions to the server.
type jobs struct {
	inventory sync.Mutex
	asking    sync.Mutex
	watching  sync.Mutex // held while the cluster is followed

	mu      sync.Mutex
	closed  bool
	writers sync.WaitGroup
	scan    error
	apply   error
}

// write runs f, which writes to a cluster or to files, unless the program is
// ending already.
func (j *jobs) write(f func() error) error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return context.Canceled
	}
	j.writers.Add(1)
	j.mu.Unlock()
	defer j.writers.Done()
	return f()
}

// close waits for writers and lets no other begin.
func (j *jobs) close() {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	j.writers.Wait()
}

func (j *jobs) setScanErr(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.scan = err
}

func (j *jobs) setApplyErr(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.apply = err
}

func (j *jobs) applyErr() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.apply
}

func (j *jobs) err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.apply != nil {
		return j.apply
	}
	return j.scan
}

// ask runs f, which asks the server without writing. One that was broken off
// is waited for: f is not called twice at a time.
func (j *jobs) ask(ctx context.Context, f func(context.Context) error) error {
	j.asking.Lock()
	defer j.asking.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return f(ctx)
}

// onInventory runs f, which reads the inventory through rules and fixes, while
// nothing else does. A panic in one of them becomes an error: it must not take
// the user's decisions with it.
func (j *jobs) onInventory(f func() error) (err error) {
	j.inventory.Lock()
	defer j.inventory.Unlock()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("this is a bug in a rule: %v", r)
		}
	}()
	return f()
}

// feed hands values from a goroutine that reports to the model, which takes
// all that have come at once. It ends with its context.
type feed[T any] struct {
	ctx   context.Context
	end   context.CancelFunc
	mu    sync.Mutex
	items []T
	wake  chan struct{}
}

func newFeed[T any](ctx context.Context) *feed[T] {
	ctx, end := context.WithCancel(ctx)
	return &feed[T]{ctx: ctx, end: end, wake: make(chan struct{}, 1)}
}

func (f *feed[T]) put(v T) {
	f.mu.Lock()
	f.items = append(f.items, v)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *feed[T]) take() []T {
	f.mu.Lock()
	defer f.mu.Unlock()
	items := f.items
	f.items = nil
	return items
}

// wait lets a time pass, then waits for a value. It reports false when the
// feed has ended.
func (f *feed[T]) wait(interval time.Duration) bool {
	if interval > 0 {
		t := time.NewTimer(interval)
		defer t.Stop()
		select {
		case <-t.C:
		case <-f.ctx.Done():
			return false
		}
	}
	select {
	case <-f.wake:
		return true
	case <-f.ctx.Done():
		return false
	}
}
