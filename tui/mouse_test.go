package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// find returns where a text stands on the screen.
func (d *driver) find(text string) (x, y int) {
	d.Helper()
	for y, line := range strings.Split(d.screenText(), "\n") {
		if before, _, ok := strings.Cut(line, text); ok {
			return ansi.StringWidth(before), y
		}
	}
	d.Fatalf("no %q on the screen:\n%s", text, d.screenText())
	return 0, 0
}

// click clicks on the first place where a text stands.
func (d *driver) click(text string) *driver {
	d.Helper()
	x, y := d.find(text)
	d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
	d.send(tea.MouseReleaseMsg{X: x, Y: y, Button: tea.MouseLeft})
	return d
}

func (d *driver) wheel(x, y int, button tea.MouseButton) *driver {
	d.send(tea.MouseWheelMsg{X: x, Y: y, Button: button})
	return d
}

func TestMouseIsOffUntilAskedFor(t *testing.T) {
	d := scanned(t, shopSession(t), 100, 30)
	before := d.screenText()
	if d.View().MouseMode != tea.MouseModeNone {
		t.Error("the mouse is on, and no text can be selected")
	}
	d.click("env-secret").wheel(5, 5, tea.MouseWheelDown)
	if d.screenText() != before {
		t.Errorf("the mouse does something while it is off:\n%s", d.screenText())
	}
	d.press("M").has("mouse on")
	if d.View().MouseMode != tea.MouseModeCellMotion {
		t.Error("M does not turn the mouse on")
	}
	d.press("M").has("mouse off")
	if d.View().MouseMode != tea.MouseModeNone {
		t.Error("M does not turn the mouse off")
	}
	s := shopSession(t)
	s.Mouse = true
	if newDriver(t, s, 100, 30).View().MouseMode != tea.MouseModeCellMotion {
		t.Error("a session cannot ask for the mouse")
	}
}

func mouseSession(t testing.TB) Session {
	s := shopSession(t)
	s.Mouse = true
	return s
}

func TestClicks(t *testing.T) {
	d := scanned(t, mouseSession(t), 100, 30).press("-", "g")
	d.click("sa-token   ").has("›▸ sa-token")
	d.click("sa-token   ").has("›▾ sa-token").click("sa-token   ").has("›▸ sa-token")
	_, y := d.find("env-secret")
	d.send(tea.MouseClickMsg{X: 1, Y: y, Button: tea.MouseLeft}) // the mark for open and shut
	d.has("›▾ env-secret").hasNot("▾ sa-token")
	d.click("· shop/web").has("›  · shop/web", "0 staged") // the mark stages nothing
	if d.inDetail {
		t.Error("one click goes to the details")
	}
	d.click("· shop/web").has("0 staged")
	if !d.inDetail {
		t.Error("a click on what has the cursor does not go to the details")
	}
	d.click("sa-token   ")
	if d.inDetail {
		t.Error("a click on the list leaves the keys in the details")
	}
	x, _ := d.find("threats")
	d.send(tea.MouseClickMsg{X: x, Y: 20, Button: tea.MouseLeft})
	if !d.inDetail {
		t.Error("a click on the details does not take the keys there")
	}
	d.press("esc", "/").write("pay").click("pay/api")
	if d.editing != nil || !d.list.filter.on() {
		t.Error("a click while the filter is typed does not keep it")
	}
}

func TestClicksChangeNothing(t *testing.T) {
	sweep(t)
	for name, d := range everyScreen(t) {
		d.mouse.on = true
		type state struct {
			screen  screen
			overlay overlay
			staged  int
			version int
			running bool
			number  int
			net     int
		}
		now := func() state {
			return state{d.screen, d.overlay, d.dec.count, d.dec.version, d.apply.running, d.apply.number, d.net.version}
		}
		before := now()
		for y := range d.lay.h {
			for x := 0; x < d.lay.w; x += 7 {
				for _, b := range []tea.MouseButton{tea.MouseLeft, tea.MouseRight, tea.MouseMiddle} {
					d.send(tea.MouseClickMsg{X: x, Y: y, Button: b})
					d.send(tea.MouseMotionMsg{X: x + 3, Y: y, Button: b})
					d.send(tea.MouseReleaseMsg{X: x + 3, Y: y, Button: b})
					if now() != before {
						t.Fatalf("%s: a click on %d,%d changes %+v to %+v", name, x, y, before, now())
					}
				}
			}
		}
	}
}

