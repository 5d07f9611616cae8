package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestHostAliases(t *testing.T) {
	const service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {clusterIP: 10.0.0.7, ports: [{port: 1}]}\n"
	with := func(aliases string) string {
		return deployment("containers: [{name: c, image: x}]\nhostAliases: " + aliases)
	}
	var cases []fixestest.Case
	for _, name := range []string{"kubernetes.default.svc", "kubernetes", "api.pay.svc.cluster.local", "db.shop.svc", "localhost", "metadata.google.internal", "DB", "db."} {
		cases = append(cases, fixestest.Case{Name: name, Objects: with("[{ip: 192.0.2.1, hostnames: [\""+name+"\"]}]") + service,
			Want: want("spec.hostAliases[0].hostnames[0]", fixes.Review)})
	}
	for name, aliases := range map[string]string{
		"another machine":            "[{ip: 192.0.2.1, hostnames: [git.example.com, db.example.com, svc, mysvc]}]",
		"a Service of another place": "[{ip: 192.0.2.1, hostnames: [web]}]",
		"the Service itself":         "[{ip: 10.0.0.7, hostnames: [db]}]",
		"loopback":                   "[{ip: 127.0.0.1, hostnames: [localhost]}, {ip: '::1', hostnames: [localhost]}]",
		"the metadata server itself": "[{ip: 169.254.169.254, hostnames: [metadata]}]",
		"none":                       "[]",
	} {
		cases = append(cases, fixestest.Case{Name: name, Objects: with(aliases) + service})
	}
	cases = append(cases, fixestest.Case{
		Name:    "among others",
		Objects: with("[{ip: 192.0.2.1, hostnames: [git.example.com]}, {ip: 192.0.2.2, hostnames: [old.example.com, db]}, {ip: 192.0.2.3, hostnames: [db.shop.svc]}]") + service,
		Want:    want("spec.hostAliases[1].hostnames[1]", fixes.Review),
		Diff:    []string{"- - db", "- - db.shop.svc", "- ip: 192.0.2.3"}, NotDiff: []string{"- - old.example.com", "- - git.example.com"},
	})
	fixestest.Table(t, hostAliases(), cases)
}
