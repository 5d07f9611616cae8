package catalog_test

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// TestLogAgentBringsNothing makes the log agent for each output: no rule finds
// anything in what is made.
func TestLogAgentBringsNothing(t *testing.T) {
	const image = "ghcr.io/kube-logging/fluentd@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"
	for _, p := range []fixes.LogPolicy{
		{Output: fixes.LogStdout},
		{Output: fixes.LogForward, Host: "logs.example.com", Port: 24224, TLS: true, Secret: "logs"},
		{Output: fixes.LogElasticsearch, Host: "es.example.com", Port: 9200, TLS: true, Secret: "logs"},
		{Output: fixes.LogLoki, Host: "loki.example.com", Port: 3100, TLS: true, Image: image},
		{Output: fixes.LogS3, Bucket: "logs", Region: "eu-central-1", Secret: "logs", Image: image},
	} {
		for _, live := range []bool{false, true} {
			inv := fixestest.Load(t, "apiVersion: v1\nkind: Node\nmetadata: {name: a, labels: {kubernetes.io/os: linux}}\nstatus: {conditions: [{type: Ready, status: 'True'}]}\n")
			inv.Live, inv.ServerMinor, inv.Logs = live, 37, p
			result := fixes.Scan(inv, catalog.Rules())
			plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
			if err != nil {
				t.Fatal(err)
			}
			if len(plan.Changes) < 3 || !plan.Verified {
				t.Errorf("%s, live %v: %d changes, unfixed %q, new %q", p.Output, live, len(plan.Changes), fixestest.Lines(plan.Unfixed), fixestest.Lines(plan.New))
			}
		}
	}
}
