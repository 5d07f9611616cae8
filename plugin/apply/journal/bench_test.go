package journal_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// many returns changes of n Deployments, each of which moves two passwords to
// a Secret of its own.
func many(n int) []fixes.Change {
	var changes []fixes.Change
	for i := range n {
		d := deployment("LOG", "info", "DB_PASSWORD", fmt.Sprintf("Tr0ub4dor&%d-horse", i), "API_TOKEN", fmt.Sprintf("Qx7-vT2pL9zR4-%d", i%100))
		d.Namespace, d.Name = fmt.Sprintf("ns-%d", i%50), fmt.Sprintf("web-%d", i)
		container(d).Args = []string{"--listen=:8080", "--db=postgres://$(USER)@db/shop", "--verbose"}
		applied(d, true)
		s := secret(d.Name+"-env", map[string][]byte{})
		s.Namespace, s.UID, s.ResourceVersion = d.Namespace, "", ""
		for _, e := range container(d).Env[1:] {
			s.Data[e.Name] = []byte(e.Value)
		}
		after := deployment()
		after.ObjectMeta = *d.ObjectMeta.DeepCopy()
		after.Annotations = nil
		container(after).Env = []corev1.EnvVar{{Name: "LOG", Value: "info"}}
		changes = append(changes,
			fixes.Change{Action: fixes.Create, Object: fixes.RefOf(s), After: s},
			fixes.Change{Action: fixes.Patch, Object: fixes.RefOf(d), Before: d, After: after})
	}
	return changes
}

func BenchmarkSeal(b *testing.B) {
	changes := many(500)
	for b.Loop() {
		if _, err := journal.Seal(changes, secrets.Redact); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(changes)), "µs/change")
}

func BenchmarkUnseal(b *testing.B) {
	changes := many(500)
	sealed, err := journal.Seal(changes, secrets.Redact)
	if err != nil {
		b.Fatal(err)
	}
	c := after(changes, len(changes))
	for b.Loop() {
		if _, lost, err := journal.Unseal(b.Context(), sealed, c.read); err != nil || len(lost) > 0 {
			b.Fatal(err, lost)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(changes)), "µs/change")
}
