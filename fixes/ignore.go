package fixes

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Ignore is what the user has chosen not to see: the findings that it selects,
// why, and until when. What a selector leaves open is anything. Rules,
// Namespace, Name and Path are patterns, in which * stands for any text.
type Ignore struct {
	Rules []string
	// Namespace is that of the object. A Namespace is in the one of its own name.
	Namespace string
	// Kind is the name of a kind ("Deployment").
	Kind string
	Name string
	// Path leads to the fault within the object, as in [Finding.Path].
	Path         string
	Fingerprints []string

	// Reason says why. It is required.
	Reason string
	// Expires is the last day on which it counts, in UTC. Zero is never.
	Expires time.Time
	// At says where it stands: "FILE:LINE", or the object that is annotated.
	At string
	// Object is the object whose annotation it is; zero where a file holds it.
	Object Ref
}

// Selects reports whether a finding is one of those that are meant.
func (i *Ignore) Selects(f *Finding) bool {
	if len(i.Fingerprints) > 0 && !slices.Contains(i.Fingerprints, f.Fingerprint) {
		return false
	}
	if len(i.Rules) > 0 && !i.SelectsRule(f.Rule.ID) {
		return false
	}
	return (i.Namespace == "" || Matches(i.Namespace, f.Namespace())) &&
		(i.Kind == "" || strings.EqualFold(i.Kind, f.Object.Kind.Name)) &&
		(i.Name == "" || Matches(i.Name, f.Object.Name)) &&
		(i.Path == "" || Matches(i.Path, f.Path))
}

// SelectsRule reports whether findings of a rule may be meant.
func (i *Ignore) SelectsRule(id string) bool {
	return len(i.Rules) == 0 || slices.ContainsFunc(i.Rules, func(pattern string) bool { return Matches(pattern, id) })
}

// Ended reports whether its last day has passed.
func (i *Ignore) Ended(now time.Time) bool {
	return !i.Expires.IsZero() && !now.Before(i.Expires.AddDate(0, 0, 1))
}

// Until writes the last day on which it counts, or "never".
func (i *Ignore) Until() string {
	if i.Expires.IsZero() {
		return Never
	}
	return i.Expires.Format(time.DateOnly)
}

// Same reports whether two ignores say the same, wherever they stand.
func (i *Ignore) Same(o *Ignore) bool {
	return slices.Equal(i.Rules, o.Rules) && slices.Equal(i.Fingerprints, o.Fingerprints) &&
		i.Namespace == o.Namespace && strings.EqualFold(i.Kind, o.Kind) && i.Name == o.Name && i.Path == o.Path &&
		i.Reason == o.Reason && i.Expires.Equal(o.Expires) && i.Object == o.Object
}

// Selection says in a line what is selected ("env-secret, namespace shop").
func (i *Ignore) Selection() string {
	parts := []string{strings.Join(i.Rules, ", ")}
	if len(i.Rules) == 0 {
		parts[0] = "every rule"
	}
	for _, s := range []struct{ what, value string }{
		{"namespace ", i.Namespace}, {"kind ", i.Kind}, {"name ", i.Name}, {"path ", i.Path},
		{"fingerprint ", strings.Join(i.Fingerprints, " ")},
	} {
		if s.value != "" {
			parts = append(parts, s.what+s.value)
		}
	}
	return Clean(strings.Join(parts, ", "))
}

// DefaultIgnoreDays is how long an ignore counts unless somebody says
// otherwise: long enough to be of use, and short enough to be looked at again.
const DefaultIgnoreDays = 90

// Never is written where an ignore has no end.
const Never = "never"

// ParseDay reads the last day of an ignore: a date, or [Never], which is zero.
func ParseDay(s string) (time.Time, error) {
	if s == Never || s == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no date; write one as 2027-01-31, or %s", s, Never)
	}
	return day, nil
}

// DaysFrom returns the day that is some days after another.
func DaysFrom(now time.Time, days int) time.Time {
	return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, days)
}

// Matches reports whether a text matches a pattern, in which * stands for any
// text, also for none. All other characters stand for themselves: paths have
// brackets and dots.
func Matches(pattern, text string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, part)
		}
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text, rest = text[at+len(part):], next
	}
}
