package flows

import (
	"encoding/json"
	"strings"
)

// calicoLine is a flow log of Calico Enterprise and Cloud (a line of its files,
// or a document of Elasticsearch's), of Whisker's API, or of Goldmane's.
type calicoLine struct {
	Document *calicoFlow `json:"_source"`
	Goldmane *struct {
		Key    *calicoFlow `json:"Key"`
		Start  moment      `json:"start_time"`
		Start2 moment      `json:"startTime"` // as protojson has it
		End    moment      `json:"end_time"`
		End2   moment      `json:"endTime"`
	} `json:"flow"`
	calicoFlow
}

// calicoFlow has the fields of all of them
// (https://docs.tigera.io/calico-enterprise/latest/observability/elastic/flow/datatypes,
// goldmane/proto/api.proto).
type calicoFlow struct {
	Start moment `json:"start_time"`
	End   moment `json:"end_time"`

	calicoSource
	calicoDest

	Proto    word   `json:"proto"`
	Protocol word   `json:"protocol"`
	Action   word   `json:"action"`
	NumFlows number `json:"num_flows"`
}

type calicoSource struct {
	SourceType       word `json:"source_type"`
	SourceType2      word `json:"sourceType"`
	SourceNamespace  word `json:"source_namespace"`
	SourceNamespace2 word `json:"sourceNamespace"`
	SourceName       word `json:"source_name"`
	SourceName2      word `json:"sourceName"`
	SourceNameAggr   word `json:"source_name_aggr"`
	SourceIP         word `json:"source_ip"`
}

type calicoDest struct {
	DestType              word     `json:"dest_type"`
	DestType2             word     `json:"destType"`
	DestNamespace         word     `json:"dest_namespace"`
	DestNamespace2        word     `json:"destNamespace"`
	DestName              word     `json:"dest_name"`
	DestName2             word     `json:"destName"`
	DestNameAggr          word     `json:"dest_name_aggr"`
	DestIP                word     `json:"dest_ip"`
	DestPort              number   `json:"dest_port"`
	DestPort2             number   `json:"destPort"`
	DestDomains           []string `json:"dest_domains"`
	DestServiceNamespace  word     `json:"dest_service_namespace"`
	DestServiceNamespace2 word     `json:"destServiceNamespace"`
	DestServiceName       word     `json:"dest_service_name"`
	DestServiceName2      word     `json:"destServiceName"`
}

// parseCalico reads a flow log. A connection is logged from who opens it to who
// is connected to, whoever reports it.
func parseCalico(text []byte) (Record, bool, error) {
	var line calicoLine
	if err := json.Unmarshal(text, &line); err != nil {
		return Record{}, false, err
	}
	f := &line.calicoFlow
	switch {
	case line.Document != nil:
		f = line.Document
	case line.Goldmane != nil && line.Goldmane.Key != nil:
		g := line.Goldmane
		f = g.Key
		f.Start, f.End = laterOf(g.Start, g.Start2), laterOf(g.End, g.End2)
	}
	r := Record{
		From:      f.calicoSource.peer(),
		To:        f.calicoDest.peer(),
		Protocol:  protocolOf(string(first(f.Proto, f.Protocol))),
		ToPort:    portOf(int64(max(f.DestPort, f.DestPort2))),
		Direction: Request,
		First:     f.Start.time(), Last: f.End.time(),
		Count: int64(f.NumFlows),
	}
	switch strings.ToLower(string(f.Action)) {
	case "allow", "1":
	case "deny", "2":
		r.Denied = true
	default:
		return Record{}, false, errUnknown
	}
	return r, true, nil
}

func laterOf(a, b moment) moment {
	if a.time().After(b.time()) {
		return a
	}
	return b
}

// first returns the first word that says something.
func first(words ...word) word {
	for _, w := range words {
		if w.dashed() != "" {
			return w
		}
	}
	return ""
}

func (s calicoSource) peer() Peer {
	return calicoPeer(first(s.SourceType, s.SourceType2), first(s.SourceNamespace, s.SourceNamespace2),
		first(s.SourceName, s.SourceName2), s.SourceNameAggr, s.SourceIP)
}

func (d calicoDest) peer() Peer {
	p := calicoPeer(first(d.DestType, d.DestType2), first(d.DestNamespace, d.DestNamespace2), first(d.DestName, d.DestName2), d.DestNameAggr, d.DestIP)
	service := first(d.DestServiceName, d.DestServiceName2)
	switch {
	case p.Place == Outside:
		p.Host = hostOf(d.DestDomains)
		// The API server runs on nodes, and has no pod; its Service tells.
		if service == "kubernetes" && first(d.DestServiceNamespace, d.DestServiceNamespace2) == "default" {
			p.Place = API
		}
	case !p.named() && !p.Addr.IsValid() && service != "":
		p.Namespace, p.Service = string(first(d.DestServiceNamespace, d.DestServiceNamespace2)), string(service)
	}
	return p
}

// calicoPeer reads one end. Types are wep (a pod), hep (a node), ns (a
// NetworkSet) and net; in Goldmane WorkloadEndpoint, HostEndpoint, NetworkSet and
// Network. Whisker has none: names then are pub and pvt.
func calicoPeer(kind, namespace, name, aggregated, ip word) Peer {
	p := Peer{Addr: addressOf(string(ip))}
	if name == "" {
		name = aggregated
	}
	switch strings.ToLower(string(kind)) {
	case "wep", "workloadendpoint", "1":
	case "net", "network", "4", "ns", "networkset", "3":
		if p.Place = Outside; name == "pvt" && !p.Addr.IsValid() {
			p.Place = 0 // an address of which nothing is said
		}
		return p
	case "hep", "hostendpoint", "2":
		return p
	default:
		if name == "pub" || name == "pvt" || namespace == "" {
			return calicoPeer("net", namespace, name, aggregated, ip)
		}
	}
	p.Namespace = string(namespace)
	if prefix, ok := strings.CutSuffix(string(name), "*"); ok {
		p.Prefix = prefix
	} else {
		p.Pod = string(name)
	}
	return p
}
