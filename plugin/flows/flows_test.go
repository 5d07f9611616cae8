package flows

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// shop is a small cluster: web, which is reached from outside, with cart and a
// database; pods of web and db run, one of web is gone.
const shop = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d1}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: x, ports: [{containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-7d9f8c, namespace: shop, uid: r1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d1, controller: true}]}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: x}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-7d9f8c-x2x4b, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-7d9f8c, uid: r1, controller: true}]}
spec: {containers: [{name: c, image: x}]}
status: {phase: Running, podIP: 10.1.0.5, hostIP: 192.168.0.10}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: c, image: x, ports: [{containerPort: 40000}]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop, uid: s1}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c, image: x, ports: [{containerPort: 5432}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: s1, controller: true}]}
spec: {containers: [{name: c, image: x}]}
status: {phase: Running, podIP: 10.1.0.6, hostIP: 192.168.0.11}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: shop}
spec:
  schedule: "@daily"
  jobTemplate: {spec: {template: {metadata: {labels: {app: report}}, spec: {containers: [{name: c, image: x}]}}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template: {metadata: {labels: {app: agent}}, spec: {hostNetwork: true, containers: [{name: c, image: x}]}}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.0.7, selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: shop}
spec: {clusterIP: 10.96.0.8, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{port: 443}]}
`

// load returns what comes of a text: the connections, a line each, and what is
// said of the rest.
func load(t *testing.T, inv *fixes.Inventory, text string) (seen, said []string, fact *fixes.Flows) {
	t.Helper()
	s, err := open(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	batch, err := collect(t.Context(), s, NewCollector(inv, "f"))
	if err != nil {
		t.Fatal(err)
	}
	fact = batch.Objects[0].(*fixes.Flows)
	for _, f := range fact.Seen {
		line := fmt.Sprintf("%s -> %s %d/%s", short(f.From), short(f.To), f.Port, f.Protocol)
		if f.Count > 1 {
			line += fmt.Sprintf(" x%d", f.Count)
		}
		seen = append(seen, line)
	}
	for _, skip := range batch.Skips {
		if skip.Resource != "connections in f" {
			t.Errorf("said of %q", skip.Resource)
		}
		said = append(said, skip.Reason)
	}
	return seen, said, fact
}

func short(e fixes.FlowEnd) string {
	switch {
	case e.IsWorkload():
		return e.Object.Name
	case e.Object.Name != "":
		return "Service " + e.Object.Name
	case e.Namespace != "":
		return "pods of " + e.Namespace
	case e.Host != "":
		return e.Host
	case e.Block.IsValid():
		return e.Block.String()
	case e.Outside:
		return "outside"
	}
	return "API"
}

func TestFormats(t *testing.T) {
	hubble := func(flow string) string {
		return `{"flow":{` + flow + `},"node_name":"n","time":"2026-11-01T10:00:00Z"}` + "\n"
	}
	const web = `"source":{"namespace":"shop","pod_name":"web-7d9f8c-x2x4b","labels":["k8s:app=web"],"workloads":[{"name":"web","kind":"Deployment"}]}`
	const db = `"destination":{"namespace":"shop","pod_name":"db-0","labels":["k8s:app=db"],"workloads":[{"name":"db","kind":"StatefulSet"}]}`
	const tcp5432 = `"l4":{"TCP":{"source_port":43210,"destination_port":5432}}`
	good := hubble(`"time":"2026-11-01T10:00:00.5Z","verdict":"FORWARDED","IP":{"source":"10.1.0.5","destination":"10.1.0.6"},` + tcp5432 + `,` + web + `,` + db + `,"is_reply":false`)
	tests := map[string]struct {
		text       string
		want, said []string
	}{
		"Hubble":                                 {text: good + good, want: []string{"web -> db 5432/TCP x2"}},
		"Hubble, without its envelope":           {text: `{"verdict":"FORWARDED",` + tcp5432 + `,` + web + `,` + db + `,"is_reply":false,"unknown":{"field":["}"]}}`, want: []string{"web -> db 5432/TCP"}},
		"Hubble, an answer that is told as such": {text: hubble(`"verdict":"FORWARDED","l4":{"TCP":{"source_port":5432,"destination_port":43210}},"source":{"namespace":"shop","pod_name":"db-0"},"destination":{"namespace":"shop","pod_name":"web-7d9f8c-x2x4b"},"is_reply":true`), want: []string{"web -> db 5432/TCP"}},
		"Hubble, an answer by its flags":         {text: hubble(`"verdict":"FORWARDED","l4":{"TCP":{"source_port":5432,"destination_port":1024,"flags":{"SYN":true,"ACK":true}}},"source":{"namespace":"shop","pod_name":"db-0"},"destination":{"namespace":"shop","pod_name":"web-7d9f8c-x2x4b"}`), want: []string{"web -> db 5432/TCP"}},
		"Hubble, an answer by its ports":         {text: hubble(`"verdict":"FORWARDED","l4":{"TCP":{"source_port":5432,"destination_port":43210}},"source":{"namespace":"shop","pod_name":"db-0"},"destination":{"namespace":"shop","pod_name":"web-7d9f8c-x2x4b"}`), want: []string{"web -> db 5432/TCP"}},
		"Hubble, verdicts": {
			text: good + strings.ReplaceAll(good, "FORWARDED", "AUDIT") + strings.ReplaceAll(good, "FORWARDED", "DROPPED") + strings.ReplaceAll(good, "FORWARDED", "VERDICT_NEW") + strings.ReplaceAll(good, "FORWARDED", "ERROR"),
			want: []string{"web -> db 5432/TCP x2"}, said: []string{"1 record not understood", "2 records of connections that did not come about: an attempt is no need"}},
		"Hubble, pods that are gone": {text: hubble(`"verdict":"FORWARDED","l4":{"TCP":{"destination_port":5432}},"source":{"namespace":"shop","pod_name":"web-66b47d-zzzzz"},`+db+`,"is_reply":false`) +
			hubble(`"verdict":"FORWARDED","l4":{"TCP":{"destination_port":5432}},"source":{"namespace":"shop","pod_name":"web-7d9f8c-abcde"},`+db+`,"is_reply":false`) +
			hubble(`"verdict":"FORWARDED","l4":{"TCP":{"destination_port":5432}},"source":{"namespace":"shop","pod_name":"report-29011-x2x4b"},`+db+`,"is_reply":false`) +
			hubble(`"verdict":"FORWARDED","l4":{"TCP":{"destination_port":5432}},"source":{"namespace":"shop","pod_name":"odd","labels":["k8s:app=cart","k8s:pod-template-hash=1"]},`+db+`,"is_reply":false`) +
			hubble(`"verdict":"FORWARDED","l4":{"TCP":{"destination_port":5432}},"source":{"namespace":"shop","pod_name":"nobody-7d9f8c-x2x4b"},`+db+`,"is_reply":false`),
			want: []string{"cart -> db 5432/TCP", "report -> db 5432/TCP", "web -> db 5432/TCP x2"}, said: []string{"1 record naming what is not there, shop/nobody-7d9f8c-x2x4b for one"}},
		"Hubble, places": {text: hubble(`"verdict":"FORWARDED",`+web+`,"l4":{"TCP":{"destination_port":443}},"IP":{"destination":"93.184.216.34"},"destination":{"identity":2,"labels":["reserved:world"]},"destination_names":["api.example.com"],"is_reply":false`) +
			hubble(`"verdict":"FORWARDED",`+web+`,"l4":{"TCP":{"destination_port":443}},"IP":{"destination":"93.184.216.35"},"destination":{"identity":2,"labels":["reserved:world"]},"is_reply":false`) +
			hubble(`"verdict":"FORWARDED",`+web+`,"l4":{"TCP":{"destination_port":5432}},"IP":{"destination":"10.9.9.9"},"destination":{"identity":2,"labels":["reserved:world"]},"is_reply":false`) +
			hubble(`"verdict":"FORWARDED",`+web+`,"l4":{"TCP":{"destination_port":6443}},"IP":{"destination":"192.168.0.1"},"destination":{"labels":["reserved:remote-node","reserved:kube-apiserver"]},"is_reply":false`) +
			hubble(`"verdict":"FORWARDED","source":{"labels":["reserved:world"]},"IP":{"source":"203.0.113.9"},"l4":{"TCP":{"destination_port":5432}},`+db+`,"is_reply":false`) +
			hubble(`"verdict":"FORWARDED","source":{"labels":["reserved:host"]},"IP":{"source":"192.168.0.11"},"l4":{"TCP":{"destination_port":5432}},`+db+`,"is_reply":false`) +
			hubble(`"verdict":"FORWARDED","source":{"labels":["reserved:remote-node"]},"IP":{"source":"192.168.0.10"},"l4":{"TCP":{"destination_port":5432}},`+db+`,"is_reply":false`) +
			hubble(`"verdict":"FORWARDED","source":{"labels":["reserved:health"]},"IP":{"source":"10.1.0.99"},"l4":{"TCP":{"destination_port":4240}},`+db) +
			hubble(`"verdict":"FORWARDED","source":{"namespace":"monitoring","pod_name":"prometheus-0"},"l4":{"TCP":{"destination_port":5432}},`+db+`,"is_reply":false`),
			want: []string{"outside -> db 5432/TCP", "192.168.0.10/32 -> db 5432/TCP", "pods of monitoring -> db 5432/TCP",
				"web -> 93.184.216.35/32 443/TCP", "web -> 10.9.9.9/32 5432/TCP", "web -> API 6443/TCP", "web -> api.example.com 443/TCP"}},
		"Hubble, other protocols": {text: strings.ReplaceAll(good, `"TCP"`, `"UDP"`) + strings.ReplaceAll(good, `"TCP"`, `"SCTP"`) + strings.ReplaceAll(good, `"TCP"`, `"ICMPv4"`),
			want: []string{"web -> db 5432/SCTP", "web -> db 5432/UDP"}, said: []string{"1 record without a port, like those of ICMP"}},
		"Hubble, a Service before its address is replaced": {text: hubble(`"verdict":"TRANSLATED",` + web + `,"l4":{"TCP":{"destination_port":5432}},"IP":{"destination":"10.96.0.7"},"destination":{},"destination_service":{"name":"db","namespace":"shop"}`), want: []string{"web -> Service db 5432/TCP"}},
		"Hubble, what is no flow":                          {text: good + `{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":"7"}}` + "\n" + `{"node_status":{"state_change":"NODE_CONNECTED"}}` + "\n", want: []string{"web -> db 5432/TCP"}, said: []string{"7 records lost by the observer"}},
		"ports of clients": {text: strings.ReplaceAll(good, `"destination_port":5432`, `"destination_port":50123`) +
			hubble(`"verdict":"FORWARDED","l4":{"TCP":{"destination_port":40000}},`+web+`,"destination":{"namespace":"shop","workloads":[{"name":"cart","kind":"Deployment"}]},"is_reply":false`),
			want: []string{"web -> cart 40000/TCP"}, said: []string{"1 record to ports of clients, behind which no server is known, shop/db-0 for one"}},

		"Calico Enterprise": {text: `{"start_time":1793527200,"end_time":1793527500,"source_ip":null,"source_name":"-","source_name_aggr":"web-7d9f8c-*","source_namespace":"shop","source_port":null,"source_type":"wep","dest_ip":null,"dest_name":"-","dest_name_aggr":"db-*","dest_namespace":"shop","dest_port":5432,"dest_type":"wep","proto":"tcp","action":"allow","reporter":"src","num_flows":3}
{"source_name_aggr":"web-7d9f8c-*","source_namespace":"shop","source_type":"wep","dest_name_aggr":"pub","dest_name":"-","dest_namespace":"-","dest_ip":null,"dest_port":443,"dest_type":"net","dest_domains":["api.example.com"],"proto":"tcp","action":"allow"}
{"source_name_aggr":"pub","source_name":"-","source_namespace":"-","source_type":"net","dest_name":"web-7d9f8c-x2x4b","dest_name_aggr":"web-7d9f8c-*","dest_namespace":"shop","dest_port":"8080","dest_type":"wep","proto":"6","action":"allow"}
{"source_name_aggr":"pvt","source_name":"-","source_namespace":"-","source_type":"net","dest_name_aggr":"web-7d9f8c-*","dest_namespace":"shop","dest_port":8080,"dest_type":"wep","proto":"tcp","action":"allow"}
{"source_name_aggr":"web-7d9f8c-*","source_namespace":"shop","source_type":"wep","dest_name_aggr":"db-*","dest_namespace":"shop","dest_port":22,"dest_type":"wep","proto":"tcp","action":"deny"}
{"source_name_aggr":"web-7d9f8c-*","source_namespace":"shop","source_type":"wep","dest_name_aggr":"pvt","dest_namespace":"-","dest_ip":"192.168.0.1","dest_port":6443,"dest_type":"net","dest_service_namespace":"default","dest_service_name":"kubernetes","proto":"tcp","action":"allow"}
`, want: []string{"outside -> web 8080/TCP", "web -> API 6443/TCP", "web -> api.example.com 443/TCP", "web -> db 5432/TCP x3"},
			said: []string{"1 record with an address of no pod, Service or node that is there, an end without a name for one", "1 record of connections that did not come about: an attempt is no need"}},
		"Calico, of Elasticsearch": {text: `{"_index":"tigera_secure_ee_flows","_source":{"source_name":"web-7d9f8c-x2x4b","source_name_aggr":"web-7d9f8c-*","source_namespace":"shop","source_type":"wep","dest_name":"db-0","dest_name_aggr":"db-*","dest_namespace":"shop","dest_port":5432,"dest_type":"wep","proto":"tcp","action":"allow"}}`, want: []string{"web -> db 5432/TCP"}},
		"Goldmane": {text: `{"id":"7","flow":{"Key":{"source_name":"web-7d9f8c-*","source_namespace":"shop","source_type":"WorkloadEndpoint","dest_name":"db-*","dest_namespace":"shop","dest_type":"WorkloadEndpoint","dest_port":"5432","proto":"tcp","reporter":"Dst","action":"Allow"},"start_time":"1793527200","end_time":"1793527215"}}
{"id":"8","flow":{"Key":{"sourceName":"cart-7d9f8c-*","sourceNamespace":"shop","sourceType":"WorkloadEndpoint","destName":"db-*","destNamespace":"shop","destType":"WorkloadEndpoint","destPort":"5432","proto":"tcp","reporter":"Src","action":"Allow"},"startTime":"1793527200","endTime":"1793527215"}}`,
			want: []string{"cart -> db 5432/TCP", "web -> db 5432/TCP"}},
		"Whisker, as it streams": {text: `data: {"start_time":"2026-11-01T10:00:00Z","end_time":"2026-11-01T10:00:15Z","action":"Allow","source_name":"web-7d9f8c-*","source_namespace":"shop","source_labels":"app=web","dest_name":"db-*","dest_namespace":"shop","protocol":"tcp","dest_port":5432,"reporter":"Src","policies":{"enforced":[{"kind":"Profile"}]}}

data: {"action":"Deny","source_name":"pub","source_namespace":"-","dest_name":"db-*","dest_namespace":"shop","protocol":"tcp","dest_port":5432,"reporter":"Dst"}
`, want: []string{"web -> db 5432/TCP"}, said: []string{"1 record of connections that did not come about: an attempt is no need"}},

		"Inspektor Gadget, the first names": {text: `{"type":"debug","message":"tracer attached","node":"n"}
{"type":"normal","namespace":"shop","pod":"web-7d9f8c-x2x4b","pkt_type":"OUTGOING","proto":"tcp","ip":"10.96.0.7","port":5432,"remote_kind":"svc","remote_svc_namespace":"shop","remote_svc_name":"db","remote_svc_label_selector":{"app":"db"}}
{"type":"normal","namespace":"shop","pod":"db-0","pkt_type":"HOST","proto":"tcp","ip":"10.1.0.5","port":5432,"remote_kind":"pod","remote_pod_namespace":"shop","remote_pod_name":"web-7d9f8c-x2x4b","remote_pod_labels":{"app":"web"}}
{"type":"normal","namespace":"shop","pod":"web-7d9f8c-x2x4b","pkt_type":"PACKET_OUTGOING","proto":"tcp","ip":"93.184.216.34","port":443,"remote_kind":"other"}
`, want: []string{"web -> 93.184.216.34/32 443/TCP", "web -> Service db 5432/TCP", "web -> db 5432/TCP"}},
		"Inspektor Gadget, later names": {text: `[{"node":"n","namespace":"shop","pod":"web-7d9f8c-x2x4b","container":"c","timestamp":1793527200000000000,"type":"normal","pktType":"OUTGOING","proto":"TCP","port":5432,"podLabels":{"app":"web"},"remoteKind":"svc","remoteAddr":"10.96.0.7","remoteName":"db","remoteNamespace":"shop","remoteLabels":{"app":"db"}},
{"k8s":{"node":"n","namespace":"shop","podName":"gone-1"},"podLabels":{"app":"cart"},"timestamp":1793527200000000000,"type":"normal","pktType":"OUTGOING","proto":"TCP","port":5432,"dst":{"addr":"10.1.0.6","version":4,"namespace":"shop","podname":"db-0","kind":"pod","podlabels":{"app":"db"}}}]`,
			want: []string{"cart -> db 5432/TCP", "web -> Service db 5432/TCP"}},
		"Inspektor Gadget, advise_networkpolicy": {text: `[{"k8s":{"namespace":"shop","podName":"web-7d9f8c-x2x4b","podLabels":"app=web","owner":{"kind":"Deployment","name":"web"}},"endpoint":{"addr":"10.1.0.6","port":5432,"proto":"TCP","version":4,"k8s":{"kind":"pod","name":"db-0","namespace":"shop","labels":"app=db"}},"egress":1},
{"k8s":{"namespace":"shop","podName":"db-0"},"endpoint":{"addr":"10.1.0.5","port":5433,"proto":"TCP","k8s":{"kind":"pod","name":"web-7d9f8c-x2x4b","namespace":"shop"}},"egress":0},
{"k8s":{"namespace":"shop","podName":"db-0"},"proc":{"comm":"postgres"},"endpoint":{"addr":"10.1.0.5","port":5434,"proto":"TCP","k8s":{"kind":"pod","name":"web-7d9f8c-x2x4b","namespace":"shop"}},"egress":1}]`,
			want: []string{"web -> db 5432/TCP", "web -> db 5433/TCP", "web -> db 5434/TCP"}},
		"Inspektor Gadget, trace_tcp": {text: `{"k8s":{"namespace":"shop","podName":"web-7d9f8c-x2x4b"},"proc":{"comm":"web"},"src":{"addr":"10.1.0.5","port":41000,"proto":"TCP","version":4},"dst":{"addr":"10.96.0.7","port":5432,"proto":"TCP","version":4,"k8s":{"kind":"svc","name":"db","namespace":"shop","labels":"app=db"}},"type":"connect","error":""}
{"k8s":{"namespace":"shop","podName":"db-0"},"src":{"addr":"10.1.0.6","port":5432,"proto":"TCP"},"dst":{"addr":"10.1.0.5","port":41000,"proto":"TCP","k8s":{"kind":"pod","name":"web-7d9f8c-x2x4b","namespace":"shop"}},"type":"accept"}
{"k8s":{"namespace":"shop","podName":"db-0"},"src":{"addr":"10.1.0.6","port":5432,"proto":"TCP"},"dst":{"addr":"10.1.0.5","port":41000,"proto":"TCP","k8s":{"kind":"pod","name":"web-7d9f8c-x2x4b","namespace":"shop"}},"type":"close"}
{"k8s":{"namespace":"shop","podName":"web-7d9f8c-x2x4b"},"src":{"addr":"10.1.0.5","port":41000,"proto":"TCP"},"dst":{"addr":"10.1.0.6","port":22,"proto":"TCP"},"error":"ECONNREFUSED"}
{"k8s":{"namespace":"shop","podName":"web-7d9f8c-x2x4b"},"src":{"addr":"127.0.0.1","port":41000,"proto":"TCP"},"dst":{"addr":"127.0.0.1","port":9000,"proto":"TCP"},"type":"connect"}
`, want: []string{"web -> Service db 5432/TCP", "web -> db 5432/TCP x2"}, said: []string{"1 record of connections that did not come about: an attempt is no need"}},

		"a CSV": {text: "from_namespace,from,to_namespace,to,port,protocol\n" +
			"shop,web,shop,db,5432,TCP\nshop,web-7d9f8c-zzzzz,shop,db-1,5433,\nshop/web,x,shop,db.shop.svc,1,tcp\nshop,cart,,10.96.0.7,5432,tcp\nshop,cart,,10.1.0.6,5434,udp\n" +
			"shop,web,,api.example.com,443,TCP\nshop,web,,10.8.0.0/24,5432,TCP\n,203.0.113.7,shop,web,8080,TCP\n\nshop,web,shop,db,http,TCP\nshop,web,shop,db\n" + `shop,"web",shop,"db",5432,TCP` + "\n" + `shop,"web,shop,db,5432,TCP`,
			want: []string{"outside -> web 8080/TCP", "cart -> Service db 5432/TCP", "cart -> db 5434/UDP", "web -> 10.8.0.0/24 5432/TCP", "web -> api.example.com 443/TCP", "web -> db 5432/TCP x2", "web -> db 5433/TCP"},
			said: []string{"1 record naming what is not there, shop/web/x for one", "3 records not understood"}},
		"a CSV in another order": {text: "\ufeffport, to ,from,to_namespace,from_namespace,action,count,first,note\r\n5432,db,web,shop,shop,allow,12,2026-11-01T10:00:00Z,x\r\n22,db,web,shop,shop,deny,1,,\r\n",
			want: []string{"web -> db 5432/TCP x12"}, said: []string{"1 record of connections that did not come about: an attempt is no need"}},

		"what is not there": {text: "from_namespace,from,to_namespace,to,port\nshop,web,,10.1.0.77,80\nshop,web,,10.96.0.8,80\nshop,web,,169.254.169.254,80\nshop,web,,127.0.0.1,80\nshop,agent,shop,db,5432\nshop,web,\x1b[2J,\x1b]0;evil\x07,80\n",
			said: []string{"1 record with an address of no pod, Service or node that is there, 10.1.0.77 for one", "1 record leading to Services without pods, 10.96.0.8 for one",
				"1 record naming what is not there, " + fixes.Clean("\x1b[2J/\x1b]0;evil\x07") + " for one",
				"1 record of pods on the host network, which policies do not reach, shop/agent for one", "1 record to the cloud's metadata address, which stays closed, 169.254.169.254 for one"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			seen, said, _ := load(t, fixestest.Load(t, shop), tt.text)
			slices.Sort(seen)
			slices.Sort(tt.want)
			if !slices.Equal(seen, tt.want) {
				t.Errorf("seen\n     %s\nwant %s", strings.Join(seen, "\n     "), strings.Join(tt.want, "\n     "))
			}
			slices.Sort(said)
			slices.Sort(tt.said)
			if !slices.Equal(said, tt.said) {
				t.Errorf("said\n     %s\nwant %s", strings.Join(said, "\n     "), strings.Join(tt.said, "\n     "))
			}
			if strings.ContainsAny(strings.Join(said, ""), "\x1b\n") {
				t.Errorf("an escape sequence is said: %q", said)
			}
		})
	}
}

// TestManyAddresses makes one of many addresses outside, which are no fixed ones.
func TestManyAddresses(t *testing.T) {
	text := "from_namespace,from,to_namespace,to,port\n"
	for i := range 30 {
		text += fmt.Sprintf("shop,web,,93.184.216.%d,443\n", i+1)
	}
	for i := range 8 {
		text += fmt.Sprintf("shop,cart,,93.184.216.%d,443\n", i+1)
	}
	seen, _, _ := load(t, fixestest.Load(t, shop), text)
	if len(seen) != 9 || !slices.Contains(seen, "web -> outside 443/TCP x30") {
		t.Errorf("%q", seen)
	}
}

func TestWindow(t *testing.T) {
	_, _, fact := load(t, fixestest.Load(t, shop), "from_namespace,from,to_namespace,to,port,first,last\n"+
		"shop,web,shop,db,5432,2026-11-01T10:00:00Z,2026-11-01T12:00:00Z\nshop,web,shop,db,5432,1793480400,1793613600\n")
	if got := fact.Window(); got != "37 hours" {
		t.Errorf("the window is %q: %v to %v", got, fact.First, fact.Last)
	}
}
