package tui

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// linear is the program without a screen, for screen readers and scripts: it
// reads lines, each a number of the list or a command, and writes plain ones,
// which stay. It is the same model with the same keys, questions and texts;
// only what is drawn elsewhere is told here.
type linear struct {
	*app
	out io.Writer
	err error // of writing

	// messages come back from commands that run; pending counts those.
	messages chan tea.Msg
	pending  int
	quits    bool

	empty bool  // the last line was
	group int32 // whose findings are listed, or noGroup
	page  int   // of a long list
	shown screen
	told  told
}

const noGroup = -1

// RunLinear is [Run] without a screen: no cursor moves, nothing is drawn over,
// and no escape codes are written. It ends cleanly at the end of in.
func RunLinear(ctx context.Context, s Session, in io.Reader, out io.Writer, opts ...Option) error {
	o, err := s.options(time.Second, opts) // so often is enough to be read out
	if err != nil {
		return err
	}
	o.animate = false
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.NoColor = true
	l := &linear{app: newApp(ctx, s, o), out: out, messages: make(chan tea.Msg), group: noGroup}
	l.glyphs, l.touched, l.net.asList = spokenGlyphs, true, true
	l.lay = layout{w: unbound, h: unbound, noScreen: true}
	l.run(ctx, in)
	stopped := ctx.Err()
	cancel()
	return l.end(stopped, l.err)
}

// run answers lines until there are no more, or the user leaves.
func (l *linear) run(ctx context.Context, in io.Reader) {
	l.write(join(", ", "kubectl harden", l.session.Context, l.session.Scope))
	l.do(l.startScan())
	l.tellAll()
	lines := readLines(ctx, in)
	for l.err == nil && !l.quits && ctx.Err() == nil {
		l.write("", l.question())
		select {
		case <-ctx.Done():
		case line, ok := <-lines:
			if !ok {
				l.atEnd()
				return
			}
			l.take(fixes.Clean(strings.TrimSpace(line)))
		}
	}
}

