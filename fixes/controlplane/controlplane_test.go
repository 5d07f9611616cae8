package controlplane

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const found = "Pod kube-system/kube-apiserver-cp1 spec.containers[0].command manual"

func ruleOf(t *testing.T, id string) *fixes.Rule {
	t.Helper()
	for _, r := range Rules() {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("no rule %s", id)
	return nil
}

// cases makes a row for each command line of the API server: with as many
// findings as it says.
func cases(findings map[string]int) []fixestest.Case {
	var out []fixestest.Case
	for flags, n := range findings {
		out = append(out, fixestest.Case{Name: flags, Objects: static("kube-apiserver", flags), Live: true, Want: slices.Repeat([]string{found}, n)})
	}
	return out
}

func TestAuthorizationMode(t *testing.T) {
	fixestest.Table(t, ruleOf(t, "authorization-mode"), cases(map[string]int{
		"--x=1": 1, "--authorization-mode=Node,AlwaysAllow": 1, "--authorization-mode=Node,RBAC,ABAC": 1, "--authorization-mode=Node": 1,
		"--authorization-mode=RBAC": 1, "--authorization-mode=Node --authorization-mode=Webhook": 1,
		"--authorization-mode=Node,RBAC": 0, "--authorization-mode=RBAC --authorization-mode=Node": 0, "--authorization-mode=Webhook,Node,RBAC": 0,
		"--authorization-config=/c": 0, "--authorization-mode=$(MODE)": 0,
	}))
	for modes, want := range map[string]struct {
		severity fixes.Severity
		set      string
	}{
		"AlwaysAllow": {fixes.Critical, "--authorization-mode=Node,RBAC\n"}, "Node,RBAC,ABAC": {fixes.High, "--authorization-mode=Node,RBAC\n"},
		"RBAC,Webhook": {fixes.Medium, "--authorization-mode=Node,RBAC,Webhook\n"}, "Webhook": {fixes.Low, "--authorization-mode=Node,RBAC,Webhook\n"},
	} {
		f := ruleOf(t, "authorization-mode").Run(fixestest.Load(t, static("kube-apiserver", "--authorization-mode="+modes)))[0]
		if f.Severity != want.severity || !strings.Contains(f.Fix().Steps, want.set) {
			t.Errorf("%s: %s, %s", modes, f.Severity, f.Fix().Steps)
		}
	}
}

func TestAnonymousAuth(t *testing.T) {
	const rbac = "--authorization-mode=Node,RBAC "
	fixestest.Table(t, ruleOf(t, "apiserver-anonymous-auth"), cases(map[string]int{
		rbac: 1, rbac + "--anonymous-auth=true": 1, "--authorization-config=/c": 1,
		rbac + "--anonymous-auth=false": 0, rbac + "--authentication-config=/c": 0,
		// The server takes no anonymous requests then.
		"--x=1": 0, "--authorization-mode=AlwaysAllow --anonymous-auth=true": 0,
	}))
	for version, want := range map[string]string{
		"v1.37.2": "apiserver.config.k8s.io/v1\n", "v1.33.0": "apiserver.config.k8s.io/v1beta1\n", "v1.30.1": "- --anonymous-auth=false\n",
	} {
		objects := strings.ReplaceAll(static("kube-apiserver", rbac), "v1.37.2", version)
		if steps := ruleOf(t, "apiserver-anonymous-auth").Run(fixestest.Load(t, objects))[0].Fix().Steps; !strings.Contains(steps, want) {
			t.Errorf("%s: %s", version, steps)
		}
	}
}

func TestAdmissionPlugins(t *testing.T) {
	const all = "--enable-admission-plugins=NodeRestriction,DenyServiceExternalIPs,AlwaysPullImages,EventRateLimit"
	rule := ruleOf(t, "apiserver-admission-plugins")
	fixestest.Table(t, rule, cases(map[string]int{
		"--x=1": 4, all: 0, all + ",AlwaysAdmit": 1, all + " --disable-admission-plugins=PodSecurity,ServiceAccount,DefaultStorageClass": 2,
		"--enable-admission-plugins=$(PLUGINS)": 0, "--admission-control=NodeRestriction,PodSecurity": 13,
	}))
	fixOf := func(flags, plugin string) (*fixes.Finding, string) {
		for _, f := range rule.Run(fixestest.Load(t, static("kube-apiserver", flags))) {
			if strings.HasSuffix(f.Key, " "+plugin) {
				return f, f.Fix().Steps
			}
		}
		t.Fatalf("%s: no finding of %s", flags, plugin)
		return nil, ""
	}
	if f, steps := fixOf("--enable-admission-plugins=AlwaysPullImages", "NodeRestriction"); f.Severity != fixes.High ||
		!strings.Contains(steps, "- --enable-admission-plugins=AlwaysPullImages,NodeRestriction\n") {
		t.Errorf("%s: %s", f.Severity, steps)
	}
	if f, steps := fixOf("--disable-admission-plugins=PodSecurity,DefaultStorageClass", "PodSecurity"); f.Severity != fixes.High ||
		!strings.Contains(steps, "- --disable-admission-plugins=DefaultStorageClass\n") || !strings.Contains(steps, "PodSecurity from") {
		t.Errorf("%s: %s", f.Severity, steps)
	}
}

func TestTLS(t *testing.T) {
	rule := ruleOf(t, "apiserver-tls")
	fixestest.Table(t, rule, append(cases(map[string]int{
		"--x=1": 0, "--tls-min-version=VersionTLS12": 0, "--tls-min-version=VersionTLS13": 0, "--tls-min-version=VersionTLS10": 1,
		"--tls-cipher-suites=" + strings.Join(SoundCiphers(), ",") + ",TLS_AES_128_GCM_SHA256": 0,
		"--tls-cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA":                                     1,
		"--tls-cipher-suites=$(CIPHERS)":                                                       0,
	}),
		fixestest.Case{Name: "etcd", Objects: static("etcd", "--cipher-suites=TLS_RSA_WITH_RC4_128_SHA --tls-cipher-suites=x"),
			Want: []string{"Pod kube-system/etcd-cp1 spec.containers[0].command manual"}},
	))
}

func TestEtcdOwnCA(t *testing.T) {
	const api, mine = "--client-ca-file=/pki/ca.crt", "--client-cert-auth=true --trusted-ca-file=/pki/ca.crt"
	pair := func(apiFlags, etcdFlags string) string {
		return static("kube-apiserver", apiFlags) + static("etcd", etcdFlags)
	}
	fixestest.Table(t, ruleOf(t, "etcd-own-ca"), []fixestest.Case{
		{Name: "shared", Objects: pair(api, mine), Want: []string{"Pod kube-system/etcd-cp1 spec.containers[0].command manual"}},
		{Name: "its own", Objects: pair(api, strings.ReplaceAll(mine, "/pki/ca", "/pki/etcd/ca"))},
		{Name: "nobody is asked", Objects: pair(api, "--trusted-ca-file=/pki/ca.crt")},
		{Name: "elsewhere", Objects: static("kube-apiserver", api) + strings.ReplaceAll(static("etcd", mine), "cp1", "cp2")},
		{Name: "in a file", Objects: pair(api, mine+" --config-file=/c")},
		{Name: "by variables", Objects: static("kube-apiserver", api) + static("etcd", "--name=x") +
			"    env: [{name: ETCD_CLIENT_CERT_AUTH, value: \"true\"}, {name: ETCD_TRUSTED_CA_FILE, value: /pki/ca.crt}]\n",
			Want: []string{"Pod kube-system/etcd-cp1 spec.containers[0].command manual"}},
	})
}

func TestAuditLogOff(t *testing.T) {
	fixestest.Table(t, ruleOf(t, "audit-log-off"), cases(map[string]int{
		"--x=1": 1, "--audit-policy-file=/p": 1, "--audit-log-path=/l": 1, "--audit-webhook-config-file=/w": 1,
		"--audit-policy-file=/p --audit-log-path=/l": 0, "--audit-policy-file=/p --audit-webhook-config-file=/w": 0, "--audit-policy-file=/p --audit-log-path=-": 0,
	}))
}

// hosted is an API server whose audit policy stands in a ConfigMap.
func hosted(policy string) string {
	text := static("kube-apiserver", "--audit-policy-file=/etc/audit/policy.yaml --audit-log-path=-") +
		"    volumeMounts: [{name: audit, mountPath: /etc/audit}]\n  volumes: [{name: audit, configMap: {name: audit, items: [{key: p, path: policy.yaml}]}}]\n"
	return text + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: audit, namespace: kube-system}\ndata:\n  p: |\n" + indent(policy)
}

