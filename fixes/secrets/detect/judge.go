package detect

import "strings"

// judgement is what a name and a plain value say together.
type judgement struct {
	conf     float64
	reason   string // why, or why not
	evidence []string
	part     Range // the credential inside v; none means all of it
}

// Reasons a person reads when the name gave it away.
const (
	saysPassword = "name says password"
	saysSecretly = "name says secret"
	saysToken    = "name says token"
	saysKey      = "name says secret key"
	saysSalt     = "name says salt"
	saysPair     = "user name and password"
	saysRandom   = "generated value under a credential's name"
	saysDefault  = "default password of a variable"
	saysDigest   = "password hash"
)

// judge weighs a plain value, in which no known format was found, against its
// name.
func judge(n nameInfo, name, v string) judgement {
	if n.role == roleNone {
		return judgement{reason: whyNothing}
	}
	if n.about {
		if n.digest && n.role == rolePassword && len(v) >= 32 && (all(v, isHex) || looksRandom(v)) {
			return judgement{conf: 0.75, reason: saysDigest, evidence: []string{"name", entropyEvidence(v)}}
		}
		return judgement{reason: whyAbout}
	}
	k := kindOf(name, v)
	if why := n.rules(k, v); why != "" {
		if k == kindReference {
			return judgeDefault(n, name, v)
		}
		return judgement{reason: why}
	}
	switch {
	case n.role == rolePair:
		return judgePair(name, v, k)
	case n.ident || n.weak:
		if k != kindRandom {
			return judgement{reason: n.weakReason()}
		}
		return judgement{conf: 0.7, reason: saysRandom, evidence: []string{"name", entropyEvidence(v)}}
	case n.role == roleSalt:
		if len(v) < 4 {
			return judgement{reason: whyNothing}
		}
		return judgement{conf: 0.7, reason: saysSalt, evidence: []string{"name"}}
	}
	j := judgement{conf: 0.85, reason: n.role.says(), evidence: []string{"name"}}
	if k == kindRandom {
		j.conf, j.evidence = 0.97, []string{"name", entropyEvidence(v)}
	}
	if n.unsure {
		j.conf -= 0.2
	}
	return j
}

// rules says why a value of this kind cannot be the credential, or "".
func (n nameInfo) rules(k kind, v string) string {
	switch k {
	case kindReference:
		return whyReference
	case kindPlaceholder:
		return whyPlaceholder
	case kindEncrypted:
		return whyEncrypted
	case kindFlag:
		return whyFlag
	case kindPublic:
		return whyPublic
	case kindPath:
		return whyPath
	case kindAddress:
		return whyAddress
	case kindNumber:
		// 123456 is a password; TOKENS=5 and SECRET_X=10 are counts.
		enough := 4
		if n.role == rolePassword {
			enough = 3
		}
		if n.weak || n.unsure || len(v) < enough || strings.ContainsAny(v, "+-.,") {
			return whyNumber
		}
	case kindQuantity:
		if n.role != rolePassword || n.weak || n.unsure {
			return whyNumber
		}
	case kindSentence:
		if n.role == roleToken || n.role == roleKey || n.role == rolePair || n.unsure && n.role != rolePassword {
			return whyWords
		}
	case kindObject:
		if n.role != rolePassword && n.role != rolePair {
			return whySecretName
		}
	}
	if n.role == roleToken && len(v) < 3 {
		return whyWords
	}
	if n.role == roleToken && isTokenObject(v) {
		return whySecretName
	}
	if n.issued && isYours(v) {
		return whyPlaceholder
	}
	if n.role == roleKey && isObject(v) && hasEnd(v, "password") {
		return whySecretName // DB_SECRET_KEY=db-password: which key of a Secret
	}
	if n.role == roleSecret && k != kindRandom && isObject(v) {
		if n.names && !n.firm || n.names && saysSecret(v) || !n.firm && saysSecret(v) {
			return whySecretName
		}
	}
	return ""
}

func (n nameInfo) weakReason() string {
	if n.ident {
		return whyIdentifier
	}
	return whyNothing
}

// says words the role for a person.
func (r role) says() string {
	switch r {
	case roleSecret:
		return saysSecretly
	case roleToken:
		return saysToken
	case roleKey:
		return saysKey
	}
	return saysPassword
}

// judgeDefault looks at the literal of ${DB_PASSWORD:-literal}.
func judgeDefault(n nameInfo, name, v string) judgement {
	r, ok := defaultOf(v)
	if !ok || n.weak || n.role == rolePair {
		return judgement{reason: whyReference}
	}
	lit := v[r.Start:r.End]
	if isReference(lit) || n.rules(kindOf(name, lit), lit) != "" {
		return judgement{reason: whyReference}
	}
	return judgement{conf: 0.6, reason: saysDefault, evidence: []string{"name", "default of a variable"}, part: r}
}

// judgePair takes "user:password" (and Neo4j's user/password) apart. Names
// like AUTH and CREDENTIALS hold modes and object names more often, so any
// other value must look generated.
func judgePair(name, v string, k kind) judgement {
	if i := strings.IndexAny(v, ":/"); i > 0 && i < len(v)-1 && !strings.ContainsAny(v, " \t\n,;{}[]=") &&
		(v[i] == ':' || indexFold(name, "neo4j") >= 0 && strings.Count(v, "/") == 1) && all(v[:i], func(c byte) bool { return isKeyChar(c) || c == '@' || c == '\\' }) {
		pass := v[i+1:]
		if k := kindOf(name, pass); k == kindOpaque || k == kindRandom || k == kindNumber && len(pass) > 2 {
			return judgement{conf: 0.8, reason: saysPair, evidence: []string{"name", "user:password"}, part: Range{i + 1, len(v)}}
		}
		return judgement{reason: whyNothing}
	}
	if k == kindRandom {
		return judgement{conf: 0.7, reason: saysRandom, evidence: []string{"name", entropyEvidence(v)}}
	}
	return judgement{reason: whyNothing}
}
