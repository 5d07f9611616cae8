package connections

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// What a workload is for, as far as its image, ports and name tell. Guesses go
// by it: see guess.go.

// The last parts of the names of images of stores. Where one has to connect to
// another, its settings name it.
var (
	databaseImages = []string{"mysql", "mariadb", "postgres", "postgresql", "mongo", "mongodb", "redis", "valkey", "memcached",
		"elasticsearch", "opensearch", "cassandra", "etcd", "minio", "influxdb", "clickhouse-server", "couchdb", "neo4j", "timescaledb",
		"percona", "percona-server", "cockroach", "rethinkdb", "arangodb", "solr", "scylla", "keydb", "dragonfly", "mssql", "server-mssql", "redis-stack"}
	queueImages = []string{"rabbitmq", "kafka", "cp-kafka", "zookeeper", "cp-zookeeper", "nats", "beanstalkd",
		"mosquitto", "eclipse-mosquitto", "activemq"}
)

// databasePorts are those at which databases and caches are asked (IANA's
// registry of service names, and the documentation of each).
var databasePorts = []int32{1433, 1521, 3306, 5432, 5984, 6379, 8529, 9042, 11211, 26257, 27017, 28015}

// inner are ports of stores, queues and products for their peers and for who
// looks after them. Applications do not use them: clustering and management of
// RabbitMQ, gossip and JMX of Cassandra, transport of Elasticsearch, peers of etcd
// and ZooKeeper, cluster bus of Redis, routes and monitor of NATS, intracluster of
// RethinkDB; of products the Raft, gossip and old RPC of Consul, health and metrics
// of Jaeger (14269) and of the OpenTelemetry Collector (13133, 8888, 1777, 55679).
var inner = []int32{4369, 25672, 15672, 15692, 7000, 7001, 7199, 9300, 2380, 2888, 3888, 16379, 6222, 8222, 29015,
	8300, 8301, 8302, 8400, 14269, 13133, 8888, 1777, 55679}

// isDatabase reports whether a workload's main container is a database or a
// cache, by its image, or since it has no ports but those of databases.
func isDatabase(w fixes.Workload) bool {
	if runsOne(w, databaseImages) {
		return true
	}
	ports := slices.DeleteFunc(declared(w), func(p Port) bool { return measures(w, p) })
	return len(ports) > 0 && !slices.ContainsFunc(ports, func(p Port) bool { return !slices.Contains(databasePorts, p.Number) })
}

// IsStore reports whether a workload's main container is a database, a cache or
// a queue, by its image or its ports.
func IsStore(w fixes.Workload) bool { return isDatabase(w) || runsOne(w, queueImages) }

// isCache tells caches from other databases.
func isCache(w fixes.Workload) bool {
	return runsOne(w, []string{"redis", "valkey", "memcached", "keydb", "dragonfly", "redis-stack"}) ||
		slices.ContainsFunc(declared(w), func(p Port) bool { return p.Number == 6379 || p.Number == 11211 })
}

// replicates reports whether two stores are of one sort, by the first word of
// their names, which says what they are: redis-replica and redis-master.
func replicates(w, of fixes.Workload) bool {
	a, b := wordsOf(w.Object.GetName()), wordsOf(of.Object.GetName())
	return IsStore(w) && IsStore(of) && len(a) > 1 && len(b) > 1 && a[0] == b[0] && slices.Contains(storeWords, a[0]) &&
		slices.ContainsFunc([]string{"replica", "slave", "secondary", "follower", "standby", "read", "sentinel"}, func(role string) bool {
			return slices.Contains(a, role)
		})
}

// containsName reports whether a Service's name is among the words of a workload's.
func containsName(w fixes.Workload, service string) bool {
	return strings.Contains("-"+w.Object.GetName()+"-", "-"+service+"-")
}

func runsOne(w fixes.Workload, images []string) bool {
	if len(w.Spec.Containers) == 0 {
		return false
	}
	name := path.Base(repository(w.Spec.Containers[0].Image))
	return slices.ContainsFunc(images, func(known string) bool {
		return name == known || strings.HasPrefix(name, known+"-") || strings.HasSuffix(name, "-"+known)
	})
}

// measures reports whether a port is there for who collects metrics: its name
// says so, or its container is an exporter.
func measures(w fixes.Workload, port Port) bool {
	for c := range w.Containers() {
		for _, p := range c.Ports {
			if p.ContainerPort != port.Number {
				continue
			}
			if strings.HasSuffix(repository(c.Image), "exporter") || namesMetrics(p.Name) {
				return true
			}
		}
	}
	return false
}

// namesMetrics reports whether a port is for who collects metrics, by its name.
func namesMetrics(port string) bool {
	return slices.ContainsFunc([]string{"metric", "prometheus", "exporter", "telemetry"}, func(word string) bool { return strings.Contains(port, word) }) ||
		slices.Contains(strings.Split(port, "-"), "prom")
}

// forMetrics reports whether a Service is there for who collects metrics of a
// workload: all of its ports are, and its name says so too, or another Service leads
// to what the workload does.
func (g *Graph) forMetrics(w fixes.Workload, through service) bool {
	only := func(s service) bool {
		return len(s.Spec.Ports) > 0 && !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return !namesMetrics(p.Name) })
	}
	return only(through) && (namesMetrics(through.Name) ||
		slices.ContainsFunc(g.names.serving[Of(w)], func(s service) bool { return !only(s) }))
}

// forClients returns those of a workload's ports that its siblings may use;
// all of them, if none would be left.
func forClients(w fixes.Workload, ports []Port) []Port {
	known, isMail := IsStore(w) || isProduct(w), runsNamed(w, mailImages)
	takesLogs := runsNamed(w, []string{"seq"}) && slices.Contains(ports, Port{corev1.ProtocolTCP, seqIngestion})
	out := slices.DeleteFunc(slices.Clone(ports), func(p Port) bool {
		return measures(w, p) || known && slices.Contains(inner, p.Number) || isMail && !slices.Contains(mailPorts, p.Number) ||
			takesLogs && p.Number != seqIngestion ||
			p.Number == dnsPort // pods ask the cluster's, unless their dnsConfig names another
	})
	if len(out) == 0 {
		return slices.Clone(ports)
	}
	return out
}

// portsFor returns those of a workload's ports that one sibling may use.
func portsFor(from, to fixes.Workload, ports []Port) []Port {
	ports = forClients(to, ports)
	if isProduct(to) && !isProduct(from) {
		ports = slices.DeleteFunc(ports, func(p Port) bool { return slices.Contains(productPorts, p.Number) })
	}
	return ports
}
