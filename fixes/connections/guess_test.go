package connections

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// part writes a workload of some kind, and of a Service of its app's name if it
// has ports. More follows its container.
func part(kind, name, app, image, ports, more string) string {
	declared := ""
	for port := range strings.FieldsSeq(ports) {
		number, portName, _ := strings.Cut(port, "/")
		if declared += "{containerPort: " + number; portName != "" {
			declared += ", name: " + portName
		}
		declared += "}, "
	}
	api := "apps/v1"
	selector := "selector: {matchLabels: {app: " + app + "}}"
	restart := ""
	if kind == "Job" {
		api, selector, restart = "batch/v1", "backoffLimit: 1", "restartPolicy: Never"
	}
	return `
apiVersion: ` + api + `
kind: ` + kind + `
metadata: {name: ` + name + `, namespace: shop}
spec:
  ` + selector + `
  template:
    metadata: {labels: {app: ` + app + `}}
    spec:
      ` + restart + `
      containers:
      - name: c
        image: ` + image + `
        ports: [` + declared + `]
` + more + "\n---\n"
}

func serviceOf(app, kind, ports string) string {
	text := "\napiVersion: v1\nkind: Service\nmetadata: {name: " + app + ", namespace: shop}\nspec:\n  type: " + kind +
		"\n  selector: {app: " + app + "}\n  ports:\n"
	for port := range strings.FieldsSeq(ports) {
		number, _, _ := strings.Cut(port, "/")
		text += "  - {name: p" + number + ", port: " + number + "}\n"
	}
	return text + "---\n"
}

// server is a Deployment with a Service of its name.
func server(name, image, ports, more string) string {
	return part("Deployment", name, name, image, ports, more) + serviceOf(name, "ClusterIP", ports)
}

// metricsOf is a Service of one port, which is named for metrics.
func metricsOf(app, name, port string) string {
	return "\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: shop}\nspec: {selector: {app: " + app +
		"}, ports: [{name: metrics, port: " + port + "}]}\n---\n"
}

const own = "example.com/own:1"

func naming(host string) string {
	return "        env: [{name: X, value: \"" + host + "\"}]"
}

