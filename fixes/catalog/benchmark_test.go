package catalog

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestBenchmark: docs/benchmark.md lists the recommendations that rules cite, and no
// other as judged.
func TestBenchmark(t *testing.T) {
	text, err := os.ReadFile("../../docs/benchmark.md")
	if err != nil {
		t.Fatal(err)
	}
	judged, unjudged, ok := strings.Cut(string(text), "\nNot judged")
	if !ok {
		t.Fatal("nothing is said of what is not judged")
	}
	cited := map[string]bool{}
	for _, r := range Rules() {
		for _, ref := range r.References {
			if ref.Framework == "CIS" && ref.ID != "5.2" { // the section as a whole
				cited[ref.ID] = true
			}
		}
	}
	said := numbered(t, judged)
	for id := range cited {
		if !slices.Contains(said, id) {
			t.Errorf("%s is cited, and not listed as judged", id)
		}
	}
	for _, id := range said {
		if !cited[id] {
			t.Errorf("%s is listed as judged, and no rule cites it", id)
		}
	}
	for _, id := range numbered(t, unjudged) {
		if cited[id] {
			t.Errorf("%s is listed as not judged, and a rule cites it", id)
		}
	}
}

var rangeOf = regexp.MustCompile(`(?m)^    (\d[\d.]*\.)(\d+)(?: - (\d[\d.]*\.)(\d+))?\s`)

// numbered lists the recommendations of lines such as "1.2.1 - 1.2.30".
func numbered(t *testing.T, text string) []string {
	var out []string
	for _, m := range rangeOf.FindAllStringSubmatch(text, -1) {
		first, _ := strconv.Atoi(m[2])
		last := first
		if m[4] != "" {
			if last, _ = strconv.Atoi(m[4]); m[1] != m[3] || last <= first {
				t.Errorf("%q is no range", m[0])
			}
		}
		for n := first; n <= last; n++ {
			out = append(out, m[1]+fmt.Sprint(n))
		}
	}
	if len(out) == 0 {
		t.Error("no recommendations")
	}
	return out
}
