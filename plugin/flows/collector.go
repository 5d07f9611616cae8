package flows

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// The bounds of what is kept of a source, however much it holds.
const (
	maxFlows     = 100_000
	maxResolved  = 50_000
	maxAddresses = 8 // outside, to which one workload connects at one port
)

// Collector makes facts about an inventory of the records of one source.
type Collector struct {
	inv  *fixes.Inventory
	fact *fixes.Flows
	who  *resolver

	seen     map[flowKey]*fixes.Flow
	outside  map[flowKey]map[netip.Prefix]bool // by who connects, with an empty To
	resolved map[Peer]place
	missed   map[missed]*misses
	broken   string
}

type flowKey struct {
	from, to fixes.FlowEnd
	protocol corev1.Protocol
	port     int32
}

// NewCollector returns a collector of the records of a source.
func NewCollector(inv *fixes.Inventory, name string) *Collector {
	c := &Collector{
		inv: inv, fact: &fixes.Flows{}, who: newResolver(inv),
		seen: map[flowKey]*fixes.Flow{}, outside: map[flowKey]map[netip.Prefix]bool{},
		resolved: map[Peer]place{}, missed: map[missed]*misses{},
	}
	c.fact.Name = name
	return c
}

// missed is why a record tells of no connection that is kept; empty where one
// is.
type missed string

// The reasons. Each but the first, which is not worth a word, reads well after a
// number of records.
const (
	silently    missed = "-"
	unreadable  missed = "not understood"
	denied      missed = "of connections that did not come about: an attempt is no need"
	portless    missed = "without a port, like those of ICMP"
	clientPort  missed = "to ports of clients, behind which no server is known"
	unknownPod  missed = "naming what is not there"
	unknownAddr missed = "with an address of no pod, Service or node that is there"
	noPods      missed = "leading to Services without pods"
	metadata    missed = "to the cloud's metadata address, which stays closed"
	hostPods    missed = "of pods on the host network, which policies do not reach"
	tooMany     missed = "of more connections than are kept"
	lostEvents  missed = "lost by the observer"
)

type misses struct {
	count   int64
	example string
}

func (c *Collector) miss(why missed, n int64, of ...Peer) {
	if why == silently {
		return
	}
	m := c.missed[why]
	if m == nil {
		m = &misses{}
		c.missed[why] = m
	}
	m.count += n
	if m.example == "" && len(of) > 0 {
		const most = 80
		text := fixes.Clean(of[0].String())
		m.example = strings.ToValidUTF8(text[:min(len(text), most)], "")
	}
}

// breaks notes that a source ended where it should not.
func (c *Collector) breaks(records int, err error) {
	why := "cannot be read further"
	if errors.Is(err, io.ErrUnexpectedEOF) {
		why = "is cut off"
	}
	c.broken = fmt.Sprintf("it %s after %d records, which are used", why, records)
}

// Add takes a record.
func (c *Collector) Add(r Record) {
	count := max(1, r.Count)
	if r.Lost > 0 {
		c.miss(lostEvents, r.Lost)
		return
	}
	c.fact.First, c.fact.Last = earlier(c.fact.First, r.First), later(c.fact.Last, r.Last)
	if r.Direction == Reply || r.Direction == 0 && isEphemeral(r.ToPort) && r.FromPort != 0 && !isEphemeral(r.FromPort) {
		r.turn()
	}
	switch {
	case r.From.Place == Observer || r.To.Place == Observer || r.From.Place == OwnNode:
		return // health checks; and a node reaches its own pods, whatever policies say
	case r.Denied:
		c.miss(denied, count)
		return
	case r.Protocol == "" || r.ToPort == 0:
		c.miss(portless, count)
		return
	}
	from, to := c.resolve(r.From), c.resolve(r.To)
	for _, end := range []struct {
		place
		peer Peer
	}{{from, r.From}, {to, r.To}} {
		if end.why != "" {
			c.miss(end.why, count, end.peer)
			return
		}
	}
	key, why := c.key(from, to, r)
	if why != "" {
		c.miss(why, count, r.To)
		return
	}
	c.count(key, r, count)
}

