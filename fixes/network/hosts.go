package network

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// target is where a workload connects to, as far as its template tells.
type target struct {
	// namespace and service are set for a Service of the cluster, host for
	// anything else.
	namespace, service, host string
}

func (t target) String() string {
	if t.host != "" {
		return t.host
	}
	return t.service + "." + t.namespace
}

// targets returns the Services of other namespaces and the hosts outside the
// cluster that the variables, commands and arguments of a workload name, each
// once. Values may hold credentials: of none is more taken than the host, and
// none is looked at that could be a password itself.
func targets(inv *fixes.Inventory, w fixes.Workload) []target {
	var out []target
	add := func(key, value string) {
		for _, host := range hosts(key, value) {
			t, ok := locate(inv, host.name)
			if ok && (host.sure || t.host == "") && t.namespace != w.Object.GetNamespace() && !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	for c := range w.Containers() {
		if c.Ephemeral {
			continue
		}
		for _, e := range c.Env {
			add(e.Name, e.Value)
		}
		flag := ""
		for _, arg := range slices.Concat(c.Command, c.Args) {
			add(flag, arg)
			flag = ""
			if strings.HasPrefix(arg, "-") && !strings.Contains(arg, "=") {
				flag = arg // its value may come next
			}
		}
	}
	return out
}

var (
	hostPattern = regexp.MustCompile(`^([a-z0-9]([-a-z0-9_]*[a-z0-9])?\.)+[a-z]([-a-z0-9]*[a-z0-9])?$`)
	inParens    = regexp.MustCompile(`\(([^()]*)\)`)
)

// namesAddress reports whether a variable or flag is said to hold an address.
func namesAddress(key string) bool {
	key = strings.TrimSuffix(strings.ToLower(key), "s")
	for _, end := range []string{"host", "hostname", "url", "uri", "addr", "addres", "addresse", "endpoint", "server", "broker", "dsn", "upstream", "proxy", "target"} {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}

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

// candidate is a word that may be the name or the address of a host. It is
// sure to be one in a URL, with a port, and in a variable or flag whose name
// speaks of an address; else only if there is a Service of that name.
type candidate struct {
	name string
	sure bool
}

// hosts returns the hosts in a value. Names of one label, Services of the same
// namespace as a rule, are none of them.
func hosts(key, value string) []candidate {
	if !strings.ContainsAny(value, ".:") {
		return nil
	}
	address := namesAddress(key)
	if namesSecret(key) && !address {
		return nil
	}
	var out []candidate
	withLogin := strings.Contains(value, "@")
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;|\"'<>", r) }) {
		if name, rest, ok := strings.Cut(word, "="); ok && !strings.Contains(name, "://") {
			out = append(out, hosts(name, rest)...)
			continue
		}
		_, rest, isURL := strings.Cut(word, "://")
		if isURL {
			word = rest
			if i := strings.IndexAny(rest, "/?#"); i >= 0 {
				word = rest[:i]
			}
			if strings.Contains(rest[len(word):], "@") {
				continue // a password with a slash in it, perhaps
			}
		} else if withLogin && !strings.Contains(word, "@") {
			continue // a piece of a password, perhaps
		}
		word = word[strings.LastIndex(word, "@")+1:]
		if m := inParens.FindStringSubmatch(word); m != nil {
			word = m[1] // tcp(db:3306)/shop
		}
		if i := strings.IndexAny(word, "/?#"); i >= 0 {
			word = word[:i]
		}
		host, port := splitPort(word)
		if host = strings.ToLower(strings.TrimSuffix(host, ".")); isHost(host) {
			out = append(out, candidate{host, isURL || port || address})
		}
	}
	return out
}

// splitPort takes a numeric port off, and reports whether there was one.
func splitPort(s string) (string, bool) {
	if host, rest, ok := strings.Cut(strings.TrimPrefix(s, "["), "]"); ok {
		return host, strings.HasPrefix(rest, ":")
	}
	host, port, ok := strings.Cut(s, ":")
	if !ok {
		return s, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return s, false
	}
	return host, true
}

// isHost reports whether it is a name of several labels, or an address other
// than those that a server listens on.
func isHost(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return !addr.IsLoopback() && !addr.IsUnspecified() && !addr.IsMulticast()
	}
	return len(s) <= 253 && strings.Contains(s, ".") && hostPattern.MatchString(s)
}

// locate tells a Service's name (web.shop, web.shop.svc, and with a pod's name
// before or the cluster's domain after it) from a host outside.
func locate(inv *fixes.Inventory, host string) (target, bool) {
	labels := strings.Split(host, ".")
	if i := slices.Index(labels, "svc"); i >= 2 {
		return target{namespace: labels[i-1], service: labels[i-2]}, true
	}
	if n := len(labels); n == 2 || n == 3 {
		// A short name is a Service's if there is such a Service; "shop.dev" may
		// be a host as well.
		name, namespace := labels[n-2], labels[n-1]
		if _, ok := fixes.Lookup[*corev1.Service](inv, namespace, name); ok {
			return target{namespace: namespace, service: name}, true
		}
	}
	if strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".localhost") {
		return target{}, false
	}
	return target{host: host}, true
}
