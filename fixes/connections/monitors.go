package connections

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// monitor is a ServiceMonitor or a PodMonitor of Prometheus' operator
// (https://prometheus-operator.dev/docs/api-reference/api/).
type monitor struct {
	Spec struct {
		Selector          metav1.LabelSelector `json:"selector"`
		NamespaceSelector struct {
			Any        bool     `json:"any,omitempty"`
			MatchNames []string `json:"matchNames,omitempty"`
		} `json:"namespaceSelector,omitzero"`
		Endpoints           []monitorEndpoint `json:"endpoints,omitempty"`
		PodMetricsEndpoints []monitorEndpoint `json:"podMetricsEndpoints,omitempty"`
	} `json:"spec"`
}

// monitorEndpoint is what is scraped: a port by the Service's name for it or the
// container's, or by its number.
type monitorEndpoint struct {
	Port       string              `json:"port,omitempty"`
	PortNumber int32               `json:"portNumber,omitempty"`
	TargetPort *intstr.IntOrString `json:"targetPort,omitempty"`
}

// probe is a Probe of Prometheus' operator.
type probe struct {
	Spec struct {
		Prober struct {
			URL string `json:"url"`
		} `json:"prober,omitzero"`
		Targets struct {
			StaticConfig struct {
				Static []string `json:"static,omitempty"`
			} `json:"staticConfig,omitzero"`
		} `json:"targets,omitzero"`
	} `json:"spec"`
}

// in reports whether a monitor of a namespace looks at another.
func (m *monitor) in(own, namespace string) bool {
	s := m.Spec.NamespaceSelector
	return s.Any || slices.Contains(s.MatchNames, namespace) || len(s.MatchNames) == 0 && own == namespace
}

// monitorOf reads a monitor and its selector; false where its author wrote neither
// as the operator asks for.
func monitorOf(c *fixes.Custom) (*monitor, labels.Selector, bool) {
	m, ok := fixes.As[monitor](c)
	if !ok {
		return nil, nil, false
	}
	selector, err := metav1.LabelSelectorAsSelector(&m.Spec.Selector)
	return m, selector, err == nil
}

// monitors adds what Prometheus collects because objects of its operator say so.
// Which Prometheus takes up which of them is not asked: any that runs may.
func (g *Graph) monitors(inv *fixes.Inventory, names *names) {
	for _, c := range fixes.Customs(inv, fixes.KindServiceMonitor, "") {
		m, selector, ok := monitorOf(c)
		if !ok {
			continue
		}
		why := Reason{fixes.RefOf(c), "spec.endpoints", "ServiceMonitor " + c.GetName() + " asks for scrapes"}
		for _, svc := range fixes.Objects[*corev1.Service](inv, "") {
			if !m.in(c.GetNamespace(), svc.Namespace) || !selector.Matches(labels.Set(svc.Labels)) {
				continue
			}
			s, _ := names.service(svc.Namespace, svc.Name)
			for _, w := range s.to {
				var ports []Port
				for _, e := range m.Spec.Endpoints {
					ports = append(ports, e.ofService(w, svc)...)
				}
				if len(ports) > 0 { // else its pods have not got them
					g.scrape(w, ports, why, near(c, w))
				}
			}
		}
	}
	for _, c := range fixes.Customs(inv, fixes.KindPodMonitor, "") {
		m, selector, ok := monitorOf(c)
		if !ok {
			continue
		}
		why := Reason{fixes.RefOf(c), "spec.podMetricsEndpoints", "PodMonitor " + c.GetName() + " asks for scrapes"}
		for _, w := range g.Workloads {
			if !m.in(c.GetNamespace(), w.Object.GetNamespace()) || !selector.Matches(labels.Set(w.Meta.Labels)) {
				continue
			}
			var ports []Port
			for _, e := range m.Spec.PodMetricsEndpoints {
				ports = append(ports, e.ofPod(w)...)
			}
			if len(ports) > 0 {
				g.scrape(w, ports, why, near(c, w))
			}
		}
	}
	g.probes(inv, names)
}

// ofService returns the ports of a workload's pods at which an endpoint of a
// ServiceMonitor is.
func (e monitorEndpoint) ofService(w fixes.Workload, svc *corev1.Service) []Port {
	if e.Port == "" {
		return e.ofPod(w)
	}
	var out []Port
	for _, p := range svc.Spec.Ports {
		if p.Name == e.Port {
			out = append(out, podPorts(w, p)...)
		}
	}
	return out
}

// ofPod returns the ports of a workload's pods that an endpoint names itself.
func (e monitorEndpoint) ofPod(w fixes.Workload) []Port {
	name := e.Port
	switch {
	case e.PortNumber != 0:
		return tcp(e.PortNumber)
	case e.TargetPort != nil && e.TargetPort.Type == intstr.Int:
		return tcp(e.TargetPort.IntVal)
	case e.TargetPort != nil:
		name = e.TargetPort.StrVal
	}
	if name == "" {
		return nil
	}
	return podPorts(w, corev1.ServicePort{TargetPort: intstr.FromString(name)})
}

// probes adds what Probes ask for: Prometheus asks the prober, and that connects
// to the targets.
func (g *Graph) probes(inv *fixes.Inventory, names *names) {
	for _, c := range fixes.Customs(inv, fixes.KindProbe, "") {
		p, ok := fixes.As[probe](c)
		if !ok {
			continue
		}
		why := Reason{Object: fixes.RefOf(c), Path: "spec.prober.url", Text: "Probe " + c.GetName()}
		for _, prober := range hosts(text{key: "url", value: p.Spec.Prober.URL}) {
			s, ok := names.find(c.GetNamespace(), prober.host)
			if !ok {
				continue
			}
			asks := why
			asks.Text += " asks for it"
			for _, d := range names.destinations(s, prober.port) {
				w, ok := g.Workload(d.to)
				if !ok {
					continue
				}
				g.scrape(w, d.ports, asks, near(c, w))
				for _, target := range p.Spec.Targets.StaticConfig.Static {
					t := text{key: "url", value: target, reason: Reason{why.Object, "spec.targets.staticConfig", why.Text}}
					for _, candidate := range hosts(t) {
						g.reference(names, w, t, candidate)
					}
				}
			}
		}
	}
}

// near returns who may collect what a monitor asks for where nobody is known to:
// of another namespace's pods, only those beside the monitor. Who may write it
// there is not to open others' pods to everybody.
func near(monitor *fixes.Custom, w fixes.Workload) End {
	if monitor.GetNamespace() == w.Object.GetNamespace() {
		return End{Place: AnyPod}
	}
	return End{Place: Pods, Name: monitor.GetNamespace()}
}

// scrape adds what Prometheus collects from a workload; unknown is who does where
// no Prometheus is seen.
func (g *Graph) scrape(w fixes.Workload, ports []Port, why Reason, unknown End) {
	l := Link{From: unknown, To: Of(w), Ports: ports, Sure: Inferred, Why: []Reason{why}, scrape: true}
	scrapers := g.scrapers()
	if len(scrapers) == 0 {
		l.Sure = Guessed
		l.Why = append(l.Why, Reason{why.Object, why.Path, "who collects it is not known"})
		g.add(l)
	}
	for _, s := range scrapers {
		if s.Ref() != w.Ref() {
			l.From = Of(s)
			g.add(l)
		}
	}
}
