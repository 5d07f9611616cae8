package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// fit makes a line exactly w cells wide: cut with a mark, or padded.
func fit(s string, w int, ellipsis string) string {
	if w <= 0 {
		return ""
	}
	sw := ansi.StringWidth(s)
	if sw > w {
		s = ansi.Truncate(s, w, ellipsis)
		sw = ansi.StringWidth(s)
	}
	if sw < w {
		s += strings.Repeat(" ", w-sw)
	}
	return s
}

// spread sets left and right at the ends of w cells. Where both do not fit,
// the right goes first.
func spread(left, right string, w int, ellipsis string) string {
	rw := ansi.StringWidth(right)
	if right == "" || ansi.StringWidth(left)+1+rw > w {
		return fit(left, w, ellipsis)
	}
	return fit(left, w-rw, ellipsis) + right
}

// wrap breaks text at words, and words that are too long anywhere, so that no
// line is wider than w. Lines that the text has itself stay.
func wrap(s string, w int) []string {
	if w < 1 {
		w = 1
	}
	breaks := ""
	if !strings.Contains(s, " ") {
		breaks = "./" // a path or an address
	}
	return strings.Split(ansi.Wrap(s, w, breaks), "\n")
}

// hardwrap breaks text anywhere and keeps its spaces, as code needs it.
func hardwrap(s string, w int) []string {
	if w < 1 {
		w = 1
	}
	return strings.Split(ansi.Hardwrap(strings.ReplaceAll(s, "\t", "    "), w, true), "\n")
}

// hang wraps text behind a label; further lines are set in below the text.
func hang(label, text string, w int) []string {
	in := ansi.StringWidth(label)
	lines := wrap(text, max(w-in, 1))
	for i := range lines {
		if i == 0 {
			lines[i] = label + lines[i]
		} else {
			lines[i] = strings.Repeat(" ", in) + lines[i]
		}
	}
	return lines
}

// join puts a separator between the parts that are not empty.
func join(sep string, parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, sep)
}

// joinFitting joins as many parts as fit into w cells. The first is there
// always, and where others are not, a mark says so.
func joinFitting(w int, sep, ellipsis string, parts ...string) string {
	out := ""
	for _, p := range parts {
		switch {
		case p == "":
		case out == "":
			out = p
		case ansi.StringWidth(out)+ansi.StringWidth(sep)+ansi.StringWidth(p) > w:
			if ansi.StringWidth(out)+1+ansi.StringWidth(ellipsis) <= w {
				out += " " + ellipsis
			}
			return out
		default:
			out += sep + p
		}
	}
	return out
}

// inLines puts parts into as few lines as they need, none of them broken.
func inLines(parts []string, w int) []string {
	var lines []string
	for _, p := range parts {
		if last := len(lines) - 1; last >= 0 && ansi.StringWidth(lines[last])+2+ansi.StringWidth(p) <= w {
			lines[last] += "  " + p
		} else {
			lines = append(lines, p)
		}
	}
	return lines
}

// plural returns "1 fix" or "3 fixes", given the plural where it is not the
// word and an s.
func plural(n int, word string, many ...string) string {
	if n == 1 {
		return "1 " + word
	}
	if len(many) > 0 {
		return fmt.Sprintf("%d %s", n, many[0])
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// elapsed writes a duration as a person reads a stop watch.
func elapsed(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
}

// ago says how long something is past, in the largest unit that fits.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "a moment ago"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours())/24)
}

// clock writes a duration as a stop watch shows it: 0:42, 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// firstLine returns what stands before the first newline.
func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