// readLines reads lines until the end, or until nobody waits for them.
func readLines(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// atEnd says what the end of the input forgets.
func (l *linear) atEnd() {
	if l.dec.count > 0 && l.dec.version != l.saved {
		l.write("the input has ended: " + plural(l.dec.count, "staged fix", "staged fixes") + " neither applied nor exported")
	}
}

// do runs a command and all that follow from it, to their end, and tells how
// far they come.
func (l *linear) do(cmd tea.Cmd) {
	l.start(cmd)
	for l.pending > 0 {
		msg := <-l.messages
		l.pending--
		switch msg := msg.(type) {
		case nil:
			continue
		case tea.QuitMsg:
			l.quits = true
			continue
		case tea.BatchMsg:
			for _, cmd := range msg {
				l.start(cmd)
			}
			continue
		}
		_, cmd := l.Update(msg)
		l.start(cmd)
		l.tellProgress()
	}
}

func (l *linear) start(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	l.pending++
	go func() { l.messages <- cmd() }()
}

func (l *linear) send(msg tea.Msg) {
	_, cmd := l.Update(msg)
	l.do(cmd)
}

// take does what a line says.
func (l *linear) take(line string) {
	l.notice = notice{}
	l.told.version = l.dec.version
	switch {
	case l.overlay != nil:
		l.answer(line)
	case line == "":
		l.write("a number opens what has it; ? lists the commands")
		return
	case line == "?" || strings.EqualFold(line, "help"):
		l.writeHelp()
		return
	case strings.EqualFold(line, "list"):
		l.page = 0
		l.writeList()
		return
	case strings.EqualFold(line, "more"):
		l.page++
		l.writeList()
		return
	case strings.EqualFold(line, "details"):
		l.writeDetails()
		return
	case strings.EqualFold(line, "back"):
		l.goBack()
	default:
		l.command(line)
	}
	l.tellAll()
}

// command does what a key does, which the line names by itself, by its word or
// by the first word of its help; numbers behind it say of which rows. Numbers
// alone open them.
func (l *linear) command(line string) {
	name, rest, _ := strings.Cut(line, " ")
	if text, ok := strings.CutPrefix(line, "/"); l.screen == findingsScreen && (ok || strings.EqualFold(name, "filter")) {
		if !ok {
			text = rest
		}
		l.setFilter(strings.TrimSpace(text))
		return
	}
	words, numbers := strings.Fields(line), []int(nil)
	for len(words) > 0 {
		n, err := strconv.Atoi(words[len(words)-1])
		if err != nil {
			break
		}
		words, numbers = words[:len(words)-1], append(numbers, n)
	}
	slices.Reverse(numbers)
	if len(words) == 0 {
		l.open(numbers[0])
		return
	}
	b := l.named(strings.Join(words, " "))
	if b == nil {
		l.say(warn, fmt.Sprintf("%q is no command here; ? lists them", strings.Join(words, " ")))
		return
	}
	if len(numbers) == 0 {
		l.perform(b)
		if b.group == toMove {
			l.writeDetails()
		}
	}
	for _, n := range numbers {
		if !l.point(n) {
			return
		}
		l.perform(b)
	}
}

func (l *linear) perform(b *binding) {
	l.do(l.app.perform(b))
	l.send(nil) // measures, and looks up what is wanted now
}

// named returns the binding that a word names.
func (l *linear) named(word string) *binding {
	list := l.keys[l.screen]
	for _, is := range []func(*binding) bool{
		func(b *binding) bool { return slices.Contains(b.keys, word) },
		func(b *binding) bool { return strings.EqualFold(b.short, word) },
		func(b *binding) bool { return strings.EqualFold(firstWord(b.help), word) },
	} {
		for i := range list {
			if list[i].linear() && is(&list[i]) {
				return &list[i]
			}
		}
	}
	return nil
}

func firstWord(s string) string {
	return strings.FieldsFunc(s+" .", func(r rune) bool { return r == ' ' || r == ',' || r == ';' })[0]
}

// linear reports whether a key does something where there is no screen.
func (b *binding) linear() bool {
	switch verbOf(b.action) {
	case "help", "narrower", "wider", "mouse", "interrupt":
		return false
	case "nextRemark", "nextWrong", "nextGuess":
		return true
	}
	return b.group != toMove
}

// setFilter replaces the filter as if it was typed.
func (l *linear) setFilter(text string) {
	l.startFilter()
	l.send(tea.KeyPressMsg{Code: 'u', Mod: tea.ModCtrl})
	l.send(tea.PasteMsg{Content: text})
	l.send(tea.KeyPressMsg{Code: tea.KeyEnter})
	l.group, l.page, l.told.list = noGroup, 0, false
}

// answer gives a line to the question that is open.
func (l *linear) answer(line string) {
	asked := l.overlay
	esc := tea.KeyPressMsg{Code: tea.KeyEscape}
	switch strings.ToLower(line) {
	case "", "esc", "back", "no":
		if _, ok := asked.(*prompt); ok && line == "" {
			l.send(tea.KeyPressMsg{Code: tea.KeyEnter}) // what it proposes
			return
		}
		l.send(esc)
		return
	case "yes":
		line = "y"
	}
	if !takesText(asked) {
		l.send(pressOf(line))
		if l.overlay == asked {
			l.say(warn, fmt.Sprintf("%q is no answer", line))
		}
		return
	}
	l.send(tea.KeyPressMsg{Code: 'e', Mod: tea.ModCtrl})
	l.send(tea.KeyPressMsg{Code: 'u', Mod: tea.ModCtrl})
	l.send(tea.PasteMsg{Content: line})
	l.send(tea.KeyPressMsg{Code: tea.KeyEnter})
	if l.overlay == asked { // another try might be a line that is meant for something else
		l.send(esc)
		l.say(warn, "that is not what was to be typed; nothing is done")
	}
}

// takesText reports whether a question is answered by a text and not by a key.
func takesText(o overlay) bool {
	switch o := o.(type) {
	case *prompt:
		return true
	case *confirm:
		return o.word != ""
	}
	return false
}

// pressOf makes the key that a line names.
func pressOf(line string) tea.KeyPressMsg {
	if line == "enter" {
		return tea.KeyPressMsg{Code: tea.KeyEnter}
	}
	r := []rune(line)
	if len(r) != 1 {
		return tea.KeyPressMsg{}
	}
	return tea.KeyPressMsg{Code: r[0], Text: line}
}
