package trial

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Nothing that a log or an event holds is repeated but paths and ports: a
// program may write a secret into its log.

// say says what came of a try.
func (s *Search) say(o Outcome, complaints []complaint) string {
	switch {
	case o.Refused != "":
		return "the API server refuses it: " + refusal(o.Refused)
	case o.Ready:
		text := "it runs"
		if lost := s.lost(o); len(lost) > 0 {
			text = fmt.Sprintf("it runs, but %s no longer listens on port %d", lost[0].container, lost[0].port)
		}
		return text
	}
	text := "it does not become ready"
	for _, c := range o.Containers {
		if !c.failed() {
			continue
		}
		switch {
		case c.Signal != 0:
			text = fmt.Sprintf("%s is killed by signal %d", c.Name, c.Signal)
		case c.ExitCode != 0:
			text = fmt.Sprintf("%s exits with %d", c.Name, c.ExitCode)
		case plainReason.MatchString(c.Reason):
			text = fmt.Sprintf("%s does not start (%s)", c.Name, c.Reason)
		}
		break
	}
	if len(complaints) > 0 {
		return text + ": " + complaints[0].said()
	}
	return text
}

// plainReason is what the kubelet's reasons look like ("CreateContainerError").
var plainReason = regexp.MustCompile(`^[A-Za-z]{1,60}$`)

// refusal says why the API server refused a pod, in words that hold nothing of
// the pod.
func refusal(text string) string {
	low := strings.ToLower(text)
	switch {
	case strings.Contains(low, "violates podsecurity"):
		return "Pod Security admission does not allow it"
	case strings.Contains(low, "exceeded quota"), strings.Contains(low, "failed quota"):
		return "the namespace's quota does not leave room for it"
	case strings.Contains(low, "admission webhook"), strings.Contains(low, "validatingadmissionpolicy"):
		return "an admission webhook or policy does not allow it"
	case strings.Contains(low, "forbidden"):
		return "it is forbidden"
	}
	return "it is not valid there"
}

// change says in words what one confinement has that another has not, and the
// other way round.
func (s *Search) change(from, to settings) string {
	before, after := describe(from.Confinement, s.w), describe(to.Confinement, s.w)
	var more, less []string
	for _, part := range after {
		if !slices.Contains(before, part) {
			more = append(more, part)
		}
	}
	for _, part := range before {
		if !slices.Contains(after, part) {
			less = append(less, part)
		}
	}
	switch {
	case len(more) == 0 && len(less) == 0:
		return "the same"
	case len(less) == 0:
		return strings.Join(more, ", ")
	case len(more) == 0:
		return "without " + strings.Join(less, ", ")
	}
	return strings.Join(more, ", ") + ", instead of " + strings.Join(less, ", ")
}

// sentence begins with a capital.
func sentence(text string) string {
	if text == "" {
		return text
	}
	return fixes.Clean(strings.ToUpper(text[:1]) + text[1:])
}

func tries(n int) string {
	if n == 1 {
		return "one try"
	}
	return fmt.Sprintf("%d tries", n)
}
