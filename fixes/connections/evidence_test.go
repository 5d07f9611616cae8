package connections

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// TestTiers has fronts, gateways and loads, each beside what it must not be taken for.
func TestTiers(t *testing.T) {
	worker := deployment("worker", "", "")
	db := server("db", "postgres:18", "5432", "")
	others := worker + deployment("a", "", "") + deployment("b", "", "") + deployment("c", "", "")
	exposed := part("Deployment", "shop", "shop", own, "80", "") + serviceOf("shop", "LoadBalancer", "80")
	testGuesses(t, map[string]guessCase{
		"a front and a back by their names": {server("frontend", own, "80", "") + server("backend", own, "81", "") + db,
			[]string{"backend -> db 5432/TCP", "frontend -> backend 81/TCP"}},
		"a front of no other tier": {server("frontend", own, "80", "") + server("users", own, "81", "") + db,
			[]string{"frontend -> db 5432/TCP", "frontend -> users 81/TCP", "users -> db 5432/TCP"}},
		"what is of both tiers by its name": {server("frontend-api", own, "80", "") + server("orders-api", own, "81", "") + db,
			[]string{"frontend-api -> db 5432/TCP", "frontend-api -> orders-api 81/TCP", "orders-api -> db 5432/TCP"}},
		"the front of an application that is named in all": {server("shop-ui", own, "80", "") + server("shop-appserver", own, "81", "") + server("shop-db", "postgres:18", "5432", ""),
			[]string{"shop-appserver -> shop-db 5432/TCP", "shop-ui -> shop-appserver 81/TCP"}},
		"one who has only the application's": {server("shop-api", own, "81", "") + server("shop-db", "postgres:18", "5432", "") + deployment("shop-jobs", "", "") + worker,
			[]string{"shop-api -> shop-db 5432/TCP", "shop-jobs -> shop-api 81/TCP", "shop-jobs -> shop-db 5432/TCP", "worker -> shop-api 81/TCP", "worker -> shop-db 5432/TCP"}},
		"a gateway to the application": {server("api-gateway", own, "80", "") + server("users", own, "81", ""),
			[]string{"api-gateway -> users 81/TCP"}},
		"one to something else": {server("payment-gateway", own, "80", "") + server("users", own, "81", ""),
			[]string{"payment-gateway -> users 81/TCP", "users -> payment-gateway 80/TCP"}},
		"a load begins at the front": {exposed + server("users", own, "81", "") + deployment("load-generator", "", ""),
			[]string{"shop -> users 81/TCP"}},
		"a load where no front is known": {server("users", own, "81", "") + deployment("load-generator", "", ""),
			[]string{"load-generator -> users 81/TCP"}},
		"parts of a load": {exposed + server("locust-master", "locustio/locust:2", "5557", "") + part("Deployment", "locust-worker", "locust-worker", "locustio/locust:2", "", ""),
			[]string{"locust-worker -> locust-master 5557/TCP", "shop -> locust-master 5557/TCP"}},
		"versions with Services of their own": {server("users-v1", own, "80", "") + server("users-v2", own, "80", "") + worker,
			[]string{"worker -> users-v1 80/TCP", "worker -> users-v2 80/TCP"}},
		"members of a group": {server("node-1", own, "80", "") + server("node-2", own, "80", ""),
			[]string{"node-1 -> node-2 80/TCP", "node-2 -> node-1 80/TCP"}},
		"who has a nearer store": {server("user-db", "postgres:18", "5432", "") + server("user-timeline-db", "postgres:18", "5432", "") +
			deployment("user", "", "") + deployment("user-timeline", "", "") + others,
			[]string{"user -> user-db 5432/TCP", "user-timeline -> user-timeline-db 5432/TCP"}},
		"who has a nearer one of another sort": {server("user-db", "postgres:18", "5432", "") + server("user-timeline-cache", "redis:8", "6379", "") +
			deployment("user", "", "") + deployment("user-timeline", "", "") + others,
			[]string{"user -> user-db 5432/TCP", "user-timeline -> user-db 5432/TCP", "user-timeline -> user-timeline-cache 6379/TCP"}},
	})
}

