package detect

import (
	"math"
	"strconv"
	"strings"
)

// Entropy is the Shannon entropy of s in bits per character: 0 for one
// repeated character, about 3.3 for words, 4 for random hexadecimal, up to 6
// for long random base64.
func Entropy(s string) float64 {
	if s == "" {
		return 0
	}
	var count [256]int
	for i := range len(s) {
		count[s[i]]++
	}
	total, sum := float64(len(s)), 0.0
	for _, c := range &count {
		if c > 0 {
			p := float64(c) / total
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

// entropyEvidence words the entropy of s for Verdict.Evidence.
func entropyEvidence(s string) string {
	return "entropy " + strconv.FormatFloat(Entropy(s), 'f', 1, 64)
}

// looksRandom tells generated values (keys, digests, UUIDs) from words, names
// and versions. Entropy alone cannot: a long kebab-case name has as much of it
// as a short key, so digits mixed into letters and the lack of words count too.
func looksRandom(s string) bool {
	if len(s) < 16 || len(s) > 1024 {
		return false
	}
	if isUUID(s) {
		return true
	}
	var lowers, uppers, digits, marks, turns, humps, wordy int
	run, vowels := 0, 0
	hex := true
	endRun := func() {
		if run >= 4 && vowels > 0 {
			wordy += run
		}
		run, vowels = 0, 0
	}
	for i := range len(s) {
		c := s[i]
		if i > 0 && isDigit(c) != isDigit(s[i-1]) {
			turns++
		}
		if i > 0 && isUpper(c) && isLower(s[i-1]) {
			humps++
		}
		if !isHex(c) {
			hex = false
		}
		switch {
		case isLower(c):
			lowers++
		case isUpper(c):
			uppers++
		case isDigit(c):
			digits++
		case c == '+' || c == '/' || c == '=' || c == '_' || c == '-' || c == '.' || c == '~' || c == '!' || c == '@' ||
			c == '#' || c == '%' || c == '^' || c == '&' || c == '*' || c == ':':
			marks++
		default:
			return false
		}
		// A run of letters of one case that holds vowels reads like a word.
		if isAlpha(c) && i > 0 && isAlpha(s[i-1]) && (isUpper(c) == isUpper(s[i-1]) || run == 1 && isUpper(s[i-1])) {
			run++
		} else {
			endRun()
			if isAlpha(c) {
				run = 1
			}
		}
		if isAlpha(c) && isVowel(c) {
			vowels++
		}
	}
	endRun()
	letters := lowers + uppers
	switch {
	case letters == 0:
		return false
	case hex:
		return digits > 0 && Entropy(s) >= 2.8
	case len(s) >= 32 && lowers > 0 && digits > 0 && (humps+turns)*5 >= len(s) && !strings.ContainsAny(s, "-_. "):
		return true // base64 may hold a word or two
	case wordy*2 > len(s):
		return false
	case digits == 0 && (lowers == 0 || uppers == 0):
		return len(s) >= 24 && marks == 0 && wordy*4 < len(s) && Entropy(s) >= 3.8
	case digits == 0:
		return wordy*4 < len(s) && Entropy(s) >= 3.8
	}
	need := 3.1
	if len(s) >= 32 {
		need = 3.5
	}
	return turns >= 2 && marks*4 <= len(s) && Entropy(s) >= need
}

// isUUID tells 8-4-4-4-12 hexadecimal digits.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isVowel(c byte) bool {
	switch c | 0x20 {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		return true
	}
	return false
}
