//go:build !windows

package tui

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/testdata/terminal"
)

// picture is what the screen shows after some keys.
type picture struct{ name, keys string }

// walk is a session, and the way through its screens.
type walk struct {
	session  func(t *testing.T) Session
	pictures []picture
}

func walks() []walk {
	return []walk{
		{func(t *testing.T) Session { return historyShop(t) }, []picture{
			{"findings", ""}, {"detail", "=jjjj\r"}, {"filter", "h/pay"}, {"help", "\r?"}, {"filtered", "\x1b"},
			{"severity", "/\x15\rtttt"}, {"marked", "=*"}, {"copy", "y"}, {"staged", "\x1b"},
			{"plan", "Sp"}, {"change", "jj"}, {"confirm", "a"}, {"applied", "y"}, {"undo", "u"}, {"standing", "\x1b"},
			{"history", "H"}, {"run", "j\r"},
		}},
		{func(t *testing.T) Session { return networkSession(t, market) }, []picture{
			{"market", ""}, {"namespaces", "N"}, {"matrix", "\r"}, {"connections", "o"},
		}},
		{func(t *testing.T) Session {
			s := shopSession(t)
			found := fixes.Scan(shopInventory(t), testRules()[:2]).Findings
			s.Scan = func(ctx context.Context, report func(fixes.Progress)) (*fixes.Result, error) {
				report(fixes.Progress{Kinds: 14, Loaded: 9, Found: found})
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return s
		}, []picture{{"scan", ""}}},
	}
}

// TestGallery runs the program on a terminal of each size, with colours and
// without, and walks through all its screens.
func TestGallery(t *testing.T) {
	for _, size := range [][2]int{{40, 12}, {80, 24}, {120, 40}, {200, 60}} {
		for _, plain := range []bool{false, true} {
			where := fmt.Sprintf("%dx%d", size[0], size[1]) + when(plain, "_plain")
			for _, w := range walks() {
				w.play(t, where, size[0], size[1], plain)
				if t.Failed() {
					return // each that differs is waited for
				}
			}
		}
	}
}

// play walks through the screens, which are kept in a folder.
func (w walk) play(t *testing.T, where string, columns, rows int, plain bool) {
	t.Helper()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := w.session(t)
	s.NoColor = plain
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	term := onTerminal(ctx, t, columns, rows, s, WithoutAnimation(), WithClock(func() time.Time { return now }))
	for _, p := range w.pictures {
		if p.keys != "" {
			term.Type(p.keys)
		}
		looksLike(t, term, filepath.Join(where, p.name))
		if t.Failed() {
			return
		}
	}
	leave()
	_ = term.End() // the context's error
}

// looksLike demands that the screen becomes the one that is kept. It is drawn in
// several steps, so it is looked at until it does.
func looksLike(t *testing.T, term *terminal.Terminal, name string) {
	t.Helper()
	file := filepath.Join("testdata", "TestGallery", name+".golden")
	want, err := os.ReadFile(file)
	if update := flag.Lookup("update"); update != nil && update.Value.String() == "true" {
		time.Sleep(300 * time.Millisecond)
		term.Quiet()
		want = nil
	}
	for late := time.Now().Add(time.Minute); err == nil && want != nil && term.Screen.Render()+"\n" != string(want) && time.Now().Before(late); {
		time.Sleep(20 * time.Millisecond)
	}
	t.Run(name, func(t *testing.T) { golden.RequireEqual(t, term.Screen.Render()+"\n") })
}
