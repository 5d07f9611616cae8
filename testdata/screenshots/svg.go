//go:build !windows

package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"
)

// theme is what a picture is drawn on.
type theme struct{ name, back, text string }

var themes = []theme{{"dark", "#1e1e1e", "#d4d4d4"}, {"light", "#ffffff", "#1f2328"}}

// A cell, in units of the picture.
const (
	cellWidth  = 8
	cellHeight = 17
	fontSize   = 13
	border     = 12
)

const fonts = "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"

// look is how a cell is drawn.
type look struct {
	text, back string
	bold       bool
	underline  bool
	faint      bool
}

func (t theme) look(s uv.Style) look {
	l := look{text: hex(s.Fg, t.text), back: hex(s.Bg, t.back), bold: s.Attrs&uv.AttrBold != 0, faint: s.Attrs&uv.AttrFaint != 0, underline: s.Underline != 0}
	if s.Attrs&uv.AttrReverse != 0 {
		l.text, l.back = l.back, l.text
	}
	return l
}

func hex(c color.Color, otherwise string) string {
	if c == nil {
		return otherwise
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}

// picture draws a screen as SVG. Cells of one look that are side by side are
// one text, which textLength keeps in its place whatever the font.
func picture(screen *vt.SafeEmulator, t theme, title string) []byte {
	w, h := screen.Width(), screen.Height()
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" font-family="%s" font-size="%d">`+"\n",
		w*cellWidth+2*border, h*cellHeight+2*border, fonts, fontSize)
	fmt.Fprintf(&b, "<title>%s</title>\n", escaped(title))
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", t.back)
	for y := range h {
		for x := 0; x < w; {
			l, text, cells := t.run(screen, x, y)
			if l.back != t.back {
				fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", border+x*cellWidth, border+y*cellHeight, cells*cellWidth, cellHeight, l.back)
			}
			if strings.TrimSpace(text) != "" || l.underline {
				l.draw(&b, x, y, cells, text)
			}
			x += cells
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// run returns the text of cells that look the same, from x on.
func (t theme) run(screen *vt.SafeEmulator, x, y int) (l look, text string, cells int) {
	for x+cells < screen.Width() {
		c := screen.CellAt(x+cells, y)
		if c == nil {
			c = &uv.EmptyCell
		}
		now := t.look(c.Style)
		if cells > 0 && now != l {
			break
		}
		l = now
		content := c.Content
		if content == "" {
			content = " "
		}
		text += content
		cells += max(c.Width, 1)
	}
	return l, text, cells
}

func (l look) draw(b *bytes.Buffer, x, y, cells int, text string) {
	trimmed := strings.TrimLeft(text, " ")
	before := len(text) - len(trimmed) // spaces are one cell each
	after := 0
	if !l.underline {
		n := len(trimmed)
		trimmed = strings.TrimRight(trimmed, " ")
		after = n - len(trimmed)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="%s"`,
		border+(x+before)*cellWidth, border+y*cellHeight+fontSize, (cells-before-after)*cellWidth, l.text)
	if l.bold {
		b.WriteString(` font-weight="bold"`)
	}
	if l.underline {
		b.WriteString(` text-decoration="underline"`)
	}
	if l.faint {
		b.WriteString(` opacity="0.65"`)
	}
	fmt.Fprintf(b, ">%s</text>\n", escaped(trimmed))
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes all
	return b.String()
}
