package move

import (
	"maps"
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// copies fills in the new objects, in the order in which they can be made.
func (m *Move) copies(inv *fixes.Inventory, b belongings) {
	if inv.Get(fixes.Ref{Kind: fixes.KindNamespace, Name: m.To}) == nil {
		m.New = append(m.New, m.namespace(inv))
	}
	for _, name := range b.accounts {
		m.account(inv, name)
	}
	take := func(kind fixes.Kind, names []string) {
		for _, name := range names {
			if obj := inv.Get(fixes.Ref{Kind: kind, Namespace: m.From, Name: name}); obj != nil {
				m.add(inv, m.copyOf(obj, b))
			}
		}
	}
	take(fixes.KindSecret, b.secrets)
	take(fixes.KindConfigMap, b.configs)
	take(fixes.KindPersistentVolumeClaim, b.claims)
	for _, bound := range b.bindings {
		m.rights(inv, bound, b.accounts)
	}
	take(fixes.KindNetworkPolicy, b.policies)
	take(fixes.KindService, b.services)
	for _, name := range m.stayingServices(inv, b) {
		m.add(inv, leadTo(m.To, name, m.From))
	}
	for _, w := range b.workloads {
		if Movable(w) {
			m.add(inv, m.copyOf(w.Object, b))
		}
	}
	take(fixes.KindHPA, b.scaled)
}

// add adds an object, unless one of its name is there.
func (m *Move) add(inv *fixes.Inventory, obj fixes.Object) {
	ref := fixes.RefOf(obj)
	if inv.Get(ref) != nil {
		m.There = append(m.There, ref)
		return
	}
	if !slices.ContainsFunc(m.New, func(have fixes.Object) bool { return fixes.RefOf(have) == ref }) {
		m.New = append(m.New, obj)
	}
}

// namespace is the new one, with the labels of the old one, by which meshes and
// admission know it, and a look at the strictest level where it has none.
func (m *Move) namespace(inv *fixes.Inventory) *corev1.Namespace {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: m.To, Labels: map[string]string{
		"pod-security.kubernetes.io/warn": "restricted", "pod-security.kubernetes.io/audit": "restricted",
	}}}
	if old, ok := fixes.Lookup[*corev1.Namespace](inv, "", m.From); ok {
		maps.Copy(ns.Labels, old.Labels)
		delete(ns.Labels, corev1.LabelMetadataName)
		cleanMeta(&ns.ObjectMeta)
	}
	return ns
}

// account makes a ServiceAccount; default is made by the cluster, so it is among the
// new objects only where it says something.
func (m *Move) account(inv *fixes.Inventory, name string) {
	old, ok := fixes.Lookup[*corev1.ServiceAccount](inv, m.From, name)
	if !ok || name == "default" && len(old.ImagePullSecrets) == 0 && old.AutomountServiceAccountToken == nil {
		return
	}
	sa := old.DeepCopy()
	m.place(sa)
	sa.Secrets = nil // tokens, which the cluster makes
	if name == "default" {
		m.New = append(m.New, sa) // the cluster has made it when this is applied
		return
	}
	m.add(inv, sa)
}

// place puts a copy of an object into the new namespace, without what the cluster or
// who manages the old one keeps in it.
func (m *Move) place(obj fixes.Object) {
	obj.SetNamespace(m.To)
	obj.SetUID("")
	obj.SetResourceVersion("")
	obj.SetGeneration(0)
	obj.SetCreationTimestamp(metav1.Time{})
	obj.SetDeletionTimestamp(nil)
	obj.SetDeletionGracePeriodSeconds(nil)
	obj.SetManagedFields(nil)
	obj.SetOwnerReferences(nil)
	obj.SetFinalizers(nil)
	meta := metav1.ObjectMeta{Labels: obj.GetLabels(), Annotations: obj.GetAnnotations()}
	cleanMeta(&meta)
	obj.SetLabels(meta.Labels)
	obj.SetAnnotations(meta.Annotations)
}

// managers are prefixes of labels and annotations by which tools know what is theirs:
// a copy is not, and some would delete it.
var managers = []string{"meta.helm.sh/", "argocd.argoproj.io/tracking-id", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "objectset.rio.cattle.io/",
	corev1.LastAppliedConfigAnnotation, "deployment.kubernetes.io/", "deprecated.daemonset.template.generation", "pv.kubernetes.io/", "volume.kubernetes.io/selected-node",
	"volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"}

