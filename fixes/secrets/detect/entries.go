package detect

import "strings"

// plain reads "key: value" and "key=value" that take up the whole line, with a
// value that is not in quotes.
func (l *lineScan) plain(line string, start int) {
	indent := span(line, func(c byte) bool { return c == ' ' || c == '\t' || c == '-' })
	body := line[indent:]
	at := indent
	for _, p := range [...]string{"export ", "ENV ", "ARG ", "set ", "declare "} {
		if strings.HasPrefix(body, p) {
			at += len(p)
			body = body[len(p):]
		}
	}
	n := span(body, isKeyChar)
	if n < len(body) && isQuote(body[0]) {
		if q := strings.IndexByte(body[1:], body[0]); q > 0 {
			n = q + 2
		}
	}
	if n == 0 || n >= len(body) {
		return
	}
	key := strings.Trim(body[:n], "\"'`")
	sep := n + span(body[n:], func(c byte) bool { return c == ' ' || c == '\t' })
	if sep >= len(body) || body[sep] != ':' && body[sep] != '=' {
		return
	}
	yaml := body[sep] == ':'
	if yaml {
		l.push(indent, key)
	}
	v := sep + 1
	if v < len(body) && (body[v] == '=' || body[v] == '>' || yaml && !isSpace(body[v])) {
		if body[v] != '=' || !yaml { // key:value without a space is an address or code
			return
		}
		v++
	}
	value := strings.TrimSpace(body[v:])
	if value == "" {
		return
	}
	v += strings.Index(body[v:], value)
	if yaml || strings.HasPrefix(strings.TrimLeft(line, " "), "[") {
		if c := strings.Index(value, " #"); c >= 0 && !isQuote(value[0]) {
			value = strings.TrimSpace(value[:c])
		}
	}
	if !yaml {
		value = strings.TrimRight(value, "; ")
	}
	r := Range{start + at + v, start + at + v + len(value)}
	if value == "" || l.sibling(key, value, r) || isQuote(value[0]) || isCode(value) {
		return
	}
	if value[0] == '{' || value[0] == '[' || yaml && strings.IndexByte("|>&*!", value[0]) >= 0 {
		return
	}
	named := key
	if n := len(l.parents); yaml && n > 1 {
		named = inContext(l.parents[n-2].key, key)
	}
	hits := entry(named, l.text, r, l.depth)
	if yaml {
		hits = l.under(hits, line)
	}
	l.hits = append(l.hits, hits...)
}

// push makes key the innermost YAML parent.
func (l *lineScan) push(indent int, key string) {
	for len(l.parents) > 0 && l.parents[len(l.parents)-1].indent >= indent {
		l.parents = l.parents[:len(l.parents)-1]
	}
	if len(l.parents) < maxNesting {
		l.parents = append(l.parents, parent{indent, key})
	}
}

// sibling follows "name: X" and "value: Y" on lines of their own.
func (l *lineScan) sibling(key, value string, r Range) bool {
	bare, off := trim(value)
	switch key {
	case "name", "key", "Name", "parameter":
		if key == "key" && looksRandom(bare) {
			return false // Ceph's keyring
		}
		l.name = bare
		return true
	case "value", "Value":
		if l.name != "" {
			r = Range{r.Start + off, r.Start + off + len(bare)}
			l.hits = append(l.hits, entry(l.name, l.text, r, l.depth)...)
			l.name = ""
		}
		return true
	}
	return false
}

// isCode tells expressions from literals: calls, members of well-known
// objects, unfinished lines.
func isCode(v string) bool {
	if v[0] == '$' && strings.ContainsAny(v, "[>") {
		return true
	}
	last := v[len(v)-1]
	if last == ',' || last == '{' || last == '(' || last == '\\' {
		return true
	}
	if i := strings.IndexByte(v, '('); i > 0 && isKeyChar(v[i-1]) && strings.IndexByte(v[i:], ')') > 0 {
		return true
	}
	root, _, dotted := strings.Cut(v, ".")
	if dotted {
		switch root {
		case "process", "os", "config", "self", "this", "req", "request", "env", "settings", "props", "args", "options",
			"params", "var", "local", "data", "module", "secrets", "values", "ctx", "credentials", "user", "System",
			"Environment", "cfg", "conf", "input", "event", "body", "data.secrets", "each":
			return true
		}
	}
	return strings.HasPrefix(v, "new ") || strings.HasPrefix(v, "await ") || strings.HasPrefix(v, "function")
}

