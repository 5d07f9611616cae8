package nodes

import (
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes/table"
)

//go:embed support.tsv
var supportText string

// support is until when a version gets fixes for security.
type support struct {
	what    string // "kubernetes", "containerd", "docker", "linux", "os"
	version string
	os      *regexp.Regexp // of an osImage
	end     time.Time
	source  string
}

var supports = supportTable.Embedded(supportText)

var supportTable = table.Table[support]{
	Name:    "support.tsv",
	Columns: []string{"what", "version", "end", "source"},
	Key:     []string{"what", "version"},
	Row: func(r table.Row) (support, error) {
		end, err := time.Parse(time.DateOnly, r.Text("end"))
		if err != nil {
			return support{}, fmt.Errorf("end is %q, and no day", r.Text("end"))
		}
		row := support{what: r.Text("what"), version: r.Text("version"), end: end, source: r.Text("source")}
		if row.what == "os" {
			row.os, err = regexp.Compile(row.version)
		} else if _, _, ok := minor(row.version); !ok {
			err = fmt.Errorf("%q is no minor version", row.version)
		}
		return row, err
	},
}

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
