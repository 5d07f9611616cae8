package known

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// versions is a condition on an image's tag.
type versions []condition

// condition is a bound on the version in a tag, or a word that is to be a part
// of the tag, or not to be.
type condition struct {
	op    string // ">=", "<", "" for a word, "!" for a word that is not there
	bound []int
	word  string
}

func parseVersions(field string) (versions, error) {
	if field == "*" {
		return nil, nil
	}
	var all versions
	for part := range strings.SplitSeq(field, ",") {
		c := condition{word: part}
		for _, op := range []string{">=", "<", "!"} {
			if rest, ok := strings.CutPrefix(part, op); ok {
				c = condition{op: op, word: rest}
				break
			}
		}
		if c.op == ">=" || c.op == "<" {
			if c.bound = numbers(c.word); c.bound == nil {
				return nil, fmt.Errorf("version %q", part)
			}
		}
		if c.word == "" {
			return nil, fmt.Errorf("condition %q", part)
		}
		all = append(all, c)
	}
	return all, nil
}

// fit reports whether the conditions hold for a tag, and says where that had to
// be guessed. A tag without a version is taken for the newest one.
func (v versions) fit(tag string) (fits bool, doubt string) {
	parts := strings.FieldsFunc(tag, func(r rune) bool { return r == '-' || r == '_' })
	version := versionIn(parts)
	for _, c := range v {
		named := slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(p, c.word) })
		switch c.op {
		case "":
			if !named {
				return false, ""
			}
		case "!":
			if named {
				return false, ""
			}
			if tag == "" {
				doubt = "it has no tag that tells which variant it is"
			}
		case ">=":
			if version == nil {
				doubt = "its tag names no version"
			} else if slices.Compare(version, c.bound) < 0 {
				return false, ""
			}
		case "<":
			if version == nil || slices.Compare(version, c.bound) >= 0 {
				return false, ""
			}
		}
	}
	return true, doubt
}

// versionIn returns the first part of a tag that is a version, as numbers.
func versionIn(parts []string) []int {
	for _, p := range parts {
		if n := numbers(p); n != nil {
			return n
		}
	}
	return nil
}

// numbers reads "1.27.3" or "v1.27" as far as it is numbers, so "7.0rc1" is
// 7; nil when it does not begin with one.
func numbers(version string) []int {
	var all []int
	for part := range strings.SplitSeq(strings.TrimPrefix(version, "v"), ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			break
		}
		all = append(all, n)
	}
	return all
}
