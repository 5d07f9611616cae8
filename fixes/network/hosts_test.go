package network

import (
	"slices"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestTargets(t *testing.T) {
	inv := fixestest.Load(t, `
apiVersion: v1
kind: Service
metadata: {name: redis, namespace: data}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
`)
	for _, c := range []struct {
		key, value string
		want       []string
	}{
		// Services of other namespaces, in all the forms that resolve.
		{"X", "redis.data", []string{"redis.data"}},
		{"X", "redis.data:6379", []string{"redis.data"}},
		{"X", "redis.data.svc", []string{"redis.data"}},
		{"X", "redis.data.svc.cluster.local.", []string{"redis.data"}},
		{"X", "redis-0.redis.data", []string{"redis.data"}},
		{"X", "http://redis-0.redis.data.svc.cluster.local:80/x", []string{"redis.data"}},
		{"X", "unknown.other.svc.cluster.local", []string{"unknown.other"}},
		// Those of its own namespace are not cut.
		{"X", "http://web.shop.svc:8080", nil},
		{"X", "web.shop:80", nil},
		{"HOST", "web", nil},
		// Hosts outside.
		{"X", "https://api.example.com/v1?x=y", []string{"api.example.com"}},
		{"X", "api.example.com:443", []string{"api.example.com"}},
		{"SMTP_HOST", "Mail.Example.com", []string{"mail.example.com"}},
		{"--upstream", "10.1.2.3", []string{"10.1.2.3"}},
		{"X", "http://[2001:db8::1]:80/", []string{"2001:db8::1"}},
		{"X", "http://169.254.169.254/latest", []string{"169.254.169.254"}},
		{"KAFKA_BROKERS", "a.example.com:9092,b.example.com:9092", []string{"a.example.com", "b.example.com"}},
		{"X", "--db-host=db.example.com --port=1", []string{"db.example.com"}},
		{"DSN", "host=db.example.com user=u.v password=a.bc dbname=x.yz", []string{"db.example.com"}},
		{"JDBC_URL", "jdbc:postgresql://db.example.com/x?user=a.bc", []string{"db.example.com"}},
		{"X", "shop:pa(ss.word:22)@tcp(db.example.com:3306)/shop", []string{"db.example.com"}},
		{"X", "a.example.com:80 b.example.com:80 a.example.com:80", []string{"a.example.com", "b.example.com"}},
		// A login is not a host, however it is written.
		{"DATABASE_URL", "postgres://user:p4ss@db.example.com:5432/x", []string{"db.example.com"}},
		{"DATABASE_URL", "postgres://user.name:p/a.bc@db.example.com/x", nil},
		{"DATABASE_URL", "amqp://u:p,x.yz:22@mq.example.com", []string{"mq.example.com"}},
		{"DATABASE_URL", "user:p ss.word:22 @db.example.com:1", []string{"db.example.com"}},
		{"DB_PASSWORD", "pass.word:22", nil},
		{"PROXY_PASSWORD", "pass.word", nil},
		{"API_TOKEN", "http://pass.word", nil},
		{"TOKEN_URL", "https://login.example.com/token", []string{"login.example.com"}},
		{"-p", "a.bc:22", nil},
		{"X", "-Ddb.password=a.bc:22", nil},
		// Other things with dots.
		{"X", "v1.2.3", nil},
		{"X", "com.example.Main", nil},
		{"X", "app.properties", nil},
		{"LISTEN_ADDR", "0.0.0.0:8080", nil},
		{"LISTEN_ADDR", "127.0.0.1:8080", nil},
		{"X", "http://localhost:8080", nil},
		{"X", "http://$(HOST):8080/", nil},
		{"X", "printer.local:80", nil},
		{"X", "12.30:45", nil},
		{"X", "a=b=c==", nil},
		{"HOST", "x\x1b[2J.example.com", nil},
	} {
		var got []string
		for _, h := range hosts(c.key, c.value) {
			if to, ok := locate(inv, h.name); ok && (h.sure || to.host == "") && to.namespace != "shop" && !slices.Contains(got, to.String()) {
				got = append(got, to.String())
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q: got %q, want %q", c.key, c.value, got, c.want)
		}
	}
}

// A flag's value may be the next argument.
func TestTargetsOfArguments(t *testing.T) {
	inv := fixestest.Load(t, deployment("web", "{app: web}", `{containers: [{name: c, image: x, args: [--password, "a.bc:22", --api-url, "https://api.example.com", --log-level, "x.yz", "--peer", "b.example.com:80"]}]}`))
	got := targets(inv, inv.Workloads("")[0])
	want := []target{{host: "api.example.com"}, {host: "b.example.com"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
