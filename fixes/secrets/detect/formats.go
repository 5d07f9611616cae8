package detect

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// Reasons for credentials that were found by their form.
const (
	saysPrivateKey = "private key"
	saysHash       = "password hash"
	saysHeader     = "credentials in an authorization header"
	saysWebhook    = "webhook address that lets anyone post"
	saysBase64     = "credential in base64"
)

// traits are the characters of a value that decide which searches are worth
// their time.
type traits struct {
	at, equals, dollar, dash, dashdash, space, scheme, newline, quote bool
}

func traitsOf(v string) (t traits) {
	for i := range len(v) {
		switch v[i] {
		case '@':
			t.at = true
		case '=':
			t.equals = true
		case '$':
			t.dollar = true
		case '-':
			t.dash = true
			t.dashdash = t.dashdash || strings.HasPrefix(v[i:], "-----BEGIN")
		case ' ':
			t.space = true
		case '"', '\'':
			t.quote = true
		case '\n':
			t.newline = true
		case ':':
			t.scheme = t.scheme || strings.HasPrefix(v[i:], "://")
		}
	}
	return t
}

// embedded finds credentials that show by their form alone, whatever the name.
func embedded(v string, off, depth int) []hit {
	if len(v) < 5 {
		return nil
	}
	t := traitsOf(v)
	var hits []hit
	if len(v) >= 16 {
		hits = scanTokens(v, off)
		if t.dashdash {
			hits = append(hits, scanPEM(v, off)...)
		}
	}
	if t.dollar || strings.IndexByte(v, '{') >= 0 {
		hits = append(hits, scanHashes(v, off)...)
	}
	if t.scheme {
		hits = append(hits, scanURLs(v, off)...)
	}
	if t.newline {
		return hits // the rest is a matter of lines
	}
	if t.at && len(hits) == 0 {
		if h, ok := driverDSN(v); ok {
			hits = append(hits, shift([]hit{h}, off)...)
		}
	}
	if t.space {
		if h, ok := authHeader(v); ok {
			hits = append(hits, shift([]hit{h}, off)...)
		} else if i := strings.Index(v, "uthorization"); i >= 0 {
			l := lineScan{text: v}
			l.header(v, off, i+len("uthorization"))
			hits = append(hits, l.hits...)
		}
	}
	if t.dash && t.space || v[0] == '-' {
		hits = append(hits, scanCommand(v, off, depth+1)...)
	}
	if t.equals {
		hits = append(hits, scanPairs(v, off)...)
	}
	if t.quote && depth < maxDepth {
		l := lineScan{text: v, depth: depth + 1}
		l.quoted(v, 0)
		hits = append(hits, shift(l.hits, off)...)
	}
	if len(hits) == 0 && len(v) >= 20 && !t.space {
		if h, ok := decoded(v, depth); ok {
			hits = append(hits, shift([]hit{h}, off)...)
		}
	}
	return hits
}

// scanPEM finds private keys, whole: from BEGIN to END.
func scanPEM(v string, off int) []hit {
	const begin = "-----BEGIN "
	var hits []hit
	for i := 0; ; {
		at := strings.Index(v[i:], begin)
		if at < 0 {
			return hits
		}
		at += i
		i = at + len(begin)
		title, _, ok := strings.Cut(v[i:], "-----")
		if !ok || len(title) > 40 || !strings.Contains(title, "PRIVATE KEY") {
			continue
		}
		body := i + len(title) + len("-----")
		end := len(v)
		if e := strings.Index(v[body:], "-----END"); e >= 0 {
			i = body + e
			end = i
			if e = strings.Index(v[i+8:], "-----"); e >= 0 && e <= 40 {
				end = i + 8 + e + 5
			}
		}
		// A header that code only looks for has no key after it.
		key := strings.TrimSpace(strings.ReplaceAll(v[body:min(body+200, end)], `\n`, " "))
		if span(key, func(c byte) bool { return isAlnum(c) || c == '+' || c == '/' }) < 4 || isReference(key) || isMasked(key[:4]) {
			continue
		}
		hits = append(hits, hit{at: Range{off + at, off + end}, conf: 0.99, reason: saysPrivateKey,
			evidence: []string{"format: pem"}})
	}
}

