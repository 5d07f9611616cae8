package tui

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

var (
	events = flag.Int("events", 20_000, "how many random events TestChaos plays")
	seed   = flag.Uint64("seed", 1, "the first seed of TestChaos; each round of 5,000 events has the next")
)

// chaos plays random keys, sizes, pastes and mouse events on the model, and
// lets commands end in any order: each runs in a goroutine of its own as far as
// it comes (synctest tells), and its message waits until it is drawn.
type chaos struct {
	*driver
	rnd    *rand.Rand
	keys   []string
	waits  []tea.Cmd    // not begun
	ready  chan tea.Msg // of those that have ended
	passed []string     // the last events
}

// newChaos begins a round: the shop by even seeds, and its network by odd ones.
func newChaos(ctx context.Context, t *testing.T, seed uint64) *chaos {
	c := &chaos{rnd: rand.New(rand.NewPCG(seed, 0)), ready: make(chan tea.Msg, 1<<16)}
	s := shopSession(t)
	if seed%2 == 1 {
		s = networkSession(t, market)
	}
	c.spoil(&s)
	c.driver = &driver{TB: t, clock: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	c.app = newApp(ctx, s, options{now: func() time.Time { return c.clock }})
	all := map[string]bool{}
	for _, list := range c.app.keys {
		for _, b := range list {
			for _, k := range b.keys {
				all[k] = k != "ctrl+c"
			}
		}
	}
	delete(all, "ctrl+c")
	c.keys = append(slices.Sorted(maps.Keys(all)), "enter", "esc", "y", "up", "down", "backspace", "delete", "left", "right", "a", "é", "日", "e\u0301", "👩‍👩‍👧", "ش", "\u202e", "!", "~")
	c.waits = append(c.waits, c.Init())
	return c
}

// spoil lets what the session does go wrong at times.
func (c *chaos) spoil(s *Session) {
	bad := func() error {
		if c.rnd.IntN(4) > 0 {
			return nil
		}
		return errors.New("no luck\x1b[2J\u202e\n with " + strings.Repeat("日本", c.rnd.IntN(80)))
	}
	scan := s.Scan
	s.Scan = func(ctx context.Context, report func(fixes.Progress)) (*fixes.Result, error) {
		result, err := scan(ctx, report)
		if e := bad(); e != nil {
			return nil, e
		}
		return result, err
	}
	states := append([]fixes.State{"an unknown one"}, states[:]...)
	outcomes := func(_ context.Context, plan *fixes.Plan, report func(fixes.Outcome)) error {
		for range c.rnd.IntN(3 * (len(plan.Changes) + 1)) {
			o := fixes.Outcome{State: states[c.rnd.IntN(len(states))], Detail: fmt.Sprint(bad())}
			if len(plan.Changes) > 0 && c.rnd.IntN(9) > 0 {
				change := plan.Changes[c.rnd.IntN(len(plan.Changes))]
				o.Change = &change
			}
			report(o)
		}
		return bad()
	}
	check := s.Check
	s.Check = func(ctx context.Context, plan *fixes.Plan, report func(fixes.Outcome)) error {
		if c.rnd.IntN(3) > 0 && check != nil {
			return check(ctx, plan, report)
		}
		return outcomes(ctx, plan, report)
	}
	write := func(ctx context.Context, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		if c.rnd.IntN(3) == 0 { // it takes until it is told to stop
			select {
			case <-o.Stop:
			case <-ctx.Done():
			}
		}
		return outcomes(ctx, plan, report)
	}
	planUndo := s.PlanUndo
	apply := s.Apply
	s.Apply = func(ctx context.Context, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		if c.rnd.IntN(2) == 0 {
			return apply(ctx, plan, o, report)
		}
		return write(ctx, plan, o, report)
	}
	s.Undo = func(ctx context.Context, _ int, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		return write(ctx, plan, o, report)
	}
	s.PlanUndo = func(ctx context.Context, run int) (RunPlan, error) {
		if err := bad(); err != nil {
			return RunPlan{Left: []string{err.Error()}}, err
		}
		return planUndo(ctx, run)
	}
	s.Export = func(context.Context, *fixes.Plan, string) (string, error) {
		err := bad()
		return fmt.Sprint(err), err
	}
	s.CanaryRisks = func(*fixes.Plan) []string { return []string{fmt.Sprint(bad())} }
}

// step plays one event.
func (c *chaos) step() {
	var msg tea.Msg
	switch n := c.rnd.IntN(100); {
	case n < 22: // a command goes on, or what it has brought comes in
		c.begin()
		return
	case n < 25: // and here all of them
		c.settle()
		return
	case n < 26:
		c.wander()
		return
	case n < 70:
		msg = keyPress(c.keys[c.rnd.IntN(len(c.keys))])
	case n < 72:
		msg = tea.KeyPressMsg{Code: rune(c.rnd.IntN(0x110000)), Mod: tea.KeyMod(c.rnd.IntN(16)), Text: string(rune(c.rnd.IntN(0x3000)))}
	case n < 77:
		msg = tea.WindowSizeMsg{Width: c.rnd.IntN(1 + c.rnd.IntN(200)), Height: c.rnd.IntN(1 + c.rnd.IntN(60))}
	case n < 80:
		parts := []string{"web", "\n", "\r\n", "\x1b[31m", "\x1b]0;x\x07", "日本", "e\u0301", "\u202eabc", "\x00", "!", " ", "\t", "prod", strings.Repeat("long ", 50)}
		text := ""
		for range c.rnd.IntN(8) {
			text += parts[c.rnd.IntN(len(parts))]
		}
		msg = tea.PasteMsg{Content: text}
	case n < 98:
		msg = c.mouseEvent()
	case n < 99:
		msg = tea.BackgroundColorMsg{Color: lipgloss.Color([]string{"#000000", "#ffffff", "#fdf6e3"}[c.rnd.IntN(3)])}
	default:
		msg = tea.ColorProfileMsg{Profile: colorprofile.Profile(c.rnd.IntN(6))}
	}
	c.play(msg)
}

func (c *chaos) mouseEvent() tea.Msg {
	c.mouse.on = c.mouse.on || c.rnd.IntN(20) == 0
	m := tea.Mouse{X: c.rnd.IntN(c.lay.w+4) - 2, Y: c.rnd.IntN(c.lay.h+4) - 2, Button: tea.MouseButton(c.rnd.IntN(12)), Mod: tea.KeyMod(c.rnd.IntN(4))}
	switch c.rnd.IntN(6) {
	case 0:
		return tea.MouseReleaseMsg(m)
	case 1, 2:
		c.mouse.dragging = c.mouse.dragging || c.rnd.IntN(10) == 0
		return tea.MouseMotionMsg(m)
	case 3, 4:
		m.Button = []tea.MouseButton{tea.MouseWheelUp, tea.MouseWheelDown, tea.MouseWheelLeft, tea.MouseWheelRight}[c.rnd.IntN(4)]
		return tea.MouseWheelMsg(m)
	}
	return tea.MouseClickMsg(m)
}

// begin lets a command run, or takes in a message of one that has ended.
func (c *chaos) begin() {
	if len(c.waits) > 0 && c.rnd.IntN(2) == 0 {
		i := c.rnd.IntN(len(c.waits))
		cmd := c.waits[i]
		c.waits = slices.Delete(c.waits, i, i+1)
		if cmd != nil {
			go func() { c.ready <- cmd() }()
			synctest.Wait()
		}
		return
	}
	select {
	case msg := <-c.ready:
		if batch, ok := msg.(tea.BatchMsg); ok {
			c.waits = append(c.waits, batch...)
		} else if msg != nil {
			c.play(msg)
		}
	default:
	}
}

// settle lets all commands run, as far as they come.
func (c *chaos) settle() {
	for range 1000 {
		if len(c.waits) == 0 && len(c.ready) == 0 {
			return
		}
		c.begin()
	}
}

// ways are keys that lead to where random ones do not come.
var ways = [][]string{
	{"S", "p", "a", "y", "r"},
	{"S", "p", "a", "p", "r", "o", "d", "enter"},
	{"S", "p", "a", "y", "s", "y", "j", "j", "u", "y", "esc"},
	{"S", "p", "C", "a", "y", "s", "x", "u", "y", "n", "r"},
	{"g", "j", "enter", "j", "f", "space", "p", "G", "space", "X", "n", "e", "enter"},
	{"N", "enter", "o", "space", "c", "s", "u", "p"},
	{"/", "e", "n", "v", "enter", "S", "p", "u", "esc"},
}

// wander goes one of the ways, mostly to its end.
func (c *chaos) wander() {
	c.play(tea.WindowSizeMsg{Width: 60 + c.rnd.IntN(100), Height: 10 + c.rnd.IntN(40)})
	for range 3 {
		c.play(keyPress("esc"))
	}
	c.settle()
	for _, k := range ways[c.rnd.IntN(len(ways))] {
		c.play(keyPress(k))
		switch c.rnd.IntN(12) {
		case 0:
			return
		case 1, 2: // before what it asked for has come
		default:
			c.settle()
		}
	}
}

// play hands a message to the model and looks at the frame that follows.
func (c *chaos) play(msg tea.Msg) {
	c.passed = append(c.passed[max(0, len(c.passed)-30):], fmt.Sprintf("%T %.60v", msg, msg))
	c.clock = c.clock.Add(time.Second / 4)
	_, cmd := c.Update(msg)
	if cmd != nil {
		c.waits = append(c.waits, cmd)
	}
	c.look()
}

// look demands of the frame that it is exactly as big as the terminal, and of
// the model what always holds.
func (c *chaos) look() {
	w, h := c.lay.w, c.lay.h
	lines := strings.Split(c.View().Content, "\n")
	if w < 1 || h < 1 {
		return
	}
	if len(lines) != h {
		c.Fatalf("%d lines instead of %d", len(lines), h)
	}
	for i, line := range lines {
		if got := ansi.StringWidth(line); got != w {
			c.Fatalf("line %d is %d cells wide, not %d: %q", i, got, w, line)
		}
	}
	for name, s := range map[string]*scroller{"list": &c.list.scroll, "screen": c.scroller()} {
		if s.n > 0 && (s.cursor < 0 || s.cursor >= s.n || s.offset < 0 || s.offset > s.cursor) {
			c.Fatalf("the cursor of the %s is nowhere: %+v", name, *s)
		}
	}
	staged := 0
	for _, taken := range c.dec.taken {
		if taken > 0 {
			staged++
		}
	}
	if staged != c.dec.count {
		c.Fatalf("%d are staged, and %d counted", staged, c.dec.count)
	}
}

// answers demands that the program is not stuck: whatever is open can be left,
// and the help comes and goes.
func (c *chaos) answers() {
	c.play(tea.WindowSizeMsg{Width: 100, Height: 30})
	for range 3 {
		c.play(keyPress("esc"))
	}
	if c.overlay != nil || c.editing != nil {
		c.Fatalf("esc does not leave:\n%s", c.screenText())
	}
	c.play(keyPress("?"))
	c.has("Keys", "Move")
	c.hasNot("plaintext", "\u202e", "\x1b")
	c.play(keyPress("esc"))
	c.hasNot("╭─ Keys")
}

// round plays some events of one seed.
func (c *chaos) round(n int) {
	defer func() {
		if r := recover(); r != nil {
			c.Logf("the last events:\n%s", strings.Join(c.passed, "\n"))
			panic(r)
		}
		if c.Failed() {
			c.Logf("the last events:\n%s", strings.Join(c.passed, "\n"))
		}
	}()
	c.play(tea.WindowSizeMsg{Width: 120, Height: 40})
	for i := range n {
		c.step()
		if i%500 == 499 {
			c.answers()
		}
	}
}

func playChaos(t *testing.T, seed uint64, n int) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel() // what waits for reports ends
		newChaos(ctx, t, seed).round(n)
	})
}

// TestChaos plays random events. A million of them are played by
//
//	go test ./tui -run Chaos -args -events 1000000
func TestChaos(t *testing.T) {
	const round = 5000
	n := *events
	if raced {
		n /= 10
	}
	for i := 0; i*round < n; i++ {
		s := *seed + uint64(i)
		if !t.Run(fmt.Sprintf("seed %d", s), func(t *testing.T) { playChaos(t, s, min(round, n-i*round)) }) {
			return
		}
	}
}

// FuzzChaos looks for seeds of rounds that break something.
func FuzzChaos(f *testing.F) {
	f.Add(uint64(1))
	f.Add(uint64(2))
	f.Fuzz(func(t *testing.T, seed uint64) { playChaos(t, seed, 300) })
}
