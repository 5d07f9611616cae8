// Package sops writes Kubernetes objects as files of SOPS
// (https://getsops.io), their values encrypted for recipients of age.
//
// It writes the one form that Flux, Argo CD's plugins and sops itself read for
// Kubernetes, and does not read it. The library of SOPS does both, for every
// key service there is, and would triple the program's dependencies; the tests
// decrypt with it what is written here.
package sops

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// metadataKey is the field that sops keeps its own data in.
const metadataKey = "sops"

// version is the release of sops whose format this is.
const version = "3.13.3"

// encryptedRegex chooses what is encrypted: all below a field of such a name.
// The rest of an object stays readable, which kustomize needs.
const encryptedRegex = "^(data|stringData)$"

var encrypted = regexp.MustCompile(encryptedRegex)

// Sizes of keys and nonces in bytes. The nonce is longer than AES-GCM's usual
// twelve bytes: that is sops' format.
const (
	keySize   = 32
	nonceSize = 32
)

// Recipient may decrypt what is written.
type Recipient struct {
	text string
	key  age.Recipient
}

// ParseRecipient reads the public key of an age identity ("age1…", as
// age-keygen prints it).
func ParseRecipient(text string) (Recipient, error) {
	if strings.HasPrefix(text, "AGE-SECRET-KEY-") {
		// Not repeated: it would stand in logs.
		return Recipient{}, fmt.Errorf("that is a private key, to be kept secret; give the public key of it, which age-keygen -y prints")
	}
	var key age.Recipient
	var err error
	if strings.HasPrefix(text, "age1pq1") {
		key, err = age.ParseHybridRecipient(text)
	} else {
		key, err = age.ParseX25519Recipient(text)
	}
	if err != nil {
		return Recipient{}, fmt.Errorf("%q is not an age recipient (age1…, as age-keygen prints it)", text)
	}
	return Recipient{text, key}, nil
}

// Encrypted reports whether a manifest has been encrypted already.
func Encrypted(manifest map[string]any) bool {
	meta, ok := manifest[metadataKey].(map[string]any)
	return ok && meta["mac"] != nil
}

// Encrypt returns a manifest with the values below data and stringData
// encrypted. Keys, metadata and all else stay readable; a MAC covers them too,
// in the alphabetical order of the fields, in which the file must be written:
// as [YAML] and encoding/json do.
func Encrypt(manifest map[string]any, recipients []Recipient, now time.Time) (map[string]any, error) {
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	keys, err := wrap(key, recipients)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, nonceSize)
	if err != nil {
		return nil, err
	}
	w := writer{gcm: gcm, sum: sha512.New()}
	value, err := w.value(manifest, nil, false)
	if err != nil {
		return nil, err
	}
	out := value.(map[string]any)
	modified := now.UTC().Format(time.RFC3339)
	mac := w.seal(fmt.Sprintf("%X", w.sum.Sum(nil)), "str", modified)
	out[metadataKey] = map[string]any{
		"age": keys, "lastmodified": modified, "mac": mac,
		"encrypted_regex": encryptedRegex, "version": version,
	}
	return out, nil
}

// wrap encrypts the file's key once for each recipient.
func wrap(key []byte, recipients []Recipient) ([]any, error) {
	var out []any
	for _, r := range recipients {
		var text bytes.Buffer
		armored := armor.NewWriter(&text)
		w, err := age.Encrypt(armored, r.key)
		if err != nil {
			return nil, fmt.Errorf("encrypt for %s: %w", r.text, err)
		}
		if _, err := w.Write(key); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		if err := armored.Close(); err != nil {
			return nil, err
		}
		out = append(out, map[string]any{"recipient": r.text, "enc": text.String()})
	}
	return out, nil
}

// writer walks a document, encrypts, and sums up what it passes.
type writer struct {
	gcm cipher.AEAD
	sum hash.Hash
}

// value returns what a file holds for a value at a path. Elements of a list
// have the list's path.
func (w writer) value(v any, path []string, secret bool) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			child, err := w.value(v[key], append(slices.Clip(path), key), secret || encrypted.MatchString(key))
			if err != nil {
				return nil, err
			}
			out[key] = child
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			child, err := w.value(v[i], path, secret)
			if err != nil {
				return nil, err
			}
			out[i] = child
		}
		return out, nil
	case nil:
		return nil, nil
	}
	text, typ, err := plain(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(path, "."), err)
	}
	w.sum.Write([]byte(text))
	switch {
	case !secret:
		return v, nil
	case text == "":
		return "", nil // sops leaves what is empty as it is
	}
	return w.seal(text, typ, strings.Join(path, ":")+":"), nil
}

// plain returns the text that stands for a value in the MAC and in the
// ciphertext, and sops' name for its type.
func plain(v any) (text, typ string, err error) {
	switch v := v.(type) {
	case string:
		return v, "str", nil
	case bool:
		if v {
			return "True", "bool", nil // as the first sops, in Python, had it
		}
		return "False", "bool", nil
	case int64:
		return strconv.FormatInt(v, 10), "int", nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), "float", nil
	}
	return "", "", fmt.Errorf("a value of type %T cannot be encrypted", v)
}

// seal encrypts a value, bound to its place.
func (w writer) seal(text, typ, place string) string {
	nonce := make([]byte, nonceSize)
	rand.Read(nonce) // never fails, since Go 1.24
	sealed := w.gcm.Seal(nil, nonce, []byte(text), []byte(place))
	data, tag := sealed[:len(sealed)-w.gcm.Overhead()], sealed[len(sealed)-w.gcm.Overhead():]
	b64 := base64.StdEncoding.EncodeToString
	return "ENC[AES256_GCM,data:" + b64(data) + ",iv:" + b64(nonce) + ",tag:" + b64(tag) + ",type:" + typ + "]"
}
