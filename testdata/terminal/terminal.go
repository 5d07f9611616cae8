//go:build !windows

// Package terminal is a terminal to run a full-screen program on: a
// pseudo-terminal with an emulator behind it, whose screen can be read.
package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// patience is how long a text may take to appear, and a program to end.
const patience = 60 * time.Second

// Terminal is a terminal of a given size.
type Terminal struct {
	testing.TB
	Screen *vt.SafeEmulator
	// Keys is the terminal's side of the pseudo-terminal, TTY the program's.
	Keys, TTY *os.File
	// Ended has the program's error, once.
	Ended chan error
	// Synchronizes says that it can hold output back until a frame is whole, and
	// answers so when it is asked.
	Synchronizes bool

	before  string // the settings, to compare at the end
	changed chan struct{}
	process *os.Process
	lost    atomic.Bool // nobody holds it any more

	mu  sync.Mutex
	raw bytes.Buffer
}

// New returns a terminal of w columns and h rows, closed when the test ends.
func New(t testing.TB, w, h int) *Terminal {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	term := &Terminal{TB: t, Screen: vt.NewSafeEmulator(w, h), Keys: keys, TTY: tty,
		Ended: make(chan error, 1), changed: make(chan struct{}, 1)}
	term.Resize(w, h)
	term.before = term.settings()
	go func() { _, _ = io.Copy(keys, term.Screen) }() // answers to what the program asks
	go term.watch()
	t.Cleanup(func() {
		if term.process != nil {
			_ = term.process.Kill()
		}
		_ = tty.Close()
		term.Lose()
		// The emulator is left to itself: its Close races with its Read.
	})
	return term
}

// hidden are variables that make a program believe that it is on another
// terminal than this one.
var hidden = []string{"NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "TMUX", "SSH_TTY", "TERM", "TERM_PROGRAM", "WT_SESSION", "LC_ALL", "ACCESSIBLE"}

// Start runs a program on the terminal, in a session of its own, with
// variables beside those of this process.
func (t *Terminal) Start(env []string, name string, args ...string) *Terminal {
	t.Helper()
	cmd := exec.Command(name, args...)
	for _, v := range os.Environ() {
		if key, _, _ := strings.Cut(v, "="); !slices.Contains(hidden, key) {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, "TERM=xterm-256color", "LC_ALL=C.UTF-8"), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.TTY, t.TTY, t.TTY
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.process = cmd.Process
	go func() { t.Ended <- cmd.Wait() }()
	return t
}

// watch shows what the program writes. It waits in no read, which would hold the
// terminal open, and closes it when it is lost.
func (t *Terminal) watch() {
	buf, fd := make([]byte, 32<<10), int(t.Keys.Fd())
	err := syscall.SetNonblock(fd, true)
	for !t.lost.Load() && (err == nil || errors.Is(err, syscall.EAGAIN)) {
		var n int
		if n, err = syscall.Read(fd, buf); n > 0 {
			_, _ = t.Write(buf[:n])
			continue
		}
		time.Sleep(5 * time.Millisecond)
	}
	_ = t.Keys.Close()
}

// Lose closes the terminal, as a window that is closed or a connection that
// breaks: what runs on it is hung up.
func (t *Terminal) Lose() { t.lost.Store(true) }

// Write takes what the program writes.
func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.raw.Write(p)
	t.mu.Unlock()
	if t.Synchronizes && bytes.Contains(p, []byte(ansi.RequestModeSynchronizedOutput)) {
		_, _ = t.Keys.WriteString(ansi.ReportMode(ansi.ModeSynchronizedOutput, ansi.ModeReset))
	}
	n, err := t.Screen.Write(p)
	select {
	case t.changed <- struct{}{}:
	default:
	}
	return n, err
}

// Raw returns all that was written so far, with its escape sequences.
func (t *Terminal) Raw() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.raw.String()
}

// Quiet waits until nothing was written for a while, and returns all that was.
func (t *Terminal) Quiet() string {
	t.Helper()
	before := -1
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		raw := t.Raw()
		if len(raw) == before {
			return raw
		}
		before = len(raw)
	}
	t.Fatal("it never stops writing")
	return ""
}

func (t *Terminal) settings() string {
	cmd := exec.Command("stty", "-g")
	cmd.Stdin = t.TTY
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("stty: ", err)
	}
	return string(out)
}

// Resize gives the terminal another size, which the program is told.
func (t *Terminal) Resize(w, h int) *Terminal {
	t.Helper()
	t.Screen.Resize(w, h)
	if err := pty.Setsize(t.Keys, &pty.Winsize{Rows: uint16(h), Cols: uint16(w)}); err != nil {
		t.Fatal(err)
	}
	return t
}

// Text returns the screen without its styles.
func (t *Terminal) Text() string { return ansi.Strip(t.Screen.Render()) }

// Wait waits until the screen has all texts.
func (t *Terminal) Wait(texts ...string) *Terminal {
	t.Helper()
	missing := ""
	t.until(func() string { return fmt.Sprintf("without %q", missing) }, func(screen string) bool {
		at := slices.IndexFunc(texts, func(text string) bool { return !strings.Contains(screen, text) })
		if at >= 0 {
			missing = texts[at]
		}
		return at < 0
	})
	return t
}

// Gone waits until the screen has none of the texts.
func (t *Terminal) Gone(texts ...string) *Terminal {
	t.Helper()
	t.until(func() string { return fmt.Sprintf("with %q", texts) }, func(screen string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(screen, text) })
	})
	return t
}

// until waits for a screen.
func (t *Terminal) until(what func() string, ok func(screen string) bool) {
	t.Helper()
	late := time.After(patience)
	for {
		screen := t.Text()
		if ok(screen) {
			return
		}
		select {
		case <-t.changed:
		case err := <-t.Ended:
			t.Fatalf("the program ended (%v) %s; last screen:\n%s", err, what(), t.Text())
		case <-late:
			t.Fatalf("the screen stays %s:\n%s", what(), screen)
		}
	}
}

// Type types keys, as a terminal sends them.
func (t *Terminal) Type(keys string) *Terminal {
	t.Helper()
	if _, err := t.Keys.WriteString(keys); err != nil {
		t.Fatal(err)
	}
	return t
}

// Signal sends the program a signal.
func (t *Terminal) Signal(s os.Signal) *Terminal {
	t.Helper()
	if err := t.process.Signal(s); err != nil {
		t.Fatal(err)
	}
	return t
}

// Ending waits for the program's end and returns its error.
func (t *Terminal) Ending() error {
	t.Helper()
	select {
	case err := <-t.Ended:
		return err
	case <-time.After(patience):
		t.Fatalf("the program does not end; last screen:\n%s", t.Text())
	}
	return nil
}

// End waits for the program's end, demands that it leaves the terminal as it
// was, and returns its error.
func (t *Terminal) End() error {
	t.Helper()
	err := t.Ending()
	// What it wrote last is on its way through the terminal: a mark behind it
	// tells when it is there.
	_, _ = t.TTY.WriteString("\x1b[mTHE END")
	t.Wait("THE END")
	if t.Screen.IsAltScreen() {
		t.Error("the alternate screen is left on")
	}
	if t.Screen.CursorHidden() {
		t.Error("the cursor is left hidden")
	}
	if now := t.settings(); now != t.before {
		t.Errorf("the terminal's settings are %s and were %s", now, t.before)
	}
	return err
}
