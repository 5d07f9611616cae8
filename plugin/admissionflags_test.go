package plugin

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func TestEnforce(t *testing.T) {
	policies, others := []*fixes.Rule{{ID: "x", Enforces: true}}, []*fixes.Rule{{ID: "y"}}
	for _, c := range []struct {
		name              string
		rules             []*fixes.Rule
		allowed           []string
		enforce           bool
		admission, images bool
		fails             bool
	}{
		{name: "not asked for", rules: policies, allowed: []string{"ghcr.io"}},
		{name: "all", rules: policies, allowed: []string{"ghcr.io"}, enforce: true, admission: true, images: true},
		{name: "no list", rules: policies, enforce: true, admission: true},
		{name: "images alone", rules: others, allowed: []string{"ghcr.io"}, enforce: true, admission: true, images: true},
		{name: "nothing that could", rules: others, enforce: true, fails: true},
	} {
		o := &Options{Rules: c.rules, Wishes: fixes.Wishes{Images: fixes.ImagePolicy{Allowed: c.allowed}}}
		err := (&admissionFlags{Enforce: c.enforce, As: asVAP}).set(o)
		if (err != nil) != c.fails || o.Admission.Enforce != c.admission || o.Images.Enforce != c.images {
			t.Errorf("%s: %v, %+v, %+v", c.name, err, o.Admission, o.Images)
		}
		if err != nil && !strings.Contains(err.Error(), "admission-host-namespaces") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestPoliciesAs(t *testing.T) {
	for _, c := range []struct {
		as     string
		dryRun string
		fails  bool
	}{
		{asVAP, dryRunNone, false}, {asKyverno, dryRunClient, false}, {asGatekeeper, dryRunServer, false},
		{asKyverno, dryRunNone, true}, {"opa", dryRunClient, true}, {asStaged, dryRunNone, true}, {asStaged, dryRunClient, false},
	} {
		o := &Options{Fix: true, DryRun: c.dryRun}
		f := admissionFlags{As: c.as}
		if err := f.set(o); (err != nil) != c.fails || (o.policyEngine != nil || o.stagedPolicies) != (!c.fails && c.as != asVAP) {
			t.Errorf("%s, %s: %v", c.as, c.dryRun, err)
		}
	}
}
