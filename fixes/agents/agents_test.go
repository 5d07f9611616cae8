package agents

import (
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// TestTable demands of every row that it can be read, has a source, marks that
// tell more than a name, and paths as they are compared.
func TestTable(t *testing.T) {
	all, err := format.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 40 {
		t.Errorf("%d agents", len(all))
	}
	images := map[string]string{}
	for _, a := range all {
		if len(a.images) == 0 || len(a.marks) == 0 {
			t.Errorf("%q has no image or no mark", a.Name)
		}
		if u, err := url.Parse(a.Source); err != nil || u.Scheme != "https" {
			t.Errorf("%s: source %q", a.Name, a.Source)
		}
		for _, image := range a.images {
			if other := images[image]; other != "" {
				t.Errorf("image %s is of %s and %s", image, other, a.Name)
			}
			images[image] = a.Name
		}
		for _, p := range slices.Concat(a.Read, a.Write) {
			if !path.IsAbs(p) || NodePath(p) != p {
				t.Errorf("%s: path %q is not as it is compared", a.Name, p)
			}
		}
		if slices.Contains(a.Write, "/") {
			t.Errorf("%s writes all of its node", a.Name)
		}
		for _, c := range a.Capabilities {
			if c != strings.ToUpper(c) || strings.HasPrefix(c, "CAP_") || c == "ALL" {
				t.Errorf("%s: need %q", a.Name, c)
			}
		}
	}
	if _, err := format.Read(strings.Join(format.Columns, "\t") + "\na\tlog\ti\t/m\t-\t-\t-\thttps://x\n"); err == nil {
		t.Error("an unknown work was read")
	}
}

func daemonSet(spec string) string { return workload("DaemonSet", spec) }

func workload(kind, spec string) string {
	return "apiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: a, namespace: kube}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: " + spec + "}}\n"
}

func TestOf(t *testing.T) {
	const logs = "volumes: [{name: v, hostPath: {path: /var/log}}]"
	mirror := strings.Replace(strings.Replace(daemonSet(""), "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: }}",
		"spec: {containers: [{name: c, image: registry.k8s.io/kube-proxy:v1.37.0, command: [kube-proxy]}]}", 1), "kind: DaemonSet", "kind: Pod", 1)
	mirror = strings.Replace(strings.Replace(mirror, "apps/v1", "v1", 1), "{name: a,", "{annotations: {kubernetes.io/config.mirror: x}, name: a,", 1)
	for _, c := range []struct{ name, objects, want string }{
		{"by image and mount", daemonSet("{containers: [{name: c, image: fluent/fluent-bit:3}], " + logs + "}"), "Fluent Bit"},
		{"below a mark", daemonSet("{containers: [{name: c, image: fluent/fluent-bit:3}], volumes: [{name: v, hostPath: {path: /var/log/pods/}}]}"), "Fluent Bit"},
		{"from a mirror, with a port and a digest", daemonSet("{containers: [{name: c, image: 'reg.acme:5000/x/fluent/fluent-bit@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1'}], " + logs + "}"), "Fluent Bit"},
		{"the runtime folder by its link", daemonSet("{containers: [{name: c, image: quay.io/calico/node:v3}], volumes: [{name: v, hostPath: {path: /var/run/calico}}]}"), "Calico"},
		{"by image and command", daemonSet("{containers: [{name: c, image: registry.k8s.io/kube-proxy:v1.37.0, command: [/usr/local/bin/kube-proxy]}]}"), "kube-proxy"},
		{"by a variable", daemonSet("{containers: [{name: c, image: quay.io/metallb/speaker, env: [{name: METALLB_NODE_NAME, value: x}]}]}"), "MetalLB speaker"},
		{"static pod", mirror, "kube-proxy"},
		{"a name alone", daemonSet("{containers: [{name: fluent-bit, image: fluent/fluent-bit:3}]}"), ""},
		{"a look-alike image", daemonSet("{containers: [{name: c, image: acme/not-fluent-bit:3}], " + logs + "}"), ""},
		{"the name of its container and the mount", daemonSet("{containers: [{name: fluent-bit, image: acme/shell}], " + logs + "}"), ""},
		{"not on every node", workload("Deployment", "{containers: [{name: c, image: fluent/fluent-bit:3}], "+logs+"}"), ""},
	} {
		a, ok := Of(fixestest.Load(t, c.objects).Workloads("")[0])
		if got := nameOf(a); got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func nameOf(a *Agent) string {
	if a == nil {
		return ""
	}
	return a.Name
}

// TestExcess shows what is left of a pod without an agent's needs, and that the
// pod itself stays as it is.
func TestExcess(t *testing.T) {
	inv := fixestest.Load(t, strings.Replace(daemonSet("SPEC"), "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: SPEC}}", `spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      hostNetwork: true
      hostPID: true
      hostIPC: true
      securityContext: {runAsUser: 0}
      volumes:
      - {name: lib, hostPath: {path: /lib/modules}}
      - {name: libw, hostPath: {path: /lib/modules}}
      - {name: lock, hostPath: {path: /run/xtables.lock}}
      - {name: etc, hostPath: {path: /etc}}
      containers:
      - name: proxy
        image: registry.k8s.io/kube-proxy:v1.37.0
        ports: [{containerPort: 10256, hostPort: 10256}]
        securityContext: {privileged: true, runAsUser: 0, capabilities: {add: [SYS_TIME]}}
        livenessProbe: {httpGet: {host: 127.0.0.1, port: 1}}
        volumeMounts: [{name: lib, mountPath: /lib/modules, readOnly: true}, {name: libw, mountPath: /l}, {name: lock, mountPath: /x}, {name: etc, mountPath: /etc, readOnly: true}]
      - {name: other, image: x, ports: [{containerPort: 1, hostPort: 1}], securityContext: {privileged: true}}`, 1))
	w := inv.Workloads("")[0]
	before := w.Spec.DeepCopy()
	a, ok := Of(w)
	if !ok {
		t.Fatal("not recognised")
	}
	left := a.Excess(w)
	if left.Spec.HostNetwork || left.Spec.HostPID != true || left.Spec.HostIPC != true {
		t.Error("namespaces: hostPID and hostIPC are beyond its needs, hostNetwork is not")
	}
	var paths []string
	for _, v := range left.Spec.Volumes {
		if v.HostPath != nil {
			paths = append(paths, v.Name)
		}
	}
	if !slices.Equal(paths, []string{"libw", "etc"}) {
		t.Errorf("paths left: %q", paths)
	}
	own, other := left.Spec.Containers[0], left.Spec.Containers[1]
	if own.SecurityContext.Privileged != nil || own.Ports[0].HostPort != 0 || own.LivenessProbe.HTTPGet.Host != "" {
		t.Errorf("what it needs is left: %+v", own)
	}
	if other.SecurityContext.Privileged == nil || other.Ports[0].HostPort != 1 {
		t.Error("another's container is judged as the agent's")
	}
	if !reflect.DeepEqual(before, w.Spec) {
		t.Error("the workload itself was changed")
	}
}
