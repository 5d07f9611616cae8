package detect

import "strings"

const (
	saysURL  = "password in a URL"
	saysConn = "password in a connection string"
)

// scanURLs finds passwords in scheme://user:password@host and secrets in the
// path of webhook addresses.
func scanURLs(v string, off int) []hit {
	var hits []hit
	for i := 0; ; {
		at := strings.Index(v[i:], "://")
		if at < 0 {
			return hits
		}
		at += i
		i = at + 3
		end := i + span(near(v[i:]), func(c byte) bool { return !isSpace(c) && !isQuote(c) })
		authority := v[i:end]
		if slash := strings.IndexAny(authority, "/?#"); slash >= 0 {
			authority = authority[:slash]
		}
		if r, ok := userinfo(authority); ok {
			h := hit{at: Range{off + i + r.Start, off + i + r.End}, conf: 0.95, reason: saysConn,
				evidence: []string{"password before the host"}}
			if strings.HasSuffix(v[:at], "http") || strings.HasSuffix(v[:at], "https") {
				h.reason = saysURL
			}
			hits = append(hits, h)
		} else if r, ok := webhook(v[i:end]); ok {
			hits = append(hits, hit{at: Range{off + i + r.Start, off + i + r.End}, conf: 0.9, reason: saysWebhook,
				evidence: []string{"format: webhook"}})
		}
	}
}

// userinfo finds the password in user:password@host.
func userinfo(authority string) (Range, bool) {
	end := strings.LastIndexByte(authority, '@')
	if end < 1 {
		return Range{}, false
	}
	colon, nested := -1, 0
	for i := 0; i < end && colon < 0; i++ {
		switch authority[i] {
		case '{', '(', '<':
			nested++
		case '}', ')', '>':
			nested--
		case ':':
			if nested <= 0 { // the colon of ${USER:-x} is not the one
				colon = i
			}
		}
	}
	if colon < 0 {
		return Range{}, false
	}
	user, pass := authority[:colon], authority[colon+1:end]
	if r, ok := defaultOf(pass); ok {
		if lit := pass[r.Start:r.End]; !isReference(lit) && !isPlaceholder("", lit) {
			return Range{colon + 1 + r.Start, colon + 1 + r.End}, true
		}
	}
	if pass == "" || isReference(pass) || isPlaceholder("", pass) || strings.Trim(pass, "*") == "" {
		return Range{}, false
	}
	if isSlot(user, pass) {
		return Range{}, false
	}
	return Range{colon + 1, end}, true
}

// isSlot tells what nobody has filled in: postgres://USER:PASSWORD@HOST,
// redis://:REDIS_KEY@host.
func isSlot(user, pass string) bool {
	return isCapitals(pass) && (isCapitals(user) || strings.IndexByte(pass, '_') > 0 || credentialWord(lower(pass)))
}

// isCapitals tells the slots of a template: USER, DB_PASSWORD.
func isCapitals(s string) bool {
	return len(s) > 2 && all(s, func(c byte) bool { return isUpper(c) || c == '_' })
}

// webhook finds the secret path of well-known webhook addresses.
func webhook(s string) (Range, bool) {
	for _, w := range [...]struct {
		prefix string
		min    int
	}{
		{"hooks.slack.com/services/", 36}, {"hooks.slack.com/workflows/", 36}, {"discord.com/api/webhooks/", 60},
		{"discordapp.com/api/webhooks/", 60}, {"outlook.office.com/webhook/", 60}, {"chat.googleapis.com/v1/spaces/", 0},
	} {
		if !strings.HasPrefix(s, w.prefix) {
			continue
		}
		rest := s[len(w.prefix):]
		if w.min > 0 && len(rest) >= w.min && !isReference(rest) && !isMasked(rest) && strings.IndexByte(rest, '<') < 0 {
			return Range{len(w.prefix), len(s)}, true
		}
	}
	if i := strings.Index(s, ".webhook.office.com/webhookb2/"); i > 0 && len(s)-i > 90 && !isReference(s) {
		return Range{i + len(".webhook.office.com/webhookb2/"), len(s)}, true
	}
	return Range{}, false
}

