package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// An authority issues the certificates of one cluster, each as NAME.crt and
// NAME.key in its folder.
type authority struct {
	dir  string
	name string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(dir, name string) (*authority, error) {
	a := &authority{dir: dir, name: name}
	key, err := newKey(a.file("key"))
	if err != nil {
		return nil, err
	}
	template, err := certificate(pkix.Name{CommonName: name})
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a.key = key
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	a.pem, err = writePEM(a.file("crt"), "CERTIFICATE", der)
	return a, err
}

// file is the path of the authority's own certificate ("crt") or key ("key").
func (a *authority) file(ext string) string { return filepath.Join(a.dir, a.name+"."+ext) }

// client issues a certificate for a user of the API server and of kubelets.
func (a *authority) client(name, user string, groups ...string) error {
	template, err := certificate(pkix.Name{CommonName: user, Organization: groups})
	if err != nil {
		return err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(name, template)
}

// server issues a certificate for a server at these names and addresses.
func (a *authority) server(name string, hosts ...string) error {
	template, err := certificate(pkix.Name{CommonName: name})
	if err != nil {
		return err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	return a.issue(name, template)
}

func (a *authority) issue(name string, template *x509.Certificate) error {
	template.KeyUsage = x509.KeyUsageDigitalSignature
	key, err := newKey(filepath.Join(a.dir, name+".key"))
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	_, err = writePEM(filepath.Join(a.dir, name+".crt"), "CERTIFICATE", der)
	return err
}

// certificate lasts a month, for clusters that developers leave running, and
// starts an hour ago, for clocks that are set while a test runs.
func certificate(subject pkix.Name) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(0, 1, 0),
	}, err
}

func newKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	_, err = writePEM(path, "EC PRIVATE KEY", der)
	return key, err
}

func writePEM(path, kind string, der []byte) ([]byte, error) {
	b := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	return b, os.WriteFile(path, b, 0o600)
}

// newToken returns a bearer token that nobody can guess: the cluster listens
// on loopback, which a machine's users share.
func newToken() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// A login is how a user proves who they are: by a token, or by the certificate
// of this name.
type login struct{ user, token, cert string }

// writeKubeconfig writes a kubeconfig that carries all it needs.
func (a *authority) writeKubeconfig(path, server string, l login) error {
	credential := "token: " + l.token
	if l.cert != "" {
		crt, err := os.ReadFile(filepath.Join(a.dir, l.cert+".crt"))
		if err != nil {
			return err
		}
		key, err := os.ReadFile(filepath.Join(a.dir, l.cert+".key"))
		if err != nil {
			return err
		}
		credential = "client-certificate-data: " + encode(crt) + "\n    client-key-data: " + encode(key)
	}
	return os.WriteFile(path, fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: test
contexts:
- name: test
  context: {cluster: test, user: %[1]q}
clusters:
- name: test
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: %[1]q
  user:
    %[4]s
`, l.user, server, encode(a.pem), credential), 0o600)
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
