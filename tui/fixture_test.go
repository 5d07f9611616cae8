package tui

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// The goldens rest on rules of their own, which find and fix for real, so that
// a new word in the catalogue does not change a screen here.

const shop = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: pay}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example.com/shop/web:1.4
        env:
        - {name: LOG_LEVEL, value: info}
        - {name: DB_PASSWORD, value: hunter2-plaintext}
        - {name: REDIS_TOKEN, value: swordfish-plaintext}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  namespace: pay
  labels: {app.kubernetes.io/managed-by: Helm}
  annotations: {meta.helm.sh/release-name: pay}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: registry.example.com/pay/api:latest
        env: [{name: STRIPE_TOKEN, value: sk_live_plaintext}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers:
      - {name: agent, image: "registry.example.com/agent:2", securityContext: {privileged: true}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "ops\e[31m\u202Eevil"}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
`

func testRules() []*fixes.Rule {
	workloads := fixes.WorkloadKinds()
	return []*fixes.Rule{{
		ID: "env-secret", Category: fixes.Secrets, Severity: fixes.High, Title: "A credential stands in a pod template",
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.4.1"), fixes.OWASP("K08")},
		Kinds:      append(workloads, fixes.KindSecret),
		Docs: `
Whoever may read the object reads the credential, and so does every log and
backup that holds it.

## The fix
Moves the value to a Secret and refers to it. The pods restart.

    kubectl get deployment web -o yaml`,
		Check: checkEnv,
	}, {
		ID: "sa-token", Category: fixes.Access, Severity: fixes.Medium, Title: "A pod mounts a token that it does not need",
		Threats: []fixes.Threat{fixes.ElevationOfPrivilege, fixes.InformationDisclosure}, References: []fixes.Reference{fixes.CIS("5.1.6")},
		Kinds: workloads, Docs: "A token for nothing.", Check: checkToken,
	}, {
		ID: "network-open", Category: fixes.Network, Severity: fixes.High, Title: "A namespace has no default deny",
		Threats: []fixes.Threat{fixes.Tampering, fixes.DenialOfService}, References: []fixes.Reference{fixes.NSA("Network separation")},
		Kinds: []fixes.Kind{fixes.KindNamespace, fixes.KindNetworkPolicy}, Phase: fixes.Enforce, Docs: "Everything may talk to everything.", Check: checkNetwork,
	}, {
		ID: "privileged", Category: fixes.PodSecurity, Severity: fixes.Critical, Title: "A container is privileged",
		Threats: []fixes.Threat{fixes.ElevationOfPrivilege}, References: []fixes.Reference{fixes.PSS("Privileged Containers")},
		Kinds: workloads, Docs: "It is the node.", Check: checkPrivileged,
	}, {
		ID: "rbac-wildcard", Category: fixes.Access, Severity: fixes.High, Title: "A role may do everything",
		Threats: []fixes.Threat{fixes.ElevationOfPrivilege}, References: []fixes.Reference{fixes.CIS("5.1.3")},
		Kinds: []fixes.Kind{fixes.KindClusterRole}, Docs: "Everything.", Check: checkWildcard,
	}}
}

func checkEnv(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		for c := range w.Containers() {
			for i, e := range c.Env {
				if e.Value == "" || !strings.HasSuffix(e.Name, "PASSWORD") && !strings.HasSuffix(e.Name, "TOKEN") {
					continue
				}
				ref, secret := w.Ref(), w.Object.GetName()+"-env"
				p.Report(fixes.Finding{
					Object: ref, Path: fmt.Sprintf("%s.env[%d].value", c.Path, i), Key: c.Name + "/" + e.Name,
					Message: fmt.Sprintf("%s is a literal: anyone who may read %ss in %s can read it.",
						e.Name, strings.ToLower(ref.Kind.Name), ref.Namespace),
					Evidence: []string{"the name says so", "entropy 3.9 bits a character"},
					Fixes: []fixes.Fix{{
						Title: "Move it to Secret " + ref.Namespace + "/" + secret, Confidence: fixes.Safe,
						Why: "nothing else reads the field", Risks: []string{"The pods restart."},
						Creates: []fixes.Ref{{Kind: fixes.KindSecret, Namespace: ref.Namespace, Name: secret}},
						Edit: func(d *fixes.Draft) error {
							w, err := d.EditWorkload(ref)
							if err != nil {
								return err
							}
							c, _ := w.Container(c.Name)
							for i := range c.Env {
								if c.Env[i].Name == e.Name {
									c.Env[i] = corev1.EnvVar{Name: e.Name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
										LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: e.Name}}}
								}
							}
							s, err := fixes.Edit[*corev1.Secret](d, ref.Namespace, secret)
							if err != nil {
								s = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ref.Namespace, Name: secret}, Data: map[string][]byte{}}
								if err := d.Create(s); err != nil {
									return err
								}
							}
							s.Data[e.Name] = []byte(e.Value)
							return nil
						},
					}, {
						Title: "Take the variable out", Confidence: fixes.Review, Why: "whether anything needs it is not known",
						Edit: func(d *fixes.Draft) error {
							w, err := d.EditWorkload(ref)
							if err != nil {
								return err
							}
							c, _ := w.Container(c.Name)
							for i := range c.Env {
								if c.Env[i].Name == e.Name {
									c.Env = append(c.Env[:i:i], c.Env[i+1:]...)
									break
								}
							}
							return nil
						},
					}, {
						Title: "Fetch it at run time", Confidence: fixes.Manual, Why: "the program has to change",
						Steps: "Let the program ask its vault:\n  vault kv get shop/" + e.Name + "\nThen check: kubectl harden -n shop",
					}},
				})
			}
		}
	}
}

func checkToken(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		if v := w.Spec.AutomountServiceAccountToken; v != nil && !*v {
			continue
		}
		ref := w.Ref()
		p.Report(fixes.Finding{
			Object: ref, Path: w.SpecPath + ".automountServiceAccountToken",
			Message:  "Its pods mount a token: whoever breaks into one can use the API with it.",
			Evidence: []string{"ServiceAccount default has no binding"},
			Fixes: []fixes.Fix{{
				Title: "Set automountServiceAccountToken: false", Confidence: fixes.Safe, Why: "the account has no rights", Risks: []string{"The pods restart."},
				Edit: func(d *fixes.Draft) error {
					w, err := d.EditWorkload(ref)
					if err != nil {
						return err
					}
					w.Spec.AutomountServiceAccountToken = new(bool)
					return nil
				},
			}},
		})
	}
}

func checkNetwork(p *fixes.Pass) {
	for _, ns := range fixes.Objects[*corev1.Namespace](p.Inventory, "") {
		if len(fixes.Objects[*networkingv1.NetworkPolicy](p.Inventory, ns.Name)) > 0 {
			continue
		}
		name := ns.Name
		p.Report(fixes.Finding{
			Object: fixes.RefOf(ns), Path: "metadata.name", Message: "Every pod of " + name + " takes connections from everywhere.",
			Fixes: []fixes.Fix{{
				Title: "Deny what is not allowed in " + name, Confidence: fixes.Review, Why: "who connects is read from manifests, not seen",
				Risks:   []string{"A connection that was not foreseen is cut."},
				Creates: []fixes.Ref{{Kind: fixes.KindNetworkPolicy, Namespace: name, Name: "default-deny"}},
				Edit: func(d *fixes.Draft) error {
					return d.Create(&networkingv1.NetworkPolicy{
						ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "default-deny"},
						Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
					})
				},
			}},
		})
	}
}

func checkPrivileged(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		for c := range w.Containers() {
			if s := c.SecurityContext; s != nil && s.Privileged != nil && *s.Privileged {
				p.Report(fixes.Finding{
					Object: w.Ref(), Path: c.Path + ".securityContext.privileged", Message: "Container " + c.Name + " is the node, as far as an attacker cares.",
					Fixes: []fixes.Fix{{
						Title: "Run it unprivileged", Confidence: fixes.Manual, Why: "what it needs of the node is not known",
						Steps: "Find out what it needs:\n  kubectl exec -n shop ds/agent -- cat /proc/1/status\nTake privileged away and add what is left.",
					}},
				})
			}
		}
	}
}

func checkWildcard(p *fixes.Pass) {
	for _, r := range fixes.Objects[*rbacv1.ClusterRole](p.Inventory, "") {
		p.Report(fixes.Finding{Object: fixes.RefOf(r), Path: "rules[0]", Message: "ClusterRole " + r.Name + " may do everything."})
	}
}

// mask is a redactor for tests: it masks Secret data and literal env values.
func mask(o fixes.Object) fixes.Object {
	o = o.DeepCopyObject().(fixes.Object)
	if s, ok := o.(*corev1.Secret); ok {
		for k := range s.Data {
			s.Data[k] = []byte("********")
		}
	}
	if w, ok := fixes.AsWorkload(o); ok {
		for c := range w.Containers() {
			for i := range c.Env {
				if strings.HasSuffix(c.Env[i].Value, "plaintext") {
					c.Env[i].Value = "********"
				}
			}
		}
	}
	return o
}

// shopInventory returns the shop as a running cluster.
func shopInventory(t testing.TB) *fixes.Inventory { return loadInventory(t, shop) }

func loadInventory(t testing.TB, objects string) *fixes.Inventory {
	inv := fixestest.Load(t, objects)
	inv.Live, inv.ServerMinor = true, 37
	inv.Skip(fixes.Skip{Resource: "secrets", Namespace: "pay", Reason: "forbidden"})
	return inv
}

// scanOf returns a Scan that finds what is in an inventory, kind by kind.
func scanOf(inv func() *fixes.Inventory, rules []*fixes.Rule) func(context.Context, func(fixes.Progress)) (*fixes.Result, error) {
	return func(ctx context.Context, report func(fixes.Progress)) (*fixes.Result, error) {
		kinds := fixes.Needs(rules)
		s := fixes.NewScanner(inv(), rules)
		for i, k := range kinds {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			report(fixes.Progress{Kinds: len(kinds), Loaded: i + 1, Found: s.Loaded(k)})
		}
		return s.Result(), nil
	}
}
