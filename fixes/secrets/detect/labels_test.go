package detect

import (
	"bufio"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
)

var (
	labelsFile = flag.String("labels", "", "labelled values to measure on: tab-separated repo, file, object, container, place, key, value, label, why, hard, split, id")
	missesFile = flag.String("misses", "", "file to list the wrong verdicts in")
)

// label is one row of the file that -labels names.
type label struct {
	repo, file, object, container, place, key, value, want, why, id string
}

// readLabels reads rows, each value with its escapes undone.
func readLabels(path string) ([]label, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseLabels(f)
}

func parseLabels(r io.Reader) ([]label, error) {
	unescape := strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r")
	var out []label
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		c := strings.Split(sc.Text(), "\t")
		if len(c) < 9 || c[0] == "repo" {
			continue
		}
		l := label{repo: c[0], file: c[1], object: c[2], container: c[3], place: c[4], key: c[5], want: c[7], why: c[8]}
		l.value = unescape.Replace(c[6])
		if len(c) > 11 {
			l.id = c[11]
		}
		out = append(out, l)
	}
	return out, sc.Err()
}

// score counts verdicts against labels.
type score struct{ right, missed, falseAlarms int }

func (s score) precision() float64 {
	if s.right+s.falseAlarms == 0 {
		return 1
	}
	return float64(s.right) / float64(s.right+s.falseAlarms)
}

func (s score) recall() float64 {
	if s.right+s.missed == 0 {
		return 1
	}
	return float64(s.right) / float64(s.right+s.missed)
}

// verdictOf asks the package the way a scan would: an argument is seen with
// the ones around it.
func verdictOf(l label, argv map[string]map[int]string) Verdict {
	switch l.place {
	case "args":
		list, index := splitIndex(l.key)
		around := argv[commandOf(l, list)]
		if index < 0 {
			return Classify(l.key, l.value)
		}
		last := 0
		for i := range around {
			last = max(last, i)
		}
		args := make([]string, last+1)
		for i, a := range around {
			args[i] = a
		}
		args[index] = l.value
		for _, f := range Args(args) {
			if f.Index == index && f.Verdict.Secret {
				return f.Verdict
			}
		}
		return Verdict{}
	case "annotation":
		return Annotation(l.key, l.value)
	}
	return Classify(l.key, l.value)
}

func commandOf(l label, list string) string {
	return strings.Join([]string{l.repo, l.file, l.object, l.container, list}, "\x00")
}

// splitIndex takes "args[3]" apart.
func splitIndex(key string) (string, int) {
	open := strings.LastIndexByte(key, '[')
	if open < 0 || !strings.HasSuffix(key, "]") {
		return key, -1
	}
	i, err := strconv.Atoi(key[open+1 : len(key)-1])
	if err != nil || i < 0 || i > 10000 {
		return key, -1
	}
	return key[:open], i
}

// measure scores every place, and each half of the repositories, a repository's
// half being decided by its name.
func measure(labels []label, misses io.Writer) map[string]*score {
	argv := map[string]map[int]string{}
	for _, l := range labels {
		if list, i := splitIndex(l.key); l.place == "args" && i >= 0 {
			c := commandOf(l, list)
			if argv[c] == nil {
				argv[c] = map[int]string{}
			}
			argv[c][i] = l.value
		}
	}
	scores := map[string]*score{}
	seen := map[string]bool{}
	for _, l := range labels {
		once := l.repo + "\x00" + l.key + "\x00" + l.value
		if l.want == "ambiguous" || seen[once] {
			continue
		}
		seen[once] = true
		v := verdictOf(l, argv)
		h := fnv.New32a()
		_, _ = io.WriteString(h, l.repo)
		half := [...]string{"half-a", "half-b"}[h.Sum32()>>7&1]
		for _, group := range []string{l.place, half, half + "/" + l.place, "all"} {
			s := scores[group]
			if s == nil {
				s = &score{}
				scores[group] = s
			}
			switch {
			case v.Secret && l.want == "secret":
				s.right++
			case v.Secret:
				s.falseAlarms++
			case l.want == "secret":
				s.missed++
			}
		}
		if v.Secret != (l.want == "secret") {
			what := "missed"
			if v.Secret {
				what = "false alarm"
			}
			fmt.Fprintf(misses, "%s\t%s\t%s\t%s\t%s\t%s\t%.300q\t%s\t%.2f %s %v\n", what, l.id, l.repo, l.file, l.place, l.key,
				l.value, l.why, v.Confidence, v.Reason, v.Evidence)
		}
	}
	return scores
}

// BenchmarkLabels measures precision and recall on a file of labelled values:
//
//	go test ./fixes/secrets/detect -run '^$' -bench Labels -labels FILE [-misses FILE]
func BenchmarkLabels(b *testing.B) {
	if *labelsFile == "" {
		b.Log("no -labels file: nothing to measure")
		return
	}
	labels, err := readLabels(*labelsFile)
	if err != nil {
		b.Fatal(err)
	}
	var misses strings.Builder
	var scores map[string]*score
	for b.Loop() {
		misses.Reset()
		scores = measure(labels, &misses)
	}
	for group, s := range scores {
		b.ReportMetric(s.precision(), group+"-precision")
		b.ReportMetric(s.recall(), group+"-recall")
	}
	if *missesFile != "" {
		if err := os.WriteFile(*missesFile, []byte(misses.String()), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// TestMeasure checks the counting itself on a few made-up rows.
func TestMeasure(t *testing.T) {
	rows := `repo	file	kind/name	container	place	key	value	label	why	hard	split	id
a/a	f	Pod/p	c	env	DB_PASSWORD	swordfish	secret	w		dev	1
a/a	f	Pod/q	c	env	DB_PASSWORD	swordfish	secret	w		dev	2
a/a	f	Pod/p	c	env	SHAPE	triangle	secret	w		dev	3
a/a	f	Pod/p	c	env	API_TOKEN	swordfish	not-secret	w		dev	4
a/a	f	Pod/p	c	env	OTHER_TOKEN	swordfish	ambiguous	w		dev	5
a/a	f	Pod/p	c	args	args[0]	--password	not-secret	w		dev	6
a/a	f	Pod/p	c	args	args[1]	swordfish	secret	w		dev	7
`
	labels, err := parseLabels(strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	var misses strings.Builder
	scores := measure(labels, &misses)
	if got, want := *scores["env"], (score{right: 1, missed: 1, falseAlarms: 1}); got != want {
		t.Errorf("env: %+v, want %+v", got, want)
	}
	if got, want := *scores["args"], (score{right: 1}); got != want {
		t.Errorf("args: %+v, want %+v", got, want)
	}
	if n := strings.Count(misses.String(), "\n"); n != 2 {
		t.Errorf("%d misses listed, want 2:\n%s", n, misses.String())
	}
}
