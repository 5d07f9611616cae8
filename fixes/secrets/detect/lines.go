package detect

import "strings"

// lineScan reads a text line by line: the many formats whose entries are
// "key separator value" differ little enough to be read by one reader that
// never has to know which it is.
type lineScan struct {
	text   string
	depth  int
	script bool
	hits   []hit
	// parents are the YAML keys above the line, by indentation.
	parents []parent
	// pairs: lines are "user" "password". jaas: options named user_x hold x's.
	pairs, jaas bool
	// name is the last "name: X", waiting for its "value: Y".
	name string
}

type parent struct {
	indent int
	key    string
}

func (l *lineScan) all() {
	pem := false
	for start := 0; start < len(l.text); {
		end := start + span(l.text[start:], func(c byte) bool { return c != '\n' })
		line := l.text[start:end]
		switch {
		case strings.Contains(line, "-----BEGIN ") && !strings.Contains(line, "-----END "):
			pem = true
		case strings.Contains(line, "-----END "):
			pem = false
		case pem:
		case isComment(line):
			l.hits = append(l.hits, scanTokens(line, start)...)
		default:
			l.line(start, end)
		}
		start = end + 1
	}
}

// isComment tells lines that only document. An example in a comment is no
// credential in use; a token of a known format is looked for all the same.
func isComment(line string) bool {
	t := strings.TrimLeft(line, " \t")
	if strings.Contains(t, "/:_") { // npm's //registry/:_authToken=x
		return false
	}
	return strings.HasPrefix(t, "#") || strings.HasPrefix(t, "//") || strings.HasPrefix(t, ";") ||
		strings.HasPrefix(t, "/*") || strings.HasPrefix(t, "* ") || strings.HasPrefix(t, "<!--") || strings.HasPrefix(t, "--  ") ||
		strings.HasPrefix(t, "-- ")
}

// line looks at one line in every way that may apply.
func (l *lineScan) line(start, end int) {
	line := l.text[start:end]
	if len(strings.TrimSpace(line)) < 3 {
		return
	}
	l.hits = append(l.hits, scanTokens(line, start)...)
	t := traitsOf(line)
	if t.dollar || strings.IndexByte(line, '{') >= 0 {
		l.hits = append(l.hits, scanHashes(line, start)...)
	}
	if t.scheme {
		l.hits = append(l.hits, scanURLs(line, start)...)
	}
	if t.at {
		if h, ok := driverDSN(line); ok {
			l.hits = append(l.hits, shift([]hit{h}, start)...)
		}
	}
	if i := indexFold(line, "authorization"); i >= 0 {
		l.header(line, start, i+len("authorization"))
	}
	if strings.IndexByte(line, '\'') >= 0 {
		l.hits = append(l.hits, shift(scanSQL(line), start)...)
	}
	before := len(l.hits)
	l.quoted(line, start)
	l.plain(line, start)
	if strings.IndexByte(line, '{') >= 0 {
		l.flow(line, start)
	}
	l.xml(line, start)
	if len(l.hits) > before {
		return
	}
	if t.equals && !isCode(line) {
		l.hits = append(l.hits, scanPairs(line, start)...)
	}
	l.directive(line, start)
}

// header finds the value of an Authorization header from position i on.
func (l *lineScan) header(line string, start, i int) {
	i += span(line[i:], func(c byte) bool { return isSpace(c) || isQuote(c) || c == ':' || c == '=' || c == ',' })
	rest := strings.TrimRight(line[i:], " \t\r;,}")
	if q := strings.IndexAny(rest, "\"'`"); q > 0 {
		rest = rest[:q]
	}
	if h, ok := authHeader(rest); ok {
		l.hits = append(l.hits, shift([]hit{h}, start+i)...)
	}
}

