package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// tagLife is how long the answer to what a tag leads to is taken for true.
const tagLife = 10 * time.Minute

// maxCached bounds a file of the cache.
const maxCached = 1 << 20

// CacheDir returns the user's folder for answers, or "" where there is none.
func CacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "kubectl-harden", "images")
}

// named is what the cache holds of an image's name, and for a while only.
type named struct {
	Image, Digest      string
	Asked              time.Time
	Newer, NewerDigest string
	Private, Unsigned  bool
}

// held is what the cache holds of a digest, which stays true.
type held struct {
	Digest         string
	Built          time.Time
	User           string
	Ports, Volumes []string
	// What the image gives to its containers.
	Env, Entrypoint, Cmd []string
	Inspected            bool
	Secrets              []fixes.ImageSecret
	Partial              string
}

// cached returns an answer that was given a short while ago.
func (im *Images) cached(q question) (*fixes.Image, bool) {
	var n named
	if !im.read("name "+q.image, &n) || n.Image != q.image {
		return nil, false
	}
	if age := im.Now().Sub(n.Asked); age < 0 || age > tagLife {
		return nil, false
	}
	if _, err := v1.NewHash(n.Digest); err != nil {
		return nil, false
	}
	fact := &fixes.Image{
		Asked: n.Asked, Digest: n.Digest, Newer: n.Newer, NewerDigest: n.NewerDigest,
		Private: n.Private, Unsigned: n.Unsigned,
	}
	if fact.Newer != "" {
		if _, err := v1.NewHash(n.NewerDigest); err != nil {
			return nil, false
		}
	}
	return fact, im.content(q.ref.Context().Digest(n.Digest), fact)
}

func (im *Images) keep(q question, fact *fixes.Image) {
	im.write("name "+q.image, named{
		Image: q.image, Digest: fact.Digest, Asked: fact.Asked, Newer: fact.Newer, NewerDigest: fact.NewerDigest,
		Private: fact.Private, Unsigned: fact.Unsigned,
	})
}

// content fills in what is known of a digest. It is not enough where the layers
// are to be looked into, and were not.
func (im *Images) content(pinned name.Digest, fact *fixes.Image) bool {
	var c held
	if !im.read("config "+pinned.Name(), &c) || c.Digest != pinned.Name() || im.Inspect && !c.Inspected {
		return false
	}
	fact.Built, fact.User, fact.Ports, fact.Volumes = c.Built, c.User, c.Ports, c.Volumes
	fact.Env, fact.Entrypoint, fact.Cmd = c.Env, c.Entrypoint, c.Cmd
	if im.Inspect {
		fact.Secrets, fact.Partial = c.Secrets, c.Partial
	}
	return true
}

func (im *Images) keepContent(pinned name.Digest, fact *fixes.Image) {
	im.write("config "+pinned.Name(), held{
		Digest: pinned.Name(), Built: fact.Built, User: fact.User, Ports: fact.Ports, Volumes: fact.Volumes,
		Env: fact.Env, Entrypoint: fact.Entrypoint, Cmd: fact.Cmd,
		Inspected: im.Inspect, Secrets: fact.Secrets, Partial: fact.Partial,
	})
}

func (im *Images) file(key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(im.CacheDir, hex.EncodeToString(sum[:])+".json")
}

// read fills in v from the cache, if there is something that can be read.
func (im *Images) read(key string, v any) bool {
	if im.CacheDir == "" {
		return false
	}
	f, err := os.Open(im.file(key))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxCached+1))
	return err == nil && len(text) <= maxCached && json.Unmarshal(text, v) == nil
}

// write keeps v, if it can: the cache only saves time.
func (im *Images) write(key string, v any) {
	if im.CacheDir == "" {
		return
	}
	text, err := json.Marshal(v)
	if err != nil || os.MkdirAll(im.CacheDir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(im.CacheDir, ".new-*") // 0600
	if err != nil {
		return
	}
	_, err = f.Write(text)
	if closeErr := f.Close(); err != nil || closeErr != nil || os.Rename(f.Name(), im.file(key)) != nil {
		_ = os.Remove(f.Name())
	}
}
