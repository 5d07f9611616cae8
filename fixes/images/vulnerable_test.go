package images

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const otherDigest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

// The vulnerabilities of the tables.
var (
	critical  = fixes.Vulnerability{ID: "CVE-2024-1", Severity: fixes.Critical, Package: "openssl", Installed: "3.0.1", Fixed: "3.0.2"}
	unfixable = fixes.Vulnerability{ID: "CVE-2024-2", Severity: fixes.Critical, Package: "zlib", Installed: "1.2"}
	high      = fixes.Vulnerability{ID: "CVE-2024-3", Severity: fixes.High, Package: "curl", Installed: "7.1", Fixed: "7.2"}
	highOpen  = fixes.Vulnerability{ID: "CVE-2024-4", Severity: fixes.High, Package: "curl", Installed: "7.1"}
	medium    = fixes.Vulnerability{ID: "CVE-2024-5", Severity: fixes.Medium, Package: "bash", Installed: "5.1", Fixed: "5.2"}
)

func scanned(name string, images, digests []string, found ...fixes.Vulnerability) fixes.Object {
	return &fixes.Vulnerabilities{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Images: images, Digests: digests, Found: found,
		Scanner: "trivy 0.74.0", Source: name,
	}
}

func newerImage(image, tag, digest string) fixes.Object {
	return &fixes.Image{ObjectMeta: metav1.ObjectMeta{Name: image}, Digest: otherDigest, Newer: tag, NewerDigest: digest}
}

func list(s ...string) []string { return s }

func TestVulnerable(t *testing.T) {
	const path = "Deployment shop/web spec.template.spec.containers[0].image "
	found, none := []string{path + "manual"}, []string(nil)
	byName := func(image string, found ...fixes.Vulnerability) []fixes.Object {
		return []fixes.Object{scanned("r", list(image), nil, found...)}
	}
	fixestest.Table(t, vulnerable(), []fixestest.Case{
		{Name: "nobody asked", Objects: deployment("nginx:1.25"), Want: none},
		{Name: "critical", Objects: deployment("nginx:1.25"), Facts: byName("nginx:1.25", critical), Want: found},
		{Name: "critical without a fix", Objects: deployment("nginx:1.25"), Facts: byName("nginx:1.25", unfixable), Want: found},
		{Name: "high", Objects: deployment("nginx:1.25"), Facts: byName("nginx:1.25", high), Want: found},
		{Name: "high without a fix", Objects: deployment("nginx:1.25"), Facts: byName("nginx:1.25", highOpen, medium), Want: none},
		{Name: "clean", Objects: deployment("nginx:1.25"), Facts: byName("nginx:1.25"), Want: none},
		{Name: "another spelling", Objects: deployment("nginx:1.25"), Facts: byName("index.docker.io/library/nginx:1.25", critical), Want: found},
		{Name: "docker.io", Objects: deployment("docker.io/library/nginx:1.25"), Facts: byName("nginx:1.25", critical), Want: found},
		{Name: "no tag is latest", Objects: deployment("nginx"), Facts: byName("docker.io/nginx:latest", critical), Want: found},
		{Name: "another tag", Objects: deployment("nginx:1.25"), Facts: byName("nginx:1.25.1", critical), Want: none},
		{Name: "another registry", Objects: deployment("ghcr.io/nginx:1.25"), Facts: byName("nginx:1.25", critical), Want: none},
		{Name: "what is no image", Objects: deployment("UPPER CASE"), Facts: byName("UPPER CASE", critical), Want: none},
		{
			Name:    "by the digest that runs, whatever its name",
			Objects: deployment("mirror.example.com/web:1") + pod("a", "mirror.example.com/web:1", "docker.io/library/nginx@"+digest),
			Facts:   []fixes.Object{scanned("r", list("nginx:1.25"), list(digest), critical)},
			Live:    true, Want: found,
		},
		{
			Name:    "by the id of an image that was loaded by hand",
			Objects: deployment("web:1") + pod("a", "web:1", digest),
			Facts:   []fixes.Object{scanned("r", nil, list(digest), critical)},
			Live:    true, Want: found,
		},
		{
			Name:    "the digest that runs counts before the name",
			Objects: deployment("nginx:1.25") + pod("a", "nginx:1.25", "nginx@"+digest),
			Facts:   []fixes.Object{scanned("a", list("nginx:1.25"), list(otherDigest), critical), scanned("b", list("nginx:1.25"), list(digest), medium)},
			Live:    true, Want: none,
		},
		{
			Name:    "a pod of the last release does not count",
			Objects: deployment("nginx:1.25") + pod("a", "nginx:1.24", "nginx@"+digest),
			Facts:   []fixes.Object{scanned("a", nil, list(digest), critical)},
			Live:    true, Want: none,
		},
		{
			Name: "pinned", Objects: deployment("nginx:1.25@" + digest),
			Facts: []fixes.Object{scanned("a", nil, list(digest), critical)}, Want: found,
		},
		{
			Name: "pinned to other content than the tag's", Objects: deployment("nginx:1.25@" + digest),
			Facts: []fixes.Object{scanned("a", list("nginx:1.25"), list(otherDigest), critical)}, Want: none,
		},
		{
			Name: "pinned, and a report without a digest", Objects: deployment("nginx:1.25@" + digest),
			Facts: byName("nginx:1.25", critical), Want: found,
		},
		{
			Name: "the registry has a newer one", Objects: deployment("nginx:1.25"),
			Facts: append(byName("nginx:1.25", critical), newerImage("nginx:1.25", "1.25.5", otherDigest)),
			Want:  list(path + "review"),
			Diff:  list("+ - image: nginx:1.25.5@" + otherDigest),
		},
		{
			Name: "a newer one for a digest, on a port", Objects: deployment("localhost:5000/web:1.0@" + digest),
			Facts: []fixes.Object{scanned("a", nil, list(digest), critical), newerImage("localhost:5000/web:1.0@"+digest, "1.1", "")},
			Want:  list(path + "review"),
			Diff:  list("+ - image: localhost:5000/web:1.1"),
		},
		{
			Name: "the newer one is vulnerable too", Objects: deployment("nginx:1.25"),
			Facts: append(byName("nginx:1.25", critical), newerImage("nginx:1.25", "1.25.5", otherDigest), scanned("n", list("nginx:1.25.5"), nil, high)),
			Want:  found,
		},
		{
			Name: "a pod", Live: true, Objects: `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop, uid: p}
spec:
  initContainers: [{name: init, image: "busybox:1"}]
  containers: [{name: web, image: "nginx:1.25"}]
  ephemeralContainers: [{name: debug, image: "nginx:1.25"}]
status: {initContainerStatuses: [{name: init, image: x, imageID: "x@` + digest + `"}]}
`,
			Facts: []fixes.Object{scanned("a", list("nginx:1.25"), nil, high), scanned("b", nil, list(digest), high)},
			Want:  list("Pod shop/p spec.containers[0].image manual", "Pod shop/p spec.initContainers[0].image manual"),
		},
	})
}

