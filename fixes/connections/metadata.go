package connections

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// NodeMetadata are the addresses at which clouds give whoever asks the
// credentials of the node: that of AWS, Azure, Google Cloud, OpenStack and others,
// and that of AWS for IPv6.
var NodeMetadata = []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254")}

// nodeMetadataNames are names of these addresses.
var nodeMetadataNames = []string{"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"}

// namesNodeMetadata reports whether a host is a node's metadata service. No
// policy of the program's lets pods reach it because a text names it.
func namesNodeMetadata(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return slices.Contains(NodeMetadata, addr)
	}
	return slices.Contains(nodeMetadataNames, host)
}

// podIdentityHosts are the addresses of the agent of EKS Pod Identity, which gives
// a pod its own credentials and no others
// (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html).
var podIdentityHosts = []string{"169.254.170.23", "fd00:ec2::23"}

const podIdentityAudience = "pods.eks.amazonaws.com"

// cloudAudiences are those of tokens that the clouds take: EKS Pod Identity, IAM
// roles for service accounts, Azure's workload identity. The Kubernetes API refuses
// them.
var cloudAudiences = []string{podIdentityAudience, "sts.amazonaws.com", "api://AzureADTokenExchange"}

// usesPodIdentity reports whether pods of a workload get credentials from EKS Pod
// Identity. Its webhook adds the token to the pods: templates need not have it.
func usesPodIdentity(inv *fixes.Inventory, w fixes.Workload) (Reason, bool) {
	for c := range w.Containers() {
		for i, e := range c.Env {
			if e.Name == "AWS_CONTAINER_CREDENTIALS_FULL_URI" && slices.ContainsFunc(podIdentityHosts, func(h string) bool { return strings.Contains(e.Value, h) }) {
				return Reason{w.Ref(), fmt.Sprintf("%s.env[%d]", c.Path, i), "it gets credentials from EKS Pod Identity"}, true
			}
		}
	}
	if i := slices.IndexFunc(w.Spec.Volumes, podIdentityToken); i >= 0 {
		return Reason{w.Ref(), fmt.Sprintf("%s.volumes[%d]", w.SpecPath, i), "it has a token for EKS Pod Identity"}, true
	}
	for _, pod := range inv.Pods(w) {
		if i := slices.IndexFunc(pod.Spec.Volumes, podIdentityToken); i >= 0 {
			return Reason{fixes.RefOf(pod), fmt.Sprintf("spec.volumes[%d]", i), "it was given a token for EKS Pod Identity"}, true
		}
	}
	sa, ok := account(inv, w)
	if ok && sa.Annotations["eks.amazonaws.com/audience"] == podIdentityAudience {
		return Reason{fixes.RefOf(sa), "metadata.annotations", "its account's tokens are for EKS Pod Identity"}, true
	}
	return Reason{}, false
}

func podIdentityToken(v corev1.Volume) bool {
	return v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool {
		return s.ServiceAccountToken != nil && s.ServiceAccountToken.Audience == podIdentityAudience
	})
}

// UsesGKEMetadata reports whether pods of a workload get credentials of their own
// from the metadata server of GKE, by Workload Identity Federation: it stands in
// the way to the node's, at the same address
// (https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity).
func UsesGKEMetadata(inv *fixes.Inventory, w fixes.Workload) (Reason, bool) {
	const key = "iam.gke.io/gcp-service-account"
	sa, ok := account(inv, w)
	if !ok || sa.Annotations[key] == "" {
		return Reason{}, false
	}
	return Reason{fixes.RefOf(sa), "metadata.annotations", "its account has credentials by Workload Identity Federation for GKE"}, true
}

// account returns the ServiceAccount that a workload's pods run as.
func account(inv *fixes.Inventory, w fixes.Workload) (*corev1.ServiceAccount, bool) {
	name := w.Spec.ServiceAccountName
	if name == "" {
		name = "default"
	}
	return fixes.Lookup[*corev1.ServiceAccount](inv, w.Object.GetNamespace(), name)
}

// credentials adds where a workload's pods get credentials of their own.
func (g *Graph) credentials(inv *fixes.Inventory, w fixes.Workload) {
	if why, ok := usesPodIdentity(inv, w); ok {
		for _, host := range podIdentityHosts {
			g.add(Link{From: Of(w), To: End{Place: Host, Name: host}, Ports: tcp(80), Sure: Proven, Why: []Reason{why}})
		}
	}
	if why, ok := UsesGKEMetadata(inv, w); ok {
		g.Blocked = slices.DeleteFunc(g.Blocked, func(l Link) bool { return l.From == Of(w) }) // it gets its own there
		// Where policies see packets before they are sent on to the server, and after
		// that (https://cloud.google.com/kubernetes-engine/docs/how-to/network-policy).
		g.add(Link{From: Of(w), To: End{Place: Host, Name: "169.254.169.254"}, Ports: tcp(80), Sure: Proven, Why: []Reason{why}})
		g.add(Link{From: Of(w), To: End{Place: Host, Name: "169.254.169.252"}, Ports: tcp(988), Sure: Proven, Why: []Reason{why}})
	}
}
