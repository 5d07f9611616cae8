package forms_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/forms"
)

func secret() *corev1.Secret {
	immutable := true
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-env", Namespace: "shop",
			Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"from": "Deployment.web"},
		},
		Immutable: &immutable,
		Type:      corev1.SecretTypeBasicAuth,
		Data:      map[string][]byte{"username": []byte("web"), "password": {0, 1, 0xff, '$', '\n'}},
		// The API server would store this in data.
		StringData: map[string]string{"extra": "käse\nbrot"},
	}
}

func plan(s *corev1.Secret) *fixes.Plan {
	return &fixes.Plan{Changes: []fixes.Change{
		{Action: fixes.Create, Object: fixes.RefOf(s), After: s},
		{Action: fixes.Create, Object: fixes.Ref{Kind: fixes.KindNamespace, Name: "shop"}, After: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}},
	}}
}

// applied returns the objects that stand for the Secret in the exported plan.
func applied(t *testing.T, s *corev1.Secret, list ...forms.Form) []map[string]any {
	t.Helper()
	out, err := forms.Apply(plan(s), list...)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := out.Changes[1].After.(*corev1.Namespace); !ok {
		t.Errorf("a change has lost its place: %v", out.Changes[1].Object)
	}
	var objects []map[string]any
	for _, c := range append(out.Changes[:1:1], out.Changes[2:]...) {
		obj, ok := c.After.(*unstructured.Unstructured)
		if !ok {
			t.Fatalf("%s is a %T", c.Object, c.After)
		}
		if c.Object.Kind.Name != obj.GetKind() || c.Object.Kind.APIVersion() != obj.GetAPIVersion() || c.Object.Name != "web-env" || c.Object.Namespace != "shop" {
			t.Errorf("the change of %v names %v", obj.Object, c.Object)
		}
		objects = append(objects, obj.Object)
	}
	return objects
}

func want(t *testing.T, got map[string]any, text string) {
	t.Helper()
	var w, g map[string]any
	if err := yaml.UnmarshalStrict([]byte(text), &w); err != nil {
		t.Fatal(err)
	}
	out, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(out, &g); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got\n%s\nwant\n%s", out, text)
	}
}

