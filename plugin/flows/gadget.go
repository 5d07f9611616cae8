package flows

import (
	"encoding/json"
	"strings"
)

// gadgetEvent is an event of Inspektor Gadget's, of any of its generations: of
// trace network and advise network-policy monitor (snake_case, then camelCase,
// then with dst), and of the gadgets that are images: advise_networkpolicy,
// trace_tcp and trace_tcpconnect.
type gadgetEvent struct {
	Type      word   `json:"type"`
	Timestamp moment `json:"timestamp"`
	Port      number `json:"port"`
	Proto     word   `json:"proto"`

	// The pod whose traffic it is.
	Namespace string   `json:"namespace"`
	Pod       string   `json:"pod"`
	PodLabels labelSet `json:"podLabels"`
	K8s       struct {
		Namespace string   `json:"namespace"`
		PodName   string   `json:"podName"`
		PodLabels labelSet `json:"podLabels"`
		Owner     struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"owner"`
	} `json:"k8s"`

	gadgetRemote

	PktType  string          `json:"pktType"`
	PktType2 string          `json:"pkt_type"`
	Egress   *word           `json:"egress"`
	Process  json.RawMessage `json:"proc"`
	Error    word            `json:"error"`

	Endpoint *gadgetEnd `json:"endpoint"`
	Src      *gadgetEnd `json:"src"`
	Dst      *gadgetEnd `json:"dst"`
}

// gadgetRemote is how old versions write the other end.
type gadgetRemote struct {
	IP                string   `json:"ip"`
	Addr              string   `json:"addr"`
	RemoteAddr        string   `json:"remoteAddr"`
	RemoteKind        string   `json:"remoteKind"`
	RemoteKind2       string   `json:"remote_kind"`
	RemoteName        string   `json:"remoteName"`
	RemoteNamespace   string   `json:"remoteNamespace"`
	RemoteLabels      labelSet `json:"remoteLabels"`
	ServiceNamespace  string   `json:"remoteServiceNamespace"`
	ServiceNamespace2 string   `json:"remote_svc_namespace"`
	ServiceName       string   `json:"remoteServiceName"`
	ServiceName2      string   `json:"remote_svc_name"`
	PodNamespace      string   `json:"remotePodNamespace"`
	PodNamespace2     string   `json:"remote_pod_namespace"`
	PodName           string   `json:"remotePodName"`
	PodName2          string   `json:"remote_pod_name"`
	RemotePodLabels   labelSet `json:"remotePodLabels"`
	RemotePodLabels2  labelSet `json:"remote_pod_labels"`
}

// gadgetEnd is an end of an event, with what is known of it beside it or in k8s.
type gadgetEnd struct {
	Addr  string `json:"addr"`
	Port  number `json:"port"`
	Proto word   `json:"proto"`
	gadgetObject
	K8s gadgetObject `json:"k8s"`
}

type gadgetObject struct {
	Kind      string   `json:"kind"`
	Name      string   `json:"name"`
	PodName   string   `json:"podName"`
	Namespace string   `json:"namespace"`
	Labels    labelSet `json:"labels"`
	PodLabels labelSet `json:"podLabels"`
}

// parseGadget reads an event.
func parseGadget(text []byte) (Record, bool, error) {
	var e gadgetEvent
	if err := json.Unmarshal(text, &e); err != nil {
		return Record{}, false, err
	}
	r := Record{First: e.Timestamp.time(), Last: e.Timestamp.time()}
	own := e.own()
	switch {
	case e.Src != nil && e.Dst != nil:
		return e.traced(r, own)
	case e.Endpoint != nil && e.Egress != nil:
		r.From, r.To = own, e.Endpoint.peer()
		r.Protocol, r.ToPort = protocolOf(string(e.Endpoint.Proto)), portOf(int64(e.Endpoint.Port))
		// The first versions, which tell the process, have it the other way round.
		if egress := *e.Egress == "1" || *e.Egress == "true"; egress == (len(e.Process) > 0) {
			r.From, r.To = r.To, r.From
		}
	case e.PktType+e.PktType2 != "":
		other := e.other()
		if e.Dst != nil {
			other = e.Dst.peer()
		}
		r.From, r.To = own, other
		r.Protocol, r.ToPort = protocolOf(string(e.Proto)), portOf(int64(e.Port))
		switch strings.TrimPrefix(e.PktType+e.PktType2, "PACKET_") {
		case "OUTGOING":
		case "HOST": // it came to the pod
			r.From, r.To = other, own
		default:
			return Record{}, false, errUnknown
		}
	case e.Type != "" && e.Type != "normal":
		return Record{}, false, nil // a message
	default:
		return Record{}, false, errUnknown
	}
	r.Direction = Request
	return r, true, nil
}

// traced reads an event of trace_tcp and trace_tcpconnect. Src is always the end
// in the pod.
func (e *gadgetEvent) traced(r Record, own Peer) (Record, bool, error) {
	r.From, r.To = own, e.Dst.peer()
	if !own.named() {
		r.From = e.Src.peer()
	}
	r.FromPort, r.ToPort = portOf(int64(e.Src.Port)), portOf(int64(e.Dst.Port))
	r.Protocol = protocolOf(string(first(e.Dst.Proto, e.Src.Proto, "TCP")))
	switch e.Type {
	case "accept":
		r.Direction = Reply
	case "close": // of either end
	case "", "connect", "normal":
		r.Direction = Request
	default:
		return Record{}, false, errUnknown
	}
	// A socket that does not wait says EINPROGRESS.
	r.Denied = e.Error != "" && e.Error != "0" && e.Error != "EINPROGRESS"
	return r, true, nil
}

func (e *gadgetEvent) own() Peer {
	p := Peer{Namespace: e.K8s.Namespace, Pod: e.K8s.PodName, Labels: string(e.K8s.PodLabels), Kind: e.K8s.Owner.Kind, Owner: e.K8s.Owner.Name}
	if p.Pod == "" {
		p.Namespace, p.Pod = e.Namespace, e.Pod
	}
	if p.Labels == "" {
		p.Labels = string(e.PodLabels)
	}
	return p
}

// other reads the other end of an old event.
func (e gadgetRemote) other() Peer {
	text := func(list ...string) string {
		for _, s := range list {
			if s != "" {
				return s
			}
		}
		return ""
	}
	o := gadgetObject{Kind: text(e.RemoteKind, e.RemoteKind2), Labels: labelSet(text(string(e.RemoteLabels), string(e.RemotePodLabels), string(e.RemotePodLabels2)))}
	switch o.Kind {
	case "svc":
		o.Name, o.Namespace = text(e.RemoteName, e.ServiceName, e.ServiceName2), text(e.RemoteNamespace, e.ServiceNamespace, e.ServiceNamespace2)
	case "pod":
		o.Name, o.Namespace = text(e.RemoteName, e.PodName, e.PodName2), text(e.RemoteNamespace, e.PodNamespace, e.PodNamespace2)
	}
	return o.peer(text(e.IP, e.Addr, e.RemoteAddr))
}

func (e *gadgetEnd) peer() Peer {
	if e.K8s.Kind != "" {
		return e.K8s.peer(e.Addr)
	}
	return e.gadgetObject.peer(e.Addr)
}

// peer reads an object: a pod, a svc, or something without a name (raw, other).
func (o gadgetObject) peer(addr string) Peer {
	p := Peer{Namespace: o.Namespace, Addr: addressOf(addr), Labels: string(o.Labels)}
	if p.Labels == "" {
		p.Labels = string(o.PodLabels)
	}
	name := o.Name
	if name == "" {
		name = o.PodName
	}
	switch o.Kind {
	case "pod":
		p.Pod = name
	case "svc":
		p.Service = name
	case "raw", "other":
		p.Place = Outside
	}
	return p
}
