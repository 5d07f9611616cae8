package detect

import "strings"

// token is a credential format that speaks for itself, whatever the name.
type token struct {
	name   string // for Evidence: "format: " + name
	prefix string // what the token starts with
	class  func(byte) bool
	min    int // length of what follows the prefix
	max    int
	conf   float64
}

// tokens lists the formats by the byte they start with. It is laid out by the
// compiler, nothing sets it up at start, and nothing writes to it.
var tokens = [128][]token{
	'A': {
		{"aws-access-key-id", "AKIA", isBase32, 16, 16, 0.7},
		{"aws-access-key-id", "ASIA", isBase32, 16, 16, 0.7},
		{"google-api-key", "AIza", isWord64, 35, 35, 0.95},
		{"age-secret-key", "AGE-SECRET-KEY-1", isUpperAlnum, 58, 58, 0.99},
		{"atlassian-token", "ATATT3xFf", isWord64Eq, 100, 300, 0.99},
	},
	'G': {{"google-oauth-secret", "GOCSPX-", isWord64, 24, 40, 0.99}},
	'N': {{"newrelic-key", "NRAK-", isUpperAlnum, 20, 40, 0.99}, {"newrelic-key", "NRII-", isWord64, 20, 40, 0.99}},
	'P': {{"postman-key", "PMAK-", isWord64, 50, 70, 0.99}},
	'S': {{"sendgrid-key", "SG.", isSendGrid, 60, 70, 0.99}},
	'd': {
		{"docker-token", "dckr_pat_", isWord64, 20, 60, 0.99},
		{"docker-token", "dckr_oat_", isWord64, 20, 60, 0.99},
		{"digitalocean-token", "dop_v1_", isHex, 64, 64, 0.99},
		{"digitalocean-token", "doo_v1_", isHex, 64, 64, 0.99},
		{"databricks-token", "dapi", isHex, 32, 32, 0.95},
	},
	'f': {{"figma-token", "figd_", isWord64, 30, 60, 0.99}},
	'g': {
		{"github-token", "ghp_", isAlnum, 36, 255, 0.99},
		{"github-token", "gho_", isAlnum, 36, 255, 0.99},
		{"github-token", "ghu_", isAlnum, 36, 255, 0.99},
		{"github-token", "ghs_", isAlnum, 36, 255, 0.99},
		{"github-token", "ghr_", isAlnum, 36, 255, 0.99},
		{"github-token", "github_pat_", isWord64, 50, 255, 0.99},
		{"gitlab-token", "glpat-", isGitLab, 20, 60, 0.99},
		{"gitlab-token", "gldt-", isGitLab, 20, 60, 0.99},
		{"gitlab-token", "glrt-", isGitLab, 20, 60, 0.99},
		{"gitlab-token", "glptt-", isGitLab, 20, 60, 0.99},
		{"gitlab-token", "glcbt-", isGitLab, 20, 60, 0.99},
		{"grafana-token", "glsa_", isWord64, 32, 60, 0.99},
		{"grafana-token", "glc_", isWord64Eq, 40, 300, 0.99},
	},
	'h': {
		{"huggingface-token", "hf_", isAlnum, 30, 50, 0.97},
		{"vault-token", "hvs.", isWord64, 24, 200, 0.99},
		{"vault-token", "hvb.", isWord64, 24, 300, 0.99},
	},
	'k': {{"mailgun-key", "key-", isHex, 32, 32, 0.95}},
	'l': {{"linear-key", "lin_api_", isAlnum, 32, 60, 0.99}},
	'n': {{"npm-token", "npm_", isAlnum, 36, 36, 0.99}},
	'o': {{"1password-token", "ops_eyJ", isWord64Eq, 100, 2000, 0.99}},
	'p': {{"pypi-token", "pypi-", isWord64, 70, 300, 0.99}, {"pulumi-token", "pul-", isHex, 40, 40, 0.99}},
	'r': {
		{"stripe-key", "rk_live_", isAlnum, 16, 120, 0.99},
		{"stripe-key", "rk_test_", isAlnum, 16, 120, 0.95},
		{"rubygems-key", "rubygems_", isHex, 48, 48, 0.99},
	},
	's': {
		{"stripe-key", "sk_live_", isAlnum, 16, 120, 0.99},
		{"stripe-key", "sk_test_", isAlnum, 16, 120, 0.95},
		{"anthropic-key", "sk-ant-", isWord64, 30, 200, 0.99},
		{"openai-key", "sk-proj-", isWord64, 30, 200, 0.99},
		{"openai-key", "sk-svcacct-", isWord64, 30, 200, 0.99},
		{"openai-key", "sk-", isAlnum, 40, 60, 0.95},
		{"shopify-token", "shpat_", isHex, 32, 32, 0.99},
		{"shopify-token", "shpss_", isHex, 32, 32, 0.99},
		{"shopify-token", "shpca_", isHex, 32, 32, 0.99},
		{"shopify-token", "shppa_", isHex, 32, 32, 0.99},
		{"square-token", "sq0atp-", isWord64, 22, 22, 0.99},
		{"square-token", "sq0csp-", isWord64, 43, 43, 0.99},
		{"sentry-token", "sntrys_", isWord64Eq, 60, 300, 0.99},
		{"sentry-token", "sntryu_", isHex, 64, 64, 0.99},
	},
	't': {{"tailscale-key", "tskey-", isWord64, 20, 80, 0.99}},
	'w': {{"webhook-secret", "whsec_", isWord64Eq, 24, 100, 0.97}},
	'x': {
		{"slack-token", "xoxb-", isWord64, 20, 120, 0.99},
		{"slack-token", "xoxp-", isWord64, 20, 120, 0.99},
		{"slack-token", "xoxa-", isWord64, 20, 120, 0.99},
		{"slack-token", "xoxr-", isWord64, 20, 120, 0.99},
		{"slack-token", "xoxs-", isWord64, 20, 120, 0.99},
		{"slack-token", "xapp-", isWord64, 20, 120, 0.99},
		{"sendinblue-key", "xkeysib-", isWord64, 60, 100, 0.99},
	},
	'y': {{"google-access-token", "ya29.", isWord64, 40, 300, 0.97}},
}

