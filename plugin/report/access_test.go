package report

import (
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// TestWhatCan prints what somebody may do, and that somebody may do nothing.
func TestWhatCan(t *testing.T) {
	bound := rbac.Bound{
		Binding: fixes.Ref{Kind: fixes.KindRoleBinding, Namespace: "shop", Name: "readers\x1b[2J"},
		Role:    fixes.Ref{Kind: fixes.KindClusterRole, Name: "view"},
		Rules:   []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}},
	}
	devs := rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "devs"}
	for name, tt := range map[string]struct {
		answer     WhatCan
		want, lack string
	}{
		"nothing":    {WhatCan{}, "May do nothing: no binding names it.", "WHERE"},
		"not looked": {WhatCan{Unseen: true}, "No binding that was looked at names it: what it may do is not known.", "nothing"},
		"everything": {WhatCan{All: true}, "May do everything, by no role", "WHERE"},
		"a role":     {WhatCan{Bindings: []rbac.Held{{Bound: bound, As: devs}}}, "get pods", "\x1b"},
		"a group":    {WhatCan{Bindings: []rbac.Held{{Bound: bound, As: devs}}}, "Group devs", "itself"},
		"itself":     {WhatCan{Subject: devs, Bindings: []rbac.Held{{Bound: bound, As: devs}}}, "itself", "Group devs"},
		"no role":    {WhatCan{Unresolved: []rbac.Held{{Bound: bound, As: devs}}}, "nothing: the role is not there", "not known"},
		"not seen":   {WhatCan{Unresolved: []rbac.Held{{Bound: bound, As: devs}}, Partial: true}, "not known: the role was not looked at", "not there"},
	} {
		var b strings.Builder
		if err := tt.answer.Table(&b); err != nil || !strings.Contains(b.String(), tt.want) || strings.Contains(b.String(), tt.lack) {
			t.Errorf("%s: %v\n%s", name, err, b.String())
		}
	}
}