// key returns what a record is counted by, or why it is not.
func (c *Collector) key(from, to place, r Record) (flowKey, missed) {
	switch {
	case from.isPublic():
		from.end = fixes.FlowEnd{Outside: true} // others come from elsewhere
	case from.end.Host != "":
		return flowKey{}, unknownPod
	case from.node.IsValid() && from.end.Block.IsValid() && from.node == to.node:
		return flowKey{}, silently // the kubelet's probes, which policies let through
	case from.end == to.end && from.pod != "" && from.pod == to.pod:
		return flowKey{}, silently // with itself
	case !c.who.isOurs(from.end) && !c.who.isOurs(to.end):
		return flowKey{}, silently // not of any pod here
	}
	if isEphemeral(r.ToPort) && !c.who.serves(to.end, r.Protocol, r.ToPort) {
		return flowKey{}, clientPort
	}
	key := flowKey{from.end, to.end, r.Protocol, r.ToPort}
	if to.isPublic() {
		key.to = c.beyond(key)
	}
	return key, ""
}

// beyond returns the end that stands for an address outside. Where one workload
// connects to many of them at one port, they are no fixed ones.
func (c *Collector) beyond(key flowKey) fixes.FlowEnd {
	who := key
	who.to = fixes.FlowEnd{}
	known := c.outside[who]
	if known == nil {
		known = map[netip.Prefix]bool{}
		c.outside[who] = known
	}
	if len(known) <= maxAddresses {
		known[key.to.Block] = true
	}
	if len(known) > maxAddresses {
		return fixes.FlowEnd{Outside: true}
	}
	return key.to
}

func (c *Collector) count(key flowKey, r Record, n int64) {
	f := c.seen[key]
	if f == nil {
		if len(c.seen) >= maxFlows {
			c.miss(tooMany, n, r.To)
			return
		}
		f = &fixes.Flow{From: key.from, To: key.to, Protocol: key.protocol, Port: key.port}
		c.seen[key] = f
	}
	f.Count += n
	f.First, f.Last = earlier(f.First, r.First), later(f.Last, r.Last)
}

// resolve returns what a peer is, from memory where it was asked for before.
func (c *Collector) resolve(p Peer) place {
	if known, ok := c.resolved[p]; ok {
		return known
	}
	if len(c.resolved) >= maxResolved {
		clear(c.resolved)
	}
	known := c.who.resolve(p)
	c.resolved[p] = known
	return known
}

// Batch returns the facts, with what is to be said of the records that tell of
// no connection.
func (c *Collector) Batch() source.Batch {
	merged := map[flowKey]*fixes.Flow{}
	for key, f := range c.seen {
		who := key
		who.to = fixes.FlowEnd{}
		if len(c.outside[who]) > maxAddresses && c.outside[who][key.to.Block] {
			key.to = fixes.FlowEnd{Outside: true}
		}
		had := merged[key]
		if had == nil {
			had = &fixes.Flow{From: key.from, To: key.to, Protocol: key.protocol, Port: key.port}
			merged[key] = had
		}
		had.Count += f.Count
		had.First, had.Last = earlier(had.First, f.First), later(had.Last, f.Last)
	}
	c.fact.Seen = nil
	for _, f := range merged {
		c.fact.Seen = append(c.fact.Seen, *f)
	}
	slices.SortFunc(c.fact.Seen, func(a, b fixes.Flow) int {
		return cmp.Or(compareEnds(a.From, b.From), compareEnds(a.To, b.To), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
	})
	return source.Batch{Kind: fixes.KindFlows, Objects: []fixes.Object{c.fact}, Skips: c.skips()}
}

func (c *Collector) skips() []fixes.Skip {
	var out []fixes.Skip
	say := func(why string) {
		out = append(out, fixes.Skip{Resource: "connections in " + c.fact.Name, Reason: why})
	}
	if c.broken != "" {
		say(c.broken)
	}
	for _, why := range slices.Sorted(maps.Keys(c.missed)) {
		m := c.missed[why]
		records := "records"
		if m.count == 1 {
			records = "record"
		}
		text := fmt.Sprintf("%d %s %s", m.count, records, why)
		if m.example != "" {
			text += ", " + m.example + " for one"
		}
		say(text)
	}
	return out
}

func compareEnds(a, b fixes.FlowEnd) int {
	return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Host, b.Host),
		cmp.Compare(a.Block.String(), b.Block.String()), compareBools(a.Outside, b.Outside), compareBools(a.API, b.API))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
