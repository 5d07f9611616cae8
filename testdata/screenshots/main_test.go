//go:build !windows

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/vt"
)

func TestPicture(t *testing.T) {
	screen := vt.NewSafeEmulator(20, 2)
	if _, err := screen.WriteString("a <b> \x1b[1;38;2;255;0;0mred\x1b[m 日本\r\n\x1b[7m on \x1b[m"); err != nil {
		t.Fatal(err)
	}
	got := string(picture(screen, themes[0], "t & t"))
	wellFormed(t, []byte(got))
	for _, want := range []string{
		"<title>t &amp; t</title>", ">a &lt;b&gt;</text>", `fill="#ff0000" font-weight="bold">red</text>`, ">日本</text>",
		`height="17" fill="#d4d4d4"/>`, `fill="#1e1e1e">on</text>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestPicturesAreOfThisProgram draws all of them anew: those of the project
// must be the same.
func TestPicturesAreOfThisProgram(t *testing.T) {
	dir := t.TempDir()
	if err := run("", dir); err != nil {
		t.Fatal(err)
	}
	for _, s := range scenes {
		for _, theme := range themes {
			name := s.name + "-" + theme.name + ".svg"
			want, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			wellFormed(t, want)
			got, err := os.ReadFile(filepath.Join("..", "..", "docs", "screens", name))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("docs/screens/%s is not what the program shows (%v): make screens", name, err)
			}
		}
	}
}