// TestGuesses has the guesses for what nothing tells of.
func TestGuesses(t *testing.T) {
	worker := part("Deployment", "worker", "worker", own, "", "")
	testGuesses(t, map[string]guessCase{
		"anyone of the namespace": {server("api", own, "80", "") + server("users", own, "81", "") + worker,
			[]string{"api -> users 81/TCP", "users -> api 80/TCP", "worker -> api 80/TCP", "worker -> users 81/TCP"}},
		"versions do not call each other": {part("Deployment", "api-v1", "api", own, "80", "") + part("Deployment", "api-v2", "api", own, "80", "") +
			serviceOf("api", "ClusterIP", "80") + worker,
			[]string{"worker -> api-v1 80/TCP", "worker -> api-v2 80/TCP"}},
		"a store by its port is no client": {server("data", own, "3306 9104/metrics", "") + server("api", own, "80", ""),
			[]string{"api -> data 3306/TCP"}},
		"not those of peers and managers": {server("queue", "rabbitmq:4", "5672 15672 4369", "") + worker, []string{"worker -> queue 5672/TCP"}},
		"nor those of metrics":            {server("api", own, "80 9102/prometheus", "") + worker, []string{"worker -> api 80/TCP"}},
		"but if there are no others":      {server("api", own, "9102/metrics", "") + worker, []string{"worker -> api 9102/TCP"}},
		"nor a Service of them alone":     {server("api", own, "80", "") + metricsOf("api", "api-stats", "9102") + worker, []string{"worker -> api 80/TCP"}},
		"by its name":                     {part("Deployment", "api", "api", own, "9102", "") + metricsOf("api", "api-metrics", "9102") + worker, nil},
		"but for who collects them": {server("api", own, "80", "") + metricsOf("api", "api-stats", "9102") + part("Deployment", "prom", "prom", "prom/prometheus:v3", "", ""),
			[]string{"prom -> api 9102/TCP"}},
		"its owner stands after the store": {server("mongodb-profile", "mongo:8", "27017", "") + part("Deployment", "profile", "profile", own, "", "") + worker,
			[]string{"profile -> mongodb-profile 27017/TCP"}},
		"or is of the same root": {server("memcached-reserve", "memcached:1", "11211", "") + part("Deployment", "reservation", "r", own, "", "") + worker,
			[]string{"reservation -> memcached-reserve 11211/TCP"}},
		"or has a plain word more": {server("redis-cart", "redis:8", "6379", "") + part("Deployment", "cartservice", "c", own, "", "") + worker,
			[]string{"cartservice -> redis-cart 6379/TCP"}},
		"who names a database needs no other": {server("one", "postgres:18", "5432", "") + server("two", "postgres:18", "5432", "") + worker +
			part("Deployment", "api", "api", own, "", naming("one:5432")),
			[]string{"worker -> two 5432/TCP"}},
		"but perhaps a cache": {server("one", "postgres:18", "5432", "") + server("two", "redis:8", "6379", "") +
			part("Deployment", "api", "api", own, "", naming("one:5432")),
			[]string{"api -> two 6379/TCP"}},
		"a replica of a store": {server("redis-primary", "redis:8", "6379", "") + part("Deployment", "redis-replica", "r", "redis:8", "6379", ""),
			[]string{"redis-replica -> redis-primary 6379/TCP"}},
		"a store that is exposed": {part("Deployment", "db", "db", "postgres:18", "5432", "") + serviceOf("db", "NodePort", "5432") + worker,
			[]string{"worker -> db 5432/TCP"}},
		"a front that is exposed": {part("Deployment", "shop", "shop", own, "80", "") + serviceOf("shop", "LoadBalancer", "80") + worker, nil},
		"where all are exposed that says nothing": {part("Deployment", "a", "a", own, "80", "") + serviceOf("a", "NodePort", "80") +
			part("Deployment", "b", "b", own, "81", "") + serviceOf("b", "NodePort", "81") + part("Deployment", "c", "c", own, "82", "") + serviceOf("c", "NodePort", "82"),
			[]string{"a -> b 81/TCP", "a -> c 82/TCP", "b -> a 80/TCP", "b -> c 82/TCP", "c -> a 80/TCP", "c -> b 81/TCP"}},
		"a front by its name": {server("web", own, "80", "") + server("api", own, "81", "") + worker,
			[]string{"web -> api 81/TCP", "worker -> api 81/TCP", "worker -> web 80/TCP"}},
		"who visits the front": {part("Deployment", "shop", "shop", own, "80", "") + serviceOf("shop", "LoadBalancer", "80") + server("api", own, "81", "") +
			part("Deployment", "load", "load", own, "", naming("http://shop")),
			[]string{"shop -> api 81/TCP"}},
		"leaves, where peers are named": {part("Deployment", "a", "a", own, "", naming("leaf:80")) + part("Deployment", "b", "b", own, "", naming("leaf:80")) +
			server("leaf", own, "80", "") + server("mail", own, "25", ""),
			[]string{"a -> mail 25/TCP", "b -> mail 25/TCP"}},
		"but not where they are not": {part("Deployment", "a", "a", own, "", naming("leaf:80")) + worker +
			server("leaf", own, "80", "") + server("mail", own, "25", ""),
			[]string{"a -> mail 25/TCP", "leaf -> mail 25/TCP", "worker -> mail 25/TCP"}},
		"products know nothing of the application": {server("api", own, "80", "") + part("Deployment", "grafana", "grafana", "grafana/grafana:12", "", ""), nil},
		"but of each other": {server("prometheus", "prom/prometheus:v3", "9090", "") + part("Deployment", "grafana", "grafana", "grafana/grafana:12", "", ""),
			[]string{"grafana -> prometheus 9090/TCP"}},
		"a Job that is named after a store": {server("db", "postgres:18", "5432", "") + part("Deployment", "api", "api", own, "", naming("db:5432")) +
			part("Job", "db-backup", "backup", own, "", ""),
			[]string{"db-backup -> db 5432/TCP"}},
		"the name of a database is no host": {server("db", "postgres:18", "5432", "        env: [{name: POSTGRES_DB, value: api}]") + server("api", own, "80", ""),
			[]string{"api -> db 5432/TCP"}},
	})
}

// guessCase is a table's row: which guesses manifests lead to.
type guessCase struct {
	manifests string
	want      []string
}

func testGuesses(t *testing.T, tests map[string]guessCase) {
	t.Helper()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inv := fixestest.Load(t, tt.manifests)
			var got []string
			for _, line := range links(Find(inv)) {
				if guess, ok := strings.CutSuffix(line, " guessed"); ok {
					got = append(got, guess)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

func TestPlaceholders(t *testing.T) {
	for value, want := range map[string]string{
		"http://${CARTS_HOST:carts}:${CARTS_PORT:8080}/items": "carts:8080",
		"${DB_HOST:-db}:5432": "db:5432",
	} {
		got := ""
		for _, c := range hosts(text{key: "url", value: value}) {
			got += c.host + ":" + strconv.Itoa(int(c.port))
		}
		if got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}
