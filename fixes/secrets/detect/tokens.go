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
		{"aws-access-key-id", "ABIA", isBase32, 16, 16, 0.7},
		{"aws-access-key-id", "ACCA", isBase32, 16, 16, 0.7},
		{"aws-bedrock-key", "ABSK", isWord64Eq, 109, 271, 0.99},
		{"google-api-key", "AIza", isWord64, 35, 35, 0.95},
		{"age-secret-key", "AGE-SECRET-KEY-1", isUpperAlnum, 58, 58, 0.99},
		{"atlassian-token", "ATATT3xFf", isWord64Eq, 100, 300, 0.99},
		{"atlassian-token", "ATCTT3xFf", isWord64Eq, 100, 300, 0.99},
		{"bitbucket-password", "ATBB", isAlnum, 32, 32, 0.97},
		{"artifactory-key", "AKCp", isAlnum, 69, 69, 0.97},
		{"1password-secret-key", "A3-", isUpperDash, 36, 37, 0.97},
		{"octopus-key", "API-", isUpperAlnum, 26, 26, 0.9},
		{"yandex-key", "AQVN", isWord64, 35, 38, 0.95},
	},
	'C': {{"clojars-token", "CLOJARS_", isAlnum, 60, 60, 0.99}},
	'E': {
		{"easypost-key", "EZAK", isAlnum, 54, 54, 0.97},
		{"easypost-key", "EZTK", isAlnum, 54, 54, 0.95},
		{"facebook-token", "EAAM", isAlnum, 100, 300, 0.95},
		{"facebook-token", "EAAC", isAlnum, 100, 300, 0.95},
	},
	'F': {
		{"flutterwave-key", "FLWSECK_TEST-", isWord64, 12, 60, 0.95},
		{"flutterwave-key", "FLWSECK-", isWord64, 32, 60, 0.99},
	},
	'G': {
		{"google-oauth-secret", "GOCSPX-", isWord64, 24, 40, 0.99},
		{"gitlab-token", "GR1348941", isWord64, 20, 20, 0.99},
	},
	'H': {{"heroku-key", "HRKU-AA", isWord64, 58, 58, 0.99}},
	'L': {{"alibaba-access-key-id", "LTAI", isAlnum, 12, 26, 0.7}},
	'N': {{"newrelic-key", "NRAK-", isUpperAlnum, 20, 40, 0.99}, {"newrelic-key", "NRII-", isWord64, 20, 40, 0.99}},
	'P': {{"postman-key", "PMAK-", isWord64, 50, 70, 0.99}},
	'S': {{"sendgrid-key", "SG.", isDotted, 60, 70, 0.99}, {"twilio-key", "SK", isHex, 32, 32, 0.7}},
	'a': {
		{"huggingface-token", "api_org_", isAlnum, 34, 34, 0.97},
		{"plaid-token", "access-sandbox-", isWord64, 36, 36, 0.95},
		{"plaid-token", "access-development-", isWord64, 36, 36, 0.99},
		{"plaid-token", "access-production-", isWord64, 36, 36, 0.99},
	},
	'c': {{"artifactory-token", "cmVmd", isAlnum, 59, 59, 0.97}},
	'd': {
		{"docker-token", "dckr_pat_", isWord64, 20, 60, 0.99},
		{"docker-token", "dckr_oat_", isWord64, 20, 60, 0.99},
		{"digitalocean-token", "dop_v1_", isHex, 64, 64, 0.99},
		{"digitalocean-token", "doo_v1_", isHex, 64, 64, 0.99},
		{"digitalocean-token", "dor_v1_", isHex, 64, 64, 0.99},
		{"databricks-token", "dapi", isHex, 32, 32, 0.95},
		{"dynatrace-token", "dt0c01.", isDotted, 89, 89, 0.99},
		{"doppler-token", "dp.pt.", isAlnum, 40, 44, 0.99},
		{"doppler-token", "dp.st.", isDotted, 40, 80, 0.99},
		{"defined-token", "dnkey-", isWord64, 79, 79, 0.99},
		{"duffel-token", "duffel_test_", isWord64Eq, 43, 43, 0.95},
		{"duffel-token", "duffel_live_", isWord64Eq, 43, 43, 0.99},
	},
	'f': {
		{"figma-token", "figd_", isWord64, 30, 60, 0.99},
		{"fly-token", "fo1_", isWord64, 43, 43, 0.99},
		{"fly-token", "fm2_", isWord64Eq, 100, 2000, 0.99},
		{"frameio-token", "fio-u-", isWord64Eq, 64, 64, 0.99},
	},
	'g': {
		{"github-token", "ghp_", isAlnum, 36, 255, 0.99},
		{"github-token", "gho_", isAlnum, 36, 255, 0.99},
		{"github-token", "ghu_", isAlnum, 36, 255, 0.99},
		{"github-token", "ghs_", isAlnum, 36, 255, 0.99},
		{"github-token", "ghr_", isAlnum, 36, 255, 0.99},
		{"github-token", "github_pat_", isWord64, 50, 255, 0.99},
		{"gitlab-token", "glpat-", isDotted, 20, 320, 0.99},
		{"gitlab-token", "gldt-", isDotted, 20, 60, 0.99},
		{"gitlab-token", "glrt-", isDotted, 20, 320, 0.99},
		{"gitlab-token", "glptt-", isDotted, 20, 60, 0.99},
		{"gitlab-token", "glcbt-", isDotted, 20, 60, 0.99},
		{"gitlab-token", "glft-", isWord64, 20, 20, 0.99},
		{"gitlab-token", "glffct-", isWord64, 20, 20, 0.99},
		{"gitlab-token", "glimt-", isWord64, 25, 25, 0.99},
		{"gitlab-token", "glagent-", isWord64, 50, 50, 0.99},
		{"gitlab-token", "gloas-", isWord64, 64, 64, 0.99},
		{"gitlab-token", "glsoat-", isWord64, 20, 20, 0.99},
		{"grafana-token", "glsa_", isWord64, 32, 60, 0.99},
		{"grafana-token", "glc_", isWord64Eq, 40, 400, 0.99},
		{"groq-key", "gsk_", isAlnum, 52, 52, 0.97},
	},
	'h': {
		{"huggingface-token", "hf_", isAlnum, 30, 50, 0.97},
		{"vault-token", "hvs.", isWord64, 24, 200, 0.99},
		{"vault-token", "hvb.", isWord64, 24, 300, 0.99},
	},
	'i': {{"infracost-token", "ico-", isAlnum, 32, 32, 0.95}},
	'k': {{"mailgun-key", "key-", isHex, 32, 32, 0.95}},
	'l': {
		{"linear-key", "lin_api_", isAlnum, 32, 60, 0.99},
		{"langsmith-key", "lsv2_pt_", isWord64, 40, 60, 0.99},
	},
	'n': {
		{"npm-token", "npm_", isAlnum, 36, 36, 0.99},
		{"notion-token", "ntn_", isAlnum, 46, 46, 0.99},
		{"nvidia-key", "nvapi-", isWord64, 60, 70, 0.99},
	},
	'o': {{"1password-token", "ops_eyJ", isWord64Eq, 100, 2000, 0.99}},
	'p': {
		{"pypi-token", "pypi-", isWord64, 70, 1000, 0.99},
		{"pulumi-token", "pul-", isHex, 40, 40, 0.99},
		{"airtable-token", "pat", isDotted, 79, 79, 0.97},
		{"harness-token", "pat.", isDotted, 68, 68, 0.97},
		{"perplexity-key", "pplx-", isAlnum, 48, 48, 0.99},
		{"planetscale-token", "pscale_tkn_", isDotted, 32, 64, 0.99},
		{"planetscale-token", "pscale_oauth_", isDotted, 32, 64, 0.99},
		{"planetscale-password", "pscale_pw_", isDotted, 32, 64, 0.99},
		{"pinecone-key", "pcsk_", isWord64, 50, 80, 0.99},
		{"prefect-key", "pnu_", isAlnum, 36, 36, 0.97},
		{"adobe-secret", "p8e-", isAlnum, 32, 32, 0.97},
	},
	'r': {
		{"stripe-key", "rk_live_", isAlnum, 16, 120, 0.99},
		{"stripe-key", "rk_test_", isAlnum, 16, 120, 0.95},
		{"rubygems-key", "rubygems_", isHex, 48, 48, 0.99},
		{"readme-key", "rdme_", isAlnum, 70, 70, 0.99},
		{"replicate-token", "r8_", isAlnum, 37, 37, 0.97},
	},
	's': {
		{"stripe-key", "sk_live_", isAlnum, 16, 120, 0.99},
		{"stripe-key", "sk_test_", isAlnum, 16, 120, 0.95},
		{"anthropic-key", "sk-ant-", isWord64, 30, 200, 0.99},
		{"openai-key", "sk-proj-", isWord64, 30, 200, 0.99},
		{"openai-key", "sk-svcacct-", isWord64, 30, 200, 0.99},
		{"openai-key", "sk-admin-", isWord64, 30, 200, 0.99},
		{"openrouter-key", "sk-or-v1-", isHex, 64, 64, 0.99},
		{"openai-key", "sk-", isAlnum, 40, 60, 0.95},
		{"shopify-token", "shpat_", isHex, 32, 32, 0.99},
		{"shopify-token", "shpss_", isHex, 32, 32, 0.99},
		{"shopify-token", "shpca_", isHex, 32, 32, 0.99},
		{"shopify-token", "shppa_", isHex, 32, 32, 0.99},
		{"square-token", "sq0atp-", isWord64, 22, 22, 0.99},
		{"square-token", "sq0csp-", isWord64, 43, 43, 0.99},
		{"sentry-token", "sntrys_", isWord64Eq, 60, 400, 0.99},
		{"sentry-token", "sntryu_", isHex, 64, 64, 0.99},
		{"harness-token", "sat.", isDotted, 68, 68, 0.97},
		{"shippo-token", "shippo_live_", isHex, 40, 40, 0.99},
		{"shippo-token", "shippo_test_", isHex, 40, 40, 0.95},
		{"sourcegraph-token", "sgp_", isWord64, 40, 60, 0.97},
		{"supabase-token", "sbp_", isHex, 40, 40, 0.99},
		{"mapbox-token", "sk.eyJ", isDotted, 60, 200, 0.97},
		{"openshift-token", "sha256~", isWord64, 43, 43, 0.97},
	},
	't': {
		{"tailscale-key", "tskey-", isWord64, 20, 80, 0.99},
		{"typeform-token", "tfp_", isDotted, 40, 60, 0.97},
		{"scalingo-token", "tk-us-", isWord64, 48, 48, 0.99},
	},
	'v': {{"cloudflare-origin-key", "v1.0-", isWord64, 171, 171, 0.99}},
	'w': {{"webhook-secret", "whsec_", isWord64Eq, 24, 100, 0.97}},
	'x': {
		{"slack-token", "xoxb-", isWord64, 20, 120, 0.99},
		{"slack-token", "xoxp-", isWord64, 20, 120, 0.99},
		{"slack-token", "xoxa-", isWord64, 20, 120, 0.99},
		{"slack-token", "xoxr-", isWord64, 20, 120, 0.99},
		{"slack-token", "xoxs-", isWord64, 20, 120, 0.99},
		{"slack-token", "xoxo-", isWord64, 20, 120, 0.99},
		{"slack-token", "xoxe-", isWord64, 20, 180, 0.99},
		{"slack-token", "xoxe.xox", isWord64, 20, 200, 0.99},
		{"slack-token", "xapp-", isWord64, 20, 120, 0.99},
		{"sendinblue-key", "xkeysib-", isWord64, 60, 100, 0.99},
		{"xai-key", "xai-", isAlnum, 70, 90, 0.97},
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
		if dots := strings.Count(body[:n], "."); t.name == "sendgrid-key" && dots != 1 || t.name == "harness-token" && dots != 2 ||
			t.name == "airtable-token" && body[14] != '.' {
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
	// HCP Terraform's tokens have their mark in the middle, old Vault tokens
	// hardly any.
	if len(s) >= 83 && strings.HasPrefix(s[14:], ".atlasv1.") && all(s[:14], isAlnum) {
		if n := 23 + span(s[23:min(len(s), 94)], isWord64Eq); n >= 83 {
			return n, "terraform-token", 0.99
		}
	}
	if strings.HasPrefix(s, "s.") && span(s[2:min(len(s), 27)], isAlnum) == 24 && looksRandom(s[2:26]) {
		return 26, "vault-token", 0.9
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
	return isMasked(body) || len(body) >= 10 && Entropy(body) < 2
}

func isBase32(c byte) bool     { return isUpper(c) || isDigit(c) }
func isUpperAlnum(c byte) bool { return isUpper(c) || isDigit(c) }
func isWord64Eq(c byte) bool   { return isWord64(c) || c == '=' || c == '+' || c == '/' }
func isDotted(c byte) bool     { return isWord64(c) || c == '.' }
func isUpperDash(c byte) bool  { return isUpperAlnum(c) || c == '-' }