func TestWheel(t *testing.T) {
	sweep(t)
	s := manySession(many())
	s.Mouse = true
	d := scanned(t, s, 100, 30).press("enter", "j")
	cursor := d.list.scroll.cursor
	d.wheel(5, 5, tea.MouseWheelDown)
	if d.list.scroll.offset != wheelLines || d.list.scroll.cursor < cursor {
		t.Errorf("%+v after a turn of the wheel", d.list.scroll)
	}
	for range 20 {
		d.wheel(5, 5, tea.MouseWheelDown)
	}
	if s := d.list.scroll; s.offset != 21*wheelLines || s.cursor != s.offset+margin {
		t.Errorf("the cursor is not in sight: %+v", s)
	}
	d.wheel(90, 5, tea.MouseWheelDown)
	if d.detail.pager.n > d.detail.pager.h && d.detail.pager.offset == 0 {
		t.Error("the wheel does not scroll the details below it")
	}
	for range 40 {
		d.wheel(5, 5, tea.MouseWheelUp)
	}
	if s := d.list.scroll; s.offset != 0 || s.cursor < 0 {
		t.Errorf("%+v after turning back", s)
	}
	d.send(tea.WindowSizeMsg{Width: 100, Height: 20})
	before := d.list.scroll
	d.press("?").has("Keys").wheel(5, 5, tea.MouseWheelDown)
	if k := d.overlay.(*help); k.page.offset != wheelLines {
		t.Errorf("the help is at %d", k.page.offset)
	}
	if d.list.scroll != before {
		t.Error("the wheel reaches below the help")
	}
}

func TestDivider(t *testing.T) {
	d := scanned(t, mouseSession(t), 100, 30)
	w := d.lay.left.w
	d.send(tea.MouseClickMsg{X: w, Y: 10, Button: tea.MouseLeft})
	d.send(tea.MouseMotionMsg{X: 60, Y: 12, Button: tea.MouseLeft})
	if d.lay.left.w != 60 || d.lay.right.w != 38 {
		t.Errorf("dragged to 60 the panes are %v and %v", d.lay.left, d.lay.right)
	}
	d.send(tea.MouseReleaseMsg{X: 60, Y: 12, Button: tea.MouseLeft})
	d.send(tea.MouseMotionMsg{X: 70, Y: 12, Button: tea.MouseLeft})
	if d.lay.left.w != 60 {
		t.Error("the divider follows after its release")
	}
	d.press("<")
	if d.lay.left.w != 56 {
		t.Errorf("< leads to %d", d.lay.left.w)
	}
	d.press(">", ">")
	if d.lay.left.w != 64 {
		t.Errorf("> leads to %d", d.lay.left.w)
	}
	for range 50 {
		d.press(">")
	}
	if d.lay.right.w != leastCells {
		t.Errorf("the right pane has %d cells left", d.lay.right.w)
	}
	d.send(tea.WindowSizeMsg{Width: 60, Height: 40}) // one above the other
	h := d.lay.left.h
	d.press("<")
	if d.lay.left.h >= h && h > leastLines {
		t.Errorf("< leaves the upper pane at %d lines", d.lay.left.h)
	}
	d.send(tea.MouseClickMsg{X: 10, Y: d.lay.top() + d.lay.left.h, Button: tea.MouseLeft})
	d.send(tea.MouseMotionMsg{X: 10, Y: 20, Button: tea.MouseLeft})
	if d.lay.top()+d.lay.left.h != 20 {
		t.Errorf("dragged to line 20 the divider is in line %d", d.lay.top()+d.lay.left.h)
	}
	d.send(tea.WindowSizeMsg{Width: 60, Height: 12})
	d.press("<").has("the panes share the screen from")
}

func TestMouseInTheMatrix(t *testing.T) {
	s := networkSession(t, market)
	s.Mouse = true
	d := scanned(t, s, 140, 40).press("N", "enter")
	if d.screen != matrixScreen || d.net.listShown(d.lay) {
		t.Fatalf("no matrix:\n%s", d.screenText())
	}
	m := d.matrixShape()
	x, y := m.names+3+2*m.cell+m.cell/2, d.lay.top()+m.head+1
	d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
	if d.net.rows.cursor != 1 || d.net.cols.cursor != 2 {
		t.Errorf("the cursor is on %d,%d:\n%s", d.net.rows.cursor, d.net.cols.cursor, d.screenText())
	}
	if len(d.net.decisions) != 0 {
		t.Error("a click decides")
	}
	d.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
	if !d.inDetail {
		t.Error("a second click does not go to the details")
	}
}