// scanHashes finds crypt(3), htpasswd and PHC password hashes.
func scanHashes(v string, off int) []hit {
	var hits []hit
	for i := 0; i < len(v); i++ {
		n, name := 0, ""
		switch v[i] {
		case '$':
			n, name = cryptAt(v[i:])
		case '{':
			for _, p := range [...]string{"{SHA}", "{SSHA}", "{SSHA512}", "{MD5}", "{CRYPT}", "{PBKDF2}", "{bcrypt}"} {
				if strings.HasPrefix(v[i:], p) {
					if m := span(v[i+len(p):], isHashChar); m >= 16 {
						n, name = len(p)+m, "ldap-hash"
					}
				}
			}
			for _, p := range [...]string{"{PLAIN}", "{CLEARTEXT}", "{noop}"} { // the schemes that hash nothing
				if strings.HasPrefix(v[i:], p) {
					if m := span(v[i+len(p):], isHashChar); m >= 3 {
						n, name = len(p)+m, "plain-scheme"
					}
				}
			}
		}
		if n > 0 {
			hits = append(hits, hit{at: Range{off + i, off + i + n}, conf: 0.85, reason: saysHash,
				evidence: []string{"format: " + name}})
			i += n - 1
		}
	}
	return hits
}

func cryptAt(s string) (int, string) {
	for _, f := range [...]struct {
		prefix, name string
		min          int
	}{
		{"$2a$", "bcrypt", 56}, {"$2b$", "bcrypt", 56}, {"$2y$", "bcrypt", 56}, {"$apr1$", "apr1", 24},
		{"$1$", "md5-crypt", 22}, {"$5$", "sha256-crypt", 43}, {"$6$", "sha512-crypt", 80}, {"$y$", "yescrypt", 40},
		{"$argon2", "argon2", 40}, {"$pbkdf2", "pbkdf2", 40}, {"$scrypt$", "scrypt", 40}, {"$7$", "scrypt", 40},
	} {
		if strings.HasPrefix(s, f.prefix) {
			if n := span(near(s), isHashChar); n >= len(f.prefix)+f.min {
				return n, f.name
			}
		}
	}
	return 0, ""
}

func isHashChar(c byte) bool {
	return isAlnum(c) || c == '$' || c == '.' || c == '/' || c == '=' || c == ',' || c == '+' || c == '-' || c == '_'
}

// authHeader finds "Bearer x" and "Basic x", with or without the header's name.
func authHeader(v string) (hit, bool) {
	i := 0
	if c := strings.IndexAny(v, ":="); c > 0 && c < 40 && all(v[:c], isKeyChar) {
		i = c + 1
		i += span(v[i:], func(c byte) bool { return isSpace(c) || isQuote(c) })
	}
	n := span(v[i:], isAlpha)
	scheme := v[i : i+n]
	start := i + n + span(v[i+n:], isSpace)
	cred := strings.TrimRight(v[start:], " \"'")
	if start == i+n || len(cred) < 6 || strings.ContainsAny(cred, " \t") || isReference(cred) || isPlaceholder("", cred) {
		return hit{}, false
	}
	h := hit{at: Range{start, start + len(cred)}, conf: 0.9, reason: saysHeader,
		evidence: []string{"format: authorization header"}}
	switch lower(scheme) {
	case "basic":
		plain, err := base64.StdEncoding.DecodeString(cred)
		return h, err == nil && bytes.IndexByte(plain, ':') > 0
	case "bearer", "token", "apikey", "splunk":
		// "bearer token" and "token required" are prose.
		return h, strings.ContainsAny(cred, "0123456789") &&
			all(cred, func(c byte) bool { return isWord64Eq(c) || c == '.' || c == '~' || c == ':' })
	}
	return hit{}, false
}

// decoded looks into base64: a key, a token or an address with a password
// stays one when it is encoded.
func decoded(v string, depth int) (hit, bool) {
	if depth >= maxDepth || len(v)%4 != 0 || len(v) > 1<<20 {
		return hit{}, false
	}
	if !all(strings.TrimRight(v, "="), func(c byte) bool { return isAlnum(c) || c == '+' || c == '/' }) {
		return hit{}, false
	}
	raw, err := base64.StdEncoding.DecodeString(v)
	if err != nil {
		return hit{}, false
	}
	for _, c := range raw {
		if c < 9 || c > 13 && c < 32 || c >= 127 {
			return hit{}, false
		}
	}
	plain := string(raw)
	hits := embedded(plain, 0, depth+1)
	if len(hits) == 0 && structured(plain) {
		hits = scanText("", plain, depth+1)
	}
	if d := verdict(hits, ""); d.Confidence >= 0.8 {
		return hit{at: Range{0, len(v)}, conf: d.Confidence, reason: saysBase64,
			evidence: append([]string{"base64"}, d.Evidence...)}, true
	}
	return hit{}, false
}
