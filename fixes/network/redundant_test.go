package network

import (
	"slices"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestRedundantPolicy(t *testing.T) {
	web := deployment("web", "{app: web}", "") + deployment("db", "{app: db}", "")
	const db, fromWeb = "podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]", "ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]"
	narrow := networkPolicy("narrow", "{"+db+", "+fromWeb+"}")
	redundant := []string{"NetworkPolicy shop/narrow spec review"}
	fixestest.Table(t, redundantPolicy(), []fixestest.Case{{
		Name: "alone", Objects: web + narrow,
	}, {
		Name: "twice: the later name goes", Objects: web + narrow + networkPolicy("a", "{"+db+", "+fromWeb+"}"), Want: redundant,
		Diff: []string{"- name: narrow"}, NotDiff: []string{"- name: a"},
	}, {
		Name: "thrice: one stays", Objects: web + narrow + networkPolicy("b", "{"+db+", "+fromWeb+"}") + networkPolicy("a", "{"+db+", "+fromWeb+"}"),
		Want: []string{"NetworkPolicy shop/b spec review", "NetworkPolicy shop/narrow spec review"}, NotDiff: []string{"- name: a"},
	}, {
		Name: "a wider one", Objects: web + narrow + networkPolicy("wide", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}], ports: [{port: 5432}]}]}"), Want: redundant,
	}, {
		Name: "two that do it together", Objects: web + networkPolicy("narrow", "{"+db+", ingress: [{ports: [{port: 1}, {port: 2}]}]}") +
			networkPolicy("one", "{"+db+", ingress: [{ports: [{port: 1}]}]}") + networkPolicy("two", "{"+db+", ingress: [{ports: [{port: 2}]}]}"),
		Want: []string{"NetworkPolicy shop/one spec review", "NetworkPolicy shop/two spec review"},
	}, {
		Name: "beside a rule that allows everything", Objects: web + narrow + networkPolicy("open", "{"+db+", ingress: [{}]}"),
	}, {
		Name: "it isolates one direction more", Objects: web + networkPolicy("narrow", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress, Egress], "+fromWeb+"}") + networkPolicy("a", "{"+db+", "+fromWeb+"}"),
		Want: []string{"NetworkPolicy shop/a spec review"},
	}, {
		Name: "one that only denies, beside a default-deny", Objects: web + networkPolicy("narrow", "{"+db+"}") + networkPolicy("deny", "{podSelector: {}, policyTypes: [Ingress]}"),
	}, {
		Name: "one that only denies, beside one that allows something too", Objects: web + networkPolicy("narrow", "{"+db+"}") + networkPolicy("a", "{"+db+", "+fromWeb+"}"),
	}, {
		Name: "two that deny the same", Objects: web + networkPolicy("narrow", "{"+db+"}") + networkPolicy("deny", "{"+db+"}"), Want: redundant,
	}, {
		Name: "in the system's namespace", Objects: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, namespace: kube-system}\nspec: {" + db + "}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: b, namespace: kube-system}\nspec: {" + db + "}\n",
	}})
}

func TestIdlePolicy(t *testing.T) {
	web := deployment("web", "{app: web}", "") + deployment("agent", "{app: agent}", "{hostNetwork: true, containers: [{name: c, image: x}]}")
	live := func(name, policy string, want ...string) fixestest.Case {
		return fixestest.Case{Name: name, Objects: web + networkPolicy("p", policy), Live: true, Want: want}
	}
	fixestest.Table(t, redundantPolicy(), []fixestest.Case{
		live("it selects a pod", "{podSelector: {matchLabels: {app: web}}}"),
		live("no pod has its labels", "{podSelector: {matchLabels: {app: gone}}}", "NetworkPolicy shop/p spec.podSelector manual"),
		live("only a pod on the host network has them", "{podSelector: {matchLabels: {app: agent}}}", "NetworkPolicy shop/p spec.podSelector manual"),
		live("for pods to come", "{podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}"),
		live("for all pods", "{podSelector: {}}"),
		live("a peer that is there", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}"),
		live("a peer that is gone", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: gone}}}]}]}", "NetworkPolicy shop/p spec.ingress[0].from manual"),
		live("one of two peers is gone", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: gone}}}, {podSelector: {matchLabels: {app: web}}}]}]}"),
		live("a namespace that is gone", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {team: gone}}}]}]}", "NetworkPolicy shop/p spec.egress[0].to manual"),
		live("a namespace that is there", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}]}]}"),
		live("the cluster's DNS, which may run elsewhere", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]}]}"),
		live("an address", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}"),
		live("a direction that it is not about", "{podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {app: gone}}}]}]}"),
		{Name: "manifests", Objects: web + networkPolicy("p", "{podSelector: {matchLabels: {app: gone}}}")},
	})
	inv := fixestest.Load(t, web+networkPolicy("p", "{podSelector: {matchLabels: {app: gone}}}"))
	inv.Live = true
	inv.Skip(fixes.Skip{Resource: fixes.KindStatefulSet.String(), Reason: "forbidden"})
	if found := redundantPolicy().Run(inv); len(found) > 0 {
		t.Errorf("reported without all pods: %q", fixestest.Lines(found))
	}
}

// TestRedundantAfterOthers: a policy that another fix makes count stays, and
// what another fix makes superfluous is for the next scan.
func TestRedundantAfterOthers(t *testing.T) {
	inv := fixestest.Load(t, deployment("web", "{app: web}", "")+deployment("db", "{app: db}", "")+
		networkPolicy("a", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 1}]}]}")+
		networkPolicy("b", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 1}]}]}"))
	found := redundantPolicy().Run(inv)
	if len(found) != 1 {
		t.Fatalf("%q", fixestest.Lines(found))
	}
	draft := inv.Draft()
	draft.Delete(fixes.Ref{Kind: fixes.KindNetworkPolicy, Namespace: "shop", Name: "a"})
	if err := found[0].Fix().Edit(draft); err != nil {
		t.Fatal(err)
	}
	if draft.Get(found[0].Object) == nil {
		t.Error("deleted, though it is the only one left")
	}
	if again := redundantPolicy().Run(draft.Inventory); len(again) > 0 {
		t.Errorf("found again: %q", fixestest.Lines(again))
	}
	if want := []string{"for at least the same pods, in each direction that it isolates: a"}; !slices.Equal(found[0].Evidence, want) {
		t.Errorf("evidence %q", found[0].Evidence)
	}
}
