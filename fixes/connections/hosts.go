package connections

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// candidate is a word that may name a host.
type candidate struct {
	host string
	// port is 0 where none is given.
	port int32
	// sure: it is written as an address (in a URL, with a port, or in a variable,
	// flag or setting whose name speaks of one). Others count only if there is a
	// Service of that name.
	sure bool
}

var (
	hostPattern = regexp.MustCompile(`^([a-z0-9]([-a-z0-9_]*[a-z0-9])?\.)*[a-z]([-a-z0-9_]*[a-z0-9])?$`)
	inParens    = regexp.MustCompile(`\(([^()]*)\)`)
)

// schemePorts are the ports of URLs that name none (IANA's registry of service
// names, and the documentation of each).
var schemePorts = map[string]int32{
	"http": 80, "ws": 80, "https": 443, "wss": 443, "ftp": 21, "ssh": 22, "smtp": 25, "ldap": 389, "ldaps": 636,
	"postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mongodb": 27017, "redis": 6379, "rediss": 6379,
	"amqp": 5672, "amqps": 5671, "mqtt": 1883, "mqtts": 8883, "nats": 4222, "kafka": 9092, "memcached": 11211,
	"clickhouse": 9000, "cassandra": 9042, "sqlserver": 1433, "oracle": 1521, "neo4j": 7687, "bolt": 7687, "etcd": 2379,
	"consul": 8500, "zk": 2181, "zookeeper": 2181, "beanstalkd": 11300, "gearman": 4730, "pulsar": 6650,
}

// addressWords end the names of what holds an address.
var addressWords = []string{"host", "hostname", "url", "uri", "addr", "address", "endpoint", "server", "broker", "dsn",
	"upstream", "proxy", "target", "service", "backend", "peer", "seed", "bootstrap", "node", "origin", "gateway", "api",
	"database", "db", "queue", "cache", "master", "primary", "replica", "connect", "connection", "proxy_pass", "proxy-pass", "zookeeper"}

// namesAddress reports whether a variable, flag or setting is said to hold an
// address.
func namesAddress(key string) bool {
	key = strings.ToLower(key)
	for _, form := range []string{key, strings.TrimSuffix(key, "s"), strings.TrimSuffix(key, "es")} {
		for _, end := range addressWords {
			if strings.HasSuffix(form, end) {
				return true
			}
		}
	}
	return false
}

// namesDatabase reports whether a variable holds the name of a database or of
// its user (MYSQL_DATABASE, POSTGRES_DB, DB_USER), which is often that of the
// service that uses it.
func namesDatabase(key string) bool {
	key = strings.ToUpper(key)
	for _, end := range []string{"_DATABASE", "_DB", "_DB_NAME", "_DBNAME", "_USER", "_USERNAME"} {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}

// placeholder is ${NAME:default}, as of Spring, or ${NAME:-default}, as of shells.
var placeholder = regexp.MustCompile(`\$\{[A-Za-z0-9_.]+:-?([^{}]*)\}`)

// namesSecret reports whether a variable or flag may hold a credential.
func namesSecret(key string) bool {
	key = strings.ToLower(key)
	for _, part := range []string{"pass", "pwd", "secret", "token", "key", "cred", "auth", "salt", "cert"} {
		if strings.Contains(key, part) {
			return true
		}
	}
	return key == "-p" // a password of mysql and others
}

// hosts returns the words of a text that may name hosts. Values may hold
// credentials: no more is taken of them than what stands where a host does.
func hosts(t text) []candidate {
	if len(t.value) > maxText {
		return nil
	}
	t.value = placeholder.ReplaceAllString(t.value, "$1")
	var out []candidate
	if !t.file {
		return wordsIn(nil, t.key, t.value, "")
	}
	for line := range strings.Lines(t.value) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || strings.HasPrefix(line, "//") {
			continue
		}
		key, value := setting(line)
		out = wordsIn(out, key, value, "")
	}
	return out
}

// setting splits a line of a configuration into the name of a setting and its
// value: "host: db", "proxy_pass http://web;", "server db:5432", `"url": "x"`.
func setting(line string) (key, value string) {
	line = strings.TrimPrefix(line, "- ")
	i := strings.IndexAny(line, ":= \t")
	if i <= 0 || strings.HasPrefix(line[i:], "://") {
		return "", line
	}
	return strings.Trim(line[:i], `"'`), strings.TrimLeft(line[i:], ":= \t")
}

const separators = " \t\r\n,;|\"'<>[]{}`"

// wordsIn adds the candidates of a value. The scheme is that of a URL before,
// for lists of hosts in one URL (mongodb://a,b,c).
func wordsIn(out []candidate, key, value, scheme string) []candidate {
	address := namesAddress(key)
	if namesSecret(key) && !address {
		return out
	}
	withLogin := strings.Contains(value, "@")
	// A bracket may hold an IPv6 address.
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if name, rest, ok := strings.Cut(word, "="); ok && !strings.Contains(name, "://") && !strings.ContainsAny(name, "?&") {
			out = wordsIn(out, strings.TrimLeft(name, "-"), rest, "")
			continue
		}
		before, rest, isURL := strings.Cut(word, "://")
		if isURL {
			scheme = schemeOf(before)
			word = rest
			if i := strings.IndexAny(rest, "/?#"); i >= 0 {
				word = rest[:i]
			}
			if strings.Contains(rest[len(word):], "@") {
				continue // a password with a slash in it, perhaps
			}
		} else if withLogin && !strings.Contains(word, "@") && scheme == "" {
			continue // a piece of a password, perhaps
		}
		word = word[strings.LastIndex(word, "@")+1:]
		if m := inParens.FindStringSubmatch(word); m != nil {
			word = m[1] // tcp(db:3306)/shop
		}
		if i := strings.IndexAny(word, "/?#&"); i >= 0 {
			word = word[:i]
		}
		host, port := splitPort(word)
		host = strings.ToLower(strings.TrimSuffix(host, "."))
		if !isHost(host) {
			continue
		}
		if port == 0 && isURL {
			port = schemePorts[scheme]
		}
		out = append(out, candidate{host, port, isURL || port != 0 || address})
	}
	return out
}

// schemeOf returns the last part of a URL's scheme: jdbc:postgresql,
// mongodb+srv, amqps.
func schemeOf(s string) string {
	s = strings.ToLower(s)
	s = s[strings.LastIndexAny(s, ":(=")+1:]
	name, _, _ := strings.Cut(s, "+")
	return name
}

// splitPort splits host:port. Port is 0 where there is none.
func splitPort(word string) (host string, port int32) {
	i := strings.LastIndexByte(word, ':')
	if i < 0 || strings.Count(word, ":") > 1 {
		return word, 0 // an IPv6 address, or a host without a port
	}
	n, err := strconv.ParseUint(word[i+1:], 10, 16)
	if err != nil {
		return word, 0
	}
	return word[:i], int32(n)
}

// isHost reports whether a word can name a host or is an address, other than
// those that a server listens on.
func isHost(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return !addr.IsLoopback() && !addr.IsUnspecified() && !addr.IsMulticast()
	}
	switch s {
	case "", "localhost", "true", "false", "none", "null", "yes", "no":
		return false
	}
	return len(s) <= 253 && hostPattern.MatchString(s) && !strings.HasSuffix(s, ".localhost")
}