// TestVulnerableTexts looks at what a finding says: two scanners' reports are
// one, the worst comes first, and nothing is too long.
func TestVulnerableTexts(t *testing.T) {
	inv := fixestest.Load(t, deployment("nginx:1.25")+pod("a", "nginx:1.25", "nginx@"+digest))
	same := critical
	same.Fixed, same.Severity = "", fixes.High
	many := []fixes.Vulnerability{same, medium, high, unfixable, highOpen}
	for i := range 30 {
		v := high
		v.ID, v.Package = "CVE-2023-"+strings.Repeat("9", i%5+1), "lib\x1b[31m"+strings.Repeat("x", i)
		many = append(many, v)
	}
	inv.Add(scanned("file.json", list("nginx:1.25"), list(otherDigest), critical))
	inv.Add(scanned("shop/web", list("nginx:1.25"), nil, many...))
	findings := vulnerable().Run(inv)
	if len(findings) != 1 {
		t.Fatalf("%d findings", len(findings))
	}
	f := findings[0]
	if want := "Container web runs nginx:1.25, with known vulnerabilities: 2 critical, 32 high, 1 medium."; f.Message != want || f.Severity != fixes.Critical {
		t.Errorf("%s: %q, want %q", f.Severity, f.Message, want)
	}
	want := []string{
		"32 of the 33 that count (critical, or high with a fix) have a fix",
		"CVE-2024-1 (critical) in openssl 3.0.1, fixed in 3.0.2",
		"CVE-2024-2 (critical) in zlib 1.2, without a fix",
	}
	if len(f.Evidence) != 1+worstShown+2 || !slices.Equal(f.Evidence[:3], want) {
		t.Errorf("evidence %q", f.Evidence)
	}
	if text := f.Evidence[len(f.Evidence)-2:]; text[0] != "reported by trivy 0.74.0: file.json, about other content under the same name: scan again what runs" || text[1] != "reported by trivy 0.74.0: shop/web" {
		t.Errorf("sources %q", text)
	}
	steps := f.Fix().Steps
	if strings.Count(steps, "\n") != packagesShown+2 || !strings.Contains(steps, "and 12 more") || strings.Contains(steps, "\x1b") ||
		!strings.HasSuffix(steps, "trivy image nginx:1.25") {
		t.Errorf("steps %q", steps)
	}
}
