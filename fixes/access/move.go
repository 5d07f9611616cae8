package access

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// belongings are what an application has in its namespace, and what of it others
// use as well.
type belongings struct {
	workloads                             []fixes.Workload
	services, ingresses, policies, scaled []string
	secrets, configs, claims              []string
	shared                                []string // Secrets and ConfigMaps that others use too
	accounts                              []string // without default, which is there
	bindings                              []rbac.Bound
}

// moveTo writes out the move of an application into a namespace of its own. The
// manifests of its workloads are not among it: they may hold credentials.
func moveTo(inv *fixes.Inventory, from, app string, list []fixes.Workload) fixes.Fix {
	b := collect(inv, from, list)
	to := freeNamespace(inv, app)
	steps := []string{
		"1. Make the namespace, with what keeps it apart:",
		indent(namespaceManifest(to)),
	}
	add := func(format string, args ...any) {
		steps = append(steps, fmt.Sprintf("%d. ", number(steps))+fmt.Sprintf(format, args...))
	}
	if objects := b.objects(); len(objects) > 0 {
		add("Make what the application has anew there, in this order (Helm: install the release again with -n %s; Git: change metadata.namespace at the source):", to)
		for _, object := range objects {
			steps = append(steps, fmt.Sprintf("     kubectl get %s -n %s -o json | jq 'del(.metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp, .metadata.managedFields, .metadata.ownerReferences, .spec.clusterIP, .spec.clusterIPs, .status) | .metadata.namespace = %q' | kubectl create -f -", object, from, to))
		}
	}
	if len(b.bindings) > 0 {
		add("Give its ServiceAccounts their rights there:")
		for _, binding := range b.bindings {
			steps = append(steps, indent(bindingManifest(binding, from, to, b.accounts)))
		}
	}
	if len(b.services) > 0 {
		add("When the new pods are ready and clients may switch, replace the old Services, so that their names go on working:")
		for _, name := range b.services {
			steps = append(steps, indent(externalName(name, from, to)))
		}
	}
	add("Delete what is left in %s: %s", from, strings.Join(refNames(b.workloads), ", "))
	add("Check:\n     kubectl get all,endpointslices -n %s", to)
	return fixes.Fix{
		Title:      "Move " + app + " into a namespace of its own (" + to + ")",
		Confidence: fixes.Manual,
		Why:        "no object can change its namespace, and what depends on the names is not all known",
		Steps:      strings.Join(append(steps, "What breaks:", strings.Join(b.breaks(from, to), "\n")), "\n"),
	}
}

// number is the number of the next step.
func number(steps []string) int {
	n := 1
	for _, s := range steps {
		if s[0] >= '0' && s[0] <= '9' {
			n++
		}
	}
	return n
}

var notInName = regexp.MustCompile(`[^a-z0-9-]+`)

func freeNamespace(inv *fixes.Inventory, app string) string {
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(app), "-"), "-")
	if len(name) > 55 {
		name = strings.Trim(name[:55], "-")
	}
	if name == "" || name == "default" {
		name = "app"
	}
	taken := inv.Namespaces()
	free := name
	for n := 2; slices.Contains(taken, free); n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

