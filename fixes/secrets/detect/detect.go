// Package detect decides whether a named value is a credential.
//
// Names alone drown in false alarms (TOKEN_TTL, SECRET_NAME) and formats alone
// see almost nothing (DB_PASSWORD=admin), so a verdict weighs three things:
// what the name says (names.go), what the value is (values.go, entropy.go) and
// what stands inside it: a known token (tokens.go), a password in a URL or a
// connection string (urls.go), an option of a command (args.go), an entry of a
// configuration file (blobs.go, json.go, lines.go).
//
// Nothing here reads or writes anything, and no verdict repeats the value.
package detect

import "strings"

// Verdict is what is known of one value.
type Verdict struct {
	// Secret tells whether the value should be treated as a credential.
	Secret bool
	// Confidence is how likely it is one, from 0 to 1; Secret is 0.5 and up.
	Confidence float64
	// Reason is a short phrase for a person, also when the verdict is no.
	Reason string
	// Evidence lists what led here ("name", "format: github-token",
	// "entropy 4.1"), never the value itself.
	Evidence []string
}

// Range is a part of a value, in bytes: value[Start:End].
type Range struct{ Start, End int }

// threshold is the confidence from which a value counts as a credential.
const threshold = 0.5

// hit is one credential inside a value.
type hit struct {
	key  string // the name it was judged by, inside a structured text
	at   Range
	conf float64
	// reason is always a constant of this package.
	reason   string
	evidence []string
}

// Classify judges a value by its name and content. It looks into URLs,
// connection strings, command lines and whole configuration files.
func Classify(name, value string) Verdict {
	return verdict(inspect(name, value, 0))
}

// Annotation judges an annotation or a label. Those name objects (a Secret, a
// realm, a policy) far more often than they hold a credential, so there a name
// ending in "secret", "token" or "key" is believed only when the value looks
// generated.
func Annotation(key, value string) Verdict {
	return verdict(inspectAnnotation(key, value))
}

// Parts returns the byte ranges inside value that are themselves the
// credential: the password of a URL or a connection string, the entries of a
// configuration file; the whole value, without space around it, for a plain one. Ranges are in order and
// do not overlap; there are none when the value is not a credential.
func Parts(name, value string) []Range {
	hits, _ := inspect(name, value, 0)
	var out []Range
	for _, h := range tidy(hits) {
		if h.conf >= threshold {
			out = append(out, h.at)
		}
	}
	return out
}

// Why a value is not a credential, for Verdict.Reason.
const (
	whyEmpty       = "empty"
	whyNothing     = "nothing says credential"
	whyReference   = "reference to a variable or another store"
	whyPlaceholder = "unfilled placeholder"
	whyEncrypted   = "encrypted value"
	whyFlag        = "flag or mode"
	whyNumber      = "number, duration or size"
	whyPath        = "file path"
	whyAddress     = "address without a credential"
	whyPublic      = "public key or certificate"
	whyAbout       = "name describes a credential, it does not hold one"
	whySecretName  = "name of a Secret, not its value"
	whyWords       = "plain words"
	whyIdentifier  = "identifier half of a key pair"
)

// inspect finds the credentials in a value. depth bounds how far text inside
// text (base64 of JSON of a URL) is followed.
func inspect(name, value string, depth int) ([]hit, string) {
	v, off := trim(value)
	if v == "" {
		return nil, whyEmpty
	}
	n := readName(name)
	if depth < maxDepth {
		if structured(v) || isConfigName(name) {
			hits := scanText(name, v, depth+1)
			if len(hits) == 0 && v[0] == '{' && n.firm && !n.about {
				hits = namedJSON(v, depth+1)
			}
			if len(hits) > 0 || looksLikeFile(v) {
				return shift(hits, off), whyNothing
			}
		}
		if hits := embedded(v, off, depth); len(hits) > 0 {
			return hits, ""
		}
	}
	if n.link && (n.role == roleNone || n.about) {
		if h, ok := bareUserinfo(v); ok {
			return shift([]hit{h}, off), ""
		}
	}
	j := judge(n, name, v)
	if j.conf < threshold {
		return nil, j.reason
	}
	at := Range{off, off + len(v)}
	if j.part != (Range{}) {
		at = Range{off + j.part.Start, off + j.part.End}
	}
	return []hit{{at: at, conf: j.conf, reason: j.reason, evidence: j.evidence}}, ""
}

// maxDepth is how many layers of text inside text are followed.
const maxDepth = 3

func inspectAnnotation(key, value string) ([]hit, string) {
	v, off := trim(value)
	if v == "" {
		return nil, whyEmpty
	}
	if structured(v) {
		return shift(scanText(key, v, 1), off), whyNothing
	}
	if hits := embedded(v, off, 0); len(hits) > 0 {
		return hits, ""
	}
	for i := len(key) - 1; i >= 0; i-- { // the prefix names the owner, not the value
		if key[i] == '/' {
			if owner := key[:i]; strings.Contains(owner, "checksum") || strings.Contains(owner, "hash") {
				return nil, whyAbout // Helm's checksum/secret
			}
			key = key[i+1:]
			break
		}
	}
	n := readName(key)
	if n.role != rolePassword {
		n.weak = true
	}
	j := judge(n, key, v)
	if j.conf < threshold {
		return nil, j.reason
	}
	return []hit{{at: Range{off, off + len(v)}, conf: j.conf, reason: j.reason, evidence: j.evidence}}, ""
}

// verdict sums up what inspect found.
func verdict(hits []hit, why string) Verdict {
	best := -1
	for i := range hits {
		if best < 0 || hits[i].conf > hits[best].conf {
			best = i
		}
	}
	if best < 0 || hits[best].conf < threshold {
		if why == "" {
			why = whyNothing
		}
		return Verdict{Confidence: unlikely(why), Reason: why}
	}
	h := hits[best]
	return Verdict{Secret: true, Confidence: h.conf, Reason: h.reason, Evidence: h.evidence}
}

// unlikely is how likely a value is a credential after all.
func unlikely(why string) float64 {
	switch why {
	case whyEmpty, whyReference, whyPublic:
		return 0.01
	case whyIdentifier, whySecretName, whyPlaceholder:
		return 0.3
	case whyPath, whyWords, whyAbout, whyEncrypted, whyNumber:
		return 0.1
	}
	return 0.05
}

// shift moves hits that were found in a part of a value.
func shift(hits []hit, by int) []hit {
	for i := range hits {
		hits[i].at.Start += by
		hits[i].at.End += by
	}
	return hits
}

// trim cuts surrounding space and one pair of quotes, and says where the rest
// starts.
func trim(s string) (string, int) {
	i, j := 0, len(s)
	for i < j && isSpace(s[i]) {
		i++
	}
	for j > i && isSpace(s[j-1]) {
		j--
	}
	if j-i >= 2 && (s[i] == '"' || s[i] == '\'') && s[j-1] == s[i] && strings.IndexByte(s[i+1:j-1], s[i]) < 0 {
		i++
		j--
	}
	return s[i:j], i
}
