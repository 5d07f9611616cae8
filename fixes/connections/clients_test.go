package connections

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// labelled gives a server's pods another label.
func labelled(manifest, label string) string {
	return strings.Replace(manifest, "metadata: {labels: {app: ", "metadata: {labels: {"+label+", app: ", 1)
}

func deployment(name, ports, more string) string {
	return part("Deployment", name, name, own, ports, more)
}

// TestNarrowed has what a guess leaves out, each beside what it must not.
func TestNarrowed(t *testing.T) {
	worker := deployment("worker", "", "")
	mail := server("mail", "axllent/mailpit:v1", "1025 8025", "")
	jaeger := server("jaeger", "jaegertracing/all-in-one:1.60", "14267 14268 16686", "")
	testGuesses(t, map[string]guessCase{
		"the port of DNS":                 {server("consul", "hashicorp/consul:1", "8500 53", "") + worker, []string{"worker -> consul 8500/TCP"}},
		"but of a server of nothing else": {server("names", own, "53", "") + worker, []string{"worker -> names 53/TCP"}},
		"mails are looked at by people":   {mail + worker, []string{"worker -> mail 1025/TCP"}},
		"traces too, and by dashboards": {jaeger + worker + part("Deployment", "grafana", "grafana", "grafana/grafana:12", "", ""),
			[]string{"grafana -> jaeger 14267/TCP 14268/TCP 16686/TCP", "worker -> jaeger 14268/TCP"}},
		"what calls nobody": {mail + server("queue", "rabbitmq:4", "5672", "") + worker,
			[]string{"worker -> mail 1025/TCP", "worker -> queue 5672/TCP"}},
		"what calls only stores": {jaeger + server("store", "elasticsearch:8", "9200", ""),
			[]string{"jaeger -> store 9200/TCP"}},
		"an exporter has no clients but products": {server("exporter", "prom/blackbox-exporter:v1", "9115", "") + worker +
			part("Deployment", "grafana", "grafana", "grafana/grafana:12", "", ""), []string{"grafana -> exporter 9115/TCP"}},
		"metrics by the name of a Service's port": {deployment("api", "80 8801", "") + strings.Replace(serviceOf("api", "ClusterIP", "80 8801"), "p8801", "prom", 1) + worker,
			[]string{"worker -> api 80/TCP"}},
		"a directory calls nobody but its like": {server("shop-registry", own, "8761", "") + server("shop-config-server", own, "8888", "") + server("shop-orders", own, "80", ""),
			[]string{"shop-config-server -> shop-registry 8761/TCP", "shop-orders -> shop-config-server 8888/TCP", "shop-orders -> shop-registry 8761/TCP",
				"shop-registry -> shop-config-server 8888/TCP"}},
		"a registry of something is none": {server("device-registry", own, "81", "") + server("orders", own, "80", ""),
			[]string{"device-registry -> orders 80/TCP", "orders -> device-registry 81/TCP"}},
		"who names two services": {server("a", own, "80", "") + server("b", own, "81", "") + server("c", own, "82", "") + worker + deployment("names", "", two("a:80", "b:81")),
			[]string{"a -> c 82/TCP", "b -> c 82/TCP", "worker -> c 82/TCP"}},
		"but not who names one": {server("a", own, "80", "") + server("c", own, "82", "") + worker + deployment("names", "", naming("a:80")),
			[]string{"a -> c 82/TCP", "names -> c 82/TCP", "worker -> c 82/TCP"}},
		"nor who names what all name": {server("a", own, "80", "") + server("c", own, "82", "") + server("eureka", own, "83", "") +
			deployment("w1", "", two("a:80", "eureka:83")) + deployment("w2", "", naming("eureka:83")) + deployment("w3", "", naming("eureka:83")),
			[]string{"w1 -> c 82/TCP", "w2 -> c 82/TCP", "w3 -> c 82/TCP"}},
		"of a front, who names whom it calls": {server("ui", own, "80", "") + deployment("load", "", "") + deployment("mover", "", naming("db:5432")) + server("db", "postgres:18", "5432", ""),
			[]string{"load -> ui 80/TCP"}},
		"the front of three tiers has no database": {labelled(server("shop", own, "80", ""), "tier: frontend") + labelled(server("api", own, "81", ""), "tier: backend") +
			server("db", "postgres:18", "5432", "") + server("sessions", "redis:8", "6379", ""),
			[]string{"api -> db 5432/TCP", "api -> sessions 6379/TCP", "shop -> api 81/TCP", "shop -> sessions 6379/TCP"}},
		"that of two has": {labelled(server("shop", own, "80", ""), "tier: frontend") + labelled(server("db", "postgres:18", "5432", ""), "tier: backend"),
			[]string{"shop -> db 5432/TCP"}},
	})
}

