package source_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

const followed = `
apiVersion: v1
kind: Namespace
metadata: {name: followed}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: followed}
data: {DB_PASSWORD: "Tr0ub4dor&3-horse"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: stays, namespace: followed}
data: {DB_PASSWORD: "Tr0ub4dor&3-zebra"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: lister}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: lister}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lister}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: lister}]
`

// live scans a cluster as a user, and returns what follows it.
func live(t *testing.T, c *cluster.Cluster, user string) (*source.Live, *source.Cluster, *fixes.Result) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		config.Impersonate = rest.ImpersonationConfig{UserName: user}
	}
	api, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	src := &source.Cluster{Client: api}
	result, err := source.Scan(t.Context(), src, nil, catalog.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return source.NewLive(src, result, func() []fixes.Decision { return nil }), src, result
}

// following follows until an update is so.
func following(t *testing.T, l *source.Live, what string, is func(fixes.Update) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found := false
	var mu sync.Mutex
	l.Follow(ctx, func(u fixes.Update) {
		mu.Lock()
		defer mu.Unlock()
		if is(u) {
			found = true
			cancel()
		}
	})
	if !found {
		t.Errorf("no update: %s", what)
	}
}

func findingsOf(r *fixes.Result, name string) int {
	n := 0
	for _, f := range r.Findings {
		if f.Object.Name == name && f.Object.Namespace == "followed" {
			n++
		}
	}
	return n
}

// TestFollow follows a real control plane where the plain way does not do: its
// history is gone, or the user may only list.
func TestFollow(t *testing.T) {
	c := cluster.Start(t)
	c.Apply(t, followed)

	t.Run("history that is gone", func(t *testing.T) {
		l, src, result := live(t, c, "")
		if findingsOf(result, "settings") == 0 || findingsOf(result, "stays") == 0 {
			t.Fatal("nothing is found")
		}
		c.Kubectl(t, "delete", "configmap", "settings", "-n", "followed")
		source.SetListed(src, fixes.KindConfigMap, "1")
		following(t, l, "what was deleted is gone", func(u fixes.Update) bool {
			return u.Result != nil && findingsOf(u.Result, "settings") == 0 && findingsOf(u.Result, "stays") > 0
		})
	})

	t.Run("a user that may not watch", func(t *testing.T) {
		l, _, _ := live(t, c, "lister")
		following(t, l, "kinds are read every while", func(u fixes.Update) bool {
			return u.Lost == nil && slices.Contains(u.Polled, "configmaps") && slices.Contains(u.Polled, "pods")
		})
	})

	t.Run("a right that is taken away", func(t *testing.T) {
		l, src, _ := live(t, c, "lister")
		source.SetListed(src, fixes.KindConfigMap, "")
		c.Kubectl(t, "delete", "clusterrolebinding", "lister")
		following(t, l, "what may not be seen any more is skipped", func(u fixes.Update) bool {
			return u.Result != nil && findingsOf(u.Result, "stays") == 0 &&
				slices.ContainsFunc(u.Result.Inventory.Skips(), func(s fixes.Skip) bool {
					return s.Resource == "configmaps" && strings.HasPrefix(s.Reason, "forbidden")
				})
		})
	})
}