func TestAuditPolicyWeak(t *testing.T) {
	const on = "--audit-policy-file=/p --audit-log-path=/l "
	policy := func(rules string) string { return "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n" + rules }
	all := cases(map[string]int{
		"--x=1": 0, on: 0, on + "--audit-log-maxage=30 --audit-log-maxbackup=10 --audit-log-maxsize=100": 0, on + "--audit-log-maxage=0": 0,
		on + "--audit-log-maxage=7 --audit-log-maxbackup=2 --audit-log-maxsize=10": 3, on + "--audit-log-mode=batch": 1, on + "--audit-log-maxage=$(AGE)": 0,
	})
	for name, c := range map[string]struct {
		policy string
		n      int
	}{
		"ours":             {auditPolicy, 0},
		"all":              {policy("- level: Metadata\n"), 0},
		"bodies":           {policy("- level: RequestResponse\n"), 1},
		"nothing":          {policy("- level: None\n- level: Metadata\n"), 1},
		"no rule":          {policy("  []\n"), 1},
		"not exec":         {policy("- level: None\n  resources: [{group: \"\", resources: [pods/*]}]\n- level: Metadata\n"), 1},
		"a namespace":      {policy("- level: None\n  namespaces: [noise]\n- level: Metadata\n"), 0},
		"a user":           {policy("- level: None\n  users: [\"system:kube-proxy\"]\n- level: None\n  userGroups: [\"system:nodes\"]\n- level: Metadata\n"), 0},
		"paths":            {policy("- level: None\n  nonResourceURLs: [\"*\"]\n- level: Metadata\n"), 0},
		"names":            {policy("- level: None\n  resources: [{group: \"\", resources: [configmaps, secrets], resourceNames: [lock]}]\n- level: Metadata\n"), 0},
		"no policy at all": {"hello", 0},
	} {
		all = append(all, fixestest.Case{Name: name, Objects: hosted(c.policy), Live: true, Want: slices.Repeat([]string{found}, c.n)})
	}
	fixestest.Table(t, ruleOf(t, "audit-policy-weak"), all)
}

