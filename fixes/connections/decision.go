package connections

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Words for places that have no name of their own.
const (
	wordAnyone = "anyone"
	wordAnyPod = "any-pod"
	wordAPI    = "api"
)

// ParseDecision reads a decision as the command line has it, FROM:TO[:PORT].
// An end is a workload (shop/web, shop/deployment/web, deployment/shop/web),
// all pods of a namespace (shop/*), anyone, any-pod, api, an address block
// (10.0.0.0/8, [2001:db8::/32]) or a host; a port is 5432, or 53/UDP.
func ParseDecision(text string, keep bool) (fixes.Decision, error) {
	d := fixes.Decision{Keep: keep}
	parts, err := parts(text)
	if err != nil {
		return d, err
	}
	if d.From, err = parseEnd(parts[0]); err != nil {
		return d, err
	}
	if d.To, err = parseEnd(parts[1]); err != nil {
		return d, err
	}
	if len(parts) == 3 {
		if d.Port, d.Protocol, err = parsePort(parts[2]); err != nil {
			return d, err
		}
	}
	inside := func(e fixes.DecidedEnd) bool { return e.Place == "" || Place(e.Place) == Pods }
	switch {
	case !inside(d.From) && !inside(d.To):
		return d, fmt.Errorf("%q has no workload in it: name one at least (shop/web)", text)
	case Place(d.From.Place) == Host, Place(d.From.Place) == APIServer:
		return d, fmt.Errorf("%q: what comes from outside is told by its address: write anyone, or a block like 203.0.113.0/24", text)
	case Place(d.To.Place) == Anyone, Place(d.To.Place) == AnyPod:
		return d, fmt.Errorf("%q: write where it leads to as a block (0.0.0.0/0), a host, or the pods of a namespace (shop/*)", text)
	}
	return d, nil
}

// parts splits at colons that are not in brackets.
func parts(text string) ([]string, error) {
	var out []string
	depth, from := 0, 0
	for i, r := range text {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		case ':':
			if depth == 0 {
				out, from = append(out, text[from:i]), i+1
			}
		}
	}
	out = append(out, text[from:])
	if len(out) < 2 || len(out) > 3 {
		return nil, fmt.Errorf("%q is not FROM:TO or FROM:TO:PORT (shop/web:shop/db:5432); put an IPv6 block in brackets", text)
	}
	return out, nil
}

