package podsecurity

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// linuxNode is a node whose runtime and kernel are as given.
func linuxNode(name, handlers, kernel string) string {
	return "---\napiVersion: v1\nkind: Node\nmetadata: {name: " + name + "}\nstatus: {nodeInfo: {operatingSystem: linux, kernelVersion: \"" + kernel + "\"}, runtimeHandlers: [" + handlers + "]}\n"
}

func TestUserNamespace(t *testing.T) {
	const (
		maps    = "{name: runc}, {name: \"\", features: {userNamespaces: true}}"
		windows = "---\napiVersion: v1\nkind: Node\nmetadata: {name: win}\nstatus: {nodeInfo: {operatingSystem: windows}}\n"
		plain   = "containers: [{name: c, image: x}]"
	)
	good := linuxNode("a", maps, "6.8.0-45-generic") + linuxNode("b", maps, "6.3")
	found := want("spec.hostUsers", fixes.Review)
	cases := []fixestest.Case{
		{Name: "broken", Objects: deployment(plain) + good + windows, Want: found, Diff: []string{"+ hostUsers: false"}},
		{Name: "told to share", Objects: deployment("hostUsers: true\n"+plain) + good, Want: found},
		{Name: "on a claim", Objects: deployment(plain+"\nvolumes: [{name: v, persistentVolumeClaim: {claimName: c}}]") + good, Want: found},
		{Name: "fixed", Objects: deployment("hostUsers: false\n"+plain) + good},
		{Name: "one runtime cannot", Objects: deployment(plain) + good + linuxNode("c", "{name: \"\", features: {}}", "6.8")},
		{Name: "another handler can", Objects: deployment(plain) + linuxNode("a", "{name: crun, features: {userNamespaces: true}}, {name: \"\"}", "6.8")},
		{Name: "an old kernel", Objects: deployment(plain) + good + linuxNode("c", maps, "5.15.0")},
		{Name: "no version", Objects: deployment(plain) + linuxNode("c", maps, "")},
		{Name: "no nodes seen", Objects: deployment(plain)},
		{Name: "only Windows nodes", Objects: deployment(plain) + windows},
	}
	for name, spec := range map[string]string{
		"namespaces of the node": "hostNetwork: true\n" + plain,
		"privileged":             "containers: [{name: c, image: x, securityContext: {privileged: true}}]",
		"folders of the node":    plain + "\nvolumes: [{name: v, hostPath: {path: /x}}]",
		"NFS":                    plain + "\nvolumes: [{name: v, nfs: {server: s, path: /x}}]",
		"devices":                "containers: [{name: c, image: x, volumeDevices: [{name: v, devicePath: /d}]}]\nvolumes: [{name: v, persistentVolumeClaim: {claimName: c}}]",
		"a high user":            "securityContext: {runAsUser: 1000650000}\n" + plain,
		"another runtime":        "runtimeClassName: gvisor\n" + plain,
		"Windows":                "os: {name: windows}\n" + plain,
	} {
		cases = append(cases, fixestest.Case{Name: name, Objects: deployment(spec) + good})
	}
	for i := range cases {
		cases[i].Live = true
	}
	cases = append(cases, fixestest.Case{Name: "manifests: no cluster to ask", Objects: deployment(plain) + good})
	fixestest.Table(t, userNamespace(), cases)

	for _, old := range []int{0, 32} {
		inv := fixestest.Load(t, deployment(plain)+good)
		inv.Live, inv.ServerMinor = true, old
		if got := fixes.Scan(inv, []*fixes.Rule{userNamespace()}).Findings; len(got) != 0 {
			t.Errorf("1.%d: %q", old, fixestest.Lines(got))
		}
	}
	inv := fixestest.Load(t, deployment("securityContext: {runAsNonRoot: true}\n"+plain)+strings.Replace(deployment(plain), "web", "root", 1)+good)
	inv.Live, inv.ServerMinor = true, 37
	inv.Skip(fixes.Skip{Resource: "nodes"})
	if got := fixes.Scan(inv, []*fixes.Rule{userNamespace()}).Findings; len(got) != 0 {
		t.Errorf("nodes were not looked at: %q", fixestest.Lines(got))
	}
}

// TestUserNamespaceLater leaves a pod that a plan makes fit for a user namespace
// to the next scan: no plan brings findings.
func TestUserNamespaceLater(t *testing.T) {
	inv := fixestest.Load(t, deployment("hostPID: true\ncontainers: [{name: c, image: x, securityContext: {privileged: true}}]")+
		linuxNode("a", "{name: \"\", features: {userNamespaces: true}}", "6.8"))
	inv.Live, inv.ServerMinor = true, 37
	fixestest.ClosedLoop(t, fixes.Scan(inv, Rules()))
}
