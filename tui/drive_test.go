package tui

import (
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// sweep begins a test that goes through all there is of something, in one
// goroutine: with -short, as the race detector's run has it, it is left out. There is
// no race to be seen in it, and it would take that run ten minutes.
func sweep(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("goes through everything, in one goroutine")
	}
}

// driver plays the part of Bubble Tea: it hands messages to the model and
// runs the commands that come back, one after the other, until none is left.
type driver struct {
	testing.TB
	*app
	clock time.Time
	quit  bool // the program has ended
}

func newDriver(t testing.TB, s Session, w, h int) *driver {
	d := &driver{TB: t, clock: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	d.app = newApp(t.Context(), s, options{now: func() time.Time { return d.clock }})
	d.editor.run = func(c *exec.Cmd, done tea.ExecCallback) tea.Cmd {
		return func() tea.Msg { return done(c.Run()) }
	}
	d.send(tea.WindowSizeMsg{Width: w, Height: h})
	return d
}

// scanned returns a driver after its first scan.
func scanned(t testing.TB, s Session, w, h int) *driver {
	d := newDriver(t, s, w, h)
	d.run(d.Init())
	return d
}

func (d *driver) send(msg tea.Msg) {
	_, cmd := d.Update(msg)
	d.run(cmd)
}

func (d *driver) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.QuitMsg:
		d.quit = true
	case tea.BatchMsg:
		for _, c := range msg {
			d.run(c)
		}
	default:
		d.send(msg)
	}
}

func (d *driver) press(keys ...string) *driver {
	for _, k := range keys {
		d.send(keyPress(k))
	}
	return d
}

// write types a text, a key a letter.
func (d *driver) write(text string) *driver {
	for _, r := range text {
		d.send(keyPress(string(r)))
	}
	return d
}

func keyPress(name string) tea.KeyPressMsg {
	special := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "backspace": tea.KeyBackspace,
		"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
	}
	if code, ok := special[name]; ok {
		return tea.KeyPressMsg{Code: code}
	}
	if name == "shift+tab" {
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	}
	if letter, ok := strings.CutPrefix(name, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: rune(letter[0]), Mod: tea.ModCtrl}
	}
	if name == "space" || name == " " {
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	}
	return tea.KeyPressMsg{Code: firstRune(strings.ToLower(name)), Text: name}
}

// screenText is what a terminal without styles shows.
func (d *driver) screenText() string { return ansi.Strip(d.View().Content) }

// has demands texts on the screen.
func (d *driver) has(texts ...string) *driver {
	d.Helper()
	screen := d.screenText()
	for _, want := range texts {
		if !strings.Contains(screen, want) {
			d.Fatalf("the screen lacks %q:\n%s", want, screen)
		}
	}
	return d
}

// hasNot demands that texts are not on the screen.
func (d *driver) hasNot(texts ...string) *driver {
	d.Helper()
	screen := d.screenText()
	for _, not := range texts {
		if strings.Contains(screen, not) {
			d.Fatalf("the screen has %q:\n%s", not, screen)
		}
	}
	return d
}

// on puts the cursor on the first row that holds a text.
func (d *driver) on(text string) *driver {
	d.Helper()
	s := d.scroller()
	for i := range s.n {
		s.to(i)
		d.measure()
		d.run(d.lookUp())
		for line := range strings.Lines(d.screenText()) {
			if strings.Contains(line, d.glyphs.cursor) && strings.Contains(line, text) {
				return d
			}
		}
	}
	d.Fatalf("no row has %q:\n%s", text, d.screenText())
	return d
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
