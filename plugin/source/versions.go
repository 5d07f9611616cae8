package source

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// succession maps API groups and versions that Kubernetes no longer serves to
// the group that succeeded them, for the kinds whose fields stayed the same
// (https://kubernetes.io/docs/reference/using-api/deprecation-guide/). Many
// manifests still carry them; what is exported carries the successor.
var succession = map[schema.GroupVersion]map[string]string{
	{Group: "extensions", Version: "v1beta1"}: {
		"Deployment": "apps", "DaemonSet": "apps", "ReplicaSet": "apps", "NetworkPolicy": "networking.k8s.io",
	},
	{Group: "apps", Version: "v1beta1"}: {"Deployment": "apps", "StatefulSet": "apps"},
	{Group: "apps", Version: "v1beta2"}: {
		"Deployment": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "ReplicaSet": "apps",
	},
	{Group: "batch", Version: "v1beta1"}:                      {"CronJob": "batch"},
	{Group: "batch", Version: "v2alpha1"}:                     {"CronJob": "batch"},
	{Group: "rbac.authorization.k8s.io", Version: "v1beta1"}:  rbacKinds,
	{Group: "rbac.authorization.k8s.io", Version: "v1alpha1"}: rbacKinds,
}

var rbacKinds = map[string]string{
	"Role": rbacGroup, "RoleBinding": rbacGroup, "ClusterRole": rbacGroup, "ClusterRoleBinding": rbacGroup,
}

const rbacGroup = "rbac.authorization.k8s.io"

// succeeded returns the kind that succeeded one that is no longer served.
func succeeded(gvk schema.GroupVersionKind) (fixes.Kind, bool) {
	group, ok := succession[gvk.GroupVersion()][gvk.Kind]
	if !ok {
		return fixes.Kind{}, false
	}
	return fixes.LookupKind(schema.GroupKind{Group: group, Kind: gvk.Kind})
}

func withAPIVersion(raw []byte, apiVersion string) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	text, err := json.Marshal(apiVersion)
	if err != nil {
		return nil, err
	}
	fields["apiVersion"] = text
	return json.Marshal(fields)
}
