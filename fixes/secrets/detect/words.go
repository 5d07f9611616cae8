package detect

// The vocabulary of names. Switches instead of maps: they cost nothing at
// start-up and cannot be changed by anyone.

// credentialWord tells words that can be the head of a credential's name.
func credentialWord(w string) bool {
	switch w {
	case "password", "passwords", "passwd", "passwds", "passphrase", "passphrases", "passcode", "passkey", "pass",
		"pwd", "pwds", "pw", "pswd", "psw", "passw", "passwort", "kennwort", "senha", "contrasena", "mnemonic",
		"secret", "secrets",
		"token", "tokens", "jwt", "bearer", "pat",
		"key", "keys", "psk",
		"credential", "credentials", "creds", "cred", "auth", "authorization", "htpasswd", "userpass", "userinfo",
		"basicauth", "salt", "pepper", "cookie":
		return true
	}
	return false
}

// isNeutralTail tells words that may follow a credential word and change
// nothing: which environment, which copy, how it is written.
func isNeutralTail(w string) bool {
	switch w {
	case "prod", "production", "dev", "development", "test", "testing", "stage", "staging", "qa", "uat", "local",
		"live", "sandbox", "default", "primary", "secondary", "old", "new", "current", "previous", "main", "backup",
		"value", "val", "string", "data", "plain", "plaintext", "cleartext", "raw", "base", "encoded", "literal",
		"content", "contents", "v", "a", "b":
		return true
	}
	return false
}

// isDescriptor tells words that turn a credential word into something about a
// credential.
func isDescriptor(w string) bool {
	switch w {
	// where it is
	case "file", "files", "filename", "filepath", "path", "paths", "dir", "directory", "folder", "location", "mount",
		"volume", "url", "urls", "uri", "uris", "endpoint", "endpoints", "host", "hostname", "port", "addr", "address",
		"server", "servers", "service", "store", "stores", "storage", "vault", "bucket", "backend", "backends", "source",
		"sources", "ref", "refs", "reference", "selector", "arn", "cache", "keystore", "manager", "env", "variable",
		"var", "cmd", "command", "script":
		return true
	// how it is called
	case "name", "names", "id", "ids", "identifier", "label", "labels", "annotation", "annotations", "namespace", "ns",
		"field", "column", "property", "properties", "param", "parameter", "attribute", "attr", "arg", "prefix",
		"suffix", "pattern", "regex", "regexp", "format", "template", "title", "description", "desc", "hint", "prompt",
		"message", "placeholder", "header", "headers", "user", "username", "login", "email", "group", "tag", "version",
		"fingerprint", "thumbprint", "subject", "topic", "queue", "kid", "index", "alias", "object", "resource",
		"entry", "item", "items", "list", "symbol", "ticker", "decimals", "contract", "checksum":
		return true
	// how it behaves
	case "ttl", "timeout", "expiry", "expiration", "expires", "expire", "expired", "exp", "lifetime", "lifespan",
		"validity", "age", "duration", "interval", "period", "grace", "seconds", "sec", "secs", "minutes", "mins",
		"hours", "days", "ms", "length", "len", "size", "bits", "bytes", "count", "limit", "limits", "max", "min",
		"retries", "retry", "attempts", "rounds", "iterations", "cost", "strength", "complexity", "history",
		"rotation", "rotate", "renewal", "renew", "refresh", "reset", "change", "update", "usage", "rate", "quota",
		"budget", "window", "leeway", "skew", "cleanup", "cleaner", "ratio", "percent", "number", "num":
		return true
	// what kind it is
	case "type", "types", "kind", "mode", "method", "methods", "scheme", "schema", "algorithm", "algorithms", "algo",
		"alg", "hash", "hashed", "hashing", "hasher", "digest", "sha", "md", "bcrypt", "encoder", "encoding",
		"encryption", "encrypt", "decrypt", "cipher", "provider", "providers", "engine", "driver", "class", "factory",
		"bean", "resolver", "handler", "filter", "generator", "generation", "validator", "validation", "validate",
		"verification", "verify", "verifier", "check", "checker", "checks", "policy", "policies", "rule", "rules",
		"role", "roles", "claim", "claims", "issuer", "audience", "realm", "scope", "scopes", "grant", "flow",
		"exchange", "introspection", "review", "request", "requests", "response", "auth", "authentication",
		"authenticator", "authn", "authz", "jwks", "curve", "level", "region", "account", "project", "controller",
		"operator", "operators", "agent", "plugin", "plugins", "extension", "config", "configuration", "conf",
		"settings", "options", "opts", "spec", "image", "webhook", "container", "sidecar", "replicas", "cpu", "memory",
		"sync", "syncer", "watch", "watcher", "informer", "client", "sink", "target", "binding", "proxy":
		return true
	// whether it is
	case "enabled", "enable", "disabled", "disable", "required", "require", "optional", "allowed", "allow", "active",
		"supported", "support", "present", "exists", "only", "visible", "show", "hidden", "masking", "masked",
		"protected", "protection", "access", "permission", "permissions", "feature", "flag", "debug",
		"log", "logging", "metrics", "deletion", "creation", "injection", "forwarding", "forward", "replication",
		"management", "lookup", "detection", "scan", "scanning", "scanner", "through", "thru", "less":
		return true
	}
	return false
}

