package forms

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ParseSealingKey reads the certificate of a controller of Sealed Secrets, in
// PEM, and returns its key. Of several certificates the newest counts, as for
// the controller, which adds one every month. An error says what is wrong in a
// phrase that fits behind the name of a file.
func ParseSealingKey(text []byte, now time.Time) (*rsa.PublicKey, error) {
	var newest *x509.Certificate
	private := false
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			private = private || strings.HasSuffix(block.Type, "PRIVATE KEY")
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("holds a certificate that is broken")
		}
		if newest == nil || cert.NotBefore.After(newest.NotBefore) {
			newest = cert
		}
	}
	switch {
	case newest == nil && private:
		return nil, errors.New("holds a private key, and no certificate: kubeseal --fetch-cert prints it")
	case newest == nil && bytes.Contains(text, []byte("-----BEGIN CERTIFICATE-----")):
		return nil, errors.New("holds a certificate that is broken")
	case newest == nil:
		return nil, errors.New("holds no certificate in PEM: kubeseal --fetch-cert prints it")
	case now.After(newest.NotAfter):
		return nil, fmt.Errorf("expired on %s: kubeseal --fetch-cert prints the present one", newest.NotAfter.UTC().Format(time.DateOnly))
	}
	key, ok := newest.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("is of a key of type %s, and Sealed Secrets has RSA keys", newest.PublicKeyAlgorithm)
	}
	return key, nil
}

// Seal is the form of a SealedSecret, which only the controller with the key's
// other half can open, and only under its name in its namespace ("strict", in
// Sealed Secrets' terms).
func Seal(key *rsa.PublicKey) Form {
	return func(secret *unstructured.Unstructured) (*unstructured.Unstructured, []*unstructured.Unstructured, error) {
		name, namespace := secret.GetName(), secret.GetNamespace()
		if namespace == "" {
			return nil, nil, errors.New("it has no namespace, and a SealedSecret can only be opened in the one that it is sealed for: name it with -n")
		}
		sealed := map[string]any{}
		for _, k := range keysOf(secret) {
			text, _, _ := unstructured.NestedString(secret.Object, "data", k)
			value, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return nil, nil, fmt.Errorf("key %s is not base64", k)
			}
			box, err := crypto.HybridEncrypt(rand.Reader, key, value, []byte(namespace+"/"+name))
			if err != nil {
				return nil, nil, fmt.Errorf("seal key %s: %w", k, err)
			}
			sealed[k] = base64.StdEncoding.EncodeToString(box)
		}
		meta := marks(secret)
		meta["name"], meta["namespace"] = name, namespace
		template := map[string]any{"metadata": meta}
		copyFields(template, secret, "type", "immutable")
		return newObject(KindSealedSecret, secret, map[string]any{"encryptedData": sealed, "template": template}), nil, nil
	}
}

// copyFields gives a template the fields that an object has.
func copyFields(template map[string]any, obj *unstructured.Unstructured, names ...string) {
	for _, name := range names {
		if v, ok := obj.Object[name]; ok {
			template[name] = v
		}
	}
}
