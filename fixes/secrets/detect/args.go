package detect

import "strings"

// ArgFinding is a credential in a command line.
type ArgFinding struct {
	// Index is the argument it stands in.
	Index int
	// Range is its place in that argument.
	Range Range
	// Flag is the option or variable that names it, "" when its form alone does.
	Flag    string
	Verdict Verdict
}

const (
	saysOption = "password option of a command"
	saysSQL    = "password in SQL"
)

// Args judges a container's command followed by its args. An option's value may
// stand in the option (--password=x) or in the next argument (-password x), a
// shell script in one argument is taken apart.
func Args(argv []string) []ArgFinding {
	words := make([]word, len(argv))
	for i, a := range argv {
		words[i] = word{text: a, arg: i}
	}
	var out []ArgFinding
	c := commandLine{depth: 0}
	for _, h := range c.scan(words) {
		out = append(out, ArgFinding{Index: h.arg, Range: h.at, Flag: h.key,
			Verdict: Verdict{Secret: h.conf >= threshold, Confidence: h.conf, Reason: h.reason, Evidence: h.evidence}})
	}
	return out
}

// word is one argument, or one word of a shell script.
type word struct {
	text string
	arg  int // which argument
	at   int // where it starts there
	// stop: the word ends a command (; && | newline).
	stop bool
	// quoted: spaces in it are not the shell's.
	quoted bool
}

type argHit struct {
	hit
	arg int
}

// commandLine follows words: which program runs, which option came last.
type commandLine struct {
	depth   int
	program string
	runs    bool // the last option or the program makes a script of the next word
	login   bool // docker login -p is a password, docker run -p a port
	// echo is what the last echo wrote, for the program that reads it.
	echo  word
	stops int // commands ended since then
	hits  []argHit
}

// scanCommand finds credentials in the options of a command line or a shell
// script.
func scanCommand(v string, off, depth int) []hit {
	if depth > maxDepth {
		return nil
	}
	c := commandLine{depth: depth}
	var hits []hit
	for _, h := range c.scan(shellWords(v)) {
		hits = append(hits, h.hit)
	}
	return shift(hits, off)
}

func (c *commandLine) scan(words []word) []argHit {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if w.stop {
			c.program, c.login = "", false
			c.stops++
			continue
		}
		var next *word
		if i+1 < len(words) && !words[i+1].stop {
			next = &words[i+1]
		}
		if c.word(w, next, words[:i]) {
			i++
		}
	}
	return c.hits
}

// add records what stands at [start:end] of a word.
func (c *commandLine) add(w word, r Range, conf float64, reason string, evidence ...string) {
	c.hits = append(c.hits, argHit{hit{at: Range{w.at + r.Start, w.at + r.End}, conf: conf, reason: reason,
		evidence: evidence}, w.arg})
}

// judge records the value at [start:] of a word when its name says credential.
func (c *commandLine) judge(w word, key string, start int) {
	val := w.text[start:]
	if val == "" {
		return
	}
	hits, _ := inspect(key, val, c.depth+1)
	for _, h := range hits {
		if h.key == "" {
			h.key = key
		}
		c.hits = append(c.hits, argHit{shift([]hit{h}, w.at+start)[0], w.arg})
	}
}

// word looks at one word and tells whether it used up the next.
func (c *commandLine) word(w word, next *word, done []word) bool {
	text := w.text
	switch {
	case text == "":
		return false
	case text[0] == '-' && len(text) > 1 && !strings.ContainsAny(text, " \n"):
		return c.option(w, next)
	}
	if n := len(done); n > 0 && passesVariable(strings.TrimLeft(done[n-1].text, "-")) && c.variables(w, 0) {
		return false
	}
	if key, ok := assignment(text); ok {
		if c.program == "" || isSetter(c.program) || !strings.ContainsAny(text, " \n") {
			c.judge(w, key, len(key)+1)
			return false
		}
	}
	if c.program == "" {
		c.program = baseName(text)
		switch c.program {
		case "sudo", "exec", "env", "time", "nohup", "then", "do", "else", "if", "while", "until", "!", "{", "(", "su-exec",
			"gosu", "tini", "--", "command", "eval", "dumb-init":
			c.program = ""
			return false
		}
	}
	c.login = c.login || text == "login"
	if name, val, ok := headerLine(w.text); ok && len(done) > 0 && isHeaderFlag(done[len(done)-1].text) {
		c.judge(w, name, len(w.text)-len(val))
		return false
	}
	if c.positional(w, done) {
		return false
	}
	c.runs = runsScripts(c.program) || len(done) > 0 && isScriptFlag(done[len(done)-1].text)
	c.content(w)
	return false
}