// driverDSN finds the password in the forms drivers take: Go's
// user:password@tcp(host)/db and Oracle's thin:user/password@host.
func driverDSN(v string) (hit, bool) {
	for i := range len(v) {
		if v[i] != '@' {
			continue
		}
		rest := v[i+1:]
		from := max(0, i-256)
		start := from + strings.LastIndexAny(v[from:i], " \t\"'`=,") + 1
		left, sep := v[start:i], byte(':')
		switch {
		case strings.HasPrefix(rest, "tcp("), strings.HasPrefix(rest, "unix("), strings.HasPrefix(rest, "("),
			strings.HasPrefix(rest, "tcp6("), strings.HasPrefix(rest, "/") && !strings.Contains(left, "/"):
		case strings.Contains(left, "thin:") || strings.Contains(left, "oci:"):
			start += strings.LastIndexByte(left, ':') + 1
			left, sep = v[start:i], '/'
		default:
			continue
		}
		if colon := strings.IndexByte(left, sep); colon > 0 && colon < len(left)-1 {
			user, pass := left[:colon], left[colon+1:]
			if isAlnum(user[0]) && all(user, isKeyChar) && !isReference(pass) && !isPlaceholder("", pass) && !isSlot(user, pass) {
				return hit{at: Range{start + colon + 1, i}, conf: 0.9, reason: saysConn,
					evidence: []string{"password before the host"}}, true
			}
		}
	}
	return hit{}, false
}

// bareUserinfo finds the password in user:password@host without a scheme,
// which is only looked for under the name of an address.
func bareUserinfo(v string) (hit, bool) {
	if strings.ContainsAny(v, " \t\n\"'") || strings.Contains(v, "://") {
		return hit{}, false
	}
	authority := v
	if at := strings.LastIndexByte(v, '@'); at >= 0 {
		if slash := strings.IndexAny(v[at:], "/?"); slash >= 0 {
			authority = v[:at+slash]
		}
	}
	r, ok := userinfo(authority)
	if !ok || !all(authority[:r.Start-1], isKeyChar) {
		return hit{}, false
	}
	host, port, _ := strings.Cut(authority[r.End+1:], ":")
	if !isHost(host) || port != "" && !all(port, isDigit) || host == "sha256" {
		return hit{}, false
	}
	return hit{at: r, conf: 0.85, reason: saysConn, evidence: []string{"name", "password before the host"}}, true
}

// scanPairs finds key=value pairs whose key names a credential, in one line:
// the query of a URL, ADO.NET and libpq strings, JAAS options, -Dkey=value.
func scanPairs(v string, off int) []hit {
	var hits []hit
	semicolons := strings.IndexByte(v, ';') >= 0
	for i := 1; i < len(v)-1; i++ {
		if v[i] != '=' {
			continue
		}
		if v[i+1] == '=' || v[i+1] == '>' || v[i+1] == '~' {
			i++
			continue
		}
		start := i
		for start > 0 && isKeyChar(v[start-1]) && i-start < 128 {
			start--
		}
		key := strings.TrimLeft(v[start:i], "-.")
		if key == "" {
			continue
		}
		n := readName(key)
		if key == "sig" && strings.Contains(v, "sv=") { // Azure's shared access signature
			n = nameInfo{role: roleToken, weak: true}
		}
		if n.role == roleNone || n.about {
			continue
		}
		r := pairValue(v, i+1, semicolons)
		val := v[r.Start:r.End]
		i = max(i, r.End-1)
		if val == "" || v[r.Start-1] == '`' { // a shell's command
			continue
		}
		j := judge(n, key, val)
		if j.conf < threshold {
			continue
		}
		if j.part != (Range{}) {
			r = Range{r.Start + j.part.Start, r.Start + j.part.End}
		}
		h := hit{key: key, at: Range{off + r.Start, off + r.End}, conf: min(j.conf+0.05, 0.97), reason: j.reason,
			evidence: append([]string{"key=value"}, j.evidence...)}
		if semicolons || strings.Contains(v[:start], "://") {
			h.reason = saysConn
		}
		hits = append(hits, h)
	}
	return hits
}

// pairValue is the extent of the value that starts at i.
func pairValue(v string, i int, semicolons bool) Range {
	if isQuote(v[i]) {
		if e := strings.IndexByte(v[i+1:], v[i]); e >= 0 {
			return Range{i + 1, i + 1 + e}
		}
		return Range{i + 1, len(v)}
	}
	end, nested := i, 0
	for ; end < len(v); end++ {
		c := v[end]
		switch c {
		case '{', '(':
			nested++
		case '}', ')':
			nested--
		}
		if nested > 0 && c != '\n' {
			continue // $(cat file) and {{ x y }} are one value
		}
		if c == ';' || c == '&' || c == '\n' || isQuote(c) || !semicolons && (c == ',' || isSpace(c)) {
			break
		}
	}
	for end > i && isSpace(v[end-1]) {
		end--
	}
	return Range{i, end}
}
