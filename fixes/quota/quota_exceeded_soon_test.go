package quota

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestQuotaExceededSoon(t *testing.T) {
	used := func(hard, used string) string {
		return `
apiVersion: v1
kind: ResourceQuota
metadata: {name: q, namespace: shop}
spec: {hard: ` + hard + `}
status: {hard: ` + hard + `, used: ` + used + `}
`
	}
	const finding = "ResourceQuota shop/q status.used manual"
	fixestest.Table(t, quotaExceededSoon(), []fixestest.Case{
		{Name: "pods", Live: true, Objects: used(`{pods: "10", cpu: "4"}`, `{pods: "10", cpu: 100m}`), Want: []string{finding}},
		{Name: "other units", Live: true, Objects: used(`{requests.memory: 1Gi}`, `{requests.memory: 1000Mi}`), Want: []string{finding}},
		{Name: "over it", Live: true, Objects: used(`{pods: "10"}`, `{pods: "12"}`), Want: []string{finding}},
		{Name: "just enough", Live: true, Objects: used(`{pods: "10", requests.cpu: "1"}`, `{pods: "9", requests.cpu: 900m}`)},
		{Name: "forbidden on purpose", Live: true, Objects: used(`{services.nodeports: "0"}`, `{services.nodeports: "0"}`)},
		{Name: "a manifest", Objects: "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: shop}\nspec: {hard: {pods: \"1\"}}\n"},
	})
}
