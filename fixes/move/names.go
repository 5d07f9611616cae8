package move

import (
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// rename writes the qualified names of Services that move as they are afterwards:
// db.shop.svc and what may follow it wherever it stands, db.shop alone only where it can
// be nothing but a host.
func (m *Move) rename(text string, b belongings) string {
	for _, service := range b.services {
		name := regexp.QuoteMeta(service) + `\.` + regexp.QuoteMeta(m.From)
		full := regexp.MustCompile(`(^|[^A-Za-z0-9_.-])` + name + `(\.svc)($|[^A-Za-z0-9_-])`)
		host := regexp.MustCompile(`(^|://|@)` + name + `($|[:/])`)
		to := "${1}" + service + "." + m.To + "${2}"
		for range 2 { // neighbours share the character between them
			text = full.ReplaceAllString(text, to+"${3}")
			text = host.ReplaceAllString(text, to)
		}
	}
	return text
}

// renameIn renames in what a workload's containers are told.
func (m *Move) renameIn(w fixes.Workload, b belongings) {
	for c := range w.Containers() {
		for i := range c.Env {
			c.Env[i].Value = m.rename(c.Env[i].Value, b)
		}
		for _, words := range [][]string{c.Command, c.Args} {
			for i := range words {
				words[i] = m.rename(words[i], b)
			}
		}
	}
}

// stayingServices are the Services of the old namespace that stay there, and that what
// moves calls by their short names: these mean nothing in the new one.
func (m *Move) stayingServices(inv *fixes.Inventory, b belongings) []string {
	var texts []string
	for _, w := range b.workloads {
		for c := range w.Containers() {
			texts = append(texts, c.Command...)
			texts = append(texts, c.Args...)
			for _, e := range c.Env {
				texts = append(texts, e.Value)
			}
		}
	}
	for _, name := range b.configs {
		if cm, ok := fixes.Lookup[*corev1.ConfigMap](inv, m.From, name); ok {
			for _, text := range cm.Data {
				texts = append(texts, text)
			}
		}
	}
	for _, name := range b.secrets {
		if s, ok := fixes.Lookup[*corev1.Secret](inv, m.From, name); ok {
			for _, value := range s.Data {
				texts = append(texts, string(value))
			}
		}
	}
	var names []string
	for _, s := range fixes.Objects[*corev1.Service](inv, m.From) {
		if slices.Contains(b.services, s.Name) || s.Name == "kubernetes" && m.From == metav1.NamespaceDefault {
			continue
		}
		host := regexp.MustCompile(`(^|://|@|[\s,="'])` + regexp.QuoteMeta(s.Name) + `($|:\d|[/\s,"'])`)
		if slices.ContainsFunc(texts, host.MatchString) {
			names = append(names, s.Name)
		}
	}
	return names
}

// leadTo is a Service by whose name clients in one namespace reach that of another.
func leadTo(in, name, namespace string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: in, Name: name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: name + "." + namespace + ".svc.cluster.local"},
	}
}

// lead fills in the switch and the way back.
func (m *Move) lead(inv *fixes.Inventory, b belongings) {
	for _, name := range b.services {
		old, ok := fixes.Lookup[*corev1.Service](inv, m.From, name)
		if !ok {
			continue
		}
		ref, led := fixes.RefOf(old), leadTo(m.From, name, m.To)
		led.Labels, led.Annotations = old.Labels, old.Annotations
		again := old.DeepCopy()
		cleanService(&again.Spec)
		m.Switch = append(m.Switch, fixes.Change{Action: fixes.Patch, Object: ref, Before: old, After: led})
		m.Back = append(m.Back, fixes.Change{Action: fixes.Patch, Object: ref, Before: led, After: again})
	}
	for _, name := range b.ingresses {
		old, ok := fixes.Lookup[*networkingv1.Ingress](inv, m.From, name)
		if !ok {
			continue
		}
		moved := old.DeepCopy()
		m.place(moved)
		moved.Status = networkingv1.IngressStatus{}
		m.Switch = append(m.Switch, fixes.Change{Action: fixes.Create, Object: fixes.RefOf(moved), After: moved})
		again := old.DeepCopy()
		m.place(again)
		again.SetNamespace(m.From)
		again.Status = networkingv1.IngressStatus{}
		m.Back = append(m.Back, fixes.Change{Action: fixes.Create, Object: fixes.RefOf(again), After: again})
	}
}
