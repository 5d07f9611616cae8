package detect

import "strings"

// kind is what a value is, whatever its name.
type kind uint8

const (
	kindOpaque kind = iota // could be anything: a toy password, a word
	kindReference
	kindPlaceholder
	kindEncrypted
	kindFlag
	kindNumber
	kindQuantity // a duration or a size
	kindPath
	kindAddress
	kindPublic
	kindSentence
	kindObject // namespace/name
	kindRandom
)

// kindOf reads the shape of a value that has no space around it. name is
// asked because a value that spells its own name is a slot to be filled.
func kindOf(name, v string) kind {
	switch {
	case isReference(v):
		return kindReference
	case isPlaceholder(name, v):
		return kindPlaceholder
	case isEncrypted(v):
		return kindEncrypted
	case isFlag(v):
		return kindFlag
	case isNumber(v):
		return kindNumber
	case isQuantity(v):
		return kindQuantity
	case isPublic(v):
		return kindPublic
	case isPath(v):
		return kindPath
	case isAddress(v):
		return kindAddress
	case isObjectName(v):
		return kindObject
	case strings.Count(v, ":") == 6 && strings.Contains(v, ":/"): // a line of /etc/passwd
		return kindPath
	case isSentence(v):
		return kindSentence
	case looksRandom(v):
		return kindRandom
	}
	return kindOpaque
}

// isReference tells values that stand for another: $(VAR), ${VAR}, {{ x }},
// and addresses inside secret stores.
func isReference(v string) bool {
	switch v[0] {
	case '$':
		if isVariable(strings.TrimLeft(v, "$")) {
			return true
		}
	case '`': // a shell's command
		return true
	case '%':
		if len(v) > 2 && (v[len(v)-1] == '%' && all(strings.Trim(v, "%"), isKeyChar) || v[1] == '(' || v[1] == '{') || len(v) == 2 && isLower(v[1]) {
			return true
		}
	case '@':
		if len(v) > 2 && (v[len(v)-1] == '@' && all(strings.Trim(v, "@"), isKeyChar) || hasPrefixFold(v, "@microsoft.")) {
			return true
		}
	case '_':
		if len(v) > 4 && strings.HasPrefix(v, "__") && strings.HasSuffix(v, "__") {
			return true
		}
	case '<':
		if strings.HasPrefix(v, "<%") {
			return true
		}
	case '!':
		if strings.HasPrefix(v, "!Ref ") || strings.HasPrefix(v, "!secret ") || strings.HasPrefix(v, "!env ") {
			return true
		}
	}
	if strings.Contains(v, "$(") || strings.Contains(v, "${") || holds(v, "#{", "}") || holds(v, "{{", "}}") ||
		holds(v, "[[", "]]") {
		return true
	}
	for _, p := range [...]string{"vault:", "secretref:", "ref+", "arn:", "op://", "env:", "file:", "gcpsm://", "awssm://",
		"sm://", "ssm:", "secretsmanager:", "keyvault:", "k8s://", "projects/", "secret:", "secret://", "os.environ",
		"process.env", "secretkeyref", "valuefrom"} {
		if hasPrefixFold(v, p) {
			return true
		}
	}
	return strings.HasSuffix(v, "@azurekeyvault") || strings.Contains(v, "projects/") && strings.Contains(v, "/secrets/")
}

// holds tells whether open stands in s, and end after it.
func holds(s, open, end string) bool {
	i := strings.Index(s, open)
	return i >= 0 && strings.Contains(s[i:], end)
}

// isVariable tells a shell variable's name from a password that starts with a
// dollar sign: capitals, or words with underscores, or nothing but small
// letters.
func isVariable(s string) bool {
	if s == "" || isDigit(s[0]) {
		return len(s) == 1 // $1
	}
	var lowers, uppers, others int
	for i := range len(s) {
		switch c := s[i]; {
		case isLower(c):
			lowers++
		case isUpper(c):
			uppers++
		case c == '_' || isDigit(c):
			others++
		default:
			return false
		}
	}
	return lowers == 0 && uppers > 1 || uppers == 0 && strings.Contains(s, "_") || uppers+others == 0
}

// defaultOf finds the literal in ${VAR:-literal} and ${VAR:literal}: the value
// that counts when nobody sets the variable.
func defaultOf(v string) (Range, bool) {
	if len(v) < 5 || v[:2] != "${" || v[len(v)-1] != '}' || strings.Count(v, "${") > 1 {
		return Range{}, false
	}
	i := 2 + span(v[2:], isKeyChar)
	if i == 2 || v[i] != ':' {
		return Range{}, false
	}
	i++
	switch v[i] {
	case '-', '=':
		i++
	case '?', '+':
		return Range{}, false
	}
	return Range{i, len(v) - 1}, i < len(v)-1
}

// isEncrypted tells values that only a key holder can read.
func isEncrypted(v string) bool {
	for _, p := range [...]string{"ENC[", "ENC(", "{cipher}", "$ANSIBLE_VAULT", "sops:", "AgA", "AgB", "vault:v1:",
		"-----BEGIN PGP MESSAGE", "-----BEGIN AGE ENCRYPTED"} {
		if strings.HasPrefix(v, p) {
			return p[0] != 'A' || len(v) > 300 // a SealedSecret's values are long
		}
	}
	return false
}

// isFlag tells switches and modes.
func isFlag(v string) bool {
	if len(v) > 14 {
		return false
	}
	switch lower(v) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "t", "f", "enabled", "disabled", "enable", "disable",
		"required", "optional", "always", "never", "auto", "automatic", "manual", "generated", "auto-generated", "random",
		"generate", "inherit", "0", "1", "bearer", "basic", "jwt", "oauth", "oauth2", "oidc", "opaque", "plain",
		"read", "write", "readonly", "files", "compat", "string", "str", "boolean", "bool", "int", "integer", "object", "array", "{}", "[]", "()":
		return true
	}
	return false
}

// isNumber tells plain numbers, versions and dates.
func isNumber(v string) bool {
	if len(v) >= 10 && v[4] == '-' && v[7] == '-' && all(v[:4], isDigit) && all(v[8:10], isDigit) {
		return true // a date
	}
	s := strings.TrimLeft(v, "+-^~=<>v")
	digits := 0
	for i := range len(s) {
		if isDigit(s[i]) {
			digits++
		} else if s[i] != '.' && s[i] != ',' {
			return false
		}
	}
	return digits > 0
}

// isQuantity tells durations and sizes: 30s, 1h30m, 500Mi, PT5S.
func isQuantity(v string) bool {
	if len(v) > 12 {
		return false
	}
	if len(v) > 3 && isUnit(lower(v)) { // "days", of a setting whose number stands elsewhere
		return true
	}
	s := v
	if s[0] == 'P' || s[0] == 'p' { // ISO 8601
		s = strings.TrimLeft(s, "PTpt")
	}
	units := 0
	for s != "" {
		i := span(s, func(c byte) bool { return isDigit(c) || c == '.' })
		s = strings.TrimLeft(s[i:], " ")
		j := span(s, isAlpha)
		if i == 0 || j == 0 || !isUnit(lower(s[:j])) {
			return false
		}
		s = s[j:]
		units++
	}
	return units > 0
}

func isUnit(u string) bool {
	switch u {
	case "ns", "us", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes", "h", "hr",
		"hour", "hours", "d", "day", "days", "w", "week", "weeks", "y", "year", "years", "b", "k", "kb", "ki", "kib",
		"mb", "mi", "mib", "g", "gb", "gi", "gib", "tb", "ti", "tib", "bit", "bits", "byte", "bytes":
		return true
	}
	return false
}
