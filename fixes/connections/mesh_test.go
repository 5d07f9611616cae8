package connections

import (
	"strings"
	"testing"
)

// TestMesh has routes that hang on Services: who calls those comes to others.
func TestMesh(t *testing.T) {
	calling := func(host string) string {
		return workload("client", "", "        env: [{name: API_URL, value: \"http://"+host+"\"}]")
	}
	api, canary := workload("api", "8080", ""), workload("canary", "8081", "")
	called, taken := "client -> api 8080/TCP proven", "client -> canary 8081/TCP proven"
	route := func(namespace, parent, backend string) string {
		return routeObject("HTTPRoute", namespace, parent, "{backendRefs: [{name: "+backend+"}]}")
	}
	onAPI := "{group: '', kind: Service, name: api}"
	testGraph(t, map[string]graphCase{
		"who calls":        {api + canary + calling("api:8080") + route("shop", onAPI, "canary, port: 8081"), []string{called, taken}},
		"at another port":  {api + canary + calling("api:8080") + route("shop", "{group: '', kind: Service, name: api, port: 9}", "canary, port: 8081"), []string{"api -> canary 8081/TCP guessed", called, "client -> canary 8081/TCP guessed", "db -> canary 8081/TCP guessed"}},
		"a Gateway's name": {api + canary + calling("api:8080") + route("shop", "{name: api}", "canary, port: 8081"), []string{"anyone -> canary 8081/TCP inferred", called}},
		"one after the other": {api + canary + workload("next", "8082", "") + calling("api:8080") + route("shop", onAPI, "canary, port: 8081") +
			strings.Replace(route("shop", "{group: '', kind: Service, name: canary}", "next, port: 8082"), "{name: r,", "{name: s,", 1),
			[]string{called, taken, "client -> next 8082/TCP proven"}},
		"a consumer's is for its own": {api + canary + calling("api:8080") + strings.ReplaceAll(workload("far", "", "        env: [{name: API_URL, value: \"http://api.shop:8080\"}]")+workload("near", "8083", ""), "namespace: shop", "namespace: far") +
			route("far", "{group: '', kind: Service, name: api, namespace: shop}", "near, port: 8083"),
			[]string{"far -> near 8083/TCP proven", "far -> api 8080/TCP proven", "api -> canary 8081/TCP guessed", called, "client -> canary 8081/TCP guessed", "db -> canary 8081/TCP guessed"}},
	})
}