// isDigestWord tells the descriptors under which a real digest is a credential.
func isDigestWord(w string) bool {
	switch w {
	case "hash", "hashed", "digest", "sha", "md", "bcrypt":
		return true
	}
	return false
}

// strongKey tells the words that make a key a credential.
func strongKey(w string) bool {
	switch w {
	case "api", "secret", "private", "priv", "encryption", "encrypt", "crypt", "crypto", "cipher", "signing", "sign",
		"signature", "master", "auth", "account", "jwt", "jws", "jwe", "hmac", "aes", "fernet",
		"license", "licence", "shared", "subscription", "admin", "deploy", "ssh", "rsa", "gpg",
		"pgp", "psk", "ingestion", "instrumentation", "security", "rails", "webhook", "ecdsa",
		"symmetric", "nonce", "loggedin", "gossip", "wireguard", "otp", "totp", "decryption", "tsig", "unseal", "recovery":
		return true
	}
	return false
}

// plainKey tells the words that make a key something else: a place in a table,
// a public half, a name.
func plainKey(w string) bool {
	switch w {
	case "public", "pub", "publishable", "site", "foreign", "partition", "sort", "cache", "row",
		"hash", "range", "idempotency", "registry", "map", "config", "label", "annotation", "topology", "object",
		"group", "index", "message", "record", "node", "item", "feature", "project", "issue", "translation", "lookup",
		"sharding", "shard", "unique", "composite", "natural", "surrogate", "candidate", "dedup", "grouping",
		"bucket", "metric", "tag", "header", "query", "param", "json", "yaml", "dict", "env", "hot", "short", "function",
		"arrow", "tab", "enter", "escape", "modifier", "leader", "lock", "queue", "topic", "kms", "taint", "toleration",
		"selector", "aggregation", "secrets", "configmap", "extra", "claim",
		"groups", "roles", "rate", "limit":
		return true
	}
	return false
}

// firmSecret tells the words whose "secret" is always the secret itself.
func firmSecret(w string) bool {
	switch w {
	case "client", "app", "application", "jwt", "session", "cookie", "cookies", "oauth", "oidc", "hmac", "signing",
		"sign", "shared", "api", "encryption", "access", "key", "token", "consumer", "state", "csrf", "xsrf", "nextauth",
		"master", "admin", "root", "super", "my", "auth", "webhook", "otp", "totp", "hash", "keys", "rpc", "core",
		"jobservice", "internal", "aws", "bot", "channel", "stripe", "github", "slack", "twitter", "facebook", "google",
		"user", "http", "flask", "django", "laravel", "express", "server", "turn", "grpc", "refresh", "cron", "form",
		"registration", "macaroon", "payload", "strapi", "hasura", "supabase", "keycloak", "cognito", "okta", "gitlab",
		"bitbucket", "discord", "telegram", "linkedin", "spotify", "twitch", "paypal", "razorpay", "pusher", "cloudinary",
		"twilio", "captcha", "recaptcha", "hcaptcha", "turnstile", "signature", "hashing", "authentication", "sso", "saml",
		"link", "hook", "verification", "activation", "revalidation", "preview":
		return true
	}
	return false
}

