package registry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

const (
	user     = "puller"
	password = "correct-horse-battery"
)

// newRegistry starts a real registry behind a handler that may change what it
// does, and returns its host. Images are pushed to it past that handler.
func newRegistry(t *testing.T, front func(http.Handler) http.Handler) (host string, push func(repo string, img v1.Image)) {
	t.Helper()
	back := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(true))
	open := httptest.NewServer(back)
	t.Cleanup(open.Close)
	handler := back
	if front != nil {
		handler = front(back)
	}
	closed := httptest.NewServer(handler)
	t.Cleanup(closed.Close)
	return strings.TrimPrefix(closed.URL, "http://"), pushTo(t, strings.TrimPrefix(open.URL, "http://"))
}

func pushTo(t *testing.T, host string) func(string, v1.Image) {
	return func(repo string, img v1.Image) {
		t.Helper()
		ref, err := name.ParseReference(host + "/" + repo)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, img); err != nil {
			t.Fatal(err)
		}
	}
}

// built is an image with a config and layers of these bytes.
func built(t *testing.T, config v1.ConfigFile, layers ...[]byte) v1.Image {
	t.Helper()
	img, err := mutate.ConfigFile(empty.Image, &config)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		if img, err = mutate.AppendLayers(img, static.NewLayer(l, types.DockerLayer)); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// archive packs files into a layer.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// archiveHeader is the beginning of an archive with one file of a size.
func archiveHeader(t *testing.T, name string, size int64) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := tar.NewWriter(&out).WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// cluster is an inventory of one Deployment an image, in namespace shop.
func cluster(images ...string) *fixes.Inventory {
	inv := fixes.NewInventory()
	inv.Live = true
	for i, image := range images {
		inv.Add(&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("web-%d", i), Namespace: "shop"},
			Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "web", Image: image}},
			}}},
		})
	}
	return inv
}

// pullSecret gives the pods of namespace shop a pull secret.
func pullSecret(inv *fixes.Inventory, registry, user, password string) {
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	inv.Add(&corev1.ServiceAccount{
		ObjectMeta:       metav1.ObjectMeta{Name: "default", Namespace: "shop"},
		ImagePullSecrets: []corev1.LocalObjectReference{{Name: "pull"}},
	})
	inv.Add(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "pull", Namespace: "shop"},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, registry, auth)},
	})
}

// newImages asks without cache, and without waiting.
func newImages() *Images {
	return &Images{
		Now:     func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) },
		timeout: 5 * time.Second,
		pause:   func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

// load returns the facts by name, and the skips.
func load(t *testing.T, facts source.Facts, inv *fixes.Inventory) (map[string]fixes.Object, []fixes.Skip) {
	t.Helper()
	got := map[string]fixes.Object{}
	var skips []fixes.Skip
	err := facts.Load(t.Context(), inv, func(b source.Batch) {
		if b.Kind != facts.Kind() {
			t.Errorf("a batch of %s", b.Kind)
		}
		for _, obj := range b.Objects {
			if got[obj.GetName()] != nil {
				t.Errorf("%s is told of twice", obj.GetName())
			}
			got[obj.GetName()] = obj
		}
		skips = append(skips, b.Skips...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, skips
}

// ask loads facts about images.
func ask(t *testing.T, im *Images, inv *fixes.Inventory) (map[string]*fixes.Image, []fixes.Skip) {
	t.Helper()
	objects, skips := load(t, im, inv)
	facts := map[string]*fixes.Image{}
	for name, obj := range objects {
		facts[name] = obj.(*fixes.Image)
	}
	return facts, skips
}

// noLogins keeps the docker config of whoever runs the tests out of them.
func noLogins(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("REGISTRY_AUTH_FILE", "")
}

// basic demands a login from every request.
func basic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// token demands a token that its own /token gives for a login.
func token(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, p, ok := r.BasicAuth()
		switch {
		case r.URL.Path == "/token" && ok && u == user && p == password:
			_, _ = io.WriteString(w, `{"token":"the-token-of-the-puller"}`)
		case r.URL.Path == "/token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.Header.Get("Authorization") == "Bearer the-token-of-the-puller":
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host))
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
}

// counter counts the requests that pass.
type counter struct {
	mu    sync.Mutex
	paths []string
}

func (c *counter) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.paths = append(c.paths, r.Method+" "+r.URL.Path)
		c.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (c *counter) reset() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	paths := c.paths
	c.paths = nil
	return paths
}

// certificate is a self-signed one for the loopback addresses.
func certificate(t *testing.T, notAfter time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "registry"},
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: notAfter,
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1"), net.ParseIP("127.0.0.2")},
		IsCA:        true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// serveTLS serves on 127.0.0.2, which the library takes for a host like any
// other: only HTTPS is tried there.
func serveTLS(t *testing.T, cert tls.Certificate, handler http.Handler) (host string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		if runtime.GOOS == "linux" {
			t.Fatal(err) // all of 127/8 is there
		}
		t.Skip("no second loopback address here: ", err)
	}
	s := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute},
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return listener.Addr().String()
}

// trusting is a transport that trusts these authorities.
func trusting(roots *x509.CertPool) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t
}
