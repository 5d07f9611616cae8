package journal

import "strings"

// match returns what stands in a string for each of the parts that may make it
// up: the literal texts tell where the secrets begin and end. It fails where
// the string is made up otherwise.
func match(parts []Part, s string) (raw []string, ok bool) {
	raw = make([]string, len(parts))
	at := 0
	for i, p := range parts {
		n := len(p.Text)
		if p.Secret != 0 {
			n = secretEnd(parts[i+1:], s[at:])
			if n <= 0 {
				return nil, false
			}
		} else if !strings.HasPrefix(s[at:], p.Text) {
			return nil, false
		}
		raw[i] = s[at : at+n]
		at += n
	}
	return raw, at == len(s)
}

// value decodes what stands for a part.
func (p Part) value(raw string) (string, bool) {
	value, err := decode(raw, p.Encoding)
	return value, err == nil && value != ""
}

// secretEnd returns where a secret ends that a string begins with, going by
// the parts that follow: at the last possible place where one text does, else
// at the first. It is negative where that cannot be told.
func secretEnd(after []Part, s string) int {
	switch {
	case len(after) == 0:
		return len(s)
	case after[0].Secret != 0:
		return -1
	case len(after) == 1:
		if !strings.HasSuffix(s, after[0].Text) {
			return -1
		}
		return len(s) - len(after[0].Text)
	}
	return strings.Index(s, after[0].Text)
}
