package connections

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// workload writes a Deployment with a Service of its name.
func workload(name, port string, rest string) string {
	text := `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ` + name + `, namespace: shop}
spec:
  selector: {matchLabels: {app: ` + name + `}}
  template:
    metadata: {labels: {app: ` + name + `}}
    spec:
      containers:
      - name: c
        image: example.com/` + name + `:1
` + rest + "\n---\n"
	if port != "" {
		text += `
apiVersion: v1
kind: Service
metadata: {name: ` + name + `, namespace: shop}
spec:
  selector: {app: ` + name + `}
  ports: [{port: ` + port + `}]
---
`
	}
	return text
}

// links returns the graph's links to workloads and places other than DNS, a
// line each.
func links(g *Graph) []string {
	var out []string
	for _, l := range g.Links {
		if l.To.Place == DNS {
			continue
		}
		line := short(l.From) + " -> " + short(l.To)
		for _, p := range l.Ports {
			line += " " + p.String()
		}
		out = append(out, line+" "+l.Sure.String())
	}
	return out
}

func short(e End) string {
	if e.IsWorkload() {
		return e.Workload.Name
	}
	return e.String()
}

func TestReferences(t *testing.T) {
	const db = `
        ports: [{containerPort: 5432, name: pg}]`
	tests := map[string]struct {
		rest  string // of the container of web
		extra string
		want  []string
	}{
		"a name and a port": {rest: `
        env: [{name: X, value: "db:5432"}]`, want: []string{"web -> db 5432/TCP proven"}},
		"a name without a port": {rest: `
        env: [{name: DB_HOST, value: db}]`, want: []string{"web -> db 5432/TCP proven"}},
		"the same word by another name": {rest: `
        env: [{name: MODE, value: db}]`, want: []string{"web -> db 5432/TCP proven"}},
		"db.shop": {rest: `
        env: [{name: X, value: "http://db.shop:5432/x"}]`, want: []string{"web -> db 5432/TCP proven"}},
		"db.shop.svc": {rest: `
        env: [{name: X, value: "db.shop.svc:5432"}]`, want: []string{"web -> db 5432/TCP proven"}},
		"the whole name": {rest: `
        env: [{name: X, value: "postgres://u:p@db.shop.svc.cluster.local./x"}]`, want: []string{"web -> db 5432/TCP proven"}},
		"a DSN": {rest: `
        env: [{name: DSN, value: "u:p@tcp(db:5432)/x"}]`, want: []string{"web -> db 5432/TCP proven"}},
		"jdbc": {rest: `
        env: [{name: X, value: "jdbc:postgresql://db/x?user=y"}]`, want: []string{"web -> db 5432/TCP proven"}},
		"a variable in a variable": {rest: `
        env: [{name: H, value: db}, {name: U, value: "tcp://$(H):5432"}]`, want: []string{"web -> db 5432/TCP proven"}},
		"an argument": {rest: `
        args: [--db=db:5432, --v=2]`, want: []string{"web -> db 5432/TCP proven"}},
		"a flag and its value": {rest: `
        args: [--db-host, db]`, want: []string{"web -> db 5432/TCP proven"}},
		"a shell line": {rest: `
        command: [sh, -c, "wait-for db:5432 && exec web"]`, want: []string{"web -> db 5432/TCP proven"}},
		"a ConfigMap's key": {rest: `
        envFrom: [{configMapRef: {name: conf}}]`, extra: `
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: shop}
data: {DB_URL: "postgres://db:5432/x"}`, want: []string{"web -> db 5432/TCP proven"}},
		"a Secret's key": {rest: `
        env: [{name: URL, valueFrom: {secretKeyRef: {name: s, key: url}}}]`, extra: `
apiVersion: v1
kind: Secret
metadata: {name: s, namespace: shop}
stringData: {url: "postgres://u:p@db/x"}`, want: []string{"web -> db 5432/TCP proven"}},
		"a file": {rest: `
      volumes: [{name: v, configMap: {name: conf}}]`, extra: `
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: shop}
data:
  nginx.conf: |
    # db is behind
    upstream u { server db:5432; }
    error_log nginx.conf;`, want: []string{"web -> db 5432/TCP inferred"}},
		"a password is none": {rest: `
        env: [{name: DB_PASSWORD, value: db}, {name: HOST, value: "db"}]`, want: []string{"web -> db 5432/TCP proven"}},
		"a host outside": {rest: `
        env: [{name: API, value: "https://api.example.com/v1"}, {name: H, value: "db:5432"}]`,
			want: []string{"web -> api.example.com 443/TCP inferred", "web -> db 5432/TCP proven"}},
		"nothing tells": {want: []string{"web -> db 5432/TCP guessed"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inv := fixestest.Load(t, workload("web", "", tt.rest)+workload("db", "5432", db)+tt.extra)
			if got := links(Find(inv)); !slices.Equal(got, tt.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}
