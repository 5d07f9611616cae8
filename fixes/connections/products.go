package connections

import (
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
	askedImages = []string{"vault", "registry", "zipkin", "zipkin-slim", "all-in-one", "jaeger-collector", "jaeger-query", "kibana"}
	// watchingImages show people what other products have, or bring it to those.
	watchingImages = []string{"alertmanager", "node-exporter", "kube-state-metrics", "grafana", "promtail", "vmagent", "filebeat", "cloudflared"}
)

// mailPorts are those of SMTP, and those that mail catchers use for it. At others
// people look at the mails.
var mailPorts = []int32{25, 465, 587, 1025, 2525}

// productPorts are ports of Jaeger that only its own agents and those who show
// its traces use: of TChannel, and of queries (jaegertracing.io, deployment).
var productPorts = []int32{14267, 16685, 16686}

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
	return runsNamed(w, watchingImages) || runsNamed(w, []string{"kibana", "jaeger-query", "metrics-server"}) ||
		isExporter(w) && !runsNamed(w, []string{"statsd-exporter"})
}

// runsNamed reports whether a workload's main container has an image of one of
// the given last parts.
func runsNamed(w fixes.Workload, images []string) bool {
	return len(w.Spec.Containers) > 0 && slices.Contains(images, path.Base(repository(w.Spec.Containers[0].Image)))
}
