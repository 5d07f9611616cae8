// Package flows reads connections that were observed, by Hubble, Calico,
// Inspektor Gadget or whoever writes a CSV, and makes facts of them: which
// workload of the inventory connects to which. A file is read as a stream;
// what is kept of it grows with the number of workloads, not of records.
package flows

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Record is one observation of a connection, as its observer wrote it down.
type Record struct {
	From, To Peer
	// FromPort and ToPort are 0 where they are not known.
	FromPort, ToPort int32
	// Protocol is empty where it is none that has ports.
	Protocol  corev1.Protocol
	Direction Direction
	// Denied reports that the connection did not come about.
	Denied bool
	// First and Last are when it was observed; zero where that is not known.
	First, Last time.Time
	// Count is how many connections it stands for; 0 is one.
	Count int64
	// Lost, where it is not 0, is how many the observer missed; then there is no
	// more in it.
	Lost int64
}

// turn makes a record of an answer one of the connection.
func (r *Record) turn() {
	r.From, r.To = r.To, r.From
	r.FromPort, r.ToPort = r.ToPort, r.FromPort
}

// Direction tells whether a record is of who opened the connection.
type Direction int

// The directions. The zero value is that it is not known.
const (
	Request Direction = iota + 1
	Reply
)

// Peer is one end of a record. An observer knows one or more of these, and the
// first that is set counts.
type Peer struct {
	Place Place
	// Namespace is that of what is named below.
	Namespace string
	// Pod is a pod's name; Kind and Owner name what stands above it; Prefix is
	// what the names of a set of pods begin with ("web-7d9f8c-"). Labels are the
	// pod's ("app=web,tier=front"), for pods that are gone.
	Pod, Kind, Owner, Prefix, Labels string
	// Service is a Service's name.
	Service string
	// Name is a name of whatever sort that somebody wrote down.
	Name string
	// Host is the name of a host.
	Host string
	// Block is a CIDR.
	Block netip.Prefix
	Addr  netip.Addr
}

// named reports whether the observer named an object.
func (p Peer) named() bool {
	return p.Pod != "" || p.Owner != "" || p.Prefix != "" || p.Service != "" || p.Name != ""
}

// String says what the observer wrote, for those who look for it.
func (p Peer) String() string {
	name := p.Name
	for _, s := range []string{p.Service, p.Owner, p.Prefix, p.Pod} {
		if s != "" {
			name = s
		}
	}
	switch {
	case name != "" && p.Namespace != "":
		return p.Namespace + "/" + name
	case name != "":
		return name
	case p.Host != "":
		return p.Host
	case p.Block.IsValid():
		return p.Block.String()
	case p.Addr.IsValid():
		return p.Addr.String()
	}
	return "an end without a name"
}

// Place is what an observer says of an end that is no pod.
type Place int

// The places. The zero value says nothing.
const (
	// Outside is out of the cluster: an address, if there is one, is no pod's.
	Outside Place = iota + 1
	// OwnNode is the node of the other end: its kubelet, mostly.
	OwnNode
	// API is the Kubernetes API server.
	API
	// Observer is the observer's own traffic.
	Observer
)

// ephemeral is where the ports begin that Linux gives to those who ask for any
// (ip_local_port_range): clients have them.
const ephemeral = 32768

func isEphemeral(port int32) bool { return port >= ephemeral }

// errUnknown is what a parser says of a record that it does not understand.
var errUnknown = errors.New("not understood")

// parser makes a Record of one record of a file. It returns false where there
// is no connection in it, as in an observer's messages.
type parser func(text []byte) (Record, bool, error)

// protocolOf reads a protocol's name or IANA's number.
func protocolOf(s string) corev1.Protocol {
	switch strings.ToUpper(s) {
	case "TCP", "6":
		return corev1.ProtocolTCP
	case "UDP", "17":
		return corev1.ProtocolUDP
	case "SCTP", "132":
		return corev1.ProtocolSCTP
	}
	return ""
}

// portOf returns a number as a port; 0 where it is none.
func portOf(n int64) int32 {
	if n < 1 || n > 65535 {
		return 0
	}
	return int32(n)
}

// addressOf reads an address; it is invalid where there is none.
func addressOf(s string) netip.Addr {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return addr.WithZone("").Unmap()
}

var hostPattern = regexp.MustCompile(`^([a-z0-9_]([-a-z0-9_]*[a-z0-9])?\.)+[a-z]([-a-z0-9]*[a-z0-9])?$`)

// hostOf returns the first of some names that can be a host's out of the cluster.
func hostOf(names []string) string {
	for _, name := range names {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if len(name) <= 253 && hostPattern.MatchString(name) && !strings.HasSuffix(name, ".local") {
			return name
		}
	}
	return ""
}
