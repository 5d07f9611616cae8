package detect

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// evidenceForm is all that Evidence may say; Reason is one of the constants.
// Whatever is in neither cannot be a piece of a value.
var evidenceForm = regexp.MustCompile(`^(name|base64|sql|key=value|user:password|password before the host|` +
	`default of a variable|option of a known program|argument of a known program|format: [a-z0-9 -]+|entropy \d\.\d)$`)

var reasons = map[string]bool{
	whyEmpty: true, whyNothing: true, whyReference: true, whyPlaceholder: true, whyEncrypted: true, whyFlag: true,
	whyNumber: true, whyPath: true, whyAddress: true, whyPublic: true, whyAbout: true, whySecretName: true, whyWords: true,
	whyIdentifier: true, saysPassword: true, saysSecretly: true, saysToken: true, saysKey: true, saysSalt: true,
	saysPair: true, saysRandom: true, saysDefault: true, saysDigest: true, saysFormat: true, saysPrivateKey: true,
	saysHeader: true, saysWebhook: true, saysBase64: true, saysURL: true, saysConn: true, saysOption: true, saysSQL: true,
}

// check holds a verdict to what it may say.
func check(t *testing.T, v Verdict) {
	t.Helper()
	if v.Confidence < 0 || v.Confidence > 1 || v.Secret != (v.Confidence >= threshold) {
		t.Errorf("verdict contradicts itself: %+v", v)
	}
	if !reasons[v.Reason] {
		t.Errorf("reason %q is none of the constants", v.Reason)
	}
	for _, e := range v.Evidence {
		if !evidenceForm.MatchString(e) {
			t.Errorf("evidence %q says too much", e)
		}
	}
}

// inside holds a range to its text.
func inside(t *testing.T, r Range, text string, after int) {
	t.Helper()
	if r.Start < after || r.End <= r.Start || r.End > len(text) {
		t.Errorf("range %v is outside of %d..%d", r, after, len(text))
	}
}

func FuzzClassify(f *testing.F) {
	for _, s := range samples {
		f.Add(s.name, s.value)
	}
	for _, x := range texts {
		f.Add(x.name, x.text)
	}
	f.Add("k", "mysql -pa -u \"$X\" | sh -c 'x \\")
	f.Add("k", "${A:-${B:-c}}://u:p@h?password=\"x")
	f.Add("k", "<a><password>x</password><b c='")
	f.Fuzz(func(t *testing.T, name, value string) {
		v := Classify(name, value)
		check(t, v)
		check(t, Annotation(name, value))
		after := 0
		parts := Parts(name, value)
		for _, r := range parts {
			inside(t, r, value, after)
			after = r.End
		}
		if v.Secret != (len(parts) > 0) {
			t.Errorf("secret is %v, yet there are %d parts", v.Secret, len(parts))
		}
		after = 0
		for _, b := range Blob(name, value) {
			check(t, b.Verdict)
			inside(t, b.Range, value, after)
			after = b.Range.End
		}
		argv := []string{name, value, "-p", value, "--password", name}
		for _, a := range Args(argv) {
			check(t, a.Verdict)
			if a.Index < 0 || a.Index >= len(argv) {
				t.Fatalf("index %d", a.Index)
			}
			inside(t, a.Range, argv[a.Index], 0)
		}
		if e := Entropy(value); e < 0 || e > 8 {
			t.Errorf("entropy %v", e)
		}
	})
}

// TestHostile bounds the time that long, adverse input may take.
func TestHostile(t *testing.T) {
	for _, unit := range []string{"://", "a://", "{{", "${", "$(", "#{", "eyJ.", "eyJ", "\"x\":", "'", "\"", "<a", "<a>", "token=(",
		"password=", "=", "a=", "-p ", "--password ", "$2a$", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "@", "a:b@", "\n", "- a: b\n",
		"name: x\nvalue: y\n", "{\"a\":", "[", "password 'x' ", "define('", "x,'", " ", "Bearer ", "(", "\\", "a.b.", "echo 'x", "mysql -p"} {
		text := strings.Repeat(unit, 50_000/len(unit))
		start := time.Now()
		Classify("config", text)
		Blob("config", text)
		Args([]string{"sh", "-c", text})
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%q repeated takes %v", unit, d)
		}
	}
}

// corpusOfNames builds many entries of the kinds that a scan meets.
func corpusOfNames() [][2]string {
	var out [][2]string
	for i := 0; len(out) < 50_000; i++ {
		s := samples[i%len(samples)]
		if strings.Contains(s.value, "-----BEGIN") { // rare, and long
			continue
		}
		out = append(out, [2]string{s.name, s.value}, [2]string{fmt.Sprintf("SERVICE_%d_HOST", i), "orders.shop.svc.cluster.local"},
			[2]string{fmt.Sprintf("WORKERS_%d", i), "8"}, [2]string{"LOG_LEVEL", "info"})
	}
	return out[:50_000]
}

// BenchmarkClassify is a scan of 50,000 environment entries.
func BenchmarkClassify(b *testing.B) {
	entries := corpusOfNames()
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range entries {
			Classify(e[0], e[1])
		}
	}
}

// BenchmarkBlob is a large configuration file.
func BenchmarkBlob(b *testing.B) {
	var all strings.Builder
	for all.Len() < 256<<10 {
		for _, x := range texts {
			if !strings.HasPrefix(x.text, "{") {
				all.WriteString(x.text)
			}
		}
	}
	b.SetBytes(int64(all.Len()))
	for b.Loop() {
		Blob("application.yaml", all.String())
	}
}
