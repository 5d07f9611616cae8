// Package table reads the tables of facts that other packages carry: lines of fields
// parted by tabs, under a line that names the columns.
//
// Such a table is edited by hand, and a row that is read wrongly is a wrong judgement
// of somebody's cluster. So a reader takes nothing that may be a slip: every field is
// filled in, [None] where there is nothing to say, and no two rows are of the same.
package table

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// None is what a field says where there is nothing to say.
const None = "-"

// Table describes a table whose rows become values.
type Table[T any] struct {
	// Name is the file's, for errors.
	Name string
	// Columns are the names in the head, in order.
	Columns []string
	// Key are the columns that identify a row: no two rows agree in them.
	Key []string
	// Row makes the value of a row. Its error needs neither file nor line.
	Row func(Row) (T, error)
}

// Row is a line of a table.
type Row struct {
	columns []string
	fields  []string
}

// Read reads a table. Empty lines are passed over, and lines that begin with #. An
// error names the file and the line.
func (t Table[T]) Read(text string) ([]T, error) {
	var all []T
	headed, number := false, 0
	seen := map[string]int{}
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		row, err := t.split(line)
		switch {
		case err != nil:
		case !headed:
			if headed = slices.Equal(row.fields, t.Columns); !headed {
				err = fmt.Errorf("the columns are %q", strings.Join(t.Columns, "\t"))
			}
		default:
			var value T
			key := t.key(row)
			if seen[key] > 0 {
				err = fmt.Errorf("%s is in line %d already", strings.Join(strings.Split(key, "\t"), " "), seen[key])
			} else if value, err = t.Row(row); err == nil {
				seen[key] = number
				all = append(all, value)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", t.Name, number, err)
		}
	}
	if !headed {
		return nil, fmt.Errorf("%s: no line names the columns", t.Name)
	}
	return all, nil
}

// Embedded returns a function that reads a table when it is first called, and keeps
// it. It panics where the table is broken: a package's own is read by its tests too.
func (t Table[T]) Embedded(text string) func() []T {
	return sync.OnceValue(func() []T {
		all, err := t.Read(text)
		if err != nil {
			panic(err)
		}
		return all
	})
}

func (t Table[T]) split(line string) (Row, error) {
	if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) {
		return Row{}, errors.New("a character cannot be read")
	}
	fields := strings.Split(line, "\t")
	if len(fields) != len(t.Columns) {
		return Row{}, fmt.Errorf("%d fields, not %d", len(fields), len(t.Columns))
	}
	for i, f := range fields {
		if f == "" || f != strings.TrimSpace(f) {
			return Row{}, fmt.Errorf("%s is %q: %s says that there is nothing", t.Columns[i], f, None)
		}
	}
	return Row{t.Columns, fields}, nil
}

func (t Table[T]) key(row Row) string {
	fields := make([]string, len(t.Key))
	for i, column := range t.Key {
		fields[i] = row.raw(column)
	}
	return strings.Join(fields, "\t")
}

func (r Row) raw(column string) string {
	i := slices.Index(r.columns, column)
	if i < 0 {
		panic("table: no column " + column) // of the code, not of the table
	}
	return r.fields[i]
}

// Text returns a field, empty for [None].
func (r Row) Text(column string) string {
	if f := r.raw(column); f != None {
		return f
	}
	return ""
}

// List returns the parts of a field, which commas part; nil for [None].
func (r Row) List(column string) []string {
	if f := r.raw(column); f != None {
		return strings.Split(f, ",")
	}
	return nil
}

// Has reports whether a field says anything.
func (r Row) Has(column string) bool { return r.raw(column) != None }

// OneOf returns a field that is to be one of some words; [None] is one where it is
// among them.
func OneOf[S ~string](r Row, column string, words ...S) (S, error) {
	f := S(r.raw(column))
	if !slices.Contains(words, f) {
		return "", fmt.Errorf("%s is %q, and not one of %q", column, string(f), words)
	}
	return f, nil
}