func two(a, b string) string {
	return "        env: [{name: A_URL, value: \"http://" + a + "\"}, {name: B_URL, value: \"http://" + b + "\"}]"
}

// TestReasons has why guesses are as narrow as they are.
func TestReasons(t *testing.T) {
	g := Find(fixestest.Load(t, server("api", own, "80", "")+deployment("worker", "", "")+server("mail", "axllent/mailpit:v1", "1025", "")+server("queue", "rabbitmq:4", "5672", "")))
	const want = "nothing tells who uses Service queue; not what calls nobody"
	found := false
	for _, l := range g.Links {
		found = found || l.Sure == Guessed && len(l.Why) == 1 && l.Why[0].Text == want
	}
	if !found {
		t.Errorf("no guess says %q", want)
	}
}

// TestCallBack has connections to those who have told of themselves.
func TestCallBack(t *testing.T) {
	hub := server("hub", own, "4444", "")
	probe := "\n        readinessProbe: {httpGet: {path: /, port: 5555}}"
	testGuesses(t, map[string]guessCase{
		"a hub and what it leads":     {hub + deployment("node", "5555", naming("hub:4444")), []string{"hub -> node 5555/TCP"}},
		"the port may be for a probe": {hub + deployment("node", "5555", naming("hub:4444")+probe), nil},
		"stores wait":                 {server("db", "postgres:18", "5432", "") + deployment("node", "5555", naming("db:5432")), nil},
		"Consul asks": {server("consul", "consul:1.15", "8500", "") + server("api", own, "80", naming("consul:8500")),
			[]string{"consul -> api 80/TCP"}},
	})
}

// TestHostNetwork has clients that policies know by no label.
func TestHostNetwork(t *testing.T) {
	agent := strings.Replace(deployment("agent", "", naming("db:5432")), "      restartPolicy: Never", "", 1)
	agent = strings.Replace(agent, "    spec:\n", "    spec:\n      hostNetwork: true\n", 1)
	testGraph(t, map[string]graphCase{
		"anyone at the port": {agent, []string{"anyone -> db 5432/TCP inferred"}},
	})
}

// TestFilesTaken has files of which a pod gets some.
func TestFilesTaken(t *testing.T) {
	config := `
apiVersion: v1
kind: ConfigMap
metadata: {name: files, namespace: shop}
data: {a.conf: "url: http://db:5432", b.conf: "url: http://example.com"}
---
`
	mounting := func(volume, mounts string) string {
		return config + part("Deployment", "web", "web", own, "", "        volumeMounts: ["+mounts+"]\n      volumes: [{name: v, configMap: {name: files"+volume+"}}]")
	}
	told, host := "web -> db 5432/TCP inferred", "web -> example.com 80/TCP inferred"
	whole := "{name: v, mountPath: /etc/app}"
	testGraph(t, map[string]graphCase{
		"all":               {mounting("", whole), []string{host, told}},
		"some":              {mounting(", items: [{key: b.conf, path: app.conf}]", whole), []string{host}},
		"one by its path":   {mounting("", "{name: v, mountPath: /etc/b.conf, subPath: b.conf}"), []string{host}},
		"of another name":   {mounting(", items: [{key: a.conf, path: x/y}, {key: b.conf, path: z}]", "{name: v, mountPath: /y, subPath: x}"), []string{told}},
		"once so, once all": {mounting("", "{name: v, mountPath: /b, subPath: b.conf}, "+whole), []string{host, told}},
	})
}
