package fixes

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes a string from a cluster or a file safe to show: control
// characters, escape sequences, bidirectional marks and invisible characters
// are written as escapes. The name of a ClusterRole may legally hold ESC, a
// newline or U+202E. Tabs and newlines stay only through [CleanLines].
func Clean(s string) string { return clean(s, false) }

// CleanLines is [Clean] for text of several lines.
func CleanLines(s string) string { return clean(s, true) }

func clean(s string, lines bool) string {
	hostile := func(r rune) bool {
		if ' ' <= r && r < 0x7f {
			return false // nearly every rune there is
		}
		if lines && (r == '\n' || r == '\t') {
			return false
		}
		return r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) ||
			unicode.In(r, unicode.Zl, unicode.Zp, unicode.Co)
	}
	if strings.IndexFunc(s, hostile) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case !hostile(r):
			b.WriteRune(r)
		case r == utf8.RuneError:
			_, n := utf8.DecodeRuneInString(s[i:])
			if n == 1 {
				fmt.Fprintf(&b, `\x%02x`, s[i])
			} else {
				b.WriteString(`\ufffd`)
			}
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}
