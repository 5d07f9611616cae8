package table

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

type beast struct {
	name  string
	legs  string
	foods []string
}

var beasts = Table[beast]{
	Name: "beasts.tsv", Columns: []string{"name", "kind", "legs", "eats"}, Key: []string{"name", "kind"},
	Row: func(r Row) (beast, error) {
		if r.Text("name") == "unicorn" {
			return beast{}, errors.New("there is none")
		}
		if _, err := OneOf(r, "kind", "wild", "tame", None); err != nil {
			return beast{}, err
		}
		return beast{r.Text("name"), r.Text("legs"), r.List("eats")}, nil
	},
}

const head = "name\tkind\tlegs\teats\n"

func TestRead(t *testing.T) {
	all, err := beasts.Read("# of beasts\n\n" + head + "cat\ttame\t4\tmice,fish\n# less known\nworm\t-\t-\t-\ncat\twild\t4\tmice\n")
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	if !slices.Equal(all[0].foods, []string{"mice", "fish"}) || all[1].legs != "" || all[1].foods != nil || all[2].name != "cat" {
		t.Errorf("%+v", all)
	}
	if all, err = beasts.Read(head + "cat\ttame\t4\tmice"); err != nil || len(all) != 1 {
		t.Error("a last line without its end:", all, err)
	}
}

func TestBroken(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "beasts.tsv: no line names the columns",
		"# only\n\n":                        "beasts.tsv: no line names the columns",
		"cat\ttame\t4\tmice\n":              `beasts.tsv, line 1: the columns are "name\tkind\tlegs\teats"`,
		"# x\n" + head + "cat\ttame\t4\n":   "beasts.tsv, line 3: 3 fields, not 4",
		head + "cat\ttame\t4\tmice\tx\n":    "beasts.tsv, line 2: 5 fields, not 4",
		head + "cat\ttame\t\tmice\n":        `beasts.tsv, line 2: legs is "": - says that there is nothing`,
		head + "cat\ttame\t4 \tmice\n":      `beasts.tsv, line 2: legs is "4 ": - says that there is nothing`,
		head + "cat\tbig\t4\tmice\n":        `beasts.tsv, line 2: kind is "big", and not one of ["wild" "tame" "-"]`,
		head + "cat\ttame\t4\tmice\r\n":     "beasts.tsv, line 2: a character cannot be read",
		head + "cat\ttame\t4\t\x1b[2J\n":    "beasts.tsv, line 2: a character cannot be read",
		head + "cat\ttame\t4\t\xff\n":       "beasts.tsv, line 2: a character cannot be read",
		head + "unicorn\twild\t4\tgrass\n":  "beasts.tsv, line 2: there is none",
		head + "a\t-\t4\tb\n\na\t-\t3\tc\n": "beasts.tsv, line 4: a - is in line 2 already",
		head + head:                         `beasts.tsv, line 2: kind is "kind", and not one of ["wild" "tame" "-"]`,
	} {
		if all, err := beasts.Read(text); err == nil || err.Error() != want || all != nil {
			t.Errorf("%q:\n%v\nnot\n%s", text, err, want)
		}
	}
}

func TestEmbedded(t *testing.T) {
	read := beasts.Embedded(head + "cat\ttame\t4\tmice\n")
	if a, b := read(), read(); len(a) != 1 || &a[0] != &b[0] {
		t.Error("it is not read once")
	}
	defer func() {
		if recover() == nil {
			t.Error("a broken table is taken")
		}
	}()
	beasts.Embedded("cat\n")()
}

func TestUnknownColumn(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a column that is not there says something")
		}
	}()
	Row{columns: []string{"a"}, fields: []string{"b"}}.Text("c")
}

// FuzzRead demands that what is read has as many rows as the text has lines of any
// other than comments, less the head, and that an error is one line.
func FuzzRead(f *testing.F) {
	f.Add(head + "cat\ttame\t4\tmice\n")
	f.Add("# x\n" + head + "\n")
	f.Add("a\tb\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := beasts.Read(text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") || all != nil {
				t.Errorf("%q, %d rows", err, len(all))
			}
			return
		}
		rows := -1
		for line := range strings.Lines(text) {
			if line != "\n" && line[0] != '#' {
				rows++
			}
		}
		if len(all) != rows {
			t.Errorf("%d rows of %d", len(all), rows)
		}
	})
}
