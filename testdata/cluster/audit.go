package cluster

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// auditPolicy keeps the bodies of writes, which tell what a client did; and
// leaves out the stage before a request is answered, which repeats it.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Request
  verbs: [create, update, patch, delete, deletecollection]
- level: Metadata
`

// An AuditEvent is a request as the API server logged it, in the part that
// tests ask for.
type AuditEvent struct {
	Stage      string // ResponseComplete, or ResponseStarted for a watch
	Verb       string
	RequestURI string
	UserAgent  string
	User       struct {
		Username string
		Groups   []string
	}
	ImpersonatedUser struct{ Username string }
	ObjectRef        struct {
		APIGroup, Resource, Subresource, Namespace, Name string
	}
	ResponseStatus struct{ Code int }
	RequestObject  json.RawMessage // of writes
}

func (c *Cluster) auditLog() string { return filepath.Join(c.Dir, "audit.log") }

func (c *Cluster) auditArgs() []string {
	policy := filepath.Join(c.Dir, "audit-policy.yaml")
	// An error shows when the server does not find the file.
	_ = os.WriteFile(policy, []byte(auditPolicy), 0o644)
	return []string{"--audit-policy-file=" + policy, "--audit-log-path=" + c.auditLog()}
}

// Audit returns the requests that this user made so far, in the order in which
// they were answered. The cluster must have been started [WithAudit]. The
// server logs a request before it answers, so what a test waited for is there.
func (c *Cluster) Audit(t testing.TB, user string) []AuditEvent {
	t.Helper()
	log, err := os.ReadFile(c.auditLog())
	if err != nil {
		t.Fatal(err)
	}
	var events []AuditEvent
	for line := range bytes.Lines(log) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // being written
		}
		var e AuditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("audit log: %v", err)
		}
		if e.User.Username == user {
			events = append(events, e)
		}
	}
	return events
}