func cleanMeta(meta *metav1.ObjectMeta) {
	theirs := func(key, value string) bool {
		return slices.ContainsFunc(managers, func(p string) bool { return strings.HasPrefix(key, p) }) ||
			key == "app.kubernetes.io/managed-by" && value == "Helm"
	}
	meta.Labels, meta.Annotations = maps.Clone(meta.Labels), maps.Clone(meta.Annotations)
	maps.DeleteFunc(meta.Labels, theirs)
	maps.DeleteFunc(meta.Annotations, theirs)
}

// copyOf returns an object as it is to be in the new namespace.
func (m *Move) copyOf(old fixes.Object, b belongings) fixes.Object {
	obj := fixes.Recreated(old)
	m.place(obj)
	switch o := obj.(type) {
	case *corev1.Service:
		cleanService(&o.Spec)
		o.Status = corev1.ServiceStatus{}
	case *corev1.PersistentVolumeClaim:
		o.Spec.VolumeName = "" // the old claim has it
		o.Status = corev1.PersistentVolumeClaimStatus{}
	case *corev1.ConfigMap:
		for key, text := range o.Data {
			o.Data[key] = m.rename(text, b)
		}
	case *corev1.Secret:
		for key, value := range o.Data {
			o.Data[key] = []byte(m.rename(string(value), b))
		}
	case *networkingv1.NetworkPolicy:
		m.reachBack(&o.Spec)
	case *autoscalingv2.HorizontalPodAutoscaler:
		o.Status = autoscalingv2.HorizontalPodAutoscalerStatus{}
	case *batchv1.CronJob:
		suspended := true
		o.Spec.Suspend = &suspended
	case *batchv1.Job:
		suspended := true
		o.Spec.Suspend = &suspended
	}
	if w, ok := fixes.AsWorkload(obj); ok {
		m.renameIn(w, b)
	}
	return obj
}

// cleanService drops what the cluster gave to a Service, and would refuse to give to
// another one.
func cleanService(spec *corev1.ServiceSpec) {
	if spec.ClusterIP != corev1.ClusterIPNone {
		spec.ClusterIP, spec.ClusterIPs = "", nil
	}
	spec.HealthCheckNodePort, spec.LoadBalancerIP = 0, ""
	for i := range spec.Ports {
		spec.Ports[i].NodePort = 0
	}
}

// reachBack lets a policy's peers of its own namespace be those of the old one too:
// they may stay there, and what moves has both for neighbours meanwhile.
func (m *Move) reachBack(spec *networkingv1.NetworkPolicySpec) {
	old := &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: m.From}}
	both := func(peers []networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
		for _, p := range slices.Clone(peers) {
			if p.PodSelector != nil && p.NamespaceSelector == nil {
				peers = append(peers, networkingv1.NetworkPolicyPeer{PodSelector: p.PodSelector.DeepCopy(), NamespaceSelector: old.DeepCopy()})
			}
		}
		return peers
	}
	for i := range spec.Ingress {
		spec.Ingress[i].From = both(spec.Ingress[i].From)
	}
	for i := range spec.Egress {
		spec.Egress[i].To = both(spec.Egress[i].To)
	}
}

// rights makes the roles and bindings that the accounts have, for the new ones alone.
func (m *Move) rights(inv *fixes.Inventory, b rbac.Bound, accounts []string) {
	var subjects []rbacv1.Subject
	for _, s := range b.Subjects {
		if s.Kind == rbacv1.ServiceAccountKind && s.Namespace == m.From && slices.Contains(accounts, s.Name) {
			subjects = append(subjects, rbac.Account(m.To, s.Name))
		}
	}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: b.Role.Kind.Name, Name: b.Role.Name}
	if b.Everywhere() {
		m.add(inv, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: b.Binding.Name + "-" + m.To}, RoleRef: ref, Subjects: subjects})
		return
	}
	namespace, name := b.Binding.Namespace, b.Binding.Name
	if namespace == m.From {
		namespace = m.To
		if b.Role.Kind == fixes.KindRole {
			m.add(inv, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: m.To, Name: b.Role.Name}, Rules: b.Rules})
		}
	} else {
		name += "-" + m.To // beside the one that is there
	}
	m.add(inv, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, RoleRef: ref, Subjects: subjects})
}
