package images

import (
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestRegistryUnlisted(t *testing.T) {
	list := func(prefixes ...string) fixes.ImagePolicy { return fixes.ImagePolicy{Allowed: prefixes} }
	const policy = "ValidatingAdmissionPolicy kubectl-harden-images spec.variables review"
	fixestest.Table(t, registryUnlisted(), []fixestest.Case{{
		Name:    "manifests, and no list",
		Objects: deployment("nginx:1.27"),
	}, {
		Name:    "manifests, and from elsewhere",
		Objects: deployment("nginx:1.27"),
		Images:  list("registry.example.com"),
		Want:    []string{imagePath + "manual"},
	}, {
		Name:    "an image volume from elsewhere",
		Objects: strings.ReplaceAll(deployment("nginx:1.27"), "spec: {containers:", "spec: {volumes: [{name: data, image: {reference: quay.io/acme/data}}], containers:"),
		Images:  list("docker.io"),
		Want:    []string{"Deployment shop/web spec.template.spec.volumes[0].image.reference manual"},
	}, {
		Name:    "a cluster that has no policy",
		Objects: deployment("nginx:1.27"),
		Live:    true,
		Want:    []string{policy},
		Diff: []string{`+ - expression: '["docker.io/library"]'`, "+ failurePolicy: Fail", "+ - Warn", "+ - Audit",
			"+ - pods/ephemeralcontainers", "+ - kube-system"},
		NotDiff: []string{"+ - Deny"},
	}, {
		Name:    "a list, and an image from elsewhere",
		Objects: deployment("quay.io/acme/web:1"),
		Live:    true,
		Images:  list("docker.io/library", "registry.example.com:5000"),
		Want:    []string{policy, imagePath + "manual"},
		Diff:    []string{`+ - expression: '["docker.io/library", "registry.example.com:5000"]'`},
	}, {
		Name:    "to be enforced",
		Objects: deployment("nginx:1.27"),
		Live:    true,
		Images:  fixes.ImagePolicy{Allowed: []string{"docker.io"}, Enforce: true},
		Want:    []string{policy},
		Diff:    []string{"+ - Deny"},
		NotDiff: []string{"+ - Warn"},
	}, {
		Name:    "the system's own images are nobody's to list",
		Objects: strings.ReplaceAll(deployment("quay.io/acme/web:1"), "namespace: shop", "namespace: kube-system"),
		Live:    true,
		Images:  list("docker.io"),
		Want:    []string{policy},
	}, {
		Name: "an empty cluster has no list to propose",
		Live: true,
	}})
}

// withOwnPolicy is a cluster in which the fix was made, with a list.
func withOwnPolicy(t *testing.T, image string, images fixes.ImagePolicy) *fixes.Inventory {
	t.Helper()
	inv := fixestest.Load(t, deployment(image))
	inv.Live, inv.Images = true, images
	result := fixes.Scan(inv, []*fixes.Rule{registryUnlisted()})
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Changes) != 2 {
		t.Fatalf("%d changes", len(plan.Changes))
	}
	for _, c := range plan.Changes {
		inv.Add(c.After)
	}
	return inv
}

// TestPolicyBroughtUpToDate changes the policy that is there, and makes no
// second one.
func TestPolicyBroughtUpToDate(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    func(*fixes.Inventory)
		change string // in the diff; "" for no finding
	}{
		{"the same", func(*fixes.Inventory) {}, ""},
		{"another order of the list", func(inv *fixes.Inventory) { inv.Images.Allowed = []string{"ghcr.io/acme", "docker.io"} }, ""},
		{"no list any more", func(inv *fixes.Inventory) { inv.Images = fixes.ImagePolicy{} }, ""},
		{"another list", func(inv *fixes.Inventory) { inv.Images.Allowed = []string{"docker.io", "quay.io"} }, `+ - expression: '["docker.io", "quay.io"]'`},
		{"now enforced", func(inv *fixes.Inventory) { inv.Images.Enforce = true }, "+ - Deny"},
		{"unbound", func(inv *fixes.Inventory) {
			b, _ := fixes.Lookup[*admissionregistrationv1.ValidatingAdmissionPolicyBinding](inv, "", policyName)
			b.Spec.PolicyName = "other"
		}, "+ policyName: kubectl-harden-images"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := withOwnPolicy(t, "nginx", fixes.ImagePolicy{Allowed: []string{"docker.io", "ghcr.io/acme"}})
			c.set(inv)
			result := fixes.Scan(inv, []*fixes.Rule{registryUnlisted()})
			if c.change == "" {
				if len(result.Findings) > 0 {
					t.Errorf("findings: %q", fixestest.Lines(result.Findings))
				}
				return
			}
			if diff := fixestest.ClosedLoop(t, result); !slices.Contains(diff, c.change) {
				t.Errorf("the diff lacks %q:\n%s", c.change, strings.Join(diff, "\n"))
			}
		})
	}
}

