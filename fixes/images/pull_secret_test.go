package images

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const accounts = `
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: shop}
`

func pullSecretFor(registry string) string {
	config := `{"auths":{"` + registry + `":{"username":"u","password":"correct-horse-battery"}}}`
	return `
---
apiVersion: v1
kind: Secret
metadata: {name: pull, namespace: shop}
type: kubernetes.io/dockerconfigjson
data: {.dockerconfigjson: ` + base64.StdEncoding.EncodeToString([]byte(config)) + `}
`
}

func TestPullSecret(t *testing.T) {
	const image = "registry.example.com/shop/web:1"
	private := []fixes.Object{imageFactOf(image, func(f *fixes.Image) { f.Private = true })}
	named := strings.Replace(deployment(image), "spec: {containers:", "spec: {imagePullSecrets: [{name: pull}], containers:", 1)
	account := strings.Replace(accounts, "shop}\n", "shop}\nimagePullSecrets: [{name: pull}]\n", 1)
	fixestest.Table(t, pullSecret(), []fixestest.Case{
		{Name: "private, and no pull secret", Live: true, Objects: deployment(image) + accounts, Facts: private, Want: []string{imagePath + "manual"}},
		{Name: "private, though the credentials were wrong", Live: true, Objects: deployment(image) + accounts,
			Facts: []fixes.Object{imageFactOf(image, func(f *fixes.Image) { f.Private, f.Err = true, "401" })}, Want: []string{imagePath + "manual"}},
		{Name: "the workload has one", Live: true, Objects: named + accounts + pullSecretFor("registry.example.com"), Facts: private},
		{Name: "its ServiceAccount has one", Live: true, Objects: deployment(image) + account + pullSecretFor("https://registry.example.com/v1/"), Facts: private},
		{Name: "one for another registry", Live: true, Objects: named + accounts + pullSecretFor("other.example.com"), Facts: private, Want: []string{imagePath + "manual"}},
		{Name: "the ServiceAccount is not known", Live: true, Objects: deployment(image), Facts: private},
		{Name: "manifests", Objects: deployment(image) + accounts, Facts: private},
		{Name: "public", Live: true, Objects: deployment(image) + accounts, Facts: []fixes.Object{imageFactOf(image, nil)}},
		{Name: "a host that is private, and no pod that runs", Live: true, Objects: deployment("123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1") + accounts, Want: []string{imagePath + "manual"}},
		{Name: "a host that is private, where the node has credentials", Live: true,
			Objects: deployment("123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1") + accounts + pod("a", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web@"+digest)},
		{Name: "named, and not there", Live: true, Objects: named + accounts, Want: []string{"Deployment shop/web spec.template.spec.imagePullSecrets[0] manual"}},
		{Name: "named by a ServiceAccount, and not there", Live: true, Objects: account, Want: []string{"ServiceAccount shop/default imagePullSecrets[0] manual"}},
		{Name: "for plain HTTP", Objects: pullSecretFor("http://registry.example.com:5000"), Want: []string{`Secret shop/pull data[".dockerconfigjson"] manual`}},
		{Name: "for plain HTTP on the node itself", Objects: pullSecretFor("http://localhost:5000")},
	})
}

// TestPullSecretsForbidden does not miss what may not be listed.
func TestPullSecretsForbidden(t *testing.T) {
	inv := fixestest.Load(t, strings.Replace(deployment("registry.example.com/web"), "spec: {containers:", "spec: {imagePullSecrets: [{name: pull}], containers:", 1)+accounts)
	inv.Live = true
	inv.Skip(fixes.Skip{Resource: "secrets", Reason: "forbidden"})
	if got := fixes.Scan(inv, []*fixes.Rule{pullSecret()}).Findings; len(got) > 0 {
		t.Errorf("%q", fixestest.Lines(got))
	}
}

func TestLoginFits(t *testing.T) {
	for _, c := range []struct {
		entry, image string
		fits         bool
	}{
		{"registry.example.com", "registry.example.com/a/b:1", true},
		{"https://registry.example.com/v2/", "registry.example.com/a", true},
		{"registry.example.com", "registry.example.com:5000/a", false},
		{"registry.example.com:5000", "registry.example.com:5000/a", true},
		{"registry.example.com", "registry.example.com.evil.io/a", false},
		{"registry.example.com/acme", "registry.example.com/acme/web", true},
		{"registry.example.com/acme", "registry.example.com/acme-evil/web", false},
		{"*.example.com", "registry.example.com/a", true},
		{"*.example.com", "a.b.example.com/a", false},
		{"*.example.com", "example.com/a", false},
		{"https://index.docker.io/v1/", "nginx:1.27", true},
		{"https://index.docker.io/v1/", "ghcr.io/nginx", false},
		{"docker.io", "nginx", true},
		{"", "nginx", false},
		{"http://[::1", "nginx", false},
	} {
		if got := (RegistryLogin{Registry: c.entry}).Fits(c.image); got != c.fits {
			t.Errorf("%q for %q: %v", c.entry, c.image, got)
		}
	}
}
