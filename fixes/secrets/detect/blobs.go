package detect

import (
	"slices"
	"strings"
)

// BlobFinding is a credential inside a text.
type BlobFinding struct {
	// Key is what names it there, with its parents where the text has any
	// ("datasource.password"); "" when its form alone gave it away.
	Key string
	// Range is its place in the text.
	Range   Range
	Verdict Verdict
}

// Blob finds the credentials inside a text: properties, ini, .env, TOML, YAML,
// JSON, XML, the configuration of servers, shell scripts. name is the text's
// own (a file name or a ConfigMap key) and only hints at what it is. Findings
// are in order and do not overlap.
func Blob(name, text string) []BlobFinding {
	hits := tidy(scanText(name, text, 0))
	out := make([]BlobFinding, 0, len(hits))
	for _, h := range hits {
		if h.conf >= threshold {
			out = append(out, BlobFinding{Key: h.key, Range: h.at,
				Verdict: Verdict{Secret: true, Confidence: h.conf, Reason: h.reason, Evidence: h.evidence}})
		}
	}
	return out
}

// structured tells texts with something to look into from plain values.
func structured(v string) bool {
	if strings.IndexByte(v, '\n') >= 0 {
		return true
	}
	last := v[len(v)-1]
	switch v[0] {
	case '{':
		return last == '}' && len(v) > 8 && strings.ContainsAny(v, ":=")
	case '[':
		return last == ']' && len(v) > 8 && strings.ContainsAny(v, "{")
	case '<':
		return last == '>' && strings.Contains(v, "</") || strings.HasSuffix(v, "/>")
	}
	return false
}

// isConfigName tells the names of files that are read line by line, even when
// there is only one.
func isConfigName(name string) bool {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || len(name)-dot > len(".properties") {
		return false
	}
	switch lower(name[dot+1:]) {
	case "conf", "cfg", "cnf", "config", "ini", "properties", "env", "toml", "yaml", "yml", "json", "xml", "sql", "ldif", "sh",
		"py", "js", "php", "hcl", "tfvars", "keyring", "txt":
		return true
	}
	return false
}

// looksLikeFile tells texts of several lines that are surely no single
// credential, even under a credential's name.
func looksLikeFile(v string) bool {
	return strings.Count(v, "\n") > 1 || v[0] == '{' || v[0] == '[' || v[0] == '<'
}

// scanText finds credentials in a text of any shape.
func scanText(name, text string, depth int) []hit {
	if depth > maxDepth || len(text) < 4 {
		return nil
	}
	if i := span(text, isSpace); i < len(text) && (text[i] == '{' || text[i] == '[') {
		j := jsonScan{text: text, depth: depth}
		if j.all(i) {
			return j.hits
		}
	}
	l := lineScan{text: text, depth: depth, script: isScript(name, text), pairs: strings.HasPrefix(name, "userlist"),
		jaas: strings.Contains(text, "LoginModule")}
	l.all()
	if strings.Contains(text, "-----BEGIN ") {
		l.hits = append(l.hits, scanPEM(text, 0)...)
	}
	if l.script && depth < maxDepth {
		l.hits = append(l.hits, scanCommand(text, 0, depth+1)...)
	}
	return tidy(l.hits)
}

// isScript tells shell scripts by their first line, their name or their words.
func isScript(name, text string) bool {
	if strings.HasPrefix(text, "#!") || strings.HasSuffix(name, ".sh") || name == "script" {
		return true
	}
	for _, s := range [...]string{"\nfi\n", "\ndone\n", "; then\n", "; do\n", "set -e"} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// tidy puts hits in order and keeps the surest of those that overlap.
func tidy(hits []hit) []hit {
	if len(hits) < 2 {
		return hits
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		if a.at.Start != b.at.Start {
			return a.at.Start - b.at.Start
		}
		return b.at.End - a.at.End
	})
	out := hits[:1]
	for _, h := range hits[1:] {
		last := &out[len(out)-1]
		switch {
		case h.at.Start >= last.at.End:
			out = append(out, h)
		case h.conf > last.conf:
			if h.key == "" {
				h.key = last.key
			}
			*last = h
		case last.key == "":
			last.key = h.key
		}
	}
	return out
}

// entry judges one key and value of a text. It is stricter than a variable of
// a container: texts hold labels, messages and code, so a value with spaces
// in it, or one that repeats its key as a caption, is none.
func entry(key string, text string, r Range, depth int) []hit {
	for r.Start < r.End && isSpace(text[r.Start]) {
		r.Start++
	}
	for r.End > r.Start && isSpace(text[r.End-1]) {
		r.End--
	}
	v := text[r.Start:r.End]
	if v == "" {
		return nil
	}
	if n := len(v); n >= 20 && n%4 == 0 {
		if h, ok := decoded(v, depth); ok {
			h.key = key
			return shift([]hit{h}, r.Start)
		}
	}
	leaf := key[strings.LastIndexByte(key, '.')+1:]
	n := readName(leaf)
	if leaf == "encrypt" { // Consul's gossip key
		n = nameInfo{role: roleKey, weak: true}
	}
	if leaf != key && (n.role == roleNone || n.weak) { // fs.s3a.secret.key
		n = readName(key)
	}
	if n.role == roleNone || n.about && !n.digest {
		return nil
	}
	if leaf == "auth" && len(v)%4 == 0 { // the user:password of Docker's config.json
		if u, _, ok := strings.Cut(plainOf(v), ":"); ok && u != "" && all(u, func(c byte) bool { return c > 32 && c < 127 }) {
			return []hit{{key: key, at: r, conf: 0.9, reason: saysBase64, evidence: []string{"name", "base64"}}}
		}
	}
	if strings.ContainsAny(v, " \t\n") || isCaption(leaf, v) {
		return nil
	}
	j := judge(n, leaf, v)
	if j.conf < threshold {
		return nil
	}
	if j.part != (Range{}) {
		r = Range{r.Start + j.part.Start, r.Start + j.part.End}
	}
	return []hit{{key: key, at: r, conf: j.conf, reason: j.reason, evidence: j.evidence}}
}

// isCaption tells "password": "Password" of a form or a translation, and
// "refresh_token": "refreshToken" of a mapping.
func isCaption(key, v string) bool {
	same, capital := 0, false
	for i := range len(key) {
		if !isAlnum(key[i]) {
			continue
		}
		if same == len(v) || key[i]|0x20 != v[same]|0x20 {
			return false
		}
		capital = capital || isUpper(v[same]) && (same+1 == len(v) || isLower(v[same+1]))
		same++
	}
	return same == len(v) && capital
}
