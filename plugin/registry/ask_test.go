package registry

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

var madeOn = time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)

func madeBy(user string) v1.ConfigFile {
	return v1.ConfigFile{
		Architecture: "amd64", OS: "linux", Created: v1.Time{Time: madeOn},
		Config: v1.Config{User: user, ExposedPorts: map[string]struct{}{"8080/tcp": {}, "443/tcp": {}},
			Env: []string{"CART_HOST=cart", "DB=postgres://shop:" + dbSecret + "@db/shop"}, Entrypoint: []string{"/web"}, Cmd: []string{"--cart", "cart:80"}},
	}
}

func digestOf(t *testing.T, img v1.Image) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func TestAsk(t *testing.T) {
	noLogins(t)
	var requests counter
	host, push := newRegistry(t, requests.front)
	old, newer := built(t, madeBy("1000"), archive(t, nil)), built(t, madeBy("1001"))
	push("shop/web:1.8.2", old)
	push("shop/web:1.8.10", newer)
	push("shop/web:1.8.11-alpine", old)
	push("shop/web:1.9.0", old)
	image := host + "/shop/web:1.8.2"
	pinned := host + "/shop/web@" + digestOf(t, newer)
	im := newImages()
	im.CacheDir = filepath.Join(t.TempDir(), "images")
	facts, skips := ask(t, im, cluster(image, image, pinned, "not an image"))
	if len(skips) > 0 || len(facts) != 2 {
		t.Fatalf("%d facts, skips %v", len(facts), skips)
	}
	f := facts[image]
	if f.Err != "" || f.Digest != digestOf(t, old) || f.Newer != "1.8.10" || f.NewerDigest != digestOf(t, newer) ||
		!f.Built.Equal(madeOn) || f.User != "1000" || !slices.Equal(f.Ports, []string{"443/tcp", "8080/tcp"}) ||
		strings.Join(slices.Concat(f.Env, f.Entrypoint, f.Cmd), " ") != "CART_HOST=cart /web --cart cart:80" || f.Private || !f.Unsigned || f.Asked.IsZero() {
		t.Errorf("%+v", f)
	}
	if f := facts[pinned]; f.Digest != digestOf(t, newer) || f.Newer != "" || f.User != "1001" {
		t.Errorf("%+v", f)
	}
	heads := 0
	for _, path := range requests.reset() {
		if strings.Contains(path, "/blobs/") && strings.HasPrefix(path, "GET") {
			heads++
		}
	}
	if heads != 2 {
		t.Errorf("%d blobs were read: a config an image is enough", heads)
	}

	again, _ := ask(t, im, cluster(image, pinned))
	if paths := requests.reset(); len(paths) > 0 {
		t.Errorf("asked again within ten minutes: %q", paths)
	}
	if a := again[image]; a.Digest != f.Digest || a.Newer != f.Newer || a.User != f.User || !slices.Equal(a.Env, f.Env) || !slices.Equal(a.Cmd, f.Cmd) || !a.Unsigned {
		t.Errorf("the cache says %+v", a)
	}
	now := im.Now().Add(11 * time.Minute)
	im.Now = func() time.Time { return now }
	if later, _ := ask(t, im, cluster(image)); later[image].User != "1000" {
		t.Errorf("%+v", later[image])
	}
	for _, path := range requests.reset() {
		if strings.Contains(path, "/blobs/") {
			t.Errorf("a digest's content was read again: %s", path)
		}
	}
	files, err := filepath.Glob(im.CacheDir + "/*")
	if err != nil || len(files) == 0 {
		t.Fatal("nothing is kept: ", err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
		if err := os.WriteFile(file, []byte(`{"Digest": broken`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if broken, _ := ask(t, im, cluster(image)); broken[image].User != "1000" || broken[image].Err != "" {
		t.Errorf("a broken cache is not ignored: %+v", broken[image])
	}
	im.CacheDir = "/proc/nowhere"
	if none, _ := ask(t, im, cluster(image)); none[image].Err != "" {
		t.Errorf("no cache can be written: %+v", none[image])
	}
}

// TestPlatforms looks at the image for Linux in an index, and leaves out
// attestations.
func TestPlatforms(t *testing.T) {
	noLogins(t)
	host, _ := newRegistry(t, nil)
	attestation, arm, amd := built(t, madeBy("a")), built(t, madeBy("arm")), built(t, madeBy("amd"))
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: attestation, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}},
		mutate.IndexAddendum{Add: arm, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: amd, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	ref, err := name.ParseReference(host + "/multi:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	want, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	facts, _ := ask(t, newImages(), cluster(host+"/multi:1"))
	if f := facts[host+"/multi:1"]; f.User != "amd" || f.Digest != want.String() {
		t.Errorf("%+v", f)
	}
}

func TestSigned(t *testing.T) {
	noLogins(t)
	host, push := newRegistry(t, nil)
	byTag, byReferrer, byNobody := built(t, madeBy("1")), built(t, madeBy("2")), built(t, madeBy("3"))
	push("tag:1", byTag)
	push("tag:"+strings.Replace(digestOf(t, byTag), ":", "-", 1)+".sig", built(t, madeBy("sig")))
	push("referrer:1", byReferrer)
	refer := func(repo, artifact string, to v1.Image) {
		subject, err := partialDescriptor(to)
		if err != nil {
			t.Fatal(err)
		}
		img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.MediaType(artifact)),
			static.NewLayer([]byte("{}"), types.OCILayer))
		if err != nil {
			t.Fatal(err)
		}
		img = mutate.Subject(img, *subject).(v1.Image)
		push(repo+"@"+digestOf(t, img), img)
	}
	refer("referrer", "application/vnd.dev.sigstore.bundle.v0.3+json", byReferrer)
	push("nobody:1", byNobody)
	refer("nobody", "application/spdx+json", byNobody)
	facts, _ := ask(t, newImages(), cluster(host+"/tag:1", host+"/referrer:1", host+"/nobody:1"))
	for repo, unsigned := range map[string]bool{"tag": false, "referrer": false, "nobody": true} {
		if f := facts[host+"/"+repo+":1"]; f.Err != "" || f.Unsigned != unsigned {
			t.Errorf("%s: %+v", repo, f)
		}
	}
}

func partialDescriptor(img v1.Image) (*v1.Descriptor, error) {
	digest, err := img.Digest()
	if err != nil {
		return nil, err
	}
	size, err := img.Size()
	if err != nil {
		return nil, err
	}
	mediaType, err := img.MediaType()
	return &v1.Descriptor{Digest: digest, Size: size, MediaType: mediaType}, err
}

func TestLogins(t *testing.T) {
	for scheme, front := range map[string]func(http.Handler) http.Handler{"basic": basic, "token": token} {
		t.Run(scheme, func(t *testing.T) {
			noLogins(t)
			host, push := newRegistry(t, front)
			push("shop/web:1", built(t, madeBy("1000")))
			image := host + "/shop/web:1"
			facts, skips := ask(t, newImages(), cluster(image))
			f := facts[image]
			if !f.Private || !strings.HasPrefix(f.Err, "401: the registry wants credentials; there is no pull secret") {
				t.Errorf("without a login: %+v", f)
			}
			if len(skips) != 1 || skips[0].Resource != "images" || !strings.Contains(skips[0].Reason, host+" did not tell of 1 image: 401") {
				t.Errorf("skips: %v", skips)
			}

			inv := cluster(image)
			pullSecret(inv, host, user, "wrong")
			facts, _ = ask(t, newImages(), inv)
			if f := facts[image]; !f.Private || f.Err != "401: the registry wants credentials; none of the pull secrets fit" {
				t.Errorf("with the wrong password: %+v", f)
			}

			inv = cluster(image)
			pullSecret(inv, "https://"+host+"/v1/", user, password)
			facts, skips = ask(t, newImages(), inv)
			if f := facts[image]; !f.Private || f.Err != "" || f.User != "1000" || len(skips) > 0 {
				t.Errorf("with a pull secret: %+v %v", f, skips)
			}

			config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
			if err := os.WriteFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"), []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			facts, _ = ask(t, newImages(), cluster(image))
			if f := facts[image]; !f.Private || f.Err != "" || f.User != "1000" {
				t.Errorf("with the docker config: %+v", f)
			}
		})
	}
}

// TestLoginsStay sends the credentials of one registry to no other.
func TestLoginsStay(t *testing.T) {
	noLogins(t)
	var seen []string
	host, _ := newRegistry(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.Header.Get("Authorization"))
			w.Header().Set("WWW-Authenticate", `Basic realm="give me all you have"`)
			w.WriteHeader(http.StatusUnauthorized)
		})
	})
	inv := cluster(host + "/web:1")
	pullSecret(inv, "registry.example.com", user, password)
	im := newImages()
	facts, _ := ask(t, im, inv)
	if facts[host+"/web:1"].Err == "" || len(seen) == 0 {
		t.Fatal("the test is without its point")
	}
	for _, header := range seen {
		if header != "" {
			t.Errorf("the registry was given %q", header)
		}
	}
}

