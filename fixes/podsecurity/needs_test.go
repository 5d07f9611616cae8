package podsecurity

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// process is what was seen of container c of pod web-1.
func process(image string, change func(*fixes.Process)) fixes.Object {
	p := &fixes.Process{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fixes.ProcessName("web-1", "c")},
		Pod:        "web-1", Container: "c", Image: image, Commands: []string{"cat /proc/1/status"},
	}
	change(p)
	return p
}

func registrySays(image, user string, volumes ...string) fixes.Object {
	return &fixes.Image{ObjectMeta: metav1.ObjectMeta{Name: image}, User: user, Volumes: volumes, Ports: []string{"443/tcp"}}
}

func runs(image string) string { return "containers: [{name: c, image: \"" + image + "\"}]" }

var root = fixes.RunningProcess{PID: 1, Name: "nginx", Effective: []string{"CHOWN", "SETUID"}}

func worker(uid int64, caps ...string) fixes.RunningProcess {
	return fixes.RunningProcess{PID: 7, Name: "worker", UID: uid, GID: uid + 1, Effective: caps}
}

func TestRunAsNonRootByEvidence(t *testing.T) {
	const at = "spec.securityContext.runAsNonRoot"
	live := func(spec string) string { return deployment(spec) + pod("{}", spec) }
	fixestest.Table(t, runAsNonRoot(), []fixestest.Case{{
		Name:    "a known image that runs as a user",
		Objects: deployment(runs("prom/prometheus:v2.50.0")),
		Want:    want(at, fixes.Safe),
		Diff:    []string{"+ runAsNonRoot: true", "+ runAsUser: 65534", "+ runAsGroup: 65534"},
		NotDiff: []string{"+ sysctls:", "+ fsGroup: 65534"},
	}, {
		Name:    "its mirror",
		Objects: deployment(runs("registry.acme/prom/prometheus:v2.50.0")),
		Want:    want(at, fixes.Review),
		Diff:    []string{"+ runAsUser: 65534"},
	}, {
		Name: "a known image that starts as root: its port, its claim",
		Objects: deployment("containers: [{name: c, image: \"nginx:1.27\", volumeMounts: [{name: d, mountPath: /d}]}]\n" +
			"volumes: [{name: d, persistentVolumeClaim: {claimName: d}}]"),
		Want: want(at, fixes.Review),
		Diff: []string{"+ runAsUser: 101", "+ runAsGroup: 101", "+ fsGroup: 101", "+ fsGroupChangePolicy: OnRootMismatch",
			"+ - name: net.ipv4.ip_unprivileged_port_start"},
	}, {
		Name: "an fsGroup stays, the host's ports are the host's, and a claim that is only read needs nothing",
		Objects: deployment("hostNetwork: true\nsecurityContext: {fsGroup: 5}\n" +
			"containers: [{name: c, image: \"nginx:1.27\", volumeMounts: [{name: d, mountPath: /d, readOnly: true}]}]\n" +
			"volumes: [{name: d, persistentVolumeClaim: {claimName: d}}]"),
		Want:    want(at, fixes.Review),
		Diff:    []string{"+ runAsUser: 101"},
		NotDiff: []string{"- fsGroup: 5", "+ fsGroupChangePolicy: OnRootMismatch", "+ - name: net.ipv4.ip_unprivileged_port_start"},
	}, {
		Name:    "an emptyDir is everybody's",
		Objects: deployment("containers: [{name: c, image: \"redis:7\", volumeMounts: [{name: d, mountPath: /data}]}]\nvolumes: [{name: d, emptyDir: {}}]"),
		Want:    want(at, fixes.Review),
		Diff:    []string{"+ runAsUser: 999"},
		NotDiff: []string{"+ fsGroup: 999", "+ - name: net.ipv4.ip_unprivileged_port_start"},
	}, {
		Name: "a Secret that others may not read",
		Objects: deployment("containers: [{name: c, image: \"redis:7\", volumeMounts: [{name: d, mountPath: /etc/d}]}]\n" +
			"volumes: [{name: d, secret: {secretName: d, defaultMode: 256}}]"),
		Want: want(at, fixes.Review),
		Diff: []string{"+ fsGroup: 999"},
	}, {
		Name:    "a known image that starts as root, and no more is known",
		Objects: deployment(runs("python:3.12")),
		Want:    want(at, fixes.Manual),
	}, {
		Name:    "the registry says a number",
		Objects: deployment(runs("x")),
		Facts:   []fixes.Object{registrySays("x", "1000:1000")},
		Want:    want(at, fixes.Safe),
		NotDiff: []string{"+ runAsUser: 1000"},
	}, {
		Name:    "the registry says a name",
		Objects: deployment(runs("x")),
		Facts:   []fixes.Object{registrySays("x", "app")},
		Want:    want(at, fixes.Review),
	}, {
		Name:    "the registry says a name whose number is known",
		Objects: deployment(runs("jenkins/jenkins:lts")),
		Facts:   []fixes.Object{registrySays("jenkins/jenkins:lts", "jenkins")},
		Want:    want(at, fixes.Safe),
		Diff:    []string{"+ runAsUser: 1000"},
	}, {
		Name:    "the registry says root",
		Objects: deployment(runs("x")),
		Facts:   []fixes.Object{registrySays("x", "")},
		Want:    want(at, fixes.Manual),
	}, {
		Name:    "the registry did not answer",
		Objects: deployment(runs("x")),
		Facts:   []fixes.Object{&fixes.Image{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Err: "unauthorized"}},
		Want:    want(at, fixes.Review),
	}, {
		Name:    "its process is seen to be a user's, though its image is root",
		Objects: live(runs("x")),
		Facts:   []fixes.Object{registrySays("x", ""), process("x", func(p *fixes.Process) { p.Running = []fixes.RunningProcess{worker(7)} })},
		Live:    true,
		Want:    want(at, fixes.Safe),
		Diff:    []string{"+ runAsUser: 7", "+ runAsGroup: 8"},
	}, {
		Name:    "a process that switched from root",
		Objects: live(runs("x")),
		Facts: []fixes.Object{process("x", func(p *fixes.Process) {
			p.Running, p.Listens, p.ListensKnown = []fixes.RunningProcess{root, worker(33)}, []int32{80}, true
		})},
		Live: true,
		Want: want(at, fixes.Review),
		Diff: []string{"+ runAsUser: 33", "+ - name: net.ipv4.ip_unprivileged_port_start"},
	}, {
		Name:    "a process of root and no other",
		Objects: live(runs("x")),
		Facts:   []fixes.Object{process("x", func(p *fixes.Process) { p.Running = []fixes.RunningProcess{root} })},
		Live:    true,
		Want:    want(at, fixes.Manual),
	}, {
		Name:    "a process of another image says nothing",
		Objects: live(runs("x")),
		Facts:   []fixes.Object{process("y", func(p *fixes.Process) { p.Running = []fixes.RunningProcess{worker(7)} })},
		Live:    true,
		Want:    want(at, fixes.Review),
		NotDiff: []string{"+ runAsUser: 7"},
	}, {
		Name:    "made to run as root, though its image is known to run as a user",
		Objects: deployment("securityContext: {runAsUser: 0}\n" + runs("prom/prometheus:v2.50.0")),
		Want:    want(at, fixes.Review),
		Diff:    []string{"- runAsUser: 0", "+ runAsUser: 65534"},
	}, {
		Name:    "a Windows pod is not given a Linux user",
		Objects: deployment("os: {name: windows}\n" + runs("prom/prometheus:v2.50.0")),
		Want:    want(at, fixes.Safe),
		NotDiff: []string{"+ runAsUser: 65534"},
	}})
}

