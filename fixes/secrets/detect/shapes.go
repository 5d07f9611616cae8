package detect

import "strings"

// isPath tells files and directories from values that only hold slashes, such
// as base64.
func isPath(v string) bool {
	switch {
	case strings.HasPrefix(v, "./"), strings.HasPrefix(v, "../"), strings.HasPrefix(v, "~/"), strings.HasPrefix(v, "file:"):
		return true
	case v[0] == '.' && len(v) > 2 && all(v[1:], isKeyChar): // .data
		return true
	case len(v) > 2 && isAlpha(v[0]) && v[1] == ':' && (v[2] == '\\' || v[2] == '/'):
		return true
	}
	slashes, wordy, parts := 0, 0, 0
	for rest := v; ; {
		part, tail, more := strings.Cut(rest, "/")
		if part != "" {
			parts++
			if isSlug(part) {
				wordy++
			}
		}
		if !more {
			break
		}
		slashes++
		rest = tail
	}
	if v[0] == '/' {
		return parts > 0 && wordy == parts
	}
	if slashes >= 2 { // base64 and AWS secret keys have slashes too
		return wordy == parts && (len(v) < 24 || !looksRandom(v))
	}
	return hasFileEnding(v)
}

// isSlug tells one readable part of a path or a name.
func isSlug(s string) bool {
	if len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if !isKeyChar(s[i]) && s[i] != '@' && s[i] != '*' && s[i] != ':' && s[i] != ' ' {
			return false
		}
	}
	return len(s) < 16 || !looksRandom(s)
}

// hasFileEnding tells file names by the endings that credentials' files have.
func hasFileEnding(v string) bool {
	dot := strings.LastIndexByte(v, '.')
	if dot < 1 || len(v)-dot > 12 || strings.ContainsAny(v, " \t\n") {
		return false
	}
	switch lower(v[dot+1:]) {
	case "pem", "key", "crt", "cer", "cert", "csr", "pub", "jks", "p12", "pfx", "pkcs12", "keystore", "truststore", "der",
		"json", "yaml", "yml", "txt", "conf", "cfg", "ini", "properties", "env", "toml", "xml", "csv", "sh", "py", "js",
		"php", "keytab", "kdbx", "gpg", "asc", "kubeconfig", "htpasswd", "token", "secret", "passwd", "ppk", "lic",
		"jceks", "bcfks", "jwk", "jwks", "zip", "war", "jar", "tar", "gz", "html", "log", "sql", "svg", "png":
		return true
	}
	return false
}

// isAddress tells hosts, host:port pairs, IP addresses and URLs. The password
// of a URL has been looked for before.
func isAddress(v string) bool {
	if i := strings.Index(v, "://"); i > 0 && all(v[:i], func(c byte) bool { return isKeyChar(c) || c == '+' || c == ':' }) {
		return true
	}
	if strings.HasPrefix(v, "jdbc:") {
		return true
	}
	if strings.ContainsAny(v, " \t@$!#%&*") {
		return false
	}
	host, port, found := strings.Cut(v, ":")
	if found && len(port) >= 2 && len(port) <= 5 && all(port, isDigit) && isHost(host) {
		return true
	}
	if strings.Count(v, ".") == 3 && all(v, func(c byte) bool { return isDigit(c) || c == '.' || c == ':' || c == '/' }) {
		return true
	}
	for _, end := range [...]string{".svc", ".local", ".com", ".org", ".net", ".io", ".dev", ".internal", ".localdomain"} {
		if hasSuffixFold(v, end) && isHost(v) {
			return true
		}
	}
	return lower(v) == "localhost"
}

// isHost tells a DNS name; under a credential's name one needs a letter.
func isHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	letters := 0
	for i := range len(s) {
		c := s[i]
		if !isLower(c) && !isDigit(c) && c != '-' && c != '.' {
			return false
		}
		if isLower(c) || c == '.' {
			letters++
		}
	}
	return letters > 0
}

// isObjectName tells namespace/name.
func isObjectName(v string) bool {
	ns, name, found := strings.Cut(v, "/")
	return found && isObject(ns) && isObject(name)
}

// isObject tells the name of a Kubernetes object that people write: small
// letters, dashes, not generated.
func isObject(s string) bool {
	if s == "" || len(s) > 63 || !isAlnum(s[0]) || !isAlnum(s[len(s)-1]) {
		return false
	}
	letters := 0
	for i := range len(s) {
		c := s[i]
		if !isLower(c) && !isDigit(c) && c != '-' && c != '.' {
			return false
		}
		if isLower(c) {
			letters++
		}
	}
	return letters*2 > len(s) && !looksRandom(s)
}

// saysSecret tells object names that give themselves away: db-secret,
// web-tls, registry-credentials.
func saysSecret(v string) bool {
	if !isObject(v) {
		return false
	}
	for _, toy := range [...]string{"super", "secure", "change", "not-a-", "very-", "top-"} {
		if strings.Contains(v, toy) {
			return false
		}
	}
	for _, end := range [...]string{"-secret", "-secrets", "-creds", "-credentials", "-credential", "-tls", "-cert",
		"-certs", "-certificate", "regcred", "-secret-name", "-pull-secret", "-dockercfg", "-dockerconfig",
		"-pass", "-password", "-auth", "-keys", "-config"} {
		if strings.HasSuffix(v, end) {
			return true
		}
	}
	return false
}

// isTokenObject tells the Secrets that hold service account tokens:
// default-token-x7k2p.
func isTokenObject(v string) bool {
	i := len(v) - len("-token-") - 5
	return i > 0 && strings.HasPrefix(v[i:], "-token-") && isObject(v[:i]) && all(v[len(v)-5:], isAlnum)
}

// isPublic tells certificates and public keys.
func isPublic(v string) bool {
	for _, p := range [...]string{"-----BEGIN CERTIFICATE", "-----BEGIN PUBLIC KEY", "-----BEGIN RSA PUBLIC", "ssh-rsa ",
		"ssh-ed25519 ", "ecdsa-sha2-", "ssh-dss ", "-----BEGIN PGP PUBLIC", "-----BEGIN TRUSTED CERT", "age1",
		"-----BEGIN X509", "-----BEGIN PKCS7", "pk_test_", "pk_live_"} {
		if strings.HasPrefix(v, p) {
			return p != "age1" || len(v) > 50
		}
	}
	return strings.HasPrefix(v, "LS0tLS1CRUdJTiBDRVJU") || strings.HasPrefix(v, "LS0tLS1CRUdJTiBQVUJM")
}

// isSentence tells plain words: at least three, no digit in the middle of one.
func isSentence(v string) bool {
	words, digits := 0, 0
	in := false
	for i := range len(v) {
		switch c := v[i]; {
		case isSpace(c):
			in = false
		case isDigit(c):
			digits++
		}
		if !isSpace(v[i]) && !in {
			in = true
			words++
		}
	}
	return words >= 3 && digits*8 < len(v)
}
