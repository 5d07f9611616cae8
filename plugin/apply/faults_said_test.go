//go:build unix

package apply_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// report takes in what the engine says.
func (s *scene) report(out fixes.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[fixes.Ref]fixes.Outcome{}
	}
	s.last[out.Change.Object] = out
	s.told = append(s.told, out)
	if s.onReport != nil {
		s.onReport(out)
	}
}

// of returns what was said last of an object ("Deployment/web").
func (s *scene) of(object string) fixes.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, out := range s.last {
		if keyOf(ref) == object {
			return out
		}
	}
	return fixes.Outcome{}
}

// says demands what was said last of an object: a state, and words.
func (s *scene) says(object string, state fixes.State, words ...string) {
	s.Helper()
	out := s.of(object)
	if out.State != state {
		s.Errorf("%s is %q, want %q: %s", object, out.State, state, out.Detail)
	}
	text := out.Detail + "\n" + strings.Join(out.Warnings, "\n")
	for _, w := range words {
		if !strings.Contains(text, w) {
			s.Errorf("of %s %q is not said:\n%s", object, w, text)
		}
	}
}

// said reports whether something with these words was ever said of an object.
func (s *scene) said(object string, state fixes.State, words string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.told, func(out fixes.Outcome) bool {
		return keyOf(out.Change.Object) == object && out.State == state && strings.Contains(out.Detail, words)
	})
}

// expect demands the status that an error ends the program with.
func (s *scene) expect(err error, status int) {
	s.Helper()
	if got := statusOf(err); got != status && (!s.orDone || got != done) {
		s.Errorf("status %d, want %d: %v\n%s", got, status, err, s.story())
	}
	if err != nil {
		s.noSecretIn(err.Error())
	}
}

// story is what was said, for people.
func (s *scene) story() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, out := range s.told {
		fmt.Fprintf(&b, "%s: %s %s %q\n", keyOf(out.Change.Object), out.State, out.Detail, out.Warnings)
	}
	return b.String()
}

func (s *scene) eventually(what string, is func() bool) {
	s.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("not within a minute: %s", what)
		}
	}
}

// nth returns what Step is to be where something happens once: at the nth
// boundary of a name.
func nth(name string, n int, do func()) func(string) {
	var mu sync.Mutex
	return func(got string) {
		mu.Lock()
		n -= map[bool]int{true: 1}[got == name]
		now := n == 0 && got == name
		mu.Unlock()
		if now {
			do()
		}
	}
}