// quoted finds "key": "value", key = 'value', 'key' => "value", anywhere in
// the line: inline JSON, HCL, attributes of XML, code.
func (l *lineScan) quoted(line string, start int) {
	tagName := ""
	for i := 1; i < len(line)-1; i++ {
		c := line[i]
		if c != ':' && c != '=' && c != ',' && (c != '|' && c != '?' || line[i-1] != c) {
			continue
		}
		v := i + 1
		if v < len(line) && (line[v] == '>' || c == ':' && line[v] == '=') {
			v++
		} else if line[v] == '=' || c == '=' && strings.IndexByte("=!<>~+", line[i-1]) >= 0 {
			i++ // a comparison
			continue
		}
		v += span(line[v:], isSpace)
		if v >= len(line)-1 || !isQuote(line[v]) {
			continue
		}
		end := closing(line, v)
		if end >= len(line) {
			return
		}
		before := i
		if c == '|' || c == '?' { // process.env.X || 'default'
			before--
		}
		key := keyBefore(line, before)
		if c == ',' && !hasDefault(line[max(0, i-100):i]) {
			continue
		}
		if l.jaas && strings.HasPrefix(key, "user_") {
			key = "password"
		}
		r := Range{start + v + 1, start + end}
		switch key {
		case "name", "key", "Name", "Key", "parameter":
			tagName = l.text[r.Start:r.End]
		case "value", "Value":
			if tagName != "" {
				l.hits = append(l.hits, entry(tagName, l.text, r, l.depth)...)
			}
		default:
			if key == "" {
				break
			}
			hits := entry(key, l.text, r, l.depth)
			if len(hits) == 0 && c != ',' { // a connection string under any name
				hits = scanPairs(l.text[r.Start:r.End], r.Start)
			}
			l.hits = append(l.hits, l.under(hits, line)...)
		}
		i = end
	}
}

// hasDefault tells whether a call that takes a name and a value is open:
// define('DB_PASSWORD', 'x'), os.environ.get("SECRET_KEY", "x").
func hasDefault(before string) bool {
	open := strings.LastIndexByte(before, '(')
	if open < 0 {
		return false
	}
	call := before[:open]
	for _, f := range [...]string{"define", "environ.get", "getenv", "env", "config"} {
		if strings.HasSuffix(call, f) {
			return true
		}
	}
	return false
}

// flow reads the entries of YAML and HOCON in braces, with values that are not
// in quotes: { user: ada, password: x }.
func (l *lineScan) flow(line string, start int) {
	open := strings.IndexByte(line, '{')
	for open >= 0 && open < len(line)-1 {
		i := open + 1
		i += span(line[i:], isSpace)
		n := span(line[i:], isKeyChar)
		v := i + n + span(line[i+n:], isSpace)
		if n > 0 && v < len(line)-1 && line[v] == ':' && line[v+1] == ' ' {
			key := line[i : i+n]
			v += 2
			end := v + span(line[v:], func(c byte) bool { return c != ',' && c != '}' && c != '{' })
			value := strings.TrimSpace(line[v:end])
			r := Range{start + v, start + end}
			if value != "" && !isQuote(value[0]) && !l.sibling(key, value, r) && !isCode(value) {
				l.hits = append(l.hits, l.under(entry(key, l.text, r, l.depth), line)...)
			}
			i = end
		}
		next := strings.IndexAny(line[i:], ",{")
		if next < 0 {
			return
		}
		open = i + next
	}
}

// keyBefore reads the key that ends before position i: quoted, in brackets or
// plain.
func keyBefore(line string, i int) string {
	e := len(strings.TrimRight(line[:i], " \t]"))
	if e == 0 {
		return ""
	}
	if q := line[e-1]; isQuote(q) {
		from := max(0, e-101)
		s := strings.LastIndexByte(line[from:e-1], q)
		if s < 0 {
			return ""
		}
		if key := line[from+s+1 : e-1]; !strings.ContainsAny(key, "$(){}|<>;") {
			return key
		}
		return ""
	}
	s := e
	for s > 0 && isKeyChar(line[s-1]) && e-s < 128 {
		s--
	}
	return strings.TrimLeft(line[s:e], "-.")
}

// under drops findings below a reference to a Secret and puts parents before
// the key.
func (l *lineScan) under(hits []hit, line string) []hit {
	if len(hits) == 0 {
		return nil
	}
	indent := span(line, func(c byte) bool { return c == ' ' || c == '-' })
	path := make([]string, 0, len(l.parents)+1)
	for _, p := range l.parents {
		if p.indent < indent {
			path = append(path, p.key)
		}
	}
	if referring(path) {
		return nil
	}
	out := hits[:0]
	for _, h := range hits {
		if h.conf >= certain || !metadata(path) {
			h.key = strings.Join(append(path, h.key), ".")
			out = append(out, h)
		}
	}
	return out
}