// xml reads <password>x</password> and the pairs of <name> and <value>.
func (l *lineScan) xml(line string, start int) {
	for i := range len(line) {
		if line[i] != '<' {
			continue
		}
		n := span(line[i+1:], isKeyChar)
		tag := line[i+1 : i+1+n]
		closeTag := i + 1 + n + span(near(line[i+1+n:]), func(c byte) bool { return c != '>' && c != '<' })
		if n == 0 || closeTag >= len(line) || line[closeTag] != '>' || line[closeTag-1] == '/' {
			continue
		}
		end := strings.Index(near(line[closeTag:]), "</"+tag)
		if end < 0 {
			continue
		}
		r := Range{start + closeTag + 1, start + closeTag + end}
		value := l.text[r.Start:r.End]
		if strings.IndexByte(value, '<') >= 0 {
			continue // children: the loop reaches them
		}
		key := tag
		if a := strings.Index(line[i:closeTag], "key=\""); a >= 0 { // <entry key="x">
			key, _, _ = strings.Cut(line[i+a+5:closeTag], "\"")
		}
		if !l.sibling(key, value, r) {
			l.hits = append(l.hits, entry(key, l.text, r, l.depth)...)
		}
	}
}

// directive reads servers' configuration without a separator: "requirepass x",
// "auth_pass x", "user bob password x".
func (l *lineScan) directive(line string, start int) {
	if len(line) > 200 || l.script {
		return
	}
	var buf [12]Range
	fields := buf[:0]
	for i := 0; i < len(line) && len(fields) < cap(buf); {
		i += span(line[i:], isSpace)
		n := span(line[i:], func(c byte) bool { return !isSpace(c) })
		if n > 0 {
			fields = append(fields, Range{i, i + n})
		}
		i += n
	}
	at := -1
	word := func(i int) string { return line[fields[i].Start:fields[i].End] }
	switch len(fields) {
	case 0, 1:
		return
	case 2:
		if isDirective(lower(word(0))) && !strings.HasSuffix(word(0), "_pass") || word(0) == "auth_pass" {
			at = 1
		}
		if l.pairs && isQuote(word(0)[0]) && isQuote(word(1)[0]) { // PgBouncer's userlist.txt
			at = 1
		}
	case 3:
		switch {
		case word(0) == "stats" && word(1) == "auth": // HAProxy's user:password
			if colon := strings.IndexByte(word(2), ':'); colon > 0 {
				at = 2
				fields[2].Start += colon + 1
			}
		case word(0) == "proxy_set_header" || word(0) == "grpc_set_header":
			r := Range{start + fields[2].Start, start + fields[2].End}
			v, off := trim(strings.TrimSuffix(word(2), ";"))
			r.Start += off
			r.End = r.Start + len(v)
			l.hits = append(l.hits, entry(word(1), l.text, r, l.depth)...)
			return
		}
	case 4:
		if word(0) == "sentinel" && word(1) == "auth-pass" {
			at = 3
		}
	}
	for i := 2; at < 0 && word(0) == "user" && i < len(fields); i++ {
		if w := word(i); w[0] == '>' && len(w) > 1 { // a Redis ACL
			at = i
		}
	}
	for i := 1; at < 0 && i+1 < len(fields); i++ {
		if (word(i) == "password" || word(i) == "insecure-password") && (word(0) == "user" || word(0) == "machine" || word(0) == "default") {
			at = i + 1
		}
	}
	if at < 0 {
		return
	}
	r := fields[at]
	for r.End > r.Start && (line[r.End-1] == ';' || isQuote(line[r.End-1])) {
		r.End--
	}
	if r.End > r.Start && (isQuote(line[r.Start]) || line[r.Start] == '>') {
		r.Start++
	}
	if r.End > r.Start && !isCode(line[r.Start:r.End]) && strings.IndexByte(".:?", line[r.End-1]) < 0 {
		l.hits = append(l.hits, entry("password", l.text, Range{start + r.Start, start + r.End}, l.depth)...)
	}
}

// inContext names a key by the section it stands in, where its own name says
// too little: Prometheus' authorization.credentials.
func inContext(parent, key string) string {
	if key == "credentials" && parent == "authorization" {
		return "token"
	}
	return key
}

// isDirective tells the keywords whose one argument is a password. A lone
// "secret" or "token" is too much of a word.
func isDirective(w string) bool {
	switch w {
	case "requirepass", "masterauth", "primaryauth", "password", "passwd", "rocommunity", "rwcommunity":
		return true
	}
	if !strings.ContainsAny(w, "_-") || !all(w, func(c byte) bool { return isLower(c) || c == '_' || c == '-' }) {
		return false
	}
	n := readName(w)
	return n.role == rolePassword && !n.about && !n.weak && !n.unsure
}
