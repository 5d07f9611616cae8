package flows

import (
	"encoding/json"
	"slices"
	"strings"
)

// hubbleLine is a line of `hubble observe -o jsonpb` (observer.proto's
// GetFlowsResponse), or of -o json of old versions, which has the flow alone.
type hubbleLine struct {
	Flow *hubbleFlow `json:"flow"`
	Lost *struct {
		Events number `json:"num_events_lost"`
	} `json:"lost_events"`
	hubbleFlow
}

// hubbleFlow is what is read of flow.proto's Flow.
type hubbleFlow struct {
	Time    moment `json:"time"`
	Verdict string `json:"verdict"`
	IP      struct {
		Source      string `json:"source"`
		Destination string `json:"destination"`
	} `json:"IP"`
	L4                 *hubbleL4      `json:"l4"`
	Source             hubbleEndpoint `json:"source"`
	Destination        hubbleEndpoint `json:"destination"`
	DestinationNames   []string       `json:"destination_names"`
	DestinationService struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"destination_service"`
	IsReply *bool `json:"is_reply"`
}

type hubbleL4 struct {
	TCP  *hubblePorts `json:"TCP"`
	UDP  *hubblePorts `json:"UDP"`
	SCTP *hubblePorts `json:"SCTP"`
}

type hubblePorts struct {
	Source      number `json:"source_port"`
	Destination number `json:"destination_port"`
	Flags       struct {
		SYN bool `json:"SYN"`
		ACK bool `json:"ACK"`
	} `json:"flags"`
}

type hubbleEndpoint struct {
	Namespace string        `json:"namespace"`
	Labels    []string      `json:"labels"`
	PodName   string        `json:"pod_name"`
	Workloads []hubbleOwner `json:"workloads"`
}

type hubbleOwner struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// parseHubble reads a flow.
func parseHubble(text []byte) (Record, bool, error) {
	if r, ok := fastHubble(text); ok {
		return r, true, nil
	}
	return decodeHubble(text)
}

func decodeHubble(text []byte) (Record, bool, error) {
	var line hubbleLine
	if err := json.Unmarshal(text, &line); err != nil {
		return Record{}, false, err
	}
	if line.Lost != nil {
		return Record{Lost: max(1, int64(line.Lost.Events))}, true, nil
	}
	f := line.Flow
	if f == nil {
		f = &line.hubbleFlow
	}
	return f.record()
}

// record makes one of a flow. What a policy in audit mode would have denied was
// let through; what was dropped, or failed, was not.
func (f *hubbleFlow) record() (Record, bool, error) {
	r := Record{
		From: f.Source.peer(f.IP.Source), To: f.Destination.peer(f.IP.Destination),
		First: f.Time.time(), Last: f.Time.time(),
	}
	switch f.Verdict {
	case "FORWARDED", "REDIRECTED", "TRACED", "TRANSLATED", "AUDIT":
	case "DROPPED", "ERROR":
		r.Denied = true
	case "":
		return Record{}, false, nil // a message of the observer's
	default:
		return Record{}, false, errUnknown
	}
	if !r.To.named() && r.To.Place == 0 && f.DestinationService.Name != "" {
		r.To.Namespace, r.To.Service = f.DestinationService.Namespace, f.DestinationService.Name
	}
	if r.To.Place == Outside {
		r.To.Host = hostOf(f.DestinationNames)
	}
	if f.L4 != nil {
		f.L4.fill(&r)
	}
	if f.IsReply != nil {
		r.Direction = Request
		if *f.IsReply {
			r.Direction = Reply
		}
	}
	return r, true, nil
}

// fill sets protocol and ports, and the direction where TCP's flags tell it.
func (l *hubbleL4) fill(r *Record) {
	var ports *hubblePorts
	switch {
	case l.TCP != nil:
		ports, r.Protocol = l.TCP, "TCP"
	case l.UDP != nil:
		ports, r.Protocol = l.UDP, "UDP"
	case l.SCTP != nil:
		ports, r.Protocol = l.SCTP, "SCTP"
	default:
		return
	}
	r.FromPort, r.ToPort = portOf(int64(ports.Source)), portOf(int64(ports.Destination))
	if ports.Flags.SYN {
		r.Direction = Request
		if ports.Flags.ACK {
			r.Direction = Reply
		}
	}
}

// The identities that Cilium reserves
// (https://docs.cilium.io/en/stable/gettingstarted/terminology/#special-identities).
func (e hubbleEndpoint) peer(address string) Peer {
	p := Peer{Namespace: e.Namespace, Pod: e.PodName, Addr: addressOf(address)}
	if len(e.Workloads) > 0 {
		p.Kind, p.Owner = e.Workloads[0].Kind, e.Workloads[0].Name
	} else if p.Namespace != "" {
		var labels []string
		for _, l := range e.Labels {
			if l, ok := strings.CutPrefix(l, "k8s:"); ok && !strings.HasPrefix(l, "io.cilium.") && !strings.HasPrefix(l, "io.kubernetes.pod.namespace") {
				labels = append(labels, l)
			}
		}
		slices.Sort(labels)
		p.Labels = strings.Join(labels, ",")
	}
	if p.Namespace != "" {
		return p
	}
	for _, l := range e.Labels {
		switch l {
		case "reserved:kube-apiserver": // beside the label of where it runs
			p.Place = API
			return p
		case "reserved:world", "reserved:world-ipv4", "reserved:world-ipv6":
			p.Place = Outside
		case "reserved:host":
			p.Place = OwnNode
		case "reserved:health":
			p.Place = Observer
		}
	}
	return p
}
