package detect

import (
	"slices"
	"strings"
)

// role is what kind of credential a name promises.
type role uint8

const (
	roleNone role = iota
	rolePassword
	roleSecret
	roleToken
	roleKey
	rolePair // user and password in one: BASIC_AUTH, NEO4J_AUTH, CREDENTIALS
	roleSalt
)

// nameInfo is what a name says about its value.
type nameInfo struct {
	role role
	// about: the name only describes a credential (TOKEN_TTL, SECRET_NAME).
	about bool
	// digest: the name ends in "hash": a real digest counts, an algorithm not.
	digest bool
	// weak: too common a word (KEY, AUTH): the value must look generated.
	weak bool
	// unsure: other words follow the credential word (SECRET_BLAH).
	unsure bool
	// names: may hold the name of a Kubernetes Secret (PULL_SECRET).
	names bool
	// firm: the secret itself for sure (JWT_SECRET), even if it reads like an
	// object's name.
	firm bool
	// ident: the user name half of a key pair (ACCESS_KEY).
	ident bool
	// issued: a service hands the value out (tokens, API keys, client secrets).
	issued bool
	// link: an address with room for a credential (DSN, DATABASE_URL).
	link bool
}

// readName takes a name apart: DB_PASSWORD, spring.datasource.password,
// adminPassword, X-Api-Key, PGPASSWORD. English puts the head of a compound
// last, so the last credential word decides, unless a describing word follows.
func readName(name string) nameInfo {
	if len(name) > 256 { // not a name any more; its end still says most
		name = name[len(name)-256:]
	}
	var buf [24]string
	words := splitName(name, buf[:0])
	var n nameInfo
	for _, w := range words {
		if isLinkWord(w) {
			n.link = true
		}
	}
	end := len(words)
	for end > 1 && isNeutralTail(words[end-1]) {
		end--
	}
	words = words[:end]
	at := -1
	for i, word := range slices.Backward(words) {
		if credentialWord(word) {
			at = i
			break
		}
	}
	if at < 0 {
		return n
	}
	n.readHead(words, at)
	if n.role == roleNone {
		return n
	}
	n.readTail(words[at], words[at+1:], before(words, at))
	n.readFront(words, at)
	return n
}

// before is the word in front of words[at], or "".
func before(words []string, at int) string {
	if at > 0 {
		return words[at-1]
	}
	return ""
}

// readHead sets the role from the credential word and the word before it.
func (n *nameInfo) readHead(words []string, at int) {
	prev := before(words, at)
	switch w := words[at]; w {
	case "secret":
		n.role = roleSecret
		n.firm = prev == "" || firmSecret(prev)
		n.names = namedSecret(prev)
		n.issued = issuer(prev)
		if at > 1 && ownSecret(words[at-2], prev) {
			n.firm, n.names = true, false
		}
	case "secrets":
		n.role, n.weak, n.names = roleSecret, true, true
	case "token":
		n.role, n.issued = roleToken, true
		if idleToken(prev) || prev == "cluster" && at > 1 && words[at-2] == "initial" {
			n.role = roleNone // etcd's cluster name, a tokenizer's marker, a page cursor
		}
	case "tokens", "jwt", "bearer", "pat":
		n.role, n.weak, n.issued = roleToken, true, true
	case "key", "keys":
		n.readKey(words, at, prev)
	case "psk":
		n.role = roleKey
	case "credential", "credentials", "creds", "cred", "auth", "authorization", "htpasswd", "userpass", "userinfo", "basicauth":
		n.role = rolePair
		if w == "auth" && (prev == "redis" || prev == "valkey") {
			n.role = rolePassword
		}
	case "salt", "pepper":
		n.role = roleSalt
	case "cookie":
		switch prev { // what the nodes of an Erlang cluster know each other by
		case "erlang", "release", "node", "distributed":
			n.role = rolePassword
		}
	default:
		n.role = rolePassword
	}
}

// readKey tells API_KEY and SECRET_KEY from CACHE_KEY and FOREIGN_KEY.
func (n *nameInfo) readKey(words []string, at int, prev string) {
	n.role = roleKey
	n.issued = issuer(prev)
	switch {
	case plainKey(prev):
		n.role = roleNone
	case prev == "access":
		if at > 1 && words[at-2] == "secret" {
			return
		}
		n.ident = true
	case prev == "secret" && at > 1 && isHeld(words[at-2]):
		n.weak = true // API_KEY_SECRET_KEY: which key of which Secret
	case strongKey(prev):
	default:
		n.weak = true
	}
	if words[at] == "keys" {
		n.weak = true
	}
}

