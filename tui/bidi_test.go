package tui

import (
	"strings"
	"testing"
	"unicode"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/text/unicode/bidi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// cellsOf draws a frame as Bubble Tea does, and returns its cells.
func cellsOf(frame string, w, h int) uv.ScreenBuffer {
	buf := uv.NewScreenBuffer(w, h)
	buf.Method = ansi.WcWidth
	uv.NewStyledString(frame).Draw(buf, buf.Bounds())
	return buf
}

// rowOf is the text that a terminal has of a row of cells.
func rowOf(buf uv.ScreenBuffer, y int) string {
	var b strings.Builder
	for x := range buf.Width() {
		if c := buf.CellAt(x, y); c != nil && c.Width > 0 {
			b.WriteString(c.Content)
		}
	}
	return b.String()
}

// movedIn says what the bidirectional algorithm would move in a row of cells
// but letters that run to the left, and single spaces and dashes between them.
func movedIn(t testing.TB, row string) string {
	t.Helper()
	var p bidi.Paragraph
	if _, err := p.SetString(row); err != nil { // of the direction that its first letter has
		t.Fatal(err)
	}
	order, err := p.Order()
	if err != nil {
		t.Fatal(err)
	}
	if order.NumRuns() > 0 && order.Direction() != bidi.LeftToRight {
		return "all of it"
	}
	runs := []rune(row)
	for i := range order.NumRuns() {
		run := order.Run(i)
		if run.Direction() != bidi.RightToLeft {
			continue
		}
		from, end := run.Pos()
		for j := from; j <= end; j++ {
			joins := j > 0 && j < len(runs)-1 && strings.ContainsRune(" -_.", runs[j]) && runsLeft(string(runs[j-1])) && runsLeft(string(runs[j+1]))
			if !joins && !runsLeft(string(runs[j])) && !unicode.Is(unicode.M, runs[j]) {
				return run.String()
			}
		}
		// A number behind it would have a direction of its own, yet stand before it.
		if end+1 < len(runs) && unicode.Is(unicode.Nd, runs[end+1]) && !runsLeft(string(runs[end+1])) {
			return string(runs[end+1:])
		}
	}
	return ""
}

// TestRightToLeftNamesStayInPlace demands that what is around names in Hebrew
// and Arabic stays where it is on a terminal that knows of directions: the
// cells of the screen are ordered as such a terminal does.
func TestRightToLeftNamesStayInPlace(t *testing.T) {
	names := []string{"שלום", "مرحبا-عالم", "שלום עולם 12", "12 שָׁלוֹם 34", "ש1/ש2", "٣٤٥ مرحبا", "𐤔𐤋𐤌:ש"}
	inv := shopInventory(t)
	rule := *testRules()[0]
	rule.ID = "left"
	rule.Check = func(p *fixes.Pass) {
		for i, w := range p.Workloads("") {
			name := names[i%len(names)]
			ref := w.Ref()
			for _, name := range append(names[:0:0], name, names[(i+1)%len(names)]) {
				ref.Namespace, ref.Name = name, name
				p.Report(fixes.Finding{Object: ref, Path: name, Message: strings.Join(names, " "), Evidence: names})
			}
		}
		for _, name := range names {
			p.Report(fixes.Finding{Object: fixes.Ref{Kind: fixes.KindClusterRole, Name: name}, Path: "rules[0]", Message: name + " 3 of 4"})
		}
	}
	s := shopSession(t)
	s.Context = names[0]
	s.Scan = scanOf(func() *fixes.Inventory { return inv }, []*fixes.Rule{&rule})
	seen := 0
	for _, size := range [][2]int{{120, 40}, {80, 24}, {40, 12}} {
		w, h := size[0], size[1]
		d := scanned(t, s, w, h).press("=")
		for range 12 {
			buf, raw := cellsOf(d.View().Content, w, h), cellsOf(strings.Join(d.lines(), "\n"), w, h)
			for y := range h {
				row := rowOf(buf, y)
				if moved := movedIn(t, row); moved != "" {
					t.Fatalf("%dx%d, line %d: %q is moved in %q", w, h, y, moved, row)
				}
				if movedIn(t, rowOf(raw, y)) != "" {
					seen++
				}
				if got := ansi.StringWidth(row); got > w {
					t.Fatalf("%dx%d, line %d is %d wide: %q", w, h, y, got, row)
				}
				if strings.ReplaceAll(row, leftToRight, "") != rowOf(raw, y) {
					t.Fatalf("%dx%d, line %d is another text: %q, %q", w, h, y, row, rowOf(raw, y))
				}
			}
			d.press("j")
		}
		// What is typed is contained too.
		d.press("/").write("שלום 12 שלום")
		if row := rowOf(cellsOf(d.View().Content, w, h), h-1); !strings.Contains(row, "שלום") || movedIn(t, row) != "" {
			t.Errorf("%dx%d: the filter is %q, and %q is moved", w, h, row, movedIn(t, row))
		}
	}
	if seen < 100 {
		t.Errorf("without marks only %d lines would be moved: the test sees too little", seen)
	}
}

func TestContain(t *testing.T) {
	const m = leftToRight
	for line, want := range map[string]string{
		"":                               "",
		"│ shop/web · 日本語 é":             "│ shop/web · 日本語 é",
		"a שלום 12":                      "a " + m + "שלום" + m + " 12",
		"a שלום עולם  12":                "a " + m + "שלום עולם" + m + "  12",
		"שלום/עולם":                      m + "שלום" + m + "/" + m + "עולם" + m,
		"ש\x1b[1mל\x1b[m\u05b8ו\x1b[m 1": m + "ש\x1b[1mל\x1b[m\u05b8ו" + m + "\x1b[m 1",
		"שָ-1":                           m + "שָ" + m + "-1",
	} {
		if got := contain(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
