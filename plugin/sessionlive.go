package plugin

import (
	"context"
	"errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

func (s *sessionRuns) current() *source.Live {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

// rescan reads one object of the latest scan anew.
func (s *sessionRuns) rescan(ctx context.Context, ref fixes.Ref) (fixes.Update, error) {
	live := s.current()
	if live == nil {
		return fixes.Update{}, errors.New("nothing was scanned yet")
	}
	update, err := live.Rescan(ctx, ref)
	if err != nil {
		return update, connectionError(err, s.o.cluster.Host(), s.o.Context)
	}
	return s.chosen(live, update), nil
}

// watch follows the cluster from the latest scan on.
func (s *sessionRuns) watch(ctx context.Context, report func(fixes.Update)) {
	live := s.current()
	if live == nil {
		return
	}
	live.Follow(ctx, func(u fixes.Update) {
		if u.Lost != nil {
			u.Lost = connectionError(u.Lost, s.o.cluster.Host(), s.o.Context)
		}
		report(s.chosen(live, u))
	})
}

// chosen parts the findings of an update that were asked for from the others.
func (s *sessionRuns) chosen(live *source.Live, u fixes.Update) fixes.Update {
	if u.Result == nil {
		return u
	}
	u.Result = s.o.sift(u.Result)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == live { // no other scan has come since
		s.result = u.Result
	}
	return u
}