// readTail looks at the words after the credential word.
func (n *nameInfo) readTail(head string, tail []string, prev string) {
	if len(tail) == 0 {
		return
	}
	last := tail[len(tail)-1]
	if last == "id" && (head == "token" && prev == "root" || head == "secret" && prev != "key") {
		// Vault's root token and AppRole secret are called ids.
		n.weak = head == "secret"
		return
	}
	if slices.ContainsFunc(tail, isDescriptor) {
		n.about = true
		n.digest = slices.ContainsFunc(tail, isDigestWord)
		return
	}
	switch head {
	case "pass", "auth", "authorization", "cookie", "salt", "pepper", "jwt", "bearer", "pat", "cred", "creds":
		n.role = roleNone // PASS_THROUGH, AUTH_BACKEND_X: not the head of the name
	case "key", "keys":
		n.weak = n.weak || prev == ""
		n.unsure = true
	default:
		n.unsure = true
	}
}

// readFront looks at a verb or a measure in front: ENABLE_TOKEN, MAX_PASSWORD.
func (n *nameInfo) readFront(words []string, at int) {
	if at > 0 && (isFlagVerb(words[0]) || isFlagAdjective(words[at-1])) {
		n.weak = true
	}
}

// splitName cuts a name into lower-case words without trailing digits.
func splitName(name string, words []string) []string {
	low := lower(name)
	start := 0
	for i := 0; i <= len(name); i++ {
		cut := i == len(name) || !isAlnum(name[i])
		// A hump starts a word: adminPassword, DBPassword, oauth2Secret, not K8S.
		hump := !cut && i > start && isUpper(name[i]) &&
			(isLower(name[i-1]) || i+1 < len(name) && isLower(name[i+1]))
		if !cut && !hump {
			continue
		}
		words = addWord(words, low[start:i])
		start = i
		if cut {
			start = i + 1
		}
	}
	return joinPairs(words)
}

// addWord appends one word, taken apart where words are glued together
// (DATASOURCEPASSWORD, apikey, tokenurl).
func addWord(words []string, w string) []string {
	w = strings.TrimRight(w, "0123456789")
	if w == "" {
		return words
	}
	switch w {
	case "requirepass", "masterauth":
		return append(words, "password")
	case "pubkey", "keypair", "keystore", "truststore", "keytab", "keyring", "keyfile", "htpasswd", "userpass",
		"basicauth", "tokenizer", "tokenize", "tokenizers", "tokenization", "secretary", "bypass", "compass",
		"encompass", "surpass", "trespass", "overpass", "underpass", "multipass", "lastpass", "keepass",
		"askpass", "monkey", "turkey", "hotkey", "donkey", "hockey", "jockey", "whiskey", "mickey", "keystone":
		return append(words, w)
	}
	if len(w) < 4 { // nothing is glued together in so little
		return append(words, w)
	}
	for _, stem := range [...]string{"passphrase", "password", "passwd", "secret", "token", "credential"} {
		if len(w) <= len(stem) {
			continue
		}
		i := strings.Index(w, stem)
		if i < 0 {
			continue
		}
		if i > 0 {
			words = addWord(words, w[:i])
		}
		rest := w[i+len(stem):]
		if rest == "s" {
			return append(words, w[i:])
		}
		return addWord(append(words, stem), rest)
	}
	for _, end := range [...]string{"key", "keys", "pass", "pwd", "pw"} {
		if len(w) > len(end)+1 && strings.HasSuffix(w, end) {
			return append(words, keyQualifier(w[:len(w)-len(end)]), end)
		}
	}
	return append(words, w)
}

// keyQualifier finds the telling end of a glued prefix: storageaccount -> account.
func keyQualifier(s string) string {
	if strongKey(s) || plainKey(s) {
		return s
	}
	for _, q := range [...]string{"api", "secret", "access", "private", "public", "encryption", "signing", "master",
		"account", "license", "auth", "shared", "session"} {
		if strings.HasSuffix(s, q) {
			return q
		}
	}
	return s
}

// joinPairs puts words together that are one in meaning: pass word, api key's
// pub key, connection string.
func joinPairs(words []string) []string {
	out := words[:0]
	for _, w := range words {
		if n := len(out); n > 0 {
			switch prev := out[n-1]; {
			case prev == "pass" && (w == "word" || w == "phrase" || w == "wd"):
				out[n-1] = "password"
				continue
			case prev == "connection" && (w == "string" || w == "str" || w == "strings"):
				out[n-1] = "connectionstring"
				continue
			case prev == "user" && w == "pass":
				out[n-1] = "pass"
				continue
			case prev == "user" && w == "info":
				out[n-1] = "userinfo"
				continue
			case prev == "logged" && w == "in":
				out[n-1] = "loggedin"
				continue
			}
		}
		out = append(out, w)
	}
	return out
}