func parseEnd(s string) (fixes.DecidedEnd, error) {
	switch s {
	case wordAnyone:
		return fixes.DecidedEnd{Place: string(Anyone)}, nil
	case wordAnyPod:
		return fixes.DecidedEnd{Place: string(AnyPod)}, nil
	case wordAPI:
		return fixes.DecidedEnd{Place: string(APIServer)}, nil
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if block, err := netip.ParsePrefix(bare); err == nil {
		return fixes.DecidedEnd{Place: string(Block), Name: block.Masked().String()}, nil
	}
	if addr, err := netip.ParseAddr(bare); err == nil {
		return fixes.DecidedEnd{Place: string(Host), Name: addr.String()}, nil
	}
	parts := strings.Split(s, "/")
	switch len(parts) {
	case 1:
		if host := strings.ToLower(s); strings.Contains(host, ".") && len(validation.IsDNS1123Subdomain(host)) == 0 {
			return fixes.DecidedEnd{Place: string(Host), Name: host}, nil
		}
	case 2:
		if parts[1] == "*" && isName(parts[0]) {
			return fixes.DecidedEnd{Place: string(Pods), Name: parts[0]}, nil
		}
		if isName(parts[0]) && isName(parts[1]) {
			return fixes.DecidedEnd{Namespace: parts[0], Name: parts[1]}, nil
		}
	case 3:
		kind, err := fixes.ParseKind(parts[1])
		if other, otherErr := fixes.ParseKind(parts[0]); err != nil && otherErr == nil {
			kind, err, parts[0] = other, nil, parts[1]
		}
		if err == nil && isName(parts[0]) && isName(parts[2]) {
			return fixes.DecidedEnd{Kind: kind, Namespace: parts[0], Name: parts[2]}, nil
		}
		if err != nil {
			return fixes.DecidedEnd{}, fmt.Errorf("%q: %w", s, err)
		}
	}
	return fixes.DecidedEnd{}, fmt.Errorf("%q is no end of a connection: write NAMESPACE/NAME (shop/web), NAMESPACE/*, anyone, any-pod, api, "+
		"an address block or a host", s)
}

func isName(s string) bool { return len(validation.IsDNS1123Subdomain(s)) == 0 }

func parsePort(s string) (int32, corev1.Protocol, error) {
	number, protocol, given := strings.Cut(s, "/")
	p := corev1.ProtocolTCP
	if given {
		p = corev1.Protocol(strings.ToUpper(protocol))
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 || p != corev1.ProtocolTCP && p != corev1.ProtocolUDP && p != corev1.ProtocolSCTP {
		return 0, "", fmt.Errorf("%q is no port: write a number from 1 to 65535, with /UDP or /SCTP where it is not TCP", s)
	}
	return int32(n), p, nil
}

// DecisionArgs returns the flag of the command line that says the same, and
// its value.
func DecisionArgs(d fixes.Decision) (flag, value string) {
	flag = "--cut"
	if d.Keep {
		flag = "--keep"
	}
	value = endWord(d.From) + ":" + endWord(d.To)
	if port, one := portDecided(d); one {
		value += fmt.Sprintf(":%d", port.Number)
		if port.Protocol != corev1.ProtocolTCP {
			value += "/" + string(port.Protocol)
		}
	}
	return flag, value
}

func endWord(e fixes.DecidedEnd) string {
	switch Place(e.Place) {
	case "":
		if e.Kind == (fixes.Kind{}) {
			return e.Namespace + "/" + e.Name
		}
		return e.Namespace + "/" + strings.ToLower(e.Kind.Name) + "/" + e.Name
	case Pods:
		return e.Name + "/*"
	case Anyone:
		return wordAnyone
	case AnyPod:
		return wordAnyPod
	case APIServer:
		return wordAPI
	}
	if strings.Contains(e.Name, ":") {
		return "[" + e.Name + "]"
	}
	return e.Name
}

// EndOf returns how a decision names an end of a link: with its kind only
// where another workload has the same name.
func (g *Graph) EndOf(e End) fixes.DecidedEnd {
	if !e.IsWorkload() {
		return fixes.DecidedEnd{Place: string(e.Place), Name: e.Name}
	}
	named := fixes.DecidedEnd{Namespace: e.Workload.Namespace, Name: e.Workload.Name}
	if len(g.ends(named)) > 1 {
		named.Kind = e.Workload.Kind
	}
	return named
}

// CheckDecisions returns an error for the first decision of an inventory that
// is about nothing that is there, or that no policy could carry out.
func CheckDecisions(inv *fixes.Inventory) error {
	g := Find(inv)
	var known []string
	for _, w := range g.Workloads {
		known = append(known, w.Ref().NamespacedName())
	}
	for _, d := range inv.Decisions {
		flag, value := DecisionArgs(d)
		for _, e := range []fixes.DecidedEnd{d.From, d.To} {
			if e.Place == "" && len(g.ends(e)) == 0 {
				hint := ""
				if near := fixes.Nearest(e.Namespace+"/"+e.Name, known); near != "" {
					hint = "; did you mean " + near + "?"
				}
				return fmt.Errorf("%s %s: there is no workload %s with a network of its own%s", flag, value, endWord(e), hint)
			}
		}
		port, one := portDecided(d)
		for _, l := range g.Links {
			if one && !d.Keep && len(l.Ports) == 0 && Named(d.From, l.From) && Named(d.To, l.To) {
				return fmt.Errorf("%s %s: at which ports is not known, and no policy allows all but %s: cut it without a port", flag, value, port)
			}
		}
	}
	return nil
}