func TestCapabilitiesByEvidence(t *testing.T) {
	const drop = "spec.containers[0].securityContext.capabilities.drop"
	live := func(spec string) string { return deployment(spec) + pod("{}", spec) }
	seen := func(running ...fixes.RunningProcess) []fixes.Object {
		return []fixes.Object{process("x", func(p *fixes.Process) {
			p.Running, p.Listens, p.ListensKnown = running, []int32{80}, true
		})}
	}
	fixestest.Table(t, capabilities(), []fixestest.Case{{
		Name:    "a known image that needs none",
		Objects: deployment(runs("prom/prometheus:v2.50.0")),
		Want:    want(drop, fixes.Safe),
		NotDiff: []string{"+ - NET_BIND_SERVICE", "+ runAsUser: 65534"},
	}, {
		Name:    "made to run as root",
		Objects: deployment("securityContext: {runAsUser: 0}\n" + runs("prom/prometheus:v2.50.0")),
		Want:    want(drop, fixes.Review),
	}, {
		Name:    "another command",
		Objects: deployment("containers: [{name: c, image: \"prom/prometheus:v2.50.0\", command: [sh]}]"),
		Want:    want(drop, fixes.Review),
	}, {
		Name:    "a program file that carries a capability keeps it",
		Objects: deployment(runs("registry.k8s.io/coredns/coredns:v1.11.1")),
		Want:    want(drop, fixes.Safe),
		Diff:    []string{"+ - NET_BIND_SERVICE"},
	}, {
		Name:    "it switches from root: without capabilities it starts as the user",
		Objects: deployment(runs("nginx:1.27")),
		Want:    want(drop, fixes.Review),
		Diff:    []string{"+ - ALL", "+ runAsUser: 101", "+ - name: net.ipv4.ip_unprivileged_port_start"},
	}, {
		Name:    "processes that use none, on a low port: they do without",
		Objects: live(runs("x")),
		Facts:   seen(worker(5), worker(5)),
		Live:    true,
		Want:    want(drop, fixes.Safe),
		NotDiff: []string{"+ - NET_BIND_SERVICE"},
	}, {
		Name:    "a process that uses the one that may stay",
		Objects: live(runs("x")),
		Facts:   seen(worker(5, "NET_BIND_SERVICE")),
		Live:    true,
		Want:    want(drop, fixes.Safe),
		Diff:    []string{"+ - NET_BIND_SERVICE"},
	}, {
		Name:    "a process that uses another",
		Objects: live(runs("x")),
		Facts:   seen(worker(5), worker(5, "NET_RAW")),
		Live:    true,
		Want:    want(drop, fixes.Review),
	}, {
		Name:    "root",
		Objects: live(runs("x")),
		Facts:   seen(root),
		Live:    true,
		Want:    want(drop, fixes.Review),
		Diff:    []string{"+ - NET_BIND_SERVICE"},
	}, {
		Name:    "the registry says that it listens on a low port",
		Objects: deployment(runs("x")),
		Facts:   []fixes.Object{registrySays("x", "1000")},
		Want:    want(drop, fixes.Review),
		Diff:    []string{"+ - NET_BIND_SERVICE"},
	}})
}

