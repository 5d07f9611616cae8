package plugin

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"k8s.io/kubectl/pkg/util/term"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// narrator tells what becomes of changes, a line each, as kubectl does
// ("deployment.apps/web in shop patched").
type narrator struct {
	out io.Writer
	// live is a terminal on which a line shows what is being done, and columns
	// tells how wide it is.
	live    io.Writer
	columns func() int
	began   map[*fixes.Change]time.Time
	last    map[*fixes.Change]fixes.State
	written int
}

func newNarrator(out io.Writer) *narrator {
	return &narrator{out: out, began: map[*fixes.Change]time.Time{}, last: map[*fixes.Change]fixes.State{}}
}

// progress shows on a stream what is being done, if that is a terminal.
func (n *narrator) progress(w io.Writer) {
	if isTerminal(w) {
		n.live = w
		n.columns = func() int {
			if size := (term.TTY{Out: w}).GetSize(); size != nil && size.Width > 0 {
				return int(size.Width)
			}
			return 80
		}
	}
}

const wipe = "\r\x1b[K"

// report takes what a run reports, and tells what is worth a line.
func (n *narrator) report(out fixes.Outcome) {
	was := n.last[out.Change]
	n.last[out.Change] = out.State
	if _, begun := n.began[out.Change]; !begun {
		n.began[out.Change] = time.Now()
	}
	good := func(s fixes.State) bool { return s == fixes.Applied || s == fixes.Unchanged }
	switch {
	case out.State == fixes.Applying || out.State == fixes.RollingOut:
		n.showLive(out)
		if len(out.Warnings) == 0 {
			return
		}
		out.State, out.Detail = "", "" // the warnings are told now, the end later
	case good(was) && good(out.State):
		return // looked at again, and still there
	}
	n.end()
	n.say(out)
	switch {
	case good(out.State) && out.State != "":
		n.written++
	case good(was):
		n.written--
	}
}

func (n *narrator) showLive(out fixes.Outcome) {
	if n.live == nil {
		return
	}
	text := nameOf(out.Change.Object) + ": " + string(out.State)
	if out.Detail != "" {
		text += ", " + out.Detail
	}
	// A longer line would wrap, and could not be wiped.
	fmt.Fprint(n.live, wipe+ansi.Truncate(fixes.Clean(text), n.columns()-1, "…"))
}

// end wipes the line of what is being done.
func (n *narrator) end() {
	if n.live != nil {
		fmt.Fprint(n.live, wipe)
	}
}

// say writes what became of a change. The first line of the detail stands
// beside it, the others below.
func (n *narrator) say(out fixes.Outcome) {
	detail, more, _ := strings.Cut(out.Detail, "\n")
	line := nameOf(out.Change.Object) + " " + n.verb(out)
	if detail != "" {
		line += ": " + detail
	}
	if out.State != "" {
		fmt.Fprintln(n.out, fixes.Clean(line))
	}
	for text := range strings.SplitSeq(more, "\n") {
		if text != "" {
			fmt.Fprintln(n.out, "  "+fixes.Clean(text))
		}
	}
	about := "  warning: "
	if out.State == "" {
		about = nameOf(out.Change.Object) + ": warning: "
	}
	for _, warning := range out.Warnings {
		fmt.Fprintln(n.out, fixes.Clean(about+warning))
	}
}

func (n *narrator) verb(out fixes.Outcome) string {
	switch out.State {
	case fixes.Checked:
		return "would be accepted (server dry run)"
	case fixes.Applied:
		verb := map[fixes.Action]string{
			fixes.Create: "created", fixes.Patch: "patched", fixes.Recreate: "recreated", fixes.Delete: "deleted",
		}[out.Change.Action]
		if took := time.Since(n.began[out.Change]); out.Change.Restarts() && out.Detail == "" && took >= time.Second {
			verb += ", rolled out in " + took.Round(time.Second).String()
		}
		return verb
	}
	return string(out.State)
}

// nameOf names an object as kubectl does, with its namespace.
func nameOf(ref fixes.Ref) string {
	if ref.Namespace == "" {
		return ref.ResourceName()
	}
	return ref.ResourceName() + " in " + ref.Namespace
}
