package rbac

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

func TestDescribe(t *testing.T) {
	all := []string{"*"}
	for want, r := range map[string]rbacv1.PolicyRule{
		"get, list secrets":                       {Verbs: []string{"get", "list"}, APIGroups: []string{""}, Resources: []string{"secrets"}},
		"update deployments.apps/scale named web": {Verbs: []string{"update"}, APIGroups: []string{"apps"}, Resources: []string{"deployments/scale"}, ResourceNames: []string{"web"}},
		"get /metrics":                            {Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics"}},
		"* all paths":                             {Verbs: all, NonResourceURLs: all},
		"* *":                                     {Verbs: all, APIGroups: []string{""}, Resources: all},
		"do everything (* *.*)":                   {Verbs: all, APIGroups: all, Resources: all},
		"* *.* named web":                         {Verbs: all, APIGroups: all, Resources: all, ResourceNames: []string{"web"}},
	} {
		if got := Describe(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