func TestFSWritable(t *testing.T) {
	const at = "spec.containers[0].securityContext.readOnlyRootFilesystem"
	live := func(spec string) string { return deployment(spec) + pod("{}", spec) }
	wrote := func(change func(*fixes.Process)) []fixes.Object {
		return []fixes.Object{process("x", func(p *fixes.Process) {
			p.Running, p.WrittenKnown = []fixes.RunningProcess{worker(5)}, true
			change(p)
		})}
	}
	fixestest.Table(t, fsWritable(), []fixestest.Case{{
		Name:    "nothing is known: /tmp",
		Objects: deployment(runs("x")),
		Want:    want(at, fixes.Review),
		Diff:    []string{"+ readOnlyRootFilesystem: true", "+ - mountPath: /tmp", "+ sizeLimit: 256Mi"},
	}, {
		Name:    "a volume is there already, and one below",
		Objects: deployment("containers: [{name: c, image: x, volumeMounts: [{name: t, mountPath: /tmp/}, {name: u, mountPath: /u}]}]\nvolumes: [{name: t, emptyDir: {}}, {name: u, configMap: {name: u}}]"),
		Want:    want(at, fixes.Review),
		NotDiff: []string{"+ sizeLimit: 256Mi"},
	}, {
		Name:    "made so by its makers",
		Objects: deployment(runs("prom/node-exporter:v1.8.0")),
		Want:    want(at, fixes.Safe),
		NotDiff: []string{"+ - mountPath: /tmp"},
	}, {
		Name:    "made so, with a folder",
		Objects: deployment("containers: [{name: c, image: \"registry.k8s.io/metrics-server/metrics-server:v0.7.0\", args: [--cert-dir=/tmp/certs, --secure-port=10250]}]"),
		Want:    want(at, fixes.Review),
		Diff:    []string{"+ - mountPath: /tmp"},
	}, {
		Name: "made so, told of mounted paths alone",
		Objects: deployment("containers: [{name: c, image: \"prom/node-exporter:v1.8.0\", args: [--path.rootfs=/host, --web.listen-address=:9100], volumeMounts: [{name: h, mountPath: /host}]}]\n" +
			"volumes: [{name: h, hostPath: {path: /}}]"),
		Want: want(at, fixes.Safe),
	}, {
		Name:    "made so, run with another command",
		Objects: deployment("containers: [{name: c, image: \"prom/node-exporter:v1.8.0\", command: [sh]}]"),
		Want:    want(at, fixes.Review),
	}, {
		Name:    "a mirror of it",
		Objects: deployment(runs("registry.acme/prom/node-exporter:v1.8.0")),
		Want:    want(at, fixes.Review),
	}, {
		Name:    "known to write, with content that is needed",
		Objects: deployment(runs("cassandra:4.1")),
		Want:    want(at, fixes.Review),
		Diff:    []string{"+ - mountPath: /etc/cassandra", "+ subPath: content", "+ - /etc/cassandra/.", "+ - mountPath: /var/lib/cassandra"},
	}, {
		Name:    "seen to write, and may write no more",
		Objects: live(runs("x")),
		Facts: wrote(func(p *fixes.Process) {
			p.Written = []string{"/run/app.pid", "/run/", "/var/log/app/access.log"}
			p.Writable, p.WritableKnown = []string{"/tmp", "/run", "/run/app.pid", "/var/log/app", "/var/log/app/access.log"}, true
		}),
		Live:    true,
		Want:    want(at, fixes.Safe),
		Diff:    []string{"+ - mountPath: /run", "+ - mountPath: /var/log/app", "+ - mountPath: /tmp"},
		NotDiff: []string{"+ subPath: content"},
	}, {
		Name:    "seen to write, but may write more",
		Objects: live(runs("x")),
		Facts: wrote(func(p *fixes.Process) {
			p.Writable, p.WritableKnown = []string{"/tmp", "/var/app"}, true
		}),
		Live: true,
		Want: want(at, fixes.Review),
	}, {
		Name:    "seen to change its own files: they are copied",
		Objects: live(runs("x")),
		Facts:   wrote(func(p *fixes.Process) { p.Written = []string{"/etc/app/conf.d/site.conf"} }),
		Live:    true,
		Want:    want(at, fixes.Review),
		Diff:    []string{"+ - mountPath: /etc/app/conf.d", "+ - /etc/app/conf.d/."},
	}, {
		Name:    "seen to write to the root",
		Objects: live(runs("x")),
		Facts:   wrote(func(p *fixes.Process) { p.Written = []string{"/state"} }),
		Live:    true,
		Want:    want(at, fixes.Manual),
	}, {
		Name:    "its makers' manifest says so, but it is seen to write elsewhere",
		Objects: live(runs("prom/node-exporter:v1.8.0")),
		Facts: []fixes.Object{process("prom/node-exporter:v1.8.0", func(p *fixes.Process) {
			p.WrittenKnown, p.Written = true, []string{"/var/app/x"}
		})},
		Live: true,
		Want: want(at, fixes.Review),
		Diff: []string{"+ - mountPath: /var/app"},
	}, {
		Name:    "the image wants volumes",
		Objects: deployment(runs("x")),
		Facts:   []fixes.Object{registrySays("x", "", "/data/")},
		Want:    want(at, fixes.Review),
		Diff:    []string{"+ - mountPath: /data"},
	}, {
		Name:    "one of two, and an init container",
		Objects: deployment("initContainers: [{name: i, image: x}]\ncontainers: [{name: c, image: x, securityContext: {readOnlyRootFilesystem: true}}, {name: d, image: x, securityContext: {readOnlyRootFilesystem: false}}]"),
		Want:    want("spec.initContainers[0].securityContext.readOnlyRootFilesystem", fixes.Review),
		Diff:    []string{"- readOnlyRootFilesystem: false"},
	}, {
		Name:    "two containers of one name, which the API server refuses",
		Objects: deployment("containers: [{name: c, image: x}, {name: c, image: x}]"),
		Want:    want(at, fixes.Manual),
	}, {
		Name:    "read-only",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {readOnlyRootFilesystem: true}}]"),
	}, {
		Name:    "Windows has no such thing",
		Objects: deployment("nodeSelector: {kubernetes.io/os: windows}\n" + runs("x")),
	}})
}