// TestTLS asks a registry whose certificate is trusted, and one whose is not.
func TestTLS(t *testing.T) {
	noLogins(t)
	cert, roots := certificate(t, time.Now().AddDate(1, 0, 0))
	plain, push := newRegistry(t, nil)
	push("web:1", built(t, madeBy("1000")))
	host := serveTLS(t, cert, passTo(plain))
	image := host + "/web:1"
	im := newImages()
	im.Transport = trusting(roots)
	if facts, _ := ask(t, im, cluster(image)); facts[image].User != "1000" {
		t.Errorf("%+v", facts[image])
	}
	im.Transport = nil
	if facts, _ := ask(t, im, cluster(image)); facts[image].Err != "its certificate is by an authority that this machine does not know" {
		t.Errorf("%+v", facts[image])
	}
	expired, oldRoots := certificate(t, time.Now().AddDate(0, 0, -1))
	image = serveTLS(t, expired, passTo(plain)) + "/web:1"
	im.Transport = trusting(oldRoots)
	if facts, _ := ask(t, im, cluster(image)); facts[image].Err != "its certificate has expired, or is not valid yet" {
		t.Errorf("%+v", facts[image])
	}
}

func TestNewest(t *testing.T) {
	tags := []string{"1.27.3", "1.27.10", "v1.27.11", "1.27.12-alpine", "1.27.9", "1.28.0", "latest", "1.27", "1.27.4.1", "1.27.99999999999"}
	for tag, want := range map[string]string{
		"1.27.3": "1.27.10", "1.27.10": "", "1.27": "", "latest": "", "v1.27.0": "v1.27.11", "1.27.1-alpine": "1.27.12-alpine",
		"1.27.3.9": "1.27.4.1", "": "", "1.26.0": "",
	} {
		if got, ok := newest(tag, tags); got != want || ok != (want != "") {
			t.Errorf("newer than %q: %q", tag, got)
		}
	}
}

// TestQuestions asks about each image once, with the logins of all who use it.
func TestQuestions(t *testing.T) {
	inv := cluster("b.example.com/x:1", "a.example.com/x:1", "b.example.com/x:1")
	pullSecret(inv, "b.example.com", user, password)
	list := questions(inv)
	var names []string
	for _, q := range list {
		names = append(names, fmt.Sprintf("%s %d", q.image, len(q.logins)))
	}
	if !slices.Equal(names, []string{"a.example.com/x:1 0", "b.example.com/x:1 1"}) {
		t.Errorf("%q", names)
	}
	if got := questions(fixes.NewInventory()); len(got) > 0 {
		t.Errorf("%v", got)
	}
}