// TestUnseen says what is not seen, and does not claim it.
func TestUnseen(t *testing.T) {
	for _, c := range []struct{ name, objects, want string }{
		{"managed", "", "[{flags of kube-apiserver, kube-controller-manager, kube-scheduler, etcd  no pod in kube-system shows them, as on managed clusters: ask the provider}]"},
		{"in part", static("kube-apiserver", "--x=1") + static("etcd", "--x=1") + static("kube-scheduler", "--config=/c"),
			"[{what --config of kube-scheduler names  a file on the node, which the API does not show} {flags of kube-controller-manager  no pod in kube-system shows them, as on managed clusters: ask the provider}]"},
		{"files", static("kube-apiserver", "--authentication-config=/a --audit-policy-file=/p") + static("etcd", "--x=1") + static("kube-scheduler", "--x=1") + static("kube-controller-manager", "--x=1"),
			"[{what --authentication-config of kube-apiserver names  a file on the node, which the API does not show} {what --audit-policy-file of kube-apiserver names  a file on the node, which the API does not show}]"},
	} {
		inv := fixestest.Load(t, c.objects)
		if skips := fixes.Unseen(inv, Rules()); len(skips) > 0 {
			t.Errorf("%s: manifests lack %v", c.name, skips)
		}
		inv.Live = true
		if got := fmt.Sprint(fixes.Unseen(inv, Rules())); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
		inv.Namespace = "shop"
		if skips := fixes.Unseen(inv, Rules()); len(skips) > 0 {
			t.Errorf("%s: nobody asked for kube-system: %v", c.name, skips)
		}
	}
	inv := fixestest.Load(t, hosted(auditPolicy))
	inv.Live = true
	if got := fmt.Sprint(fixes.Unseen(inv, Rules())); strings.Contains(got, "audit") {
		t.Errorf("the policy is seen: %s", got)
	}
	inv.Skip(fixes.Skip{Resource: "pods", Reason: "forbidden"})
	if skips := fixes.Unseen(inv, Rules()); fmt.Sprint(skips) != "[]" {
		t.Errorf("it is said already that pods were not listed: %v", skips)
	}
}
