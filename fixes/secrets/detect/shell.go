package detect

import "strings"

// passwordFlag knows the short password options of common programs. It says
// where in the word the value starts; at its end means in the next word.
func (c *commandLine) passwordFlag(text string) (int, bool) {
	var flag string
	switch c.program {
	case "mysql", "mysqldump", "mysqladmin", "mysqlshow", "mysqlimport", "mariadb", "mariadb-dump", "mariadb-admin",
		"mysqlcheck", "mysqlsh":
		// Only -psecret: a lone -p asks, and the next word is the database.
		if strings.HasPrefix(text, "-p") && len(text) > 2 && text != "-port" {
			return 2, true
		}
		return 0, false
	case "redis-cli", "keydb-cli", "valkey-cli", "redis-benchmark":
		flag = "-a"
	case "sshpass", "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "cqlsh", "rabbitmqadmin":
		flag = "-p"
	case "ldapsearch", "ldapadd", "ldapmodify", "ldappasswd", "ldapwhoami", "ldapdelete":
		flag = "-w"
	case "sqlcmd", "bcp", "zip", "unzip":
		flag = "-P"
	case "curl", "wget", "http", "https":
		if text == "-u" || text == "--user" || text == "--proxy-user" {
			return len(text), true
		}
		return 0, false
	case "docker", "podman", "helm", "skopeo", "oras", "crane", "buildah", "nerdctl", "az", "oc":
		if text == "-p" && c.login {
			return len(text), true
		}
		return 0, false
	case "smbclient", "mount.cifs", "lftp":
		flag = "-U"
	default:
		return 0, false
	}
	if text == flag {
		return len(text), true
	}
	if strings.HasPrefix(text, flag) && flag != "-p" && !strings.Contains(text, "=") {
		return len(flag), true
	}
	return 0, false
}

// flagValue records the value of a password option that starts at at.
func (c *commandLine) flagValue(w word, at int) {
	val := w.text[at:]
	switch c.program {
	case "curl", "wget", "http", "https", "smbclient", "lftp", "mount.cifs": // user:password
		i := strings.IndexAny(val, ":%")
		if i < 0 {
			return
		}
		at += i + 1
		val = val[i+1:]
	}
	val = strings.Trim(val, `"'`)
	if r, ok := defaultOf(val); ok { // -p${DB_PASSWORD:-literal}
		if lit := val[r.Start:r.End]; !isReference(lit) && !isPlaceholder("", lit) && !isPath(lit) {
			at += strings.Index(w.text[at:], val) + r.Start
			c.add(w, Range{at, at + len(lit)}, 0.6, saysDefault, "option of a known program", "default of a variable")
		}
		return
	}
	if val == "" || isReference(val) || isPlaceholder("", val) || isPath(val) || strings.HasPrefix(val, "-") {
		return
	}
	c.add(w, Range{at, len(w.text)}, 0.8, saysOption, "option of a known program")
}

// positional knows programs that take a password without an option.
func (c *commandLine) positional(w word, done []word) bool {
	n := len(done)
	verb := func(back int, s string) bool { return n >= back && !done[n-back].stop && done[n-back].text == s }
	switch c.program {
	case "chpasswd":
		if i := strings.IndexByte(c.echo.text, ':'); i > 0 && !isReference(c.echo.text[i+1:]+" ") {
			c.add(c.echo, Range{i + 1, len(c.echo.text)}, 0.85, saysOption, "user:password")
		}
		return true
	case "rabbitmqctl":
		if !verb(2, "add_user") && !verb(2, "change_password") {
			return false
		}
	case "mc": // mc alias set NAME URL KEY SECRET
		if !verb(4, "set") && !verb(4, "add") {
			return false
		}
	case "vault":
		if !verb(1, "login") || len(w.text) < 8 {
			return false
		}
	case "htpasswd":
		// htpasswd -bc file user password
		flags := false
		for i := n - 1; i >= 0 && !done[i].stop; i-- {
			flags = flags || strings.HasPrefix(done[i].text, "-") && strings.Contains(done[i].text, "b")
		}
		if !flags || n < 3 || strings.HasPrefix(done[n-1].text, "-") || strings.HasPrefix(done[n-2].text, "-") && !strings.Contains(done[n-2].text, "n") {
			return false
		}
	default:
		return false
	}
	if isReference(w.text) || isPlaceholder("", w.text) || isPath(w.text) || strings.HasPrefix(w.text, "-") {
		return true
	}
	c.add(w, Range{0, len(w.text)}, 0.8, saysOption, "argument of a known program")
	return true
}

// scanSQL finds the passwords of CREATE USER, ALTER ROLE and the like.
func scanSQL(v string) []hit {
	var hits []hit
	for i := 0; i < len(v); i++ {
		if v[i] != '\'' {
			continue
		}
		end := strings.IndexByte(v[i+1:], '\'')
		if end < 0 {
			return hits
		}
		end += i + 1
		before := strings.TrimRight(v[max(0, i-80):i], " =(")
		val := v[i+1 : end]
		verb := ""
		for _, p := range [...]string{"identified by", "password", " by"} {
			if hasSuffixFold(before, p) && (p != " by" || indexFold(before, "identified with") >= 0) {
				verb = p
			}
		}
		// The quotes must be SQL's: "WITH PASSWORD 'x'", not 'password': 'x'.
		if verb != "" && !strings.Contains(v[max(0, i-4):i], "==") && val != "" && !isReference(val) && !isPlaceholder("", val) && !strings.HasPrefix(val, "$") &&
			(v[i-1] == ' ' || v[i-1] == '(' && verb != "password" || indexFold(v[max(0, i-200):i], "set password") >= 0) {
			hits = append(hits, hit{at: Range{i + 1, end}, conf: 0.9, reason: saysSQL, evidence: []string{"sql"}})
		}
		i = end
	}
	return hits
}

// shellWords splits a script the way a shell would, as far as finding options
// and values needs it: quotes, escapes, $(...) kept whole, comments left out.
func shellWords(s string) []word {
	var words []word
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '\n' || s[i+1] == '\r'):
			i += 2
		case c == '\n' || c == ';' || c == '|' || c == '&' || c == '(' || c == ')':
			words = append(words, word{stop: true, at: i})
			i++
		case isSpace(c):
			i++
		case c == '#':
			i += span(s[i:], func(c byte) bool { return c != '\n' })
		case c == '"' || c == '\'':
			end := closing(s, i)
			words = append(words, word{text: s[i+1 : end], at: i + 1, quoted: true})
			i = min(end+1, len(s))
		default:
			end := wordEnd(s, i)
			words = append(words, word{text: s[i:end], at: i})
			i = end
		}
	}
	return words
}

// closing finds the quote that ends the one at i.
func closing(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		if s[j] == '\\' && s[i] == '"' {
			j++
		} else if s[j] == s[i] {
			return j
		}
	}
	return len(s)
}

// wordEnd finds where an unquoted word ends; quotes and $(...) inside belong
// to it.
func wordEnd(s string, i int) int {
	for i < len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\'':
			i = closing(s, i)
		case c == '$' && i+1 < len(s) && s[i+1] == '(':
			if e := strings.IndexByte(near(s[i:]), ')'); e > 0 {
				i += e
			}
		case isSpace(c) || c == ';' || c == '|' || c == '&' || c == ')':
			return i
		}
		i++
	}
	return len(s)
}
