package fixes

import (
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// The kinds of facts about nodes.
var (
	KindKubelet   = Kind{factGroup, "v1", "Kubelet", "kubelets", false}
	KindNodeProbe = Kind{factGroup, "v1", "NodeProbe", "nodeprobes", false}
)

// Kubelet is the configuration that a node's kubelet runs with, as it says itself
// (/configz). Its name is the node's.
type Kubelet struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	// Config is the KubeletConfiguration (kubelet.config.k8s.io/v1beta1) with all
	// defaults, as JSON: what is empty or false may be left out.
	Config map[string]any
	// Flags are those of its command line that rules ask for, as /flagz shows them;
	// nil where the kubelet serves none (before Kubernetes 1.36).
	Flags map[string]string
}

// Setting returns a field of the configuration ("authentication.anonymous.enabled"),
// or nil where it is left out.
func (k *Kubelet) Setting(path string) any {
	var v any = k.Config
	for name := range strings.SplitSeq(path, ".") {
		fields, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = fields[name]
	}
	return v
}

// DeepCopyObject implements [runtime.Object]. The configuration is never edited,
// and shared below its first level.
func (k *Kubelet) DeepCopyObject() runtime.Object {
	out := *k
	k.DeepCopyInto(&out.ObjectMeta)
	out.Config = maps.Clone(k.Config)
	return &out
}

// NodeProbe is what a node answered on the port of SSH. Its name is the node's.
type NodeProbe struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	// Asked are the addresses that were connected to.
	Asked []string
	// Answered are those that took the connection, each with the first line that
	// was sent ("10.0.0.1:22: SSH-2.0-OpenSSH_9.6"), where there was one.
	Answered []string
}

// DeepCopyObject implements [runtime.Object].
func (n *NodeProbe) DeepCopyObject() runtime.Object {
	out := *n
	n.DeepCopyInto(&out.ObjectMeta)
	out.Asked, out.Answered = append([]string(nil), n.Asked...), append([]string(nil), n.Answered...)
	return &out
}