// TestEnforcedStaysEnforced does not weaken a policy that denies.
func TestEnforcedStaysEnforced(t *testing.T) {
	inv := withOwnPolicy(t, "nginx", fixes.ImagePolicy{Allowed: []string{"docker.io"}, Enforce: true})
	inv.Images = fixes.ImagePolicy{Allowed: []string{"docker.io", "quay.io"}}
	result := fixes.Scan(inv, []*fixes.Rule{registryUnlisted()})
	if len(result.Findings) != 1 {
		t.Fatalf("findings: %q", fixestest.Lines(result.Findings))
	}
	for _, line := range fixestest.ClosedLoop(t, result) {
		if strings.HasPrefix(line, "- - Deny") {
			t.Errorf("the binding is weakened: %s", line)
		}
	}
}

// TestPartIsNoCluster proposes nothing from what was seen of a part.
func TestPartIsNoCluster(t *testing.T) {
	for name, set := range map[string]func(*fixes.Inventory){
		"one namespace": func(inv *fixes.Inventory) { inv.Namespace = "shop" },
		"pods that are forbidden": func(inv *fixes.Inventory) {
			inv.Skip(fixes.Skip{Resource: "pods", Namespace: "a", Reason: "forbidden"})
		},
		"policies that are forbidden": func(inv *fixes.Inventory) {
			inv.Skip(fixes.Skip{Resource: fixes.KindValidatingAdmissionPolicy.String(), Reason: "forbidden"})
		},
	} {
		inv := fixestest.Load(t, deployment("nginx"))
		inv.Live = true
		set(inv)
		if got := fixes.Scan(inv, []*fixes.Rule{registryUnlisted()}).Findings; len(got) > 0 {
			t.Errorf("%s: %q", name, fixestest.Lines(got))
		}
	}
}

// TestRepository reads images' names as the container runtimes do. The policy's
// expressions are held against the same names by a real API server, in
// cmd/kubectl-harden.
func TestRepository(t *testing.T) {
	for image, want := range map[string]string{
		"nginx":                          "docker.io/library/nginx",
		"nginx:1.27":                     "docker.io/library/nginx",
		"nginx@" + digest:                "docker.io/library/nginx",
		"nginx:1.27@" + digest:           "docker.io/library/nginx",
		"acme/web":                       "docker.io/acme/web",
		"docker.io/nginx":                "docker.io/library/nginx",
		"index.docker.io/nginx:1":        "docker.io/library/nginx",
		"index.docker.io/acme/web":       "docker.io/acme/web",
		"localhost/web:1":                "localhost/web",
		"registry/web":                   "docker.io/registry/web",
		"registry:5000/web":              "registry:5000/web",
		"registry.example.com:5000":      "docker.io/library/registry.example.com",
		"registry.example.com:5000/a/b":  "registry.example.com:5000/a/b",
		"registry.example.com/a:1/b":     "registry.example.com/a:1/b",
		"Registry/web":                   "Registry/web",
		"ghcr.io/acme/web:v1@" + digest:  "ghcr.io/acme/web",
		"":                               "docker.io/library/",
		"registry.example.com.evil.io/a": "registry.example.com.evil.io/a",
	} {
		if got := repository(image); got != want {
			t.Errorf("%q comes from %q, want %q", image, got, want)
		}
	}
	for repo, want := range map[string]bool{
		"registry.example.com/web": true, "registry.example.com": true, "registry.example.com:5000/web": false,
		"registry.example.com.evil.io/web": false, "ghcr.io/acme/web": true, "ghcr.io/acme-evil/web": false, "ghcr.io/web": false,
	} {
		if got := allowed(repo, []string{"registry.example.com", "ghcr.io/acme"}); got != want {
			t.Errorf("%q is allowed: %v", repo, got)
		}
	}
}
