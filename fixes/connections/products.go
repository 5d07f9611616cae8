package connections

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Products are what many run beside their applications, known by their images.

// productImages watch an application, or serve it what any other does. They know
// nothing of the services of one; of each other they often do, by defaults.
var productImages = slices.Concat(silentImages, askedImages, watchingImages, []string{"prometheus", "loki", "tempo", "mimir",
	"victoria-metrics", "jaeger", "jaeger-agent", "opentelemetry-collector", "opentelemetry-collector-contrib", "fluentd", "fluent-bit",
	"fluentd-elasticsearch", "logstash", "statsd-exporter"})

var (
	// silentImages call nobody at all: what they hold is brought to them.
	silentImages = slices.Concat(mailImages, []string{"consul", "seq", "pushgateway", "metrics-server"})
	// mailImages catch the mails of applications under development.
	mailImages = []string{"mailhog", "mailpit", "maildev", "smtp4dev"}
	// askedImages call stores, and nothing else.
	askedImages = slices.Concat(toolImages, []string{"vault", "registry", "zipkin", "zipkin-slim", "all-in-one", "jaeger-collector", "jaeger-query", "kibana"})
	// storeTools show people what is in stores, of the images that they have here.
	storeTools = map[string][]string{
		"phpmyadmin":       {"mysql", "mariadb", "percona", "percona-server"},
		"pgadmin4":         {"postgres", "postgresql", "timescaledb"},
		"mongo-express":    {"mongo", "mongodb"},
		"redis-commander":  {"redis", "valkey", "keydb", "dragonfly", "redis-stack"},
		"redisinsight":     {"redis", "valkey", "keydb", "dragonfly", "redis-stack"},
		"phpredisadmin":    {"redis", "valkey", "keydb", "dragonfly", "redis-stack"},
		"kafka-ui":         {"kafka", "cp-kafka"},
		"kafdrop":          {"kafka", "cp-kafka"},
		"akhq":             {"kafka", "cp-kafka"},
		"cerebro":          {"elasticsearch", "opensearch"},
		"elasticsearch-hq": {"elasticsearch", "opensearch"},
	}
	toolImages = slices.Sorted(maps.Keys(storeTools))
	// watchingImages show people what other products have, or bring it to those.
	watchingImages = []string{"alertmanager", "node-exporter", "kube-state-metrics", "grafana", "promtail", "vmagent", "filebeat", "cloudflared"}
)

// mailPorts are those of SMTP, and those that mail catchers use for it. At others
// people look at the mails.
var mailPorts = []int32{25, 465, 587, 1025, 2525}

// storelessImages have no store, or only files of their own.
var storelessImages = []string{"prometheus", "alertmanager", "node-exporter", "kube-state-metrics", "promtail", "cloudflared", "statsd-exporter"}

// askersImages ask Prometheus, and are no products that an application has beside it.
var askersImages = []string{"prometheus-adapter", "k8s-prometheus-adapter", "prometheus-adapter-amd64", "kiali", "thanos", "promxy", "karma", "keda",
	"flagger", "argo-rollouts", "cost-model"}

// webServers hand out files and pass requests on; the protocol of no store is theirs.
var webServers = []string{"nginx", "nginx-unprivileged", "httpd", "caddy", "traefik", "varnish"}

// productPorts are ports of Jaeger that only its own agents and those who show
// its traces use: of TChannel, and of queries; and that of clients before 2016
// (jaegertracing.io, deployment).
var productPorts = []int32{5775, 14267, 16685, 16686}

// seqIngestion is the port of Seq that takes logs and does nothing else. Where it is
// there, people look at the logs at the others (docs.datalust.co, Docker).
const seqIngestion = 5341

// receiverFlags let Prometheus take what is brought to it
// (prometheus.io/docs/prometheus/latest/command-line/prometheus).
var receiverFlags = []string{"web.enable-remote-write-receiver", "web.enable-otlp-receiver", "remote-write-receiver", "otlp-write-receiver"}

// asksOnly reports whether a workload is a Prometheus that goes to others for its
// metrics, and takes none that are brought to it.
func asksOnly(w fixes.Workload) bool {
	return runsNamed(w, []string{"prometheus"}) && !slices.ContainsFunc(slices.Concat(w.Spec.Containers[0].Command, w.Spec.Containers[0].Args), func(arg string) bool {
		return slices.ContainsFunc(receiverFlags, func(flag string) bool { return strings.Contains(arg, flag) })
	})
}

// looksAtOthers reports whether a workload is a tool for stores of other sorts than
// one.
func looksAtOthers(w, store fixes.Workload) bool {
	return slices.ContainsFunc(toolImages, func(tool string) bool {
		return runsNamed(w, []string{tool}) && runsOne(store, slices.Concat(databaseImages, queueImages)) && !runsOne(store, storeTools[tool])
	})
}

// isProduct reports whether a workload's main container watches applications, or
// is part of what many run beside theirs, by its image.
func isProduct(w fixes.Workload) bool { return isExporter(w) || runsNamed(w, productImages) }

// isExporter reports whether a workload's main container tells Prometheus of
// something else, by its image.
func isExporter(w fixes.Workload) bool {
	return len(w.Spec.Containers) > 0 && strings.HasSuffix(repository(w.Spec.Containers[0].Image), "exporter")
}

// isWatched reports whether only people and other products come to a product.
func isWatched(w fixes.Workload) bool {
	return runsNamed(w, watchingImages) || runsNamed(w, toolImages) || runsNamed(w, []string{"kibana", "jaeger-query", "metrics-server"}) ||
		isExporter(w) && !runsNamed(w, []string{"statsd-exporter"})
}

// runsNamed reports whether a workload's main container has an image of one of
// the given last parts.
func runsNamed(w fixes.Workload, images []string) bool {
	return len(w.Spec.Containers) > 0 && slices.Contains(images, path.Base(repository(w.Spec.Containers[0].Image)))
}
