//go:build unix

package apply_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// What must hold after every run, whatever went wrong, is said here once.

// verify demands that a run that has ended told the truth, and left nothing
// behind.
func (s *scene) verify(r *apply.Run, from, to images) {
	s.Helper()
	live := s.settled()
	from, to = s.frozen(from), s.frozen(to)
	rec := s.record(r.ID())
	states := r.States()
	for i, c := range r.Plan.Changes {
		key := keyOf(c.Object)
		if s.loose[key] {
			continue
		}
		before, after := difference(from[key], live[key]), difference(to[key], live[key])
		switch states[i] {
		case fixes.Applied, fixes.Unchanged, fixes.RollingOut:
			if after != "" {
				s.Errorf("%s is said to be %s, and is not as approved: %s\n%s", key, states[i], after, s.story())
			}
		case fixes.Failed, fixes.Stale, fixes.NotAttempted, fixes.RolledBack, fixes.Pending:
			if before != "" {
				s.Errorf("%s is said to be %s, and is not as it was: %s\n%s", key, states[i], before, s.story())
			}
		default:
			if before != "" && after != "" {
				s.Errorf("%s is %s, and neither as it was nor as approved: %s; %s\n%s", key, states[i], before, after, s.story())
			}
		}
		if step := rec.State(i); !slices.Contains(notedAs[states[i]], step) {
			s.Errorf("%s is said to be %s, and the journal has %q", key, states[i], step)
		}
	}
	for key := range live {
		if from[key] == nil && to[key] == nil && !s.loose[key] {
			s.Errorf("%s is left, and belongs to nothing", key)
		}
	}
	for key := range from {
		if live[key] == nil && to[key] != nil && !s.loose[key] {
			s.Errorf("%s was deleted", key)
		}
	}
	if rec.Running {
		s.Error("the run is still locked")
	}
	if rec.End == nil {
		s.Error("the journal does not say that the run has ended")
	}
	s.noSecretInJournals()
	s.noSecretIn(s.story())
	for _, out := range s.told {
		if text := out.Detail + strings.Join(out.Warnings, ""); fixes.CleanLines(text) != text {
			s.Errorf("hostile characters are passed on: %q", text)
		}
	}
}

// notedAs are the last steps of the journal that a state may go with.
var notedAs = map[fixes.State][]journal.Step{
	fixes.Applied:      {journal.Applied, journal.RolledOut},
	fixes.Unchanged:    {journal.Unchanged},
	fixes.RollingOut:   {journal.Applied},
	fixes.Failed:       {journal.Failed},
	fixes.Stale:        {journal.Stale},
	fixes.Unknown:      {journal.Unknown},
	fixes.RolledBack:   {journal.RolledBack},
	fixes.Reverted:     {journal.Reverted},
	fixes.Unsettled:    {journal.Unsettled, journal.Applied, journal.Rollback},
	fixes.NotAttempted: {"", journal.Failed, journal.RolledBack, journal.Stale},
	fixes.Pending:      {""},
}

// witness sees every request of the engine that would write, and demands that
// it stand in a journal on the disk before.
func (s *scene) witness(r call) {
	for _, rec := range s.records() {
		if intends(rec, r) {
			return
		}
	}
	var known strings.Builder
	for _, rec := range s.records() {
		for i, c := range rec.Header.Changes {
			fmt.Fprintf(&known, "run %d: %s %s: %s\n", rec.Run, c.Action, c.Object.Name, rec.State(i))
		}
	}
	s.Errorf("%s was sent, and no journal has it:\n%s", r, &known)
}

// intends reports whether a journal has it that a request is about to be made:
// that of a run that goes on or, to remove what a run that was killed has left,
// that of another.
func intends(rec *journal.Record, r call) bool {
	for i, c := range rec.Header.Changes {
		step := rec.State(i)
		writing := rec.Running && (step == journal.Intent || step == journal.Rollback)
		ref, err := c.Object.Ref()
		if err != nil {
			continue
		}
		_, trying := rec.Canary(i)
		switch {
		case writing && ref.Kind.Resource == r.resource && (r.name == "" || r.name == ref.Name):
			return true
		case writing && ref.Kind == fixes.KindPod && r.String() == "create secrets":
			return true
		case (writing || step == journal.Intent) && ref.Kind == fixes.KindPod && r.verb == "delete" && strings.HasPrefix(r.name, "kubectl-harden-kept-"):
			return true
		case writing && step == journal.Rollback && ref.Kind == fixes.KindStatefulSet && r.verb == "delete" && r.resource == "pods":
			return true
		case trying && (rec.Running || r.verb == "delete") && (r.resource == "pods" || r.resource == "networkpolicies"):
			return true
		}
	}
	return false
}

// record reads the journal of a run.
func (s *scene) record(n int) *journal.Record {
	s.Helper()
	rec, err := s.runs.Read(n)
	if err != nil {
		s.Fatal(err)
	}
	return rec
}

func (s *scene) records() []*journal.Record {
	all, err := s.runs.List()
	if err != nil {
		s.Error(err)
	}
	return slices.DeleteFunc(all, func(rec *journal.Record) bool { return rec.Err != nil })
}

// noSecretInJournals demands that no journal hold the credential, however
// written, nor a mask in its place.
func (s *scene) noSecretInJournals() {
	s.Helper()
	files, err := filepath.Glob(filepath.Join(s.state, "*.jsonl"))
	if err != nil || len(files) == 0 {
		s.Fatalf("no journals: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			s.Fatal(err)
		}
		s.noSecretIn(string(text))
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			s.Errorf("%s: %v %v", file, info.Mode(), err)
		}
		// A reason that was told may hold masks; an object may not.
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, `{"change"`) && strings.Contains(line, secrets.Mask) {
				s.Errorf("%s holds a mask in the place of a value", file)
			}
		}
	}
}

func (s *scene) noSecretIn(text string) {
	s.Helper()
	for _, form := range credentialForms {
		if strings.Contains(text, form) {
			s.Errorf("the secret is shown: %s", text)
		}
	}
}

// call is a request to the API server.
type call struct {
	verb, resource, name, sub string
	dryRun                    bool
	*http.Request
}

// String returns "patch deployments/web".
func (r call) String() string {
	text := r.verb + " " + r.resource
	if r.name != "" {
		text += "/" + r.name
	}
	if r.sub != "" {
		text += "/" + r.sub
	}
	return text
}

// callOf reads a request.
func callOf(r *http.Request) call {
	c := call{Request: r, dryRun: r.URL.Query().Get("dryRun") != ""}
	c.verb = map[string]string{"GET": "get", "POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}[r.Method]
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		parts = parts[3:]
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	parts = append(parts, "", "")
	c.resource, c.name, c.sub = parts[0], parts[1], parts[2]
	if c.verb == "get" && c.name == "" {
		c.verb = "list"
	}
	return c
}
