package connections

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// guess adds what no object tells of. Many applications have the names of their
// peers in code: that nothing tells of a client does not mean that there is none.
func (g *Graph) guess(names *names, strictness fixes.Strictness) {
	switch strictness {
	case fixes.ProvenOnly:
		g.replace(slices.DeleteFunc(g.Links, func(l Link) bool { return l.Sure < Proven }))
	case fixes.WithinNamespace:
		for _, l := range g.webhooks(names) {
			g.add(l)
		}
		for _, w := range g.Workloads {
			neighbours := End{Place: Pods, Name: w.Object.GetNamespace()}
			why := []Reason{{w.Ref(), "", "everything within the namespace is kept"}}
			g.add(Link{From: neighbours, To: Of(w), Sure: Guessed, Why: why})
			g.add(Link{From: Of(w), To: neighbours, Sure: Guessed, Why: why})
		}
	default:
		g.guessClients(names)
	}
}

// guessClients gives clients to what has a Service and none that is known: what
// its name tells of, or all of its namespace that may be one.
func (g *Graph) guessClients(names *names) {
	guesses := g.webhooks(names) // added at the end: one guess is no reason against another
	for _, w := range g.Workloads {
		services := names.services[w.Object.GetNamespace()]
		for _, name := range slices.Sorted(maps.Keys(services)) {
			open := g.unreached(w, names.destinations(services[name], 0))
			if len(open) == 0 {
				continue
			}
			why := Reason{fixes.RefOf(services[name].Service), "spec.selector", "nothing tells who uses Service " + name}
			clients := g.owners(w)
			if len(clients) > 0 {
				why.Text += "; its name tells"
			} else {
				clients = g.mayConnect(w)
			}
			for _, from := range clients {
				guesses = append(guesses, Link{From: Of(from), To: Of(w), Ports: open, Sure: Guessed, Why: []Reason{why}})
			}
		}
	}
	for _, l := range guesses {
		g.add(l)
	}
}

// unreached returns the ports of a workload among some destinations to which no
// link leads.
func (g *Graph) unreached(w fixes.Workload, found []destination) []Port {
	var open []Port
	for _, d := range found {
		for _, p := range d.ports {
			if d.to == Of(w) && !g.hasClient(d.to, p) {
				open = append(open, p)
			}
		}
	}
	return open
}

// mayConnect returns the workloads of a namespace that may be clients of one:
// all but stores, which wait for others to connect; and of a database, those
// that have none of their own.
func (g *Graph) mayConnect(to fixes.Workload) []fixes.Workload {
	clients := g.neighbours(to)
	if !isDatabase(to) {
		return clients
	}
	var homeless []fixes.Workload
	for _, w := range clients {
		if !slices.ContainsFunc(g.Workloads, func(store fixes.Workload) bool {
			return store.Object.GetNamespace() == w.Object.GetNamespace() && isDatabase(store) && belongs(store, w)
		}) {
			homeless = append(homeless, w)
		}
	}
	if len(homeless) == 0 {
		return clients
	}
	return homeless
}

// neighbours returns the other workloads of a namespace that are no stores.
func (g *Graph) neighbours(to fixes.Workload) []fixes.Workload {
	var out []fixes.Workload
	for _, w := range g.Workloads {
		if w.Object.GetNamespace() == to.Object.GetNamespace() && w.Ref() != to.Ref() && !IsStore(w) {
			out = append(out, w)
		}
	}
	return out
}

// storeWords end the names of stores after that of their owner: carts-db.
var storeWords = []string{"db", "database", "postgres", "postgresql", "mysql", "mariadb", "mongo", "mongodb", "redis", "cache", "store", "memcached"}

// owners returns the workloads to which a store belongs by its name.
func (g *Graph) owners(store fixes.Workload) []fixes.Workload {
	if !IsStore(store) {
		return nil
	}
	return slices.DeleteFunc(g.neighbours(store), func(w fixes.Workload) bool { return !belongs(store, w) })
}

// belongs reports whether a store is a workload's by its name: carts-db is that
// of carts.
func belongs(store, w fixes.Workload) bool {
	name := store.Object.GetName()
	i := strings.LastIndexAny(name, "-_.")
	if i <= 0 || !slices.Contains(storeWords, strings.ToLower(name[i+1:])) {
		return false
	}
	stem, n := name[:i], w.Object.GetName()
	return n == stem || strings.HasPrefix(n, stem+"-")
}

// The last parts of the names of images of stores. Where one has to connect to
// another, its settings name it.
var (
	databaseImages = []string{"mysql", "mariadb", "postgres", "postgresql", "mongo", "mongodb", "redis", "valkey", "memcached",
		"elasticsearch", "opensearch", "cassandra", "etcd", "minio", "influxdb", "clickhouse-server", "couchdb", "neo4j", "timescaledb",
		"percona", "percona-server", "cockroach", "rethinkdb", "arangodb", "solr", "scylla", "keydb", "dragonfly", "mssql", "server-mssql", "redis-stack"}
	queueImages = []string{"rabbitmq", "kafka", "cp-kafka", "zookeeper", "cp-zookeeper", "nats", "beanstalkd",
		"mosquitto", "eclipse-mosquitto", "activemq"}
)

// isDatabase reports whether a workload's main container is a database or a
// cache, by its image.
func isDatabase(w fixes.Workload) bool { return runsOne(w, databaseImages) }

// IsStore reports whether a workload's main container is a database, a cache or
// a queue, by its image.
func IsStore(w fixes.Workload) bool { return isDatabase(w) || runsOne(w, queueImages) }

func runsOne(w fixes.Workload, images []string) bool {
	if len(w.Spec.Containers) == 0 {
		return false
	}
	name := path.Base(repository(w.Spec.Containers[0].Image))
	return slices.ContainsFunc(images, func(known string) bool {
		return name == known || strings.HasPrefix(name, known+"-") || strings.HasSuffix(name, "-"+known)
	})
}
