package move

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// belongings are what an application has in its namespace, and what of it others
// use as well.
type belongings struct {
	workloads                             []fixes.Workload
	services, ingresses, policies, scaled []string
	secrets, configs, claims              []string
	templates                             []string // of claims, which StatefulSets make themselves
	shared                                []string // Secrets and ConfigMaps that others use too
	accounts                              []string // without default, which is there
	bindings                              []rbac.Bound
}

func collect(inv *fixes.Inventory, ns string, list []fixes.Workload) belongings {
	b := belongings{workloads: list}
	others := map[string]bool{}
	for _, w := range inv.Workloads(ns) {
		if !b.has(w) {
			for _, name := range slices.Concat(prefixed("secret/", fixes.SecretNames(w.Object)), prefixed("configmap/", configMaps(inv, w.Object))) {
				others[name] = true
			}
		}
	}
	for _, w := range list {
		b.secrets = append(b.secrets, fixes.SecretNames(w.Object)...)
		b.configs = append(b.configs, configMaps(inv, w.Object)...)
		for _, v := range w.Spec.Volumes {
			if v.PersistentVolumeClaim != nil {
				b.claims = append(b.claims, v.PersistentVolumeClaim.ClaimName)
			}
		}
		if set, ok := w.Object.(*appsv1.StatefulSet); ok {
			for _, t := range set.Spec.VolumeClaimTemplates {
				b.templates = append(b.templates, t.Name+"-"+set.Name+"-N")
			}
		}
		account := rbac.AccountOf(w)
		b.accounts = append(b.accounts, account.Name)
		if sa, ok := fixes.Lookup[*corev1.ServiceAccount](inv, ns, account.Name); ok {
			for _, pull := range sa.ImagePullSecrets {
				b.secrets = append(b.secrets, pull.Name)
			}
		}
	}
	for _, l := range []*[]string{&b.secrets, &b.configs, &b.claims, &b.accounts} {
		slices.Sort(*l)
		*l = slices.Compact(*l)
	}
	for _, name := range slices.Concat(prefixed("secret/", b.secrets), prefixed("configmap/", b.configs)) {
		if others[name] {
			b.shared = append(b.shared, name)
		}
	}
	for _, s := range fixes.Objects[*corev1.Service](inv, ns) {
		if len(s.Spec.Selector) > 0 && b.selects(labels.SelectorFromSet(s.Spec.Selector)) {
			b.services = append(b.services, s.Name)
		}
	}
	b.collectOthers(inv, ns)
	slices.Sort(b.secrets)
	b.secrets = slices.Compact(b.secrets)
	for _, bound := range rbac.Of(inv).Bindings() {
		if slices.ContainsFunc(bound.Subjects, func(s rbacv1.Subject) bool {
			return s.Kind == rbacv1.ServiceAccountKind && s.Namespace == ns && slices.Contains(b.accounts, s.Name)
		}) {
			b.bindings = append(b.bindings, bound)
		}
	}
	return b
}

func (b *belongings) collectOthers(inv *fixes.Inventory, ns string) {
	for _, i := range fixes.Objects[*networkingv1.Ingress](inv, ns) {
		if ingressOf(i, b.services) {
			b.ingresses = append(b.ingresses, i.Name)
			for _, t := range i.Spec.TLS {
				if t.SecretName != "" && !slices.Contains(b.secrets, t.SecretName) {
					b.secrets = append(b.secrets, t.SecretName)
				}
			}
		}
	}
	for _, np := range fixes.Objects[*networkingv1.NetworkPolicy](inv, ns) {
		selector, err := metav1.LabelSelectorAsSelector(&np.Spec.PodSelector)
		if err != nil || !b.selects(selector) {
			continue
		}
		b.policies = append(b.policies, np.Name)
		if selector.Empty() || slices.ContainsFunc(inv.Workloads(ns), func(w fixes.Workload) bool {
			return !b.has(w) && selector.Matches(labels.Set(w.Meta.Labels))
		}) {
			b.shared = append(b.shared, "networkpolicy/"+np.Name)
		}
	}
	for _, h := range fixes.Objects[*autoscalingv2.HorizontalPodAutoscaler](inv, ns) {
		if slices.ContainsFunc(b.workloads, func(w fixes.Workload) bool {
			return w.Ref().Kind.Name == h.Spec.ScaleTargetRef.Kind && w.Object.GetName() == h.Spec.ScaleTargetRef.Name
		}) {
			b.scaled = append(b.scaled, h.Name)
		}
	}
}

// has reports whether a workload is one of those that move.
func (b *belongings) has(w fixes.Workload) bool {
	return slices.ContainsFunc(b.workloads, func(own fixes.Workload) bool { return own.Ref() == w.Ref() })
}

func (b *belongings) selects(s labels.Selector) bool {
	return slices.ContainsFunc(b.workloads, func(w fixes.Workload) bool { return s.Matches(labels.Set(w.Meta.Labels)) })
}

func ingressOf(i *networkingv1.Ingress, services []string) bool {
	for _, rule := range i.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, path := range rule.HTTP.Paths {
			if path.Backend.Service != nil && slices.Contains(services, path.Backend.Service.Name) {
				return true
			}
		}
	}
	return i.Spec.DefaultBackend != nil && i.Spec.DefaultBackend.Service != nil && slices.Contains(services, i.Spec.DefaultBackend.Service.Name)
}

func configMaps(inv *fixes.Inventory, obj fixes.Object) []string {
	var names []string
	for _, cm := range fixes.Objects[*corev1.ConfigMap](inv, obj.GetNamespace()) {
		if fixes.Refers(obj, fixes.RefOf(cm)) {
			names = append(names, cm.Name)
		}
	}
	return names
}

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = prefix + name
	}
	return out
}

// old are the objects that nobody needs after the move, workloads first. The Services
// stay as what leads to the new ones, and what others use stays for them.
func (b belongings) old(from string) []fixes.Ref {
	var refs []fixes.Ref
	for _, w := range b.workloads {
		refs = append(refs, w.Ref())
	}
	add := func(kind fixes.Kind, prefix string, names []string) {
		for _, name := range names {
			if !slices.Contains(b.shared, prefix+name) {
				refs = append(refs, fixes.Ref{Kind: kind, Namespace: from, Name: name})
			}
		}
	}
	add(fixes.KindHPA, "", b.scaled)
	add(fixes.KindNetworkPolicy, "networkpolicy/", b.policies)
	add(fixes.KindConfigMap, "configmap/", b.configs)
	add(fixes.KindSecret, "secret/", b.secrets)
	return refs
}