// TestEvidenceIsListed shows that a finding says what its fix rests on.
func TestEvidenceIsListed(t *testing.T) {
	spec := runs("nginx:1.27")
	inv := fixestest.Load(t, deployment(spec)+pod("{}", spec))
	inv.Live, inv.ServerMinor = true, 37
	inv.Add(process("nginx:1.27", func(p *fixes.Process) {
		p.Running, p.WrittenKnown, p.Written = []fixes.RunningProcess{root, worker(101)}, true, []string{"/run/nginx.pid"}
	}))
	for rule, parts := range map[*fixes.Rule][]string{
		runAsNonRoot(): {"its first process runs as user 0, seen in pod web-1 by: cat /proc/1/status; its process worker runs as user 101"},
		capabilities(): {"its process worker runs as user 101"},
		fsWritable():   {"known image docker.io/library/nginx: https://github.com/", "it has written nothing beside, seen in pod web-1 by: "},
	} {
		found := fixes.Scan(inv, []*fixes.Rule{rule}).Findings
		evidence := strings.Join(found[0].Evidence, "\n")
		for _, part := range parts {
			if !strings.Contains(evidence, part) {
				t.Errorf("%s: the evidence lacks %q:\n%s", rule.ID, part, evidence)
			}
		}
		if !slices.Contains(rule.Kinds, fixes.KindProcess) || !slices.Contains(rule.Kinds, fixes.KindImage) {
			t.Errorf("%s does not wait for the facts", rule.ID)
		}
	}
}