// namedSecret tells the words whose "secret" is usually an object of that name.
func namedSecret(w string) bool {
	switch w {
	case "tls", "ssl", "cert", "certs", "certificate", "certificates", "ca", "pull", "image", "docker", "dockerconfig",
		"registry", "existing", "kube", "kubernetes", "k8s", "credential", "credentials", "creds", "environment", "env",
		"config", "mount", "mounted", "volume", "csi", "provisioner", "publish", "expand", "attach", "ref", "serving",
		"password", "pass", "passwd", "username", "account", "kubeconfig", "source", "target", "generated", "infrastructure",
		"cluster", "extra", "external", "sealed", "storage", "datasource", "rootca", "webhook":
		return true
	}
	return false
}

// issuer tells the words whose key or secret comes from a service.
func issuer(w string) bool {
	switch w {
	case "api", "client", "oauth", "oidc", "consumer", "access", "key", "license", "licence", "subscription", "account",
		"bot", "aws", "stripe", "github", "slack", "twitter", "facebook", "google", "ingestion", "instrumentation", "gitlab",
		"bitbucket", "discord", "telegram", "linkedin", "spotify", "twitch", "paypal", "razorpay", "pusher", "cloudinary",
		"twilio", "recaptcha", "hcaptcha", "turnstile", "okta", "cognito":
		return true
	}
	return false
}

// ownSecret tells pairs of words whose "secret" is the secret itself, though
// the second word alone would make it the name of one.
func ownSecret(first, second string) bool {
	switch second {
	case "credential", "credentials": // quarkus.oidc.credentials.secret
		return first == "oidc" || first == "oauth" || first == "keycloak" || first == "client"
	case "password":
		return first == "graylog" // its pepper
	}
	return false
}

// isHeld tells what a Secret holds under one of its keys.
func isHeld(w string) bool {
	switch w {
	case "key", "password", "credential", "credentials", "user", "username":
		return true
	}
	return false
}

// idleToken tells the words whose "token" opens nothing.
func idleToken(w string) bool {
	switch w {
	case "bos", "eos", "pad", "sep", "cls", "unk", "mask", "special", "stop", "start", "end", "continue", "page", "next",
		"native", "erc", "nft", "per", "sync", "delimiter", "continuation", "resume", "cursor", "idempotency", "lock", "input",
		"output":
		return true
	}
	return false
}

// isFlagVerb tells verbs and measures that open the name of a switch.
func isFlagVerb(w string) bool {
	switch w {
	case "enable", "enabled", "disable", "disabled", "allow", "use", "using", "is", "has", "require", "requires",
		"required", "skip", "validate", "verify", "generate", "rotate", "max", "min", "num", "no", "show", "hide", "mask",
		"force", "auto", "with", "must", "should", "can", "accept", "ignore", "include", "exclude", "send", "forward",
		"want", "need", "needs", "supports", "support", "count", "total", "create", "delete", "revoke", "reset", "forgot",
		"change", "confirm", "repeat", "retype":
		return true
	}
	return false
}

// isFlagAdjective tells words right before a credential word that make it a
// switch: ALLOW_EMPTY_PASSWORD, MYSQL_RANDOM_PASSWORD.
func isFlagAdjective(w string) bool {
	switch w {
	case "empty", "no", "allow", "require", "forgot", "max", "min", "num", "enable", "disable", "onetime":
		return true
	}
	return false
}

// isLinkWord tells names of addresses that have room for a credential.
func isLinkWord(w string) bool {
	switch w {
	case "url", "uri", "dsn", "connectionstring", "conn", "connection", "database", "db", "datasource", "broker",
		"databaseurl", "dburl", "dburi", "amqp", "jdbc", "sql", "dbstring":
		return true
	}
	return false
}
