package flows

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Observers write the same thing in many ways: protojson has large numbers as
// strings, Elasticsearch times as seconds, others as text.

// word is a string, or a number as one.
type word string

// UnmarshalJSON implements [json.Unmarshaler].
func (w *word) UnmarshalJSON(text []byte) error {
	switch {
	case len(text) == 0 || text[0] == 'n':
		return nil
	case text[0] == '"':
		return json.Unmarshal(text, (*string)(w))
	case text[0] == '{' || text[0] == '[':
		return errUnknown
	}
	*w = word(text)
	return nil
}

// dashed returns the word; "-" stands for none.
func (w word) dashed() string {
	if w == "-" {
		return ""
	}
	return string(w)
}

// number is a whole number, or a string of one; anything else is none.
type number int64

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(text []byte) error {
	var w word
	if err := w.UnmarshalJSON(text); err != nil {
		return err
	}
	if i, err := strconv.ParseInt(string(w), 10, 64); err == nil {
		*n = number(i)
	}
	return nil
}

// moment is a time: text (RFC 3339), or seconds, milliseconds or nanoseconds
// since 1970.
type moment time.Time

// UnmarshalJSON implements [json.Unmarshaler].
func (m *moment) UnmarshalJSON(text []byte) error {
	var w word
	if err := w.UnmarshalJSON(text); err != nil {
		return err
	}
	*m = moment(timeOf(string(w)))
	return nil
}

// timeOf reads a time; it is zero where there is none.
func timeOf(s string) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil || n <= 0:
		return time.Time{}
	case n < 1e11:
		return time.Unix(n, 0)
	case n < 1e14:
		return time.UnixMilli(n)
	}
	return time.Unix(0, n)
}

// labelSet is labels as an object, a list or a text of "a=b,c=d"; it becomes
// such a text in a stable order.
type labelSet string

// UnmarshalJSON implements [json.Unmarshaler].
func (l *labelSet) UnmarshalJSON(text []byte) error {
	if len(text) == 0 || text[0] == 'n' {
		return nil
	}
	var list []string
	switch text[0] {
	case '"':
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		list = strings.Split(s, ",")
	case '[':
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
	default:
		var set map[string]string
		if err := json.Unmarshal(text, &set); err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(set)) {
			list = append(list, key+"="+set[key])
		}
	}
	slices.Sort(list)
	*l = labelSet(strings.Join(list, ","))
	return nil
}

// labelsOf reads what a labelSet holds.
func labelsOf(text string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if key, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok {
			out[key] = value
		}
	}
	return out
}

func (m moment) time() time.Time { return time.Time(m) }
