package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/atomicfile"
)

// ignoreKey is the name of the section.
const ignoreKey = "ignore"

// fileHead begins a file that the program makes.
const fileHead = `# What kubectl harden is told in this folder and below; see docs/config.md.
apiVersion: ` + APIVersion + `
kind: ` + Kind + `
`

// AddIgnore writes an entry behind the others, and returns the file as it is
// then. A file that is not there is made, with a comment at its head. All other
// lines stay as they are.
func (f *File) AddIgnore(i fixes.Ignore) (*File, error) {
	after, err := f.with(i)
	if err != nil {
		return nil, err
	}
	return after, after.save()
}

// with returns the file with one more entry.
func (f *File) with(i fixes.Ignore) (*File, error) {
	if err := CheckIgnore(i); err != nil {
		return nil, err
	}
	entry, err := write(i)
	if err != nil {
		return nil, err
	}
	text := []byte(fileHead + "\n" + ignoreKey + ":\n" + entry)
	if f.Exists {
		if text, err = f.withEntry(entry); err != nil {
			return nil, err
		}
	}
	after, err := Parse(f.Path, text)
	if err == nil && !f.differsBy(after, func(list []fixes.Ignore) []fixes.Ignore {
		i.Reason = fixes.Clean(oneLine(i.Reason))
		return append(list, i)
	}) {
		err = errors.New("its form is one that would be changed")
	}
	if err != nil {
		return nil, &Error{File: f.Path, Msg: "the entry cannot be added (" + err.Error() + "); add it by hand below " + ignoreKey + ": " +
			strings.ReplaceAll(strings.TrimSuffix(entry, "\n"), "\n  ", ", ")}
	}
	return after, nil
}

// RemoveIgnore takes out the entry of a number, counted from 0, and returns the
// file as it is then.
func (f *File) RemoveIgnore(n int) (*File, error) {
	after, err := f.without(n)
	if err != nil {
		return nil, err
	}
	return after, after.save()
}

// without returns the file without the entry of a number.
func (f *File) without(n int) (*File, error) {
	if n < 0 || n >= len(f.Ignore) {
		return nil, &Error{File: f.Path, Msg: fmt.Sprintf("there is no entry %d: it ignores %d", n+1, len(f.Ignore))}
	}
	var after *File
	text, err := f.withoutEntry(n)
	if err == nil {
		after, err = Parse(f.Path, text)
	}
	if err == nil && !f.differsBy(after, func(list []fixes.Ignore) []fixes.Ignore { return slices.Delete(list, n, n+1) }) {
		err = errors.New("its form is one that would be changed")
	}
	if err != nil {
		return nil, &Error{File: f.Path, Line: f.Ignore[n].line, Msg: "the entry cannot be removed (" + err.Error() + "); remove it by hand"}
	}
	return after, nil
}

// differsBy reports whether another file says what this one does, but for a
// change of what is ignored.
func (f *File) differsBy(other *File, change func([]fixes.Ignore) []fixes.Ignore) bool {
	if !slices.EqualFunc(change(f.Ignores()), other.Ignores(), func(a, b fixes.Ignore) bool { return a.Same(&b) }) {
		return false
	}
	rest := func(f *File) map[string]any {
		all := map[string]any{}
		if f.Exists && yaml.Unmarshal(f.text, &all) != nil {
			return nil
		}
		delete(all, ignoreKey)
		return all
	}
	return !f.Exists || reflect.DeepEqual(rest(f), rest(other))
}

// save writes the file where it was found. A link is not followed, so that
// nothing elsewhere is written.
func (f *File) save() error {
	mode := fs.FileMode(0o644)
	switch info, err := os.Lstat(f.Path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return &Error{File: f.Path, Msg: "it is a link, or no file: edit what it leads to"}
	default:
		mode = info.Mode().Perm()
	}
	return atomicfile.Write(f.Path, f.text, mode)
}

// withEntry returns the text with the lines of an entry at the end of the list.
func (f *File) withEntry(entry string) ([]byte, error) {
	root, err := document(f.text)
	if err != nil {
		return nil, err
	}
	lines := splitLines(f.text)
	key, list := entryOf(root, ignoreKey)
	if list == nil {
		return lines.insert(len(lines), "\n"+ignoreKey+":\n"+entry), nil
	}
	if list.Kind == yaml.SequenceNode && list.Style&yaml.FlowStyle == 0 {
		dash := list.Column - 1
		last := list.Content[len(list.Content)-1]
		return lines.insert(lines.end(last.Line-1, dash, len(lines)), indent(entry, dash)), nil
	}
	if len(list.Content) > 0 {
		return nil, errors.New("the list is written in brackets")
	}
	// Nothing is in the list: what stands for that, if anything does, gives way.
	line := key.Line - 1
	before, after, ok := strings.Cut(lines[line], ":")
	if !ok || list.Line > key.Line {
		return nil, errors.New("its form is one that would be changed")
	}
	comment := strings.TrimLeft(after, " \t")
	for _, nothing := range []string{"[]", "null", "~"} {
		if rest, ok := strings.CutPrefix(comment, nothing); ok {
			after = rest
		}
	}
	lines[line] = before + ":" + after
	return lines.insert(line+1, indent(entry, key.Column-1)), nil
}

// withoutEntry returns the text without the lines of an entry.
func (f *File) withoutEntry(n int) ([]byte, error) {
	root, err := document(f.text)
	if err != nil {
		return nil, err
	}
	_, list := entryOf(root, ignoreKey)
	if list.Style&yaml.FlowStyle != 0 {
		return nil, errors.New("the list is written in brackets")
	}
	lines, dash := splitLines(f.text), list.Column-1
	from := list.Content[n].Line - 1
	for from > 0 && !strings.HasPrefix(lines[from][min(dash, len(lines[from])):], "-") {
		from--
	}
	return []byte(strings.Join(slices.Delete(lines, from, lines.end(from, dash, len(lines))), "")), nil
}

// lineList is a text as lines, with what ends each.
type lineList []string

func splitLines(text []byte) lineList { return slices.Collect(strings.Lines(string(text))) }

// end returns the line after the last one of an entry: all that follow its dash
// and are set in further belong to it.
func (l lineList) end(from, dash, most int) int {
	end := from + 1
	for i := end; i < most; i++ {
		content := strings.TrimLeft(l[i], " ")
		if strings.TrimSpace(content) == "" {
			continue
		}
		if len(l[i])-len(content) <= dash {
			break
		}
		end = i + 1
	}
	return end
}

// insert puts a text before a line, with the newlines that the others have.
func (l lineList) insert(at int, text string) []byte {
	newline := "\n"
	if at > 0 && strings.HasSuffix(l[0], "\r\n") {
		newline = "\r\n"
	}
	text = strings.ReplaceAll(text, "\n", newline)
	before := strings.Join(l[:at], "")
	if before != "" && !strings.HasSuffix(before, "\n") {
		before += newline
	}
	return []byte(before + text + strings.Join(l[at:], ""))
}

// indent sets lines in.
func indent(text string, by int) string {
	in := strings.Repeat(" ", by)
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(in + line)
	}
	return b.String()
}
