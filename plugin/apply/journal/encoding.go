package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// An encoding is how a secret value is written in a string: the names of
// encodings, the first of which is applied first. An environment variable's
// literal in an annotation of JSON has the encodings "env" and "json".
//
// The names stand in journals.
const (
	encEnv      = "env"      // $ as $$, as the kubelet wants it in environments and commands
	encBase64   = "base64"   // as in a Secret's data
	encJSON     = "json"     // within a JSON string
	encJSONHTML = "jsonhtml" // within a JSON string, with < > & escaped: Go's default, and kubectl's
	encPercent  = "percent"  // in a URL
	encQuery    = "query"    // in the query of a URL: a space is +
)

// encSome is the prefix of the encoding that doubles some dollars only, which
// the kubelet reads alike: a digit for each dollar, 1 where it is doubled.
const encSome = encEnv + ":"

// maxEncodings bounds the encodings of a value in a journal that somebody else
// wrote: each may double its length.
const maxEncodings = 3

func encode(value string, encoding []string) (string, error) {
	if len(encoding) > maxEncodings {
		return "", fmt.Errorf("%d encodings", len(encoding))
	}
	for _, name := range encoding {
		switch {
		case name == encEnv:
			value = strings.ReplaceAll(value, "$", "$$")
		case strings.HasPrefix(name, encSome):
			value = doubleSome(value, name[len(encSome):])
		case name == encBase64:
			value = base64.StdEncoding.EncodeToString([]byte(value))
		case name == encJSON || name == encJSONHTML:
			value = quote(value, name == encJSONHTML)
		case name == encPercent:
			value = strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
		case name == encQuery:
			value = url.QueryEscape(value)
		default:
			return "", fmt.Errorf("unknown encoding %q", name)
		}
	}
	return value, nil
}

// decode is the reverse of encode. It fails for a text that no value is
// written as.
func decode(text string, encoding []string) (string, error) {
	if len(encoding) > maxEncodings {
		return "", fmt.Errorf("%d encodings", len(encoding))
	}
	for _, name := range slices.Backward(encoding) {
		var err error
		switch {
		case name == encEnv || strings.HasPrefix(name, encSome):
			text = unescape(text)
		case name == encBase64:
			var b []byte
			b, err = base64.StdEncoding.DecodeString(text)
			text = string(b)
		case name == encJSON || name == encJSONHTML:
			var s string
			err = json.Unmarshal([]byte(`"`+text+`"`), &s)
			text = s
		case name == encPercent:
			text, err = url.PathUnescape(text)
		case name == encQuery:
			text, err = url.QueryUnescape(text)
		default:
			err = fmt.Errorf("unknown encoding %q", name)
		}
		if err != nil {
			return "", err
		}
	}
	return text, nil
}

// quote returns what stands between the quotes of a JSON string.
func quote(s string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	_ = e.Encode(s) // a string can always be written
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

// unescape returns a literal as the kubelet reads it, but for references.
func unescape(literal string) string { return strings.ReplaceAll(literal, "$$", "$") }

// someDoubled returns the encoding that makes a literal of its unescaped value.
func someDoubled(literal string) string {
	name := []byte(encSome)
	for i := 0; i < len(literal); i++ {
		if literal[i] != '$' {
			continue
		}
		if strings.HasPrefix(literal[i:], "$$") {
			name = append(name, '1')
			i++
		} else {
			name = append(name, '0')
		}
	}
	return string(name)
}

func doubleSome(value, which string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		b.WriteByte(c)
		if c != '$' || which == "" {
			continue
		}
		if which[0] == '1' {
			b.WriteByte('$')
		}
		which = which[1:]
	}
	return b.String()
}