func collect(inv *fixes.Inventory, ns string, list []fixes.Workload) belongings {
	b := belongings{workloads: list}
	mine := func(w fixes.Workload) bool {
		return slices.ContainsFunc(list, func(own fixes.Workload) bool { return own.Ref() == w.Ref() })
	}
	others := map[string]bool{}
	for _, w := range inv.Workloads(ns) {
		if !mine(w) {
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
				b.claims = append(b.claims, t.Name+"-"+set.Name+"-N")
			}
		}
		account := rbac.AccountOf(w)
		b.accounts = append(b.accounts, account.Name)
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
		if selector, err := metav1.LabelSelectorAsSelector(&np.Spec.PodSelector); err == nil && b.selects(selector) {
			b.policies = append(b.policies, np.Name)
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

// objects names what has to be made anew, what others refer to first.
func (b belongings) objects() []string {
	accounts := slices.DeleteFunc(slices.Clone(b.accounts), func(a string) bool { return a == "default" })
	out := slices.Concat(prefixed("serviceaccount/", accounts), prefixed("secret/", b.secrets), prefixed("configmap/", b.configs),
		prefixed("service/", b.services))
	for _, w := range b.workloads {
		out = append(out, w.Ref().ResourceName())
	}
	return slices.Concat(out, prefixed("horizontalpodautoscaler/", b.scaled), prefixed("networkpolicy/", b.policies), prefixed("ingress/", b.ingresses))
}

// breaks says what the move breaks.
func (b belongings) breaks(from, to string) []string {
	var out []string
	for _, name := range b.services {
		out = append(out, fmt.Sprintf("- DNS: %s and %s.%s mean the old Service; its new name is %s.%s.svc.cluster.local. An ExternalName Service leads there, except for clients that check TLS names or the Host header.", name, name, from, name, to))
	}
	if len(b.claims) > 0 {
		out = append(out, fmt.Sprintf("- Volumes: %s stay in %s. Stop the application, set the reclaim policy of their PersistentVolumes to Retain, delete the claims, remove claimRef.uid of the volumes and bind them to claims of the same names in %s; or copy the data.", strings.Join(b.claims, ", "), from, to))
	}
	if len(b.shared) > 0 {
		out = append(out, fmt.Sprintf("- %s are used by others in %s too: a copy does not follow when they change.", strings.Join(b.shared, ", "), from))
	}
	if len(b.bindings) > 0 {
		out = append(out, fmt.Sprintf("- RBAC: bindings name ServiceAccounts of %s; also those of other systems (a cloud's identity, Vault) that know the user system:serviceaccount:%s:NAME.", from, from))
	}
	return append(out, fmt.Sprintf("- What selects by namespace: NetworkPolicies of others, monitoring, backups, quotas, people's roles in %s.", from))
}

func namespaceManifest(name string) string {
	return "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + name +
		"\n  labels:\n    pod-security.kubernetes.io/warn: restricted\n    pod-security.kubernetes.io/audit: restricted\n"
}

func externalName(name, from, to string) string {
	return manifest(&corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: from, Name: name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: name + "." + to + ".svc.cluster.local"},
	})
}

func bindingManifest(b rbac.Bound, from, to string, accounts []string) string {
	var subjects []rbacv1.Subject
	for _, s := range b.Subjects {
		if s.Kind == rbacv1.ServiceAccountKind && s.Namespace == from && slices.Contains(accounts, s.Name) {
			subjects = append(subjects, rbac.Account(to, s.Name))
		}
	}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: b.Role.Kind.Name, Name: b.Role.Name}
	if b.Everywhere() {
		return manifest(&rbacv1.ClusterRoleBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: fixes.KindClusterRoleBinding.Name},
			ObjectMeta: metav1.ObjectMeta{Name: b.Binding.Name + "-" + to}, RoleRef: ref, Subjects: subjects,
		})
	}
	namespace := b.Binding.Namespace
	text := ""
	if namespace == from {
		namespace = to
		if b.Role.Kind == fixes.KindRole {
			text = manifest(&rbacv1.Role{
				TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: fixes.KindRole.Name},
				ObjectMeta: metav1.ObjectMeta{Namespace: to, Name: b.Role.Name}, Rules: b.Rules,
			}) + "---\n"
		}
	}
	return text + manifest(&rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: fixes.KindRoleBinding.Name},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: b.Binding.Name}, RoleRef: ref, Subjects: subjects,
	})
}

func manifest(obj any) string {
	text, err := yaml.Marshal(obj)
	if err != nil {
		return "" // of objects made here, none
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "creationTimestamp: null") && !strings.HasPrefix(line, "status:") && !strings.HasPrefix(line, "  loadBalancer: {}") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func indent(text string) string {
	return "     " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n     ")
}