// runsScripts tells programs that run the script they are given as a word.
func runsScripts(program string) bool {
	switch program {
	case "sh", "bash", "ash", "dash", "zsh", "ksh", "su", "ssh", "watch", "timeout", "flock", "xargs", "trap", "eval":
		return true
	}
	return false
}

// isScriptFlag tells -c, -lc, -ec.
func isScriptFlag(s string) bool {
	return len(s) >= 2 && len(s) <= 5 && s[0] == '-' && s[1] != '-' && s[len(s)-1] == 'c'
}

// content looks into an argument that is no option: a script, a header, SQL,
// an address.
func (c *commandLine) content(w word) {
	if c.depth >= maxDepth || len(w.text) < 5 {
		return
	}
	hits := scanSQL(w.text)
	if c.program == "echo" || c.program == "printf" {
		c.echo, c.stops = w, 0 // chpasswd may read it
		if strings.IndexByte(w.text, '\n') < 0 {
			for _, h := range embedded(w.text, 0, maxDepth) {
				c.hits = append(c.hits, argHit{shift([]hit{h}, w.at)[0], w.arg})
			}
			return // a message, which may explain any option
		}
	}
	script := strings.ContainsAny(w.text, " \n")
	if script && (!w.quoted && w.at == 0 || c.runs) {
		hits = append(hits, scanCommand(w.text, 0, c.depth+1)...)
	}
	switch {
	case structured(w.text):
		hits = append(hits, scanText("script", w.text, c.depth+1)...)
	case !script || len(hits) == 0:
		hits = append(hits, embedded(w.text, 0, c.depth+1)...)
	}
	for _, h := range tidy(hits) {
		c.hits = append(c.hits, argHit{shift([]hit{h}, w.at)[0], w.arg})
	}
}

// headerLine splits "Name: value" of an HTTP header.
func headerLine(s string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(s, ": ")
	ok = ok && name != "" && len(name) < 64 && all(name, isKeyChar) && !strings.Contains(value, "\n")
	return name, value, ok
}

// assignment splits NAME=value.
func assignment(s string) (string, bool) {
	i := strings.IndexByte(s, '=')
	if i < 1 || isDigit(s[0]) || !all(s[:i], isKeyChar) {
		return "", false
	}
	return s[:i], true
}

func isHeaderFlag(s string) bool { return s == "-H" || s == "--header" || s == "--proxy-header" }

func isSetter(program string) bool {
	switch program {
	case "export", "declare", "local", "readonly", "setenv", "set", "kubectl", "helm", "docker", "podman":
		return true
	}
	return false
}

func baseName(s string) string {
	return s[strings.LastIndexByte(s, '/')+1:]
}

// option looks at -x, --name, --name=value and tells whether it used up the
// next word.
func (c *commandLine) option(w word, next *word) bool {
	name, val, inline := strings.Cut(strings.TrimLeft(w.text, "-"), "=")
	start := len(w.text) - len(val)
	if inline {
		if passesVariable(name) && c.variables(w, start) {
			return false
		}
		if strings.HasPrefix(w.text, "-D") { // Java's -Dname=value
			name = name[1:]
		}
		if name == "secret" && (isObject(val) || isCapitals(val)) {
			return false // it names an object of the cluster or the cloud
		}
		c.judge(w, name, start)
		return false
	}
	if name == "password-stdin" {
		if c.stops == 1 && c.echo.text != "" && !isReference(c.echo.text) && !isPlaceholder("", c.echo.text) {
			c.add(c.echo, Range{0, len(c.echo.text)}, 0.8, saysOption, "piped to a known program")
		}
		return false
	}
	if at, ok := c.passwordFlag(w.text); ok {
		if at < len(w.text) {
			c.flagValue(w, at)
			return false
		}
		if next != nil {
			c.flagValue(*next, 0)
		}
		return next != nil
	}
	if next == nil || strings.HasPrefix(next.text, "-") {
		return false
	}
	if name == "secret" && isObject(next.text) {
		return false
	}
	if n := readName(name); n.role != roleNone && !n.about && len(name) > 1 {
		c.judge(*next, name, 0)
		return true
	}
	return false
}

// variables takes "a.password=x,b=y" apart, the value of Helm's --set and of
// options like it, from start on.
func (c *commandLine) variables(w word, start int) bool {
	found := false
	for {
		part, rest, more := strings.Cut(w.text[start:], ",")
		key, ok := assignment(part)
		if ok {
			c.judge(word{text: part, arg: w.arg, at: w.at + start}, key, len(key)+1)
			found = true
		}
		if !ok || !more {
			return found
		}
		start = len(w.text) - len(rest)
	}
}

// passesVariable tells options whose value is itself name=value.
func passesVariable(name string) bool {
	switch name {
	case "set", "set-string", "from-literal", "env", "e", "build-arg", "param", "p", "data", "var", "v", "o":
		return true
	}
	return false
}
