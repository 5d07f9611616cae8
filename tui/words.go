package tui

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// wordsOf cuts a line into words and single other characters.
func wordsOf(s string) []string {
	isWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
	var out []string
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return !isWord(r) })
		switch {
		case n < 0:
			n = len(s)
		case n == 0:
			_, n = utf8.DecodeRuneInString(s)
		}
		out, s = append(out, s[:n]), s[n:]
	}
	return out
}

// mostWords bounds what is compared: work grows with the square of it.
const mostWords = 200

// changedWords tells which bytes of a line, and of the one that replaces it,
// are in words that the other does not have in its place. Lines that have too
// little in common were not edited but replaced: nothing of them stands out.
func changedWords(before, after string) (was, is []bool) {
	a, b := wordsOf(before), wordsOf(after)
	if len(a) > mostWords || len(b) > mostWords {
		return nil, nil
	}
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i, word := range slices.Backward(a) {
		for j, other := range slices.Backward(b) {
			if word == other {
				length[i][j] = length[i+1][j+1] + len(word)
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	indent := indentation(before)
	shared := length[0][0] - min(indent, indentation(after))
	if 3*shared < len(before)-indent {
		return nil, nil
	}
	was, is = make([]bool, len(before)), make([]bool, len(after))
	mark := func(to []bool, at, n int) {
		for i := at; i < at+n; i++ {
			to[i] = true
		}
	}
	i, j, x, y := 0, 0, 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			x, y = x+len(a[i]), y+len(b[j])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			mark(was, x, len(a[i]))
			x += len(a[i])
			i++
		default:
			mark(is, y, len(b[j]))
			y += len(b[j])
			j++
		}
	}
	return was, is
}
