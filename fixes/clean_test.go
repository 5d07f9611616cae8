package fixes

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":             "plain",
		"héllo • 日本":        "héllo • 日本",
		"\x1b[31mred":       `\x1b[31mred`,
		"a\nb\tc":           `a\x0ab\x09c`,
		"a\u202eb":          `a\u202eb`,
		"zero\u200bwidth":   `zero\u200bwidth`,
		"bad\xffutf8":       `bad\xffutf8`,
		"\u009b31m":         `\u009b31m`,
		"tag\U000e0041":     `tag\U000e0041`,
		"line\u2028break":   `line\u2028break`,
		"really \ufffd one": `really \ufffd one`,
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	if got := CleanLines("a\n\tb\x1b"); got != "a\n\tb\\x1b" {
		t.Errorf("CleanLines: %q", got)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[2Jb\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("Clean(%q) = %q", s, got)
		}
		if Clean(got) != got {
			t.Errorf("cleaning %q twice differs", s)
		}
	})
}
