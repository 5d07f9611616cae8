package images

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const imagePath = "Deployment shop/web spec.template.spec.containers[0].image "

var asked = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// TestRegistrysAnswer pins what the registry says where no pod says what runs.
func TestRegistrysAnswer(t *testing.T) {
	fixestest.Table(t, mutableTag(), []fixestest.Case{{
		Name:    "nothing runs",
		Objects: deployment("nginx:1.27"),
		Facts:   []fixes.Object{imageFactOf("nginx:1.27", nil)},
		Want:    []string{imagePath + "review"},
		Diff:    []string{"+ - image: nginx:1.27@" + digest},
	}, {
		Name:    "what runs counts for more",
		Objects: deployment("nginx:1.27") + pod("a", "nginx:1.27", "nginx@sha256:0000000000000000000000000000000000000000000000000000000000000000"),
		Live:    true,
		Facts:   []fixes.Object{imageFactOf("nginx:1.27", nil)},
		Want:    []string{imagePath + "safe"},
		NotDiff: []string{"+ - image: nginx:1.27@" + digest},
	}, {
		Name:    "no answer",
		Objects: deployment("nginx:1.27"),
		Facts:   []fixes.Object{imageFactOf("nginx:1.27", func(f *fixes.Image) { f.Err, f.Digest = "timeout after 15s", "" })},
		Want:    []string{imagePath + "manual"},
	}})
}

func TestUnsigned(t *testing.T) {
	fixestest.Table(t, unsigned(), []fixestest.Case{{
		Name:    "unsigned",
		Objects: deployment("nginx:1.27"),
		Facts:   []fixes.Object{imageFactOf("nginx:1.27", func(f *fixes.Image) { f.Unsigned = true })},
		Want:    []string{imagePath + "manual"},
	}, {
		Name:    "signed, or not known",
		Objects: deployment("nginx:1.27"),
		Facts:   []fixes.Object{imageFactOf("nginx:1.27", nil)},
	}, {
		Name:    "another image",
		Objects: deployment("nginx:1.27"),
		Facts:   []fixes.Object{imageFactOf("nginx:1.28", func(f *fixes.Image) { f.Unsigned = true })},
	}, {
		Name:    "the registry was not asked",
		Objects: deployment("nginx:1.27"),
	}})
}

// TestPinnedSinceAsked keeps a registry's answer for an image whose digest was
// appended since.
func TestPinnedSinceAsked(t *testing.T) {
	inv := fixestest.Load(t, deployment("nginx:1.27@"+digest)+"---"+strings.Replace(deployment("nginx:1.27@sha256:"+strings.Repeat("0", 64)), "name: web, namespace: shop, uid: d", "name: other, namespace: shop, uid: e", 1))
	inv.Add(imageFactOf("nginx:1.27", func(f *fixes.Image) { f.Unsigned = true }))
	got := fixestest.Lines(fixes.Scan(inv, []*fixes.Rule{unsigned()}).Findings)
	if !slices.Equal(got, []string{imagePath + "manual"}) {
		t.Errorf("%q", got)
	}
}

func TestStale(t *testing.T) {
	year := fixes.ImagePolicy{MaxAge: 365 * 24 * time.Hour}
	built := func(days int) []fixes.Object {
		return []fixes.Object{imageFactOf("nginx:1.27.1", func(f *fixes.Image) { f.Asked, f.Built = asked, asked.AddDate(0, 0, -days) })}
	}
	fixestest.Table(t, stale(), []fixestest.Case{
		{Name: "old", Objects: deployment("nginx:1.27.1"), Images: year, Facts: built(366), Want: []string{imagePath + "manual"}},
		{Name: "a day less", Objects: deployment("nginx:1.27.1"), Images: year, Facts: built(365)},
		{Name: "nobody asks", Objects: deployment("nginx:1.27.1"), Facts: built(4000)},
		{Name: "no date", Objects: deployment("nginx:1.27.1"), Images: year,
			Facts: []fixes.Object{imageFactOf("nginx:1.27.1", func(f *fixes.Image) { f.Asked = asked })}},
	})
	inv := fixestest.Load(t, deployment("nginx:1.27.1"))
	inv.Images = year
	inv.Add(imageFactOf("nginx:1.27.1", func(f *fixes.Image) {
		f.Asked, f.Built, f.Newer, f.NewerDigest = asked, asked.AddDate(-2, 0, 0), "1.27.5", digest
	}))
	f := fixes.Scan(inv, []*fixes.Rule{stale()}).Findings[0]
	if want := "image: docker.io/library/nginx:1.27.5@" + digest; !strings.Contains(f.Fix().Steps, want) {
		t.Errorf("the steps do not name the newer tag:\n%s", f.Fix().Steps)
	}
	if !strings.Contains(f.Message, "730 days") {
		t.Errorf("message: %s", f.Message)
	}
}

func TestImageSecret(t *testing.T) {
	found := func(n int) []fixes.Object {
		return []fixes.Object{imageFactOf("nginx:1.27", func(f *fixes.Image) {
			f.Secrets = slices.Repeat([]fixes.ImageSecret{{Where: "env DB_PASSWORD", Reason: "named as a password"}}, n)
		})}
	}
	fixestest.Table(t, imageSecret(), []fixestest.Case{
		{Name: "one", Objects: deployment("nginx:1.27"), Facts: found(1), Want: []string{imagePath + "manual"}},
		{Name: "several are one finding", Objects: deployment("nginx:1.27"), Facts: found(3), Want: []string{imagePath + "manual"}},
		{Name: "none", Objects: deployment("nginx:1.27"), Facts: found(0)},
	})
}

func TestRegistryInsecure(t *testing.T) {
	registry := func(set func(*fixes.Registry)) []fixes.Object {
		r := &fixes.Registry{ObjectMeta: metav1.ObjectMeta{Name: "registry.example.com"}, Probed: asked, Version: "TLS 1.3", Expires: asked.AddDate(0, 2, 0)}
		set(r)
		return []fixes.Object{r}
	}
	const want = "Registry registry.example.com tls manual"
	fixestest.Table(t, registryInsecure(), []fixestest.Case{
		{Name: "good", Facts: registry(func(*fixes.Registry) {})},
		{Name: "plain", Facts: registry(func(r *fixes.Registry) { r.Plain, r.Err = true, "the host does not speak TLS" }), Want: []string{want}},
		{Name: "unknown authority", Facts: registry(func(r *fixes.Registry) { r.Untrusted, r.Err = true, "its certificate is for another name" }), Want: []string{want}},
		{Name: "old TLS", Facts: registry(func(r *fixes.Registry) { r.Version = "TLS 1.1" }), Want: []string{want}},
		{Name: "expires in 29 days", Facts: registry(func(r *fixes.Registry) { r.Expires = asked.AddDate(0, 0, 29) }), Want: []string{want}},
		{Name: "expires in 30 days", Facts: registry(func(r *fixes.Registry) { r.Expires = asked.AddDate(0, 0, 30) })},
		{Name: "not reached, which says nothing", Facts: registry(func(r *fixes.Registry) { *r = fixes.Registry{ObjectMeta: r.ObjectMeta, Err: "no such host"} })},
	})
}
