package podsecurity

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// proxy is kube-proxy's DaemonSet, as kubeadm makes it, with more.
func proxy(pod, security string) string {
	return strings.ReplaceAll(agentDaemonSet(pod+`
hostNetwork: true
volumes:
- {name: lock, hostPath: {path: /run/xtables.lock, type: FileOrCreate}}
- {name: modules, hostPath: {path: /lib/modules}}
containers:
- name: kube-proxy
  image: registry.k8s.io/kube-proxy:v1.37.0
  command: [/usr/local/bin/kube-proxy]
  securityContext: `+security+`
  volumeMounts: [{name: lock, mountPath: /run/xtables.lock}, {name: modules, mountPath: /lib/modules, readOnly: true}]`), "logs", "proxy")
}

// TestAgents leaves alone what a known agent cannot do without, speaks of what it
// has beyond that, and of another with the same rights.
func TestAgents(t *testing.T) {
	found := func(objects string) string {
		return strings.Join(fixestest.Lines(fixes.Scan(fixestest.Load(t, objects), Rules()).Findings), "\n")
	}
	if got := found(proxy("", "{privileged: true, readOnlyRootFilesystem: true}")); got != "" {
		t.Errorf("it has what it needs, found:\n%s", got)
	}
	if got := found(strings.Replace(proxy("", "{privileged: true, readOnlyRootFilesystem: true}"), "kube-proxy:v1", "cube-proxy:v1", 1)); strings.Count(got, "\n") < 5 {
		t.Errorf("another with the same rights, found:\n%s", got)
	}

	inv := fixestest.Load(t, proxy("hostPID: true", "{privileged: true, readOnlyRootFilesystem: true}"))
	result := fixes.Scan(inv, Rules())
	fixestest.ClosedLoop(t, result)
	if len(result.Findings) != 1 {
		t.Fatalf("found %q", fixestest.Lines(result.Findings))
	}
	f := result.Findings[0]
	if f.Rule.ID != "pss-host-namespaces" || f.Path != "spec.template.spec.hostPID" || f.Fix().Confidence != fixes.Manual ||
		!strings.Contains(f.Fix().Steps, "- the pod: hostPID: true") || strings.Contains(f.Fix().Steps, "hostNetwork: true") {
		t.Errorf("hostPID is beyond its needs: %+v %+v", f, f.Fix())
	}

	// What it needs nothing of has its usual fix.
	inv = fixestest.Load(t, proxy("securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}", "{privileged: true, readOnlyRootFilesystem: true}"))
	result = fixes.Scan(inv, Rules())
	fixestest.ClosedLoop(t, result)
	if len(result.Findings) != 1 || result.Findings[0].Rule.ID != "pss-sysctls" || result.Findings[0].Fix().Edit == nil {
		t.Errorf("found %q", fixestest.Lines(result.Findings))
	}
	if w := inv.Workloads("")[0]; !w.Spec.HostNetwork {
		t.Error("the scan changed the object")
	}
}
