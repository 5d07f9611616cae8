package podsecurity

import (
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// hostProbes is the control "Host Probes / Lifecycle Hooks" of the baseline
// profile, since 1.34.
func hostProbes() *fixes.Rule {
	return control{
		id:         "pss-host-probes",
		check:      "hostProbesAndHostLifecycle",
		title:      "A probe or lifecycle hook names a host",
		severity:   fixes.Medium,
		threats:    []fixes.Threat{fixes.InformationDisclosure},
		references: []fixes.Reference{fixes.PSS("Host Probes / Lifecycle Hooks")},
		docs: `
The kubelet makes the requests of probes and hooks, from the node's network. A
host in one of them has it call whatever the author of the pod likes: the cloud's
metadata service, services on the node's loopback, addresses that no pod may
reach. The pod's status tells the author what came back. Kubernetes 1.34 made
this a control of the baseline profile.

## The fix
Removes the host, so that the kubelet asks the pod itself. That is right where
the host was a loopback address, or the container declares the port. A probe of
another host asks about something else: there is no edit for it. Let the
container ask for itself, in an exec probe.

## By hand
    kubectl get pods -A -o json | jq '.items[] | select([.. | .httpGet?, .tcpSocket? | .host? // empty] | any) | .metadata.name'
`,
		faults: func(s *subject) []fault {
			var faults []fault
			for c := range s.Containers() {
				eachHost(c, func(field string, host *string, _ intstr.IntOrString) {
					if *host != "" {
						faults = append(faults, fault{c.Path + "." + field, who(c), field + ": " + *host})
					}
				})
			}
			return faults
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return s.say("has the kubelet call a host of its choice from the node's network.",
				"have the kubelet call hosts of their choice from the node's network."), 0
		},
		fix: func(s *subject) fixes.Fix {
			foreign := ""
			for c := range s.Containers() {
				eachHost(c, func(field string, host *string, port intstr.IntOrString) {
					if *host != "" && !isLoopback(*host) && !declares(c, port) && foreign == "" {
						foreign = who(c) + " (" + field + ")"
					}
				})
			}
			if foreign != "" {
				return s.manual("Ask the pod itself, or use an exec probe",
					"the host of "+foreign+" may be another machine than the pod", `
Where the pod itself answers on the port, remove the host. Where it does not, put
the question into the container:
  livenessProbe:
    exec: {command: [wget, -q, -O, /dev/null, "http://HOST:PORT/PATH"]}`)
			}
			risks := []string{"The kubelet asks the pod's address: a program that listens on its loopback only is restarted or gets no traffic."}
			return s.edited("Remove the host of probes and hooks", fixes.Review,
				"whether the program listens on the pod's address cannot be seen from outside", risks,
				func(w fixes.Workload) { clearHosts(w, func(string) bool { return true }) })
		},
	}.rule()
}

// eachHost visits the host field of every probe and hook that has one.
func eachHost(c fixes.Container, visit func(field string, host *string, port intstr.IntOrString)) {
	handler := func(field string, get *corev1.HTTPGetAction, tcp *corev1.TCPSocketAction) {
		if get != nil {
			visit(field+".httpGet.host", &get.Host, get.Port)
		}
		if tcp != nil {
			visit(field+".tcpSocket.host", &tcp.Host, tcp.Port)
		}
	}
	probe := func(field string, p *corev1.Probe) {
		if p != nil {
			handler(field, p.HTTPGet, p.TCPSocket)
		}
	}
	probe("livenessProbe", c.LivenessProbe)
	probe("readinessProbe", c.ReadinessProbe)
	probe("startupProbe", c.StartupProbe)
	if c.Lifecycle != nil {
		if h := c.Lifecycle.PostStart; h != nil {
			handler("lifecycle.postStart", h.HTTPGet, h.TCPSocket)
		}
		if h := c.Lifecycle.PreStop; h != nil {
			handler("lifecycle.preStop", h.HTTPGet, h.TCPSocket)
		}
	}
}

// clearHosts removes hosts from probes and hooks.
func clearHosts(w fixes.Workload, which func(host string) bool) {
	for c := range w.Containers() {
		eachHost(c, func(_ string, host *string, _ intstr.IntOrString) {
			if which(*host) {
				*host = ""
			}
		})
	}
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// declares reports whether a container says that it listens on a port.
func declares(c fixes.Container, port intstr.IntOrString) bool {
	for _, p := range c.Ports {
		if port.Type == intstr.Int && p.ContainerPort == port.IntVal || port.Type == intstr.String && p.Name == port.StrVal {
			return true
		}
	}
	return false
}
