package secrets

import "strings"

// The kubelet expands $(NAME) in literal values, writes $$ as $, and leaves
// values from a Secret as they are
// (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/).

// hasReference reports whether a literal value holds a $(NAME) that the
// kubelet would try to expand.
func hasReference(value string) bool {
	found := false
	walk(value, func(_ string, reference bool) { found = found || reference })
	return found
}

// unescape returns what a process sees of a literal value without references.
func unescape(value string) string {
	var b strings.Builder
	walk(value, func(text string, _ bool) { b.WriteString(text) })
	return b.String()
}

// walk calls yield for the pieces of a value: text as a process sees it, and
// references as they stand.
func walk(value string, yield func(text string, reference bool)) {
	for value != "" {
		i := strings.IndexByte(value, '$')
		if i < 0 || i == len(value)-1 {
			yield(value, false)
			return
		}
		if i > 0 {
			yield(value[:i], false)
		}
		value = value[i:]
		switch value[1] {
		case '$':
			yield("$", false)
			value = value[2:]
		case '(':
			if end := strings.IndexByte(value, ')'); end > 0 {
				yield(value[:end+1], true)
				value = value[end+1:]
			} else {
				yield("$(", false)
				value = value[2:]
			}
		default:
			yield(value[:1], false)
			value = value[1:]
		}
	}
}
