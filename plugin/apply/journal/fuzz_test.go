package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
)

// sample returns the changes of a small run, and the objects before it.
func sample(t testing.TB) ([]Change, Reader) {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: "shop", Name: "web"}
	pod := &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "web", Args: []string{"--password=Qx7-vT2pL9zR4"}, Env: []corev1.EnvVar{{Name: "DB_PASSWORD", Value: "t0p$$ecret-9Kx"}},
	}}}}
	pod.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: `{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"t0p$$ecret-9Kx"}]}]}}`}
	after := pod.DeepCopy()
	after.Spec.Containers[0].Env, after.Annotations = nil, nil
	secret := &corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{"DB_PASSWORD": []byte("t0p$ecret-9Kx")}}
	sealed, err := Seal([]fixes.Change{
		{Action: fixes.Create, Object: fixes.RefOf(secret), After: secret},
		{Action: fixes.Patch, Object: fixes.RefOf(pod), Before: pod, After: after},
	}, secrets.Redact)
	if err != nil {
		t.Fatal(err)
	}
	return sealed, func(_ context.Context, ref fixes.Ref) (fixes.Object, error) {
		switch ref.Kind {
		case fixes.KindSecret:
			return secret, nil
		case fixes.KindPod:
			return pod, nil
		case fixes.KindNode:
			return nil, errors.New("connection refused")
		}
		return nil, apierrors.NewNotFound(schema.GroupResource{}, ref.Name)
	}
}

// FuzzParse reads files that may hold anything. What is read is written and
// read again as the same.
func FuzzParse(f *testing.F) {
	sealed, _ := sample(f)
	head, err := encodeHeader(Header{SchemaVersion: 1, Run: 1, Kind: Apply, Changes: sealed})
	if err != nil {
		f.Fatal(err)
	}
	entry, _ := line{Entry: &Entry{Change: 1, Step: Intent}}.encode()
	end, _ := line{End: &End{Result: Done}}.encode()
	whole := string(head) + string(entry) + string(end)
	for _, seed := range []string{whole, whole[:len(whole)-5], whole + string(entry), "", "\n", "{}\n", "null\n",
		`{"header":{"schemaVersion":1,"run":1,"changes":1}}` + "\n" + `{"change":{"before":null,"after":{"object":{"a":[1e9,-1,"x"]}}}}` + "\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rec, size, err := parse(bytes.NewReader(text), "1.jsonl", 1)
		if err != nil {
			return
		}
		if size > int64(len(text)) || size > 0 && text[size-1] != '\n' {
			t.Fatalf("%d of %d bytes count", size, len(text))
		}
		for i := range rec.Header.Changes {
			rec.State(i)
			rec.Canary(i)
		}
		if _, again, err := parse(bytes.NewReader(text[:size]), "1.jsonl", 1); err != nil || again != size {
			t.Fatalf("what counts is not read again: %d of %d bytes, %v", again, size, err)
		}
	})
}

// FuzzUnseal unseals changes that anybody may have written.
func FuzzUnseal(f *testing.F) {
	sealed, read := sample(f)
	text, err := json.Marshal(sealed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, from := range []string{`"blind":true`, `"own":true`, `"secret":1`, `"encoding":["env"]`, `/spec/containers/0:web`, `"Secret"`, `"v1"`, `""`} {
		for _, to := range []string{``, `"x":1`, `"secret":7`, `"encoding":["env:0101","json"]`, `/spec`, `"Node"`, `null`} {
			f.Add([]byte(strings.Replace(string(text), from, to, 1)))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var changes []Change
		if json.Unmarshal(text, &changes) != nil {
			return
		}
		got, lost, err := Unseal(t.Context(), changes, read)
		if err != nil {
			return
		}
		if len(got) != len(changes) {
			t.Fatalf("%d changes of %d", len(got), len(changes))
		}
		for _, l := range lost {
			if l.Change < 0 || l.Change >= len(changes) {
				t.Fatalf("lost in change %d", l.Change)
			}
		}
	})
}

// FuzzSeal seals objects that hold any text, and unseals them from themselves.
func FuzzSeal(f *testing.F) {
	for _, seed := range [][3]string{
		{"Tr0ub4dor&3", "see Tr0ub4dor&3", `{"a":"Tr0ub4dor\u00263","kind":"Secret","data":{"x":"y"}}`},
		{"p$w", "p$$w", `{"spec":[{"name":"DB_PASSWORD","value":"p$$w"},{"name":"DB_PASSWORD"}]}`},
		{"abc", "postgres://u:abc@$(H)/x?password=abcd", "no json"},
		{"\xff\xfe", "\xff", `"\ud800"`}, {"", "", ""}, {"••••••••", "••••••••x", `["--password","••••••••"]`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, value, text, applied string) {
		if len(value)+len(text)+len(applied) > 10_000 {
			return
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "s"}, Data: map[string][]byte{"k": []byte(value)}}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "c", Args: []string{"--password", text}, Env: []corev1.EnvVar{{Name: "DB_URL", Value: text}, {Name: "PASSWORD", Value: value}},
		}}}}
		pod.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: applied, "note": text}
		pod.Labels = map[string]string{"a": value}
		changes := []fixes.Change{
			{Action: fixes.Delete, Object: fixes.RefOf(secret), Before: secret},
			{Action: fixes.Patch, Object: fixes.RefOf(pod), Before: pod, After: pod.DeepCopy()},
		}
		sealed, err := Seal(changes, secrets.Redact)
		if err != nil {
			t.Fatal(err)
		}
		journal, err := encodeHeader(Header{SchemaVersion: SchemaVersion, Run: 1, Changes: sealed})
		if err != nil {
			t.Fatal(err)
		}
		if len(value) >= 12 && !slices.Contains(strings.Fields("n s p c k a note --password"), value) && bytes.Contains(journal, []byte(value)) {
			t.Fatalf("the journal holds %q: %s", value, journal)
		}
		rec, _, err := parse(bytes.NewReader(journal), "1.jsonl", 1)
		if err != nil {
			t.Fatal(err)
		}
		got, lost, err := Unseal(t.Context(), rec.Header.Changes, func(_ context.Context, ref fixes.Ref) (fixes.Object, error) {
			if ref.Kind == fixes.KindPod {
				return pod, nil
			}
			return secret, nil
		})
		if err != nil || len(lost) > 0 {
			t.Fatal(err, lost)
		}
		for _, obj := range []fixes.Object{got[1].Before, got[1].After} {
			p := obj.(*corev1.Pod)
			c := p.Spec.Containers[0]
			if c.Args[1] != text || c.Env[0].Value != text || c.Env[1].Value != value || p.Annotations["note"] != text ||
				p.Labels["a"] != value || p.Annotations[corev1.LastAppliedConfigAnnotation] != applied {
				t.Fatalf("unsealed as %q %q %q, was %q %q %q", c.Env[1].Value, c.Env[0].Value, p.Annotations, value, text, pod.Annotations)
			}
		}
		if s := got[0].Before.(*corev1.Secret); string(s.Data["k"]) != value {
			t.Fatalf("the Secret is unsealed as %q, was %q", s.Data["k"], value)
		}
	})
}