const saysFormat = "known token format"

// scanTokens finds known formats at the start of words.
func scanTokens(v string, off int) []hit {
	var hits []hit
	for i := 0; i+16 <= len(v); i++ {
		if i > 0 && isWord64(v[i-1]) {
			i += span(v[i:], isWord64) // inside a word nothing starts
			if i+16 > len(v) {
				break
			}
			continue
		}
		if !isAlnum(v[i]) {
			continue
		}
		n, name, conf := tokenAt(v[i:])
		if n == 0 {
			continue
		}
		hits = append(hits, hit{at: Range{off + i, off + i + n}, conf: conf, reason: saysFormat,
			evidence: []string{"format: " + name}})
		i += n - 1
	}
	return hits
}

// tokenAt matches one known format at the start of s and says how long it is.
func tokenAt(s string) (int, string, float64) {
	for _, t := range tokens[s[0]&0x7f] {
		if !strings.HasPrefix(s, t.prefix) {
			continue
		}
		body := s[len(t.prefix):]
		n := span(body[:min(len(body), t.max+1)], t.class)
		end := len(t.prefix) + n
		if n < t.min || n > t.max || end < len(s) && isAlnum(s[end]) || isToy(s[len(t.prefix):end]) {
			continue
		}
		if t.name == "sendgrid-key" && strings.Count(s[:end], ".") != 2 {
			continue
		}
		return end, t.name, t.conf
	}
	switch {
	case strings.HasPrefix(s, "eyJ"):
		if n := jwtAt(s); n > 0 {
			return n, "jwt", 0.95
		}
	case isDigit(s[0]):
		if n := span(s, isDigit); n >= 8 && n <= 10 && strings.HasPrefix(s[n:], ":AA") {
			if m := span(s[n+1:], isWord64); m == 35 && !isToy(s[n+3:n+1+m]) {
				return n + 1 + m, "telegram-bot-token", 0.99
			}
		}
	case s[0] == 'M' || s[0] == 'N' || s[0] == 'O':
		// Discord: base64 of a bot's id, a time, a signature.
		a := span(s, isWord64)
		if a >= 23 && a <= 28 && len(s) > a+8 && s[a] == '.' && span(s[a+1:], isWord64) == 6 && s[a+7] == '.' {
			if c := span(s[a+8:], isWord64); c >= 27 && c <= 40 {
				return a + 8 + c, "discord-bot-token", 0.95
			}
		}
	}
	// Azure AD application secrets carry "8Q~" after three characters.
	if len(s) >= 37 && isDigit(s[3]) && s[4] == 'Q' && s[5] == '~' {
		if n := span(s[:min(len(s), 44)], func(c byte) bool { return isWord64(c) || c == '~' || c == '.' }); n >= 37 && n <= 43 {
			return n, "azure-client-secret", 0.95
		}
	}
	return 0, "", 0
}

// jwtAt tells how long the JWT at the start of s is: header, claims and
// signature in base64, the first two of them JSON objects.
func jwtAt(s string) int {
	n := 0
	for part := range 3 {
		body := s[n:]
		m := span(body[:min(len(body), 2*window)], isWord64)
		if m < 8 || part == 1 && !strings.HasPrefix(body, "ey") {
			return 0
		}
		n += m
		if part < 2 {
			if n == len(s) || s[n] != '.' {
				return 0
			}
			n++
		}
	}
	return n
}

// isToy tells documentation's stand-ins: ghp_xxxx, sk_test_1111.
func isToy(body string) bool {
	return isMasked(body) || len(body) >= 16 && Entropy(body) < 2
}

func isBase32(c byte) bool     { return isUpper(c) || isDigit(c) }
func isUpperAlnum(c byte) bool { return isUpper(c) || isDigit(c) }
func isWord64Eq(c byte) bool   { return isWord64(c) || c == '=' || c == '+' || c == '/' }
func isSendGrid(c byte) bool   { return isWord64(c) || c == '.' }
func isGitLab(c byte) bool     { return isWord64(c) || c == '.' }
