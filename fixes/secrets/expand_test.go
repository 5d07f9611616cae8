package secrets

import "testing"

func TestExpand(t *testing.T) {
	for _, c := range []struct {
		value, seen string
		reference   bool
	}{
		{"plain", "plain", false},
		{"a$$b", "a$b", false},
		{"a$$(B)", "a$(B)", false},
		{"a$(B)c", "a$(B)c", true},
		{"$", "$", false},
		{"a$", "a$", false},
		{"a$b", "a$b", false},
		{"a$(b", "a$(b", false},
		{"$$$(A)", "$$(A)", true},
		{"", "", false},
	} {
		if got := unescape(c.value); got != c.seen {
			t.Errorf("unescape(%q) = %q, want %q", c.value, got, c.seen)
		}
		if got := hasReference(c.value); got != c.reference {
			t.Errorf("hasReference(%q) = %v", c.value, got)
		}
	}
}
