package detect

import (
	"strings"
	"testing"
)

// mixed is n characters that look generated, of letters and digits, or of
// those that keep accepts.
func mixed(n int, keep func(byte) bool) string {
	const pool = "a7Fk2Q9zX4bR8cM1dN6eT3gW5hY0jK"
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		if c := pool[(i*7+i/30)%len(pool)]; keep(c) {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// TestTokenTable makes one token of every format in the table, at its shortest
// and its longest, and what is almost one.
func TestTokenTable(t *testing.T) {
	for first, formats := range tokens {
		for _, f := range formats {
			if f.prefix[0] != byte(first) || f.min > f.max {
				t.Errorf("%s: %+v stands in the wrong place", f.name, f)
			}
			for _, n := range []int{f.min, f.max} {
				body := mixed(n, func(c byte) bool { return isAlnum(c) && f.class(c) })
				switch f.name {
				case "sendgrid-key":
					body = body[:22] + "." + body[23:]
				case "harness-token":
					body = body[:22] + "." + body[23:47] + "." + body[48:]
				case "airtable-token":
					if f.prefix == "pat" {
						body = body[:14] + "." + body[15:]
					}
				}
				token := f.prefix + body
				got, name, conf := tokenAt(token)
				if got != len(token) || conf < threshold {
					t.Errorf("%s: %q is %d bytes of %q (%.2f)", f.name, token, got, name, conf)
				}
				if v := Classify("FOO", token); len(token) >= 16 && !v.Secret {
					t.Errorf("%s: Classify(%q) = %+v", f.name, token, v)
				}
			}
			short := f.prefix + mixed(f.min-1, func(c byte) bool { return isAlnum(c) && f.class(c) })
			if n, name, _ := tokenAt(short); n == len(short) && name == f.name {
				t.Errorf("%s: %q is too short, and taken", f.name, short)
			}
			toy := f.prefix + strings.Repeat("0", f.min)
			if n, name, _ := tokenAt(toy); n > 0 {
				t.Errorf("%s: %q is a stand-in, and taken for %s", f.name, toy, name)
			}
		}
	}
}

// TestTokenMarks: formats whose mark is not at their start.
func TestTokenMarks(t *testing.T) {
	for _, x := range []struct {
		value string
		name  string
	}{
		{mixed(14, isAlnum) + ".atlasv1." + mixed(67, isAlnum), "terraform-token"},
		{"s." + mixed(24, isAlnum), "vault-token"},
		{"s.internalPackageNameOfWord", ""},
		{mixed(14, isAlnum) + ".atlasv2." + mixed(67, isAlnum), ""},
		{"a1B8Q~" + mixed(34, isAlnum), "azure-client-secret"},
	} {
		n, name, _ := tokenAt(x.value)
		if name != x.name || (n == len(x.value)) != (x.name != "") {
			t.Errorf("tokenAt(%q) = %d, %q, want %q", x.value, n, name, x.name)
		}
	}
}