// TestProducts has what well-known programs do and do not call.
func TestProducts(t *testing.T) {
	worker := deployment("worker", "", "")
	prometheus := func(image, more string) string { return server("prometheus", image, "9090", more) }
	grafana := part("Deployment", "grafana", "grafana", "grafana/grafana:12", "", "")
	testGuesses(t, map[string]guessCase{
		"Prometheus goes to others": {prometheus("prom/prometheus:v3", "") + grafana + worker, []string{"grafana -> prometheus 9090/TCP"}},
		"unless it takes what is brought": {prometheus("prom/prometheus:v3", "        args: [--web.enable-otlp-receiver]") + worker,
			[]string{"worker -> prometheus 9090/TCP"}},
		"Prometheus with a configuration of its own": {prometheus("example.com/prometheus:1", "") + part("Deployment", "api", "api", own, "80", naming("x")) +
			serviceOf("api", "ClusterIP", "80") + server("db", "postgres:18", "5432", naming("api:80")),
			[]string{"api -> db 5432/TCP", "prometheus -> api 80/TCP"}},
		"with one that is seen":        {prometheus("example.com/prometheus:1", "      volumes: [{name: v, configMap: {name: gone}}]") + server("api", own, "80", ""), nil},
		"as it is built":               {prometheus("mirror.example.com/hub/prom/prometheus:v3", "") + server("api", own, "80", ""), nil},
		"logs are brought to one port": {server("seq", "datalust/seq:2025", "80 5341", "") + worker, []string{"worker -> seq 5341/TCP"}},
		"or to the only one":           {server("seq", "datalust/seq:2025", "80", "") + worker, []string{"worker -> seq 80/TCP"}},
		"a tool of some store": {server("pma", "phpmyadmin:5", "80", "") + server("orders", "mysql:9", "3306", "") + server("queue", "rabbitmq:4", "5672", "") +
			server("users", "example.com/mysql-with-users:1", "3306", "") + server("api", own, "81", ""),
			[]string{"api -> orders 3306/TCP", "api -> queue 5672/TCP", "api -> users 3306/TCP", "pma -> orders 3306/TCP", "pma -> users 3306/TCP"}},
		"a web server has no database": {server("static", "nginx:1", "80", "") + server("db", "postgres:18", "5432", "") + worker,
			[]string{"worker -> db 5432/TCP", "worker -> static 80/TCP"}},
		"but where there is nothing else": {server("static", "nginx:1", "80", "") + server("db", "postgres:18", "5432", ""), []string{"static -> db 5432/TCP"}},
	})
}

// TestCredentials has who may log in to a store.
func TestCredentials(t *testing.T) {
	from := func(variable, secret string) string {
		return "        env: [{name: " + variable + ", valueFrom: {secretKeyRef: {name: " + secret + ", key: password}}}]"
	}
	db := server("db", "postgres:18", "5432", from("POSTGRES_PASSWORD", "db"))
	api := deployment("api", "", from("DB_PASSWORD", "db"))
	bare := deployment("bare", "", naming("x"))
	testGuesses(t, map[string]guessCase{
		"the Secret of the store":   {db + api + bare, []string{"api -> db 5432/TCP"}},
		"all of that Secret":        {db + deployment("api", "", "        envFrom: [{secretRef: {name: db}}]") + bare, []string{"api -> db 5432/TCP"}},
		"a value that is the same":  {server("db", "postgres:18", "5432", "        env: [{name: POSTGRES_PASSWORD, value: example}]") + deployment("api", "", "        env: [{name: DB_PASS, value: example}]") + bare, []string{"api -> db 5432/TCP"}},
		"another Secret may do too": {db + api + deployment("other", "", from("LOGIN", "other")), []string{"api -> db 5432/TCP", "other -> db 5432/TCP"}},
		"so may a file":             {db + api + deployment("other", "", "      volumes: [{name: v, configMap: {name: gone}}]"), []string{"api -> db 5432/TCP", "other -> db 5432/TCP"}},
		"nobody has it":             {db + deployment("api", "", from("DB_PASSWORD", "other")) + bare, []string{"api -> db 5432/TCP", "bare -> db 5432/TCP"}},
		"only a backup has it": {db + part("Job", "backup", "backup", "prom/some-exporter:1", "", from("PGPASSWORD", "db")) + bare,
			[]string{"bare -> db 5432/TCP", "backup -> db 5432/TCP"}},
	})
}

// TestImagesTell has what images give to their containers.
func TestImagesTell(t *testing.T) {
	tests := map[string]struct {
		fact fixes.Image
		more string
		want string
	}{
		"a variable":           {fixes.Image{Env: []string{"DB_HOST=db", "SOURCE=https://example.com/x.tgz"}}, "", "web -> db 5432/TCP proven"},
		"that the pod changes": {fixes.Image{Env: []string{"DB_HOST=db"}}, "        env: [{name: DB_HOST, value: db.elsewhere.example.com}]", "web -> db.elsewhere.example.com inferred"},
		"a command":            {fixes.Image{Entrypoint: []string{"/web"}, Cmd: []string{"--db", "db:5432"}}, "", "web -> db 5432/TCP proven"},
		"that the pod changes, in part": {fixes.Image{Entrypoint: []string{"/web", "--db=db:5432"}, Cmd: []string{"--to", "https://db:81"}}, "        args: [--fast]",
			"web -> db 5432/TCP proven"},
		"and as a whole": {fixes.Image{Entrypoint: []string{"/web", "--db=db:5432"}}, "        command: [/web]", "web -> db 5432/TCP guessed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inv := fixestest.Load(t, workload("web", "", tt.more)+workload("db", "5432", `
        ports: [{containerPort: 5432}]`))
			tt.fact.ObjectMeta = metav1.ObjectMeta{Name: "example.com/web:1"}
			inv.Add(&tt.fact)
			if got := strings.Join(links(Find(inv)), "; "); !strings.Contains(got, tt.want) || strings.Contains(got, "example.com ") && name == "a variable" {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