func certificate(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// TestSeal makes a key as the controller of Sealed Secrets does, and opens with
// it what was sealed.
func TestSeal(t *testing.T) {
	private, cert, err := crypto.GeneratePrivateKeyAndCert(2048, time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := forms.ParseSealingKey(certificate(cert), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	objects := applied(t, secret(), forms.Seal(key))
	if len(objects) != 1 {
		t.Fatalf("%d objects", len(objects))
	}
	obj := objects[0]
	sealed, _, err := unstructured.NestedStringMap(obj, "spec", "encryptedData")
	if err != nil {
		t.Fatal(err)
	}
	opened := map[string]string{}
	keys := map[string]*rsa.PrivateKey{"k": private}
	for name, text := range sealed {
		box, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		value, err := crypto.HybridDecrypt(rand.Reader, keys, box, []byte("shop/web-env"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		opened[name] = string(value)
		for _, label := range []string{"", "shop/other", "other/web-env", "shop"} {
			if _, err := crypto.HybridDecrypt(rand.Reader, keys, box, []byte(label)); err == nil {
				t.Errorf("%s opens under %q too", name, label)
			}
		}
	}
	if w := map[string]string{"username": "web", "password": "\x00\x01\xff$\n", "extra": "käse\nbrot"}; !reflect.DeepEqual(opened, w) {
		t.Errorf("opened: %q", opened)
	}
	unstructured.RemoveNestedField(obj, "spec", "encryptedData")
	want(t, obj, `
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: web-env, namespace: shop}
spec:
  template:
    metadata: {name: web-env, namespace: shop, labels: {app: web}, annotations: {from: Deployment.web}}
    type: kubernetes.io/basic-auth
    immutable: true
`)
	nowhere := secret()
	nowhere.Namespace = ""
	if _, err := forms.Apply(plan(nowhere), forms.Seal(key)); err == nil || !strings.Contains(err.Error(), "no namespace") {
		t.Errorf("a Secret without a namespace: %v", err)
	}
}

func TestParseSealingKey(t *testing.T) {
	now := time.Now()
	made := func(before time.Time) (*rsa.PrivateKey, *x509.Certificate) {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := crypto.SignKeyWithNotBefore(rand.Reader, private, before, time.Hour, "")
		if err != nil {
			t.Fatal(err)
		}
		return private, cert
	}
	_, old := made(now.Add(-48 * time.Hour))
	private, fresh := made(now)
	both := append(certificate(old), certificate(fresh)...)
	if key, err := forms.ParseSealingKey(both, now); err != nil || !key.Equal(&private.PublicKey) {
		t.Errorf("of two certificates: %v", err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &curve.PublicKey, curve)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "no certificate"},
		{"text", "hunter2", "no certificate"},
		{"cut short", string(certificate(fresh)[:300]), "broken"},
		{"garbage inside", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n", "broken"},
		{"a private key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})), "private key"},
		{"expired", string(certificate(old)), "expired on " + old.NotAfter.UTC().Format(time.DateOnly)},
		{"another kind of key", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), "ECDSA"},
	} {
		if _, err := forms.ParseSealingKey([]byte(c.text), now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestExternal(t *testing.T) {
	objects := applied(t, secret(), forms.External(forms.ClusterSecretStore, "vault"))
	want(t, objects[0], `
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: web-env, namespace: shop}
spec:
  refreshInterval: 1h0m0s
  secretStoreRef: {kind: ClusterSecretStore, name: vault}
  target:
    name: web-env
    creationPolicy: Owner
    immutable: true
    template:
      type: kubernetes.io/basic-auth
      metadata: {labels: {app: web}, annotations: {from: Deployment.web}}
  data:
  - {secretKey: extra, remoteRef: {key: shop/web-env, property: extra}}
  - {secretKey: password, remoteRef: {key: shop/web-env, property: password}}
  - {secretKey: username, remoteRef: {key: shop/web-env, property: username}}
`)
	plain := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "web-env", Namespace: "shop"}, Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{"A": []byte("x")},
	}
	out, err := forms.Apply(plan(plain), forms.External(forms.SecretStore, "vault"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, out.Changes[0].After.(*unstructured.Unstructured).Object, `
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: web-env, namespace: shop}
spec:
  refreshInterval: 1h0m0s
  secretStoreRef: {kind: SecretStore, name: vault}
  target: {name: web-env, creationPolicy: Owner}
  data: [{secretKey: A, remoteRef: {key: shop/web-env, property: A}}]
`)
	if got, w := forms.Entries(out), []forms.Entry{{"SecretStore", "vault", "shop/web-env", "A"}}; !reflect.DeepEqual(got, w) {
		t.Errorf("entries %v", got)
	}
}

func TestKubeFed(t *testing.T) {
	want(t, applied(t, secret(), forms.KubeFed([]string{"east", "west"}))[0], `
apiVersion: types.kubefed.io/v1beta1
kind: FederatedSecret
metadata: {name: web-env, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}, annotations: {from: Deployment.web}}
    type: kubernetes.io/basic-auth
    immutable: true
    data: {username: d2Vi, password: AAH/JAo=, extra: a8Okc2UKYnJvdA==}
  placement: {clusters: [{name: east}, {name: west}]}
`)
	all := applied(t, secret(), forms.KubeFed(nil))[0]
	placement, _, _ := unstructured.NestedMap(all, "spec", "placement")
	if !reflect.DeepEqual(placement, map[string]any{"clusterSelector": map[string]any{}}) {
		t.Errorf("placement everywhere: %v", placement)
	}
}

func TestKarmada(t *testing.T) {
	objects := applied(t, secret(), forms.External("SecretStore", "vault"), forms.Karmada([]string{"east", "west"}))
	if len(objects) != 2 || objects[0]["kind"] != "ExternalSecret" {
		t.Fatalf("%v", objects)
	}
	want(t, objects[1], `
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: web-env, namespace: shop}
spec:
  resourceSelectors: [{apiVersion: external-secrets.io/v1, kind: ExternalSecret, name: web-env}]
  placement: {clusterAffinity: {clusterNames: [east, west]}}
`)
	want(t, applied(t, secret(), forms.Karmada(nil))[1], `
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: web-env, namespace: shop}
spec:
  resourceSelectors: [{apiVersion: v1, kind: Secret, name: web-env}]
  placement: {}
`)
}
