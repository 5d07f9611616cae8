package registry

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// The credentials in the test's images: none of them may be told.
const (
	npmToken  = "npm_8vXk2mQ9rT4wZ7yB1cD3fG5hJ6kL0nP2qR4s"
	awsSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzEXAMPLEKY"
	dbSecret  = "Tr0ub4dor-3-horse-staple"
)

const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\n" +
	"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n" +
	"QyNTUxOQAAACDJ8nBqXq3v0nV1T3xv2c5w4m8k1l9y7z6a5s4d3f2g1g==\n-----END OPENSSH PRIVATE KEY-----\n"

// places are those of a fact's secrets.
func places(f *fixes.Image) []string {
	var list []string
	for _, s := range f.Secrets {
		list = append(list, s.Where)
	}
	slices.Sort(list)
	return list
}

func inspect(t *testing.T, img v1.Image) *fixes.Image {
	t.Helper()
	noLogins(t)
	host, push := newRegistry(t, nil)
	push("web:1", img)
	im := newImages()
	im.Inspect = true
	im.CacheDir = filepath.Join(t.TempDir(), "images")
	first, _ := ask(t, im, cluster(host+"/web:1"))
	again, _ := ask(t, im, cluster(host+"/web:1"))
	f := first[host+"/web:1"]
	if a := again[host+"/web:1"]; !slices.Equal(places(a), places(f)) || a.Partial != f.Partial {
		t.Errorf("the cache says %q, %q", places(a), a.Partial)
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{npmToken, awsSecret, dbSecret} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the fact tells a value: %s", text)
		}
	}
	return f
}

func TestInspect(t *testing.T) {
	config := v1.ConfigFile{
		Architecture: "amd64", OS: "linux",
		Config: v1.Config{
			Env:    []string{"PATH=/usr/bin", "DB_PASSWORD=" + dbSecret, "TOKEN_TTL=30s", "PASSWORD_FILE=/run/secrets/db"},
			Labels: map[string]string{"maintainer": "web@example.com", "ci.token": npmToken},
			Cmd:    []string{"/web", "--db-password=" + dbSecret},
		},
		History: []v1.History{
			{CreatedBy: "/bin/sh -c #(nop) CMD [\"/web\"]", EmptyLayer: true},
			{CreatedBy: "|1 NPM_TOKEN=" + npmToken + " /bin/sh -c npm ci", EmptyLayer: true},
			{CreatedBy: "RUN apk add --no-cache curl # buildkit", EmptyLayer: true},
		},
	}
	f := inspect(t, built(t, config,
		archive(t, map[string]string{
			"root/.npmrc":                    "//registry.npmjs.org/:_authToken=" + npmToken + "\n",
			"root/.ssh/id_ed25519":           privateKey,
			"root/.ssh/id_ed25519.pub":       "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMnycGperd root@web\n",
			"root/.aws/credentials":          "[default]\naws_access_key_id = AKIAIOSFODNN7REALONE\naws_secret_access_key = " + awsSecret + "\n",
			"root/.docker/config.json":       `{"auths":{"registry.example.com":{"auth":"cHVsbGVyOmNvcnJlY3QtaG9yc2U="}}}`,
			"root/.git-credentials":          "https://bot:" + npmToken + "@git.example.com\n",
			"app/.env":                       "LOG_LEVEL=info\nDB_PASSWORD=" + dbSecret + "\n",
			"app/tls/server.pem":             strings.ReplaceAll(privateKey, "OPENSSH ", ""),
			"usr/lib/python3/test/key.pem":   privateKey, // of a package
			"app/node_modules/x/config.json": `{"password":"` + dbSecret + `"}`,
			"home/user/.npmrc":               "registry=https://registry.npmjs.org/\n", // no credential in it
			"home/user/.docker/config.json":  `{"credsStore":"desktop"}`,
			"app/web":                        "\x7fELF\x00password=" + dbSecret,
		}),
		archive(t, map[string]string{"../../etc/../etc/app/app.yaml": "datasource:\n  password: " + dbSecret + "\n", "root/.ssh/.wh.id_ed25519": ""})))
	want := []string{
		"command", "env DB_PASSWORD",
		"file /app/.env in layer 1", "file /app/tls/server.pem in layer 1", "file /etc/app/app.yaml in layer 2",
		"file /root/.aws/credentials in layer 1", "file /root/.docker/config.json in layer 1", "file /root/.git-credentials in layer 1",
		"file /root/.npmrc in layer 1", "file /root/.ssh/id_ed25519 in layer 1",
		"history line 2, NPM_TOKEN", "label ci.token",
	}
	if got := places(f); !slices.Equal(got, want) {
		t.Errorf("found:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	if f.Partial != "" {
		t.Errorf("partial: %q", f.Partial)
	}
}

// TestLayersAreNotAskedFor reads none where only the registry is to be asked.
func TestLayersAreNotAskedFor(t *testing.T) {
	noLogins(t)
	host, push := newRegistry(t, nil)
	push("web:1", built(t, v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{Env: []string{"DB_PASSWORD=" + dbSecret}}}))
	facts, _ := ask(t, newImages(), cluster(host+"/web:1"))
	if f := facts[host+"/web:1"]; f.Err != "" || len(f.Secrets) > 0 {
		t.Errorf("%+v", f)
	}
}

// TestBrokenLayers looks into what can be, and says what cannot.
func TestBrokenLayers(t *testing.T) {
	config := v1.ConfigFile{OS: "linux", Architecture: "amd64"}
	secret := archive(t, map[string]string{"app/.env": "DB_PASSWORD=" + dbSecret + "\n"})
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithWindowSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(z, io.LimitReader(zeros{}, 128<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		layer   []byte
		partial string
	}{
		{"cut short", secret[:len(secret)-20], "layer 1: the answer is cut short"},
		{"no archive", []byte("this is a text and no archive" + strings.Repeat("!", 600)), "layer 1: it is no archive"},
		{"a bomb", bomb(t), "what is beyond 512 MiB or 100,000 files, from layer 1 on"},
		{"a window that is too large", packed.Bytes(), "layer 1: it is packed in a way that is not read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			f := inspect(t, built(t, config, c.layer, secret))
			runtime.ReadMemStats(&after)
			if f.Err != "" || f.Partial != c.partial {
				t.Errorf("%q, partial %q, want %q", f.Err, f.Partial, c.partial)
			}
			if found := places(f); c.name != "a bomb" && !slices.Contains(found, "file /app/.env in layer 2") {
				t.Errorf("the layer after it: %q", found)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 128<<20 {
				t.Errorf("took %d MiB of memory", grown>>20)
			}
		})
	}
}

// zeros reads as zeros without end.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// bomb is 2 GiB of zeros in a small layer, as one file of an archive.
func bomb(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	header := archiveHeader(t, "app/zeros.txt", 2<<30)
	if _, err := z.Write(header); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(z, io.LimitReader(zeros{}, 2<<30)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
