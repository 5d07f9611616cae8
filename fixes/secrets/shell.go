package secrets

import (
	"path"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

// scriptIndex returns which word of a command line is a shell's script
// ("sh -c SCRIPT", also behind an init like tini), or -1.
func scriptIndex(words []string) int {
	i := 0
	for i < len(words) && isInit(words[i]) {
		i++
		for i < len(words) && strings.HasPrefix(words[i], "-") {
			i++
		}
	}
	if i >= len(words) || !isShell(words[i]) {
		return -1
	}
	script := false
	for i++; i < len(words); i++ {
		option := words[i]
		switch {
		case !strings.HasPrefix(option, "-") && !strings.HasPrefix(option, "+") || option == "-":
			if script {
				return i
			}
			return -1 // a file with a script
		case strings.HasPrefix(option, "--"):
			continue
		}
		script = script || strings.Contains(option[1:], "c")
		if strings.HasSuffix(option, "o") {
			i++ // -o pipefail
		}
	}
	return -1
}

func isInit(word string) bool {
	return slices.Contains([]string{"tini", "dumb-init", "catatonit"}, path.Base(word))
}

func isShell(word string) bool {
	return slices.Contains([]string{"sh", "bash", "ash", "dash", "zsh", "ksh"}, path.Base(word))
}

// shellForm returns what stands for a variable in the place of a part of a
// script, such that the shell makes the same of it; false where the part is not
// plain text there.
func shellForm(script string, at detect.Range, name string) (string, bool) {
	text := script[at.Start:at.End]
	if at.Start > 0 && strings.IndexByte("$\\", script[at.Start-1]) >= 0 {
		return "", false
	}
	quote, ok := quoting(script, at.Start)
	switch {
	case !ok:
		return "", false
	case quote == '\'' && !strings.ContainsAny(text, "'$"):
		return `'"${` + name + `}"'`, true
	case quote == '"' && !strings.ContainsAny(text, "\"$`\\"):
		return `${` + name + `}`, true
	case quote == 0 && !strings.ContainsFunc(text, isSpecial):
		return `"${` + name + `}"`, true
	}
	return "", false
}

// isSpecial reports whether a character outside of quotes may be something else
// to a shell than itself.
func isSpecial(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_./:@%+,-", r)
}

// quoting tells in which quotes a place of a script stands, 0 for none. It
// returns false in what it does not follow: here-documents, backquotes,
// comments, expansions with quotes in them, case.
func quoting(script string, at int) (quote byte, ok bool) {
	if strings.Contains(script, "<<") || strings.Contains(script, "esac") {
		return 0, false
	}
	// open holds what is open: '"' for quotes, '(' for a subshell or $(...).
	var open []byte
	inside := func(c byte) bool { return len(open) > 0 && open[len(open)-1] == c }
	for i := 0; i < at; i++ {
		quoted := inside('"')
		switch c := script[i]; c {
		case '\\':
			i++
		case '`':
			return 0, false
		case '\'':
			if quoted {
				continue
			}
			end := strings.IndexByte(script[i+1:], '\'')
			if end < 0 {
				return 0, false
			}
			if i += 1 + end; at <= i {
				return '\'', true
			}
		case '"':
			if quoted {
				open = open[:len(open)-1]
			} else {
				open = append(open, '"')
			}
		case '(':
			if !quoted {
				open = append(open, '(')
			}
		case ')':
			if inside('(') {
				open = open[:len(open)-1]
			}
		case '#':
			if !quoted && (i == 0 || strings.IndexByte(" \t\n;&|(", script[i-1]) >= 0) {
				end := strings.IndexByte(script[i:], '\n')
				if end < 0 || i+end >= at {
					return 0, false
				}
				i += end
			}
		case '$':
			skip, ok := dollar(script, i, &open)
			if i += skip; !ok || i >= at {
				return 0, false
			}
		}
	}
	if inside('"') {
		return '"', true
	}
	return 0, true
}

// dollar looks at an expansion and returns how many more characters belong to
// its beginning.
func dollar(script string, i int, open *[]byte) (skip int, ok bool) {
	rest := script[i+1:]
	if strings.HasPrefix(rest, "$") {
		rest, skip = rest[1:], 1 // the kubelet makes $ of $$
	}
	switch {
	case strings.HasPrefix(rest, "'"), strings.HasPrefix(rest, "(("):
		return 0, false
	case strings.HasPrefix(rest, "("):
		*open = append(*open, '(')
		return skip + 1, true
	case strings.HasPrefix(rest, "{"):
		end := strings.IndexByte(rest, '}')
		if end < 0 || strings.ContainsAny(rest[1:end], "\"'`\\$") {
			return 0, false
		}
		return skip + end + 1, true
	}
	return skip, true
}
