package tui

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// editor is the user's editor, and what is edited in it.
type editor struct {
	// run gives a program the terminal, and calls back when it has ended.
	run func(*exec.Cmd, tea.ExecCallback) tea.Cmd
	job *editJob
}

// editJob is one object that is edited, in a folder that nobody else may read.
type editJob struct {
	change fixes.Change
	item   int32    // whose fix is staged with the edit, or heading
	prints []string // the findings on whose fixes it is made
	dir    string
	text   string // as it was given to the editor last, without what was said above it
	failed bool   // it was not taken the last time
}

func (j *editJob) file() string { return filepath.Join(j.dir, "object.yaml") }

// discard removes what is left of an edit.
func (e *editor) discard() {
	if e.job != nil {
		_ = os.RemoveAll(e.job.dir) // nothing more can be done about it
	}
	e.job = nil
}

// editReady says that the file is written, with what it holds of the object.
type editReady struct {
	text string
	err  error
}

type editorClosed struct{ err error }

type editRead struct {
	object fixes.Object
	text   string
	err    error
}

// startEdit gives the user the object that a change makes.
func (a *app) startEdit(job *editJob) tea.Cmd {
	a.editor.discard()
	dir, err := os.MkdirTemp("", "kubectl-harden-")
	if err != nil {
		return a.editFailed("it cannot be edited: " + err.Error())
	}
	job.dir, a.editor.job = dir, job
	redact := a.session.Redact
	return func() tea.Msg {
		text, err := fixes.EditText(job.change.After, redact)
		if err != nil {
			return editReady{err: err}
		}
		return editReady{text, os.WriteFile(job.file(), []byte(aboveEdit(job, nil)+text), 0o600)}
	}
}

// aboveEdit is what the file says before the object.
func aboveEdit(job *editJob, err error) string {
	lines := []string{
		"Edit the object as it is to be, save it, and leave the editor. Lines that begin",
		"with '#' are ignored, and an empty file changes nothing. A mask stands for a value",
		"that is kept where it is left alone.",
		"",
	}
	if err != nil {
		lines = append(lines, job.change.Object.String()+" was not taken:")
		for line := range strings.SplitSeq(err.Error(), "\n") {
			lines = append(lines, "* "+line)
		}
		lines = append(lines, "")
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight("# "+fixes.Clean(line), " ") + "\n")
	}
	return b.String()
}

// withoutComments drops the lines of comments that a text begins with.
func withoutComments(text string) string {
	for strings.HasPrefix(text, "#") {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}

func (a *app) onEditReady(msg editReady) tea.Cmd {
	job := a.editor.job
	if job == nil {
		return nil
	}
	if msg.err != nil {
		return a.editFailed("it cannot be edited: " + msg.err.Error())
	}
	job.text = msg.text
	args := editorCommand(job.file())
	return a.editor.run(exec.Command(args[0], args[1:]...), func(err error) tea.Msg { return editorClosed{err} })
}

func (a *app) editFailed(why string) tea.Cmd {
	a.editor.discard()
	a.say(bad, fixes.Clean(firstLine(why)))
	return nil
}

// editorCommand returns the command line that edits a file, as kubectl makes
// it: of KUBE_EDITOR, EDITOR, or vi.
func editorCommand(file string) []string {
	editor := os.Getenv("KUBE_EDITOR")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	windows := runtime.GOOS == "windows"
	switch {
	case editor == "" && windows:
		editor = "notepad"
	case editor == "":
		editor = "vi"
	}
	if !strings.ContainsAny(editor, `"'\`) || windows && !strings.ContainsAny(editor, `"'`) {
		return append(strings.Fields(editor), file)
	}
	shell, flag := os.Getenv("SHELL"), "-c"
	switch {
	case windows:
		shell, flag = "cmd", "/C"
	case shell == "":
		shell = "/bin/bash"
	}
	return []string{shell, flag, fmt.Sprintf("%s %q", editor, file)}
}

func (a *app) onEditorClosed(msg editorClosed) tea.Cmd {
	job := a.editor.job
	if job == nil {
		return nil
	}
	if msg.err != nil {
		return a.editFailed("the editor failed, nothing is edited: " + msg.err.Error())
	}
	redact := a.session.Redact
	return func() tea.Msg {
		text, err := os.ReadFile(job.file())
		if err != nil {
			return editRead{err: err}
		}
		read := editRead{text: withoutComments(string(text))}
		read.object, read.err = fixes.ReadEdit(job.change.After, redact, read.text)
		return read
	}
}

// onEditRead takes an edit up, or opens the editor again on one that is not
// valid, with the reason above it.
func (a *app) onEditRead(msg editRead) tea.Cmd {
	job := a.editor.job
	var path *os.PathError
	switch {
	case job == nil:
		return nil
	case errors.Is(msg.err, fixes.ErrNoEdit):
		a.editor.discard()
		a.say(info, "nothing was edited")
		return nil
	case errors.As(msg.err, &path):
		return a.editFailed("the edit cannot be read: " + msg.err.Error())
	case msg.err != nil && job.failed && msg.text == job.text:
		return a.editFailed("edit given up: it was not valid")
	case msg.err != nil:
		job.failed = true
		return func() tea.Msg {
			return editReady{msg.text, os.WriteFile(job.file(), []byte(aboveEdit(job, msg.err)+msg.text), 0o600)}
		}
	}
	a.editor.discard()
	return a.takeEdit(job, msg.object)
}
