package detect

import (
	"strings"
	"unicode/utf8"
)

// isPlaceholder tells slots that nobody filled: <your-token>, REPLACE_ME,
// xxxxxx, TODO. A toy value (changeme, password) is no placeholder: it works
// as a password wherever it is deployed.
func isPlaceholder(name, v string) bool {
	if v[0] == '<' && v[len(v)-1] == '>' || strings.Contains(v, "<your") || strings.Contains(v, "<YOUR") {
		return true
	}
	if n := len(v); n > 2 && (v[0] == '{' && v[n-1] == '}' || v[0] == '[' && v[n-1] == ']') &&
		all(v[1:n-1], func(c byte) bool { return isKeyChar(c) || c == ' ' }) {
		return true
	}
	if isMasked(v) || len(v) <= 4 && span(v, func(c byte) bool { return !isAlnum(c) && c < 128 }) == len(v) {
		return true
	}
	if strings.Contains(v, "A-Za-z") || strings.Contains(v, "a-zA-Z") || strings.Contains(v, "[a-z0-9") {
		return true // a pattern for one
	}
	if len(v) > 120 {
		return false
	}
	low := lower(v)
	switch strings.Trim(low, "*[]()-_") {
	case "redacted", "masked":
		return true
	}
	switch low {
	case "none", "null", "nil", "undefined", "n/a", "na", "tbd", "tba", "todo", "fixme", "unset", "notset", "empty",
		"hidden", "removed", "omitted", "unused", "not used", "-", "--", "...", "some value",
		"no", "value", "unknown", "missing", "absent":
		return true
	}
	for _, w := range [...]string{"placeholder", "<redacted", "[redacted", "not-required", "not_required", "not-needed", "not_needed",
		"not-used", "not_used", "from-secret", "from_secret", "from-env", "from_env", "from-vault", "from_vault",
		"in-secret", "in_secret", "via-secret", "via_secret", "by-vault", "by_vault", "via-vault", "via_vault"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	for _, p := range [...]string{"replace", "insert", "enter", "fill", "put", "paste", "todo", "fixme", "to be", "tobe",
		"to-be", "to_be", "set me", "set-me", "set_me", "setme", "provide", "specify", "add your", "add-your", "add_your",
		"not set", "not-set", "not_set", "see ", "see-", "see_", "get-from", "get_from", "supply", "define"} {
		if strings.HasPrefix(low, p) && (len(low) == len(p) || !isAlnum(p[len(p)-1]) || opensPhrase(low[len(p):])) {
			return true
		}
	}
	return hasEnd(low, "here") || hasEnd(low, "goes here") || spellsName(name, v)
}

// opensPhrase tells whether a verb is followed by another word: replace_me,
// insert-token, "replaceme".
func opensPhrase(rest string) bool {
	return !isAlnum(rest[0]) || rest == "me" || rest == "this" || rest == "d" || strings.HasPrefix(rest, "with") ||
		strings.HasPrefix(rest, "your")
}

// hasEnd tells whether a phrase ends in a word of its own.
func hasEnd(s, word string) bool {
	i := len(s) - len(word) - 1
	return i > 0 && strings.HasSuffix(s, word) && !isAlnum(s[i])
}

// isMasked tells values that were blotted out or only hint at their length.
func isMasked(v string) bool {
	if len(v) < 3 {
		return false
	}
	if r, n := utf8.DecodeRuneInString(v); n > 1 && strings.Count(v, string(r))*n == len(v) && len(v) >= 3*n {
		return true // bullets, multiplication signs
	}
	blots, run, longest := 0, 0, 0
	for i := range len(v) {
		switch v[i] {
		case 'x', 'X', '*', '.', '#', '?', '-', '_', ' ':
			blots++
		}
		if i > 0 && v[i] == v[i-1] && (v[i]|0x20 == 'x' || v[i] == '*') {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return blots == len(v) || longest >= 4 || strings.HasSuffix(v, "...")
}

// spellsName tells a value that repeats its own name in capitals
// (API_KEY=API_KEY_VAL): a mark for some tool to replace.
func spellsName(name, v string) bool {
	v = strings.Trim(v, "~^|!*:;")
	if strings.IndexByte(v, '_') < 0 {
		return false
	}
	for i := range len(v) {
		if !isUpper(v[i]) && !isDigit(v[i]) && v[i] != '_' {
			return false
		}
	}
	if strings.HasPrefix(v, "YOUR_") || hasEnd(lower(v), "val") || hasEnd(lower(v), "value") {
		return true
	}
	return len(name) >= 3 && strings.Contains(squeeze(v), squeeze(name)) // also ENV_X, X_HERE
}

// squeeze is s in small letters, every separator the same.
func squeeze(s string) string {
	b := []byte(lower(s))
	for i, c := range b {
		if !isAlnum(c) {
			b[i] = '_'
		}
	}
	return string(b)
}

// isYours tells "your-api-key". Where whoever deploys picks the value (a
// password, a signing secret) this may well be the one in use; where a service
// hands it out (a token, an API key) nobody filled it in.
func isYours(v string) bool {
	low := lower(v)
	return strings.HasPrefix(low, "your") || strings.HasPrefix(low, "my-own") ||
		strings.Contains(low, "-your-") || strings.Contains(low, "_your_") || strings.Contains(low, " your ")
}
