package detect

import (
	"math"
	"testing"
)

func TestClassify(t *testing.T) {
	for _, s := range samples {
		v := Classify(s.name, s.value)
		if v.Secret != s.secret {
			t.Errorf("Classify(%q, %.60q) = %v (%.2f, %s), want %v", s.name, s.value, v.Secret, v.Confidence, v.Reason, s.secret)
			continue
		}
		if v.Secret != (v.Confidence >= threshold) || v.Reason == "" || v.Secret && len(v.Evidence) == 0 {
			t.Errorf("Classify(%q, %.60q): verdict %+v contradicts itself", s.name, s.value, v)
		}
		parts := Parts(s.name, s.value)
		if (len(parts) > 0) != s.secret {
			t.Errorf("Parts(%q, %.60q) = %v, want the verdict's", s.name, s.value, parts)
			continue
		}
		if !s.secret {
			continue
		}
		want := s.part
		if want == "" {
			want = s.value
		}
		if got := s.value[parts[0].Start:parts[0].End]; got != want {
			t.Errorf("Parts(%q, %.60q) gives %.60q, want %.60q", s.name, s.value, got, want)
		}
	}
	if len(samples) < 150 {
		t.Errorf("%d samples, want at least 150", len(samples))
	}
}

func TestAnnotation(t *testing.T) {
	for _, s := range []struct {
		key, value string
		secret     bool
	}{
		{"nginx.example/basic-auth-secret", "cafe-passwd", false},
		{"nginx.example/jwt-key", "jwt-key-of-cafe", false},
		{"nginx.example/jwt-token", "$cookie_auth_token", false},
		{"example.com/service-account-token-volume", "shop-token", false},
		{"example.com/checksum", "e70bf6a851099d385178a76de9757bb0bef8299da6d8443602590e44f05fdf24", false},
		{"checksum/secret", "e70bf6a851099d385178a76de9757bb0bef8299da6d8443602590e44f05fdf24", false},
		{"ad.example.com/redis.instances", `[{"host":"%%host%%","password":"%%env_PASS%%"}]`, false},
		{"ad.example.com/redis.instances", `[{"host":"%%host%%","password":"swordfish"}]`, true},
		{"vault.example.com/agent-inject-template-config", "{\n \"db\": \"host=db user=ada password=swordfish\",\n {{ with secret \"x\" }}\n}", true},
		{"vault.example.com/agent-inject-template-config", "{\n \"db\": \"host=db user=ada password={{ .Data.pw }}\",\n {{ with secret \"x\" }}\n}", false},
		{"example.com/auth-url", "https://httpbin.example/basic-auth/user/passwd", false},
		{"example.com/api-token", "aB3dE5gH7jK9mN1pQ3sT", true},
		{"example.com/password", "swordfish", true},
		{"example.com/hook", "https://robot:swordfish@hook.example", true},
		{"kubectl.kubernetes.io/last-applied-configuration",
			`{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"swordfish"}]}]}}`, true},
		{"kubectl.kubernetes.io/last-applied-configuration",
			`{"spec":{"volumes":[{"secret":{"secretName":"shop"}}],"env":[{"valueFrom":{"secretKeyRef":{"key":"password","name":"db"}}}]}}`, false},
	} {
		if v := Annotation(s.key, s.value); v.Secret != s.secret {
			t.Errorf("Annotation(%q, %.60q) = %v (%s), want %v", s.key, s.value, v.Secret, v.Reason, s.secret)
		}
	}
}

func TestEntropy(t *testing.T) {
	for s, want := range map[string]float64{"": 0, "aaaa": 0, "ab": 1, "abcd": 2, "aabb": 1} {
		if got := Entropy(s); math.Abs(got-want) > 1e-9 {
			t.Errorf("Entropy(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestLooksRandom(t *testing.T) {
	for s, want := range map[string]bool{
		"aB3dE5gH7jK9mN1pQ3sT":                 true,
		"0b9bb3b8-7c1e-4b6c-8b0e-9d2f6a1c3e4d": true,
		"c3dvcmRmaXNoIHN3b3JkZmlzaA==":         true,
		"9f86d081884c7d659a2feaa0c55ad015":     true,
		"orders-service-backend":               false,
		"com.example.orders.OrderService":      false,
		"registry.example/orders/backend":      false,
		"short1":                               false,
		"ORDERS_DATABASE_CONNECTION":           false,
		"now is the time":                      false,
	} {
		if got := looksRandom(s); got != want {
			t.Errorf("looksRandom(%q) = %v", s, got)
		}
	}
}
