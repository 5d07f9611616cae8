package plugin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/forms"
)

// admissionFlags say what admission policies do.
type admissionFlags struct {
	Enforce     bool
	PodDefaults bool
	As          string
}

// The values of --policies-as.
const (
	asVAP        = "vap"
	asKyverno    = "kyverno"
	asGatekeeper = "gatekeeper"
	asStaged     = "calico-staged"
)

var policyForms = []string{asVAP, asKyverno, asGatekeeper, asStaged}

func newAdmissionFlags() admissionFlags { return admissionFlags{As: asVAP} }

// asks reports whether the flag of an option was given; see [fixes.Rule.Option].
func (f *admissionFlags) asks(option string) bool {
	return option == optionPodDefaults && f.PodDefaults
}

const optionPodDefaults = "pod-defaults"

func (f *admissionFlags) addTo(fs *pflag.FlagSet) {
	fs.BoolVar(&f.Enforce, "enforce", false, "Let the admission policies that are made refuse, and not only warn; that for images only with --allowed-registries.")
	fs.BoolVar(&f.PodDefaults, optionPodDefaults, false, "Also propose a policy that gives new pods safe defaults where they say nothing (Kubernetes 1.36).")
	fs.StringVar(&f.As, "policies-as", f.As, "With --dry-run: how new admission policies are exported, and with "+asStaged+" network policies: "+strings.Join(policyForms, ", ")+".")
}

// set puts into the options what the flags mean. What is asked of images and the
// rules must be known already.
func (f *admissionFlags) set(o *Options) error {
	switch {
	case !slices.Contains(policyForms, f.As):
		return unknown("form of policies", f.As, policyForms)
	case f.As != asVAP && (!o.Fix || o.DryRun == dryRunNone):
		return errors.New("--policies-as is for export: add --fix --dry-run")
	case f.As == asKyverno:
		o.policyEngine = forms.Kyverno
	case f.As == asGatekeeper:
		o.policyEngine = forms.Gatekeeper
	case f.As == asStaged:
		o.stagedPolicies = true
	}
	listed := len(o.Images.Allowed) > 0
	if f.Enforce && !listed && !slices.ContainsFunc(o.Rules, enforces) {
		return errors.New("--enforce goes with a rule whose policy may refuse (" + join(enforcing()) +
			"), or with --allowed-registries: only a list that you have read is to refuse images")
	}
	o.Admission.Enforce = f.Enforce
	o.Images.Enforce = f.Enforce && listed
	return nil
}

func enforces(r *fixes.Rule) bool { return r.Enforces }

// enforcing lists the rules whose policies --enforce lets refuse.
func enforcing() []string {
	var ids []string
	for _, r := range catalog.Rules() {
		if enforces(r) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// policiesInForm returns a plan with its new admission policies, or its network
// policies, in the form that was asked for, and says which have none.
func (o *Options) policiesInForm(plan *fixes.Plan) (*fixes.Plan, error) {
	if o.stagedPolicies {
		return o.stage(plan)
	}
	if o.policyEngine == nil {
		return plan, nil
	}
	out, stay, err := forms.Policies(plan, o.policyEngine)
	if err != nil {
		return nil, err
	}
	for _, name := range stay {
		fmt.Fprintf(o.ErrOut, "%s stays a ValidatingAdmissionPolicy: it asks the API server's authorizer, which other engines have not.\n", name)
	}
	return out, nil
}
