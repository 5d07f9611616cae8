//go:build !windows

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// terminal is a pseudo-terminal with an emulator, on which a program runs.
type terminal struct {
	screen *vt.SafeEmulator
	keys   *os.File
	cmd    *exec.Cmd
	wrote  atomic.Int64 // bytes
}

func start(ctx context.Context, program string, args ...string) (*terminal, error) {
	t := &terminal{screen: vt.NewSafeEmulator(columns, rows), cmd: exec.CommandContext(ctx, program, args...)}
	// Nothing of the user's own surroundings is in the picture.
	t.cmd.Env = []string{"TERM=xterm-256color", "COLORTERM=truecolor", "LANG=C.UTF-8", "HOME=/nonexistent", "PATH=" + os.Getenv("PATH")}
	keys, err := pty.StartWithSize(t.cmd, &pty.Winsize{Cols: columns, Rows: rows})
	if err != nil {
		return nil, err
	}
	t.keys = keys
	go func() { _, _ = io.Copy(keys, t.screen) }() // answers to what the program asks
	go func() { _, _ = io.Copy(t, keys) }()
	return t, nil
}

// Write takes what the program writes.
func (t *terminal) Write(p []byte) (int, error) {
	t.wrote.Add(int64(len(p)))
	return t.screen.Write(p)
}

func (t *terminal) typed(keys string) error {
	for _, k := range keys { // one at a time, as a person does
		if _, err := t.keys.WriteString(string(k)); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// wait waits until a text is there and nothing moves any more.
func (t *terminal) wait(text string) error {
	const still = 500 * time.Millisecond
	before, since := int64(-1), time.Now()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if now := t.wrote.Load(); now != before {
			before, since = now, time.Now()
		}
		if time.Since(since) > still && strings.Contains(ansi.Strip(t.screen.Render()), text) {
			return nil
		}
	}
	return fmt.Errorf("no %q on the screen:\n%s", text, ansi.Strip(t.screen.Render()))
}

func (t *terminal) stop() {
	_ = t.cmd.Process.Kill()
	_ = t.cmd.Wait()
	_ = t.keys.Close()
}
