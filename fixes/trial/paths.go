package trial

import (
	"path"
	"slices"
	"strings"
)

// maxPath bounds the paths that are taken from logs, in bytes.
const maxPath = 200

// found is a path in a line.
type found struct {
	path       string
	start, end int
}

// pathsIn lists the absolute paths in a line that may be used.
func pathsIn(line string) []found {
	var list []found
	for i := 0; i < len(line); i++ {
		if line[i] != '/' || i > 0 && !strings.ContainsRune(" \t'\"`=([{<:,@|", rune(line[i-1])) {
			continue
		}
		end := i
		for end < len(line) && inPath(line[end]) {
			end++
		}
		text := strings.TrimRight(line[i:end], ".")
		if p, ok := usable(text); ok {
			list = append(list, found{p, i, end})
		}
		i = end
	}
	return list
}

func inPath(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("/._-+@~%=#", b) >= 0
}

// usable returns a path in its shortest form, and whether an empty folder may
// stand at it or above it: not the root, nothing of the kernel's.
func usable(text string) (string, bool) {
	if len(text) > maxPath || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") {
		return "", false
	}
	parts := strings.Split(text, "/")
	if slices.Contains(parts, "..") {
		return "", false
	}
	p := path.Clean(text)
	if p == "/" {
		return "", false
	}
	for _, kernel := range []string{"/proc", "/sys", "/dev"} {
		if within(p, kernel) {
			return "", false
		}
	}
	return p, true
}

// within reports whether a path is a folder or something below it.
func within(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

// mayCover reports whether an empty folder may be put at a path. What the
// whole image rests on must stay.
func mayCover(p string) bool {
	if p == "/" || p == "." {
		return false
	}
	switch p {
	case "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64",
		"/usr/share", "/usr/libexec", "/boot", "/var", "/nix":
		return false
	}
	return true
}

// resolved follows the links that nearly every image has.
func resolved(p string) string {
	for link, target := range map[string]string{"/var/run": "/run", "/var/lock": "/run/lock"} {
		if within(p, link) {
			return target + strings.TrimPrefix(p, link)
		}
	}
	return p
}

// empty reports whether images have nothing of use in a folder, so that it
// need not be copied.
func empty(folder string) bool {
	for _, f := range []string{"/tmp", "/var/tmp", "/run", "/var/cache", "/var/log", "/root"} {
		if within(resolved(folder), f) {
			return true
		}
	}
	return false
}

// reads reports whether a path is more likely read than written.
func reads(p string) bool {
	switch path.Ext(p) {
	case ".pem", ".key", ".crt", ".cert", ".cfg", ".cnf", ".conf", ".ini", ".json", ".yaml", ".yml", ".toml", ".xml",
		".properties", ".so", ".jar", ".py", ".js", ".rb", ".php", ".html", ".sh", ".htpasswd", ".keytab":
		return true
	case ".log", ".pid", ".sock", ".lock", ".db", ".tmp", ".cache":
		return false
	}
	for _, f := range []string{"/etc", "/usr", "/bin", "/sbin", "/lib"} {
		if within(p, f) {
			return true
		}
	}
	return false
}
