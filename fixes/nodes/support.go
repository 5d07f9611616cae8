package nodes

import (
	_ "embed"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed support.tsv
var supportTable string

// support is until when a version gets fixes for security.
type support struct {
	what    string // "kubernetes", "containerd", "docker", "linux", "os"
	version string
	os      *regexp.Regexp // of an osImage
	end     time.Time
	source  string
}

// supports reads the table once. A test proves that it can be read.
var supports = sync.OnceValue(func() []support {
	var rows []support
	for line := range strings.Lines(supportTable) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		f := strings.Split(strings.TrimSpace(line), "\t")
		end, err := time.Parse(time.DateOnly, f[2])
		if err != nil {
			panic("support.tsv: " + err.Error())
		}
		row := support{what: f[0], version: f[1], end: end, source: f[3]}
		if row.what == "os" {
			row.os = regexp.MustCompile(row.version)
		}
		rows = append(rows, row)
	}
	return rows
})

// supportOf returns the row for a version ("1.34.2", an osImage). What is older
// than the first row of its kind ended with that at the latest. It is false for
// what the table does not know.
func supportOf(what, version string) (support, bool) {
	first := true
	for _, row := range supports() {
		if row.what != what {
			continue
		}
		if row.os != nil {
			if row.os.MatchString(version) {
				return row, true
			}
			continue
		}
		c, ok := compareMinor(version, row.version)
		if ok && (c == 0 || first && c < 0) {
			return row, true
		}
		first = false
	}
	return support{}, false
}

var minorVersion = regexp.MustCompile(`^v?(\d+)\.(\d+)`)

// minor returns the first two numbers of a version.
func minor(version string) (major, minor int, ok bool) {
	m := minorVersion.FindStringSubmatch(version)
	if m == nil {
		return 0, 0, false
	}
	major, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, 0, false
	}
	minor, err = strconv.Atoi(m[2])
	return major, minor, err == nil
}

// compareMinor compares the first two numbers of versions.
func compareMinor(a, b string) (int, bool) {
	aMajor, aMinor, okA := minor(a)
	bMajor, bMinor, okB := minor(b)
	if aMajor != bMajor {
		return aMajor - bMajor, okA && okB
	}
	return aMinor - bMinor, okA && okB
}
