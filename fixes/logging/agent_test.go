package logging

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
)

const digest = "@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"

// policies are what may be asked for, by what is told of them.
var policies = map[string]fixes.LogPolicy{
	"stdout":               {Output: fixes.LogStdout},
	"forward":              {Output: fixes.LogForward, Host: "logs.example.com", Port: 24224, TLS: true, Secret: "logs"},
	"forward, plain":       {Output: fixes.LogForward, Host: "10.0.0.1", Port: 24224},
	"elasticsearch":        {Output: fixes.LogElasticsearch, Host: "es.example.com", Port: 9200, TLS: true, Secret: "logs", Path: "a/b"},
	"elasticsearch, plain": {Output: fixes.LogElasticsearch, Host: "es", Port: 9200},
	"loki":                 {Output: fixes.LogLoki, Host: "loki.example.com", Port: 3100, TLS: true, Secret: "logs", Image: "ghcr.io/kube-logging/fluentd" + digest},
	"loki, plain, IPv6":    {Output: fixes.LogLoki, Host: "fd00::1", Port: 3100, Image: "x" + digest},
	"s3":                   {Output: fixes.LogS3, Bucket: "logs", Region: "eu-central-1", Path: "prod/eu", Secret: "logs", Image: "x" + digest},
	"s3 by role":           {Output: fixes.LogS3, Bucket: "logs", Region: "eu-central-1", Image: "x" + digest},
}

// TestConfiguration reads the configuration for each output strictly, and looks at
// what it does.
func TestConfiguration(t *testing.T) {
	for name, p := range policies {
		text := fluentConf(p)
		if err := checkFluentd(text); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
			continue
		}
		root, err := parseStrictly(text)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{string(p.Output), "relabel"}; !slices.Equal(root.kinds("match"), sorted(want)) {
			t.Errorf("%s: outputs %q, want %q", name, root.kinds("match"), want)
		}
		metadata := "kubernetes_metadata"
		if p.Output == fixes.LogLoki {
			metadata = "record_transformer"
		}
		if !slices.Equal(root.kinds("filter"), []string{"concat", metadata}) {
			t.Errorf("%s: filters %q", name, root.kinds("filter"))
		}
		if n := len(root.find("buffer")); n != 1 && p.Output != fixes.LogStdout {
			t.Errorf("%s: %d buffers", name, n)
		}
		for _, b := range root.find("buffer") {
			if b.params["overflow_action"] != "block" || !strings.HasPrefix(b.params["path"], bufferFolder+"/") || (b.arg == "time") != (p.Output == fixes.LogS3) {
				t.Errorf("%s: buffer %q %v", name, b.arg, b.params)
			}
		}
		if secured := regexp.MustCompile(`(?m)^ *(scheme https|url https:.*|transport tls)$`).MatchString(text); secured != p.TLS {
			t.Errorf("%s: TLS %v", name, secured)
		}
		// What the product's own reader makes of it.
		pipe := readFluentd(map[string]string{"fluent.conf": text})
		if !pipe.reads("shop", "web") || !pipe.reads("kube-system", "etcd-a") || pipe.reads(agentNamespace, agentName+"-x2v8k") || pipe.partial {
			t.Errorf("%s: read as %+v", name, pipe)
		}
		if ships, _ := pipe.ships(); ships != (p.Output != fixes.LogStdout) {
			t.Errorf("%s: ships %v", name, ships)
		}
	}
}

func sorted(list []string) []string { slices.Sort(list); return list }

// TestExpression tries the expression of the configuration on lines as runtimes
// write them.
func TestExpression(t *testing.T) {
	root, err := parseStrictly(fluentConf(policies["stdout"]))
	if err != nil {
		t.Fatal(err)
	}
	expression := regexp.MustCompile(strings.Trim(root.find("parse")[0].params["expression"], "/"))
	for line, want := range map[string]string{
		"2026-11-29T10:00:00.123456789Z stdout F hello world":    "hello world",
		"2026-11-29T10:00:00.123456789+02:00 stderr P half of a": "half of a",
		"2026-11-29T10:00:00.1Z stdout F ":                       "",
		"2026-11-29T10:00:00.1Z stdout F:tag x":                  "x",
	} {
		m := expression.FindStringSubmatch(line)
		if m == nil || m[expression.SubexpIndex("log")] != want || m[expression.SubexpIndex("time")] == "" {
			t.Errorf("%q: %q", line, m)
		}
	}
	const docker = `{"log":"hello\n","stream":"stdout","time":"2026-11-29T10:00:00Z"}`
	if m := expression.FindStringSubmatch(docker); m == nil || m[expression.SubexpIndex("json")] != docker {
		t.Errorf("%q: %q", docker, m)
	}
}

// TestPod demands that the agent's pod breaks hostPath alone of the restricted
// standard, tolerates everything, and bounds what it takes.
func TestPod(t *testing.T) {
	for name, p := range policies {
		inv := fixes.NewInventory()
		inv.Logs = p
		objects := agentObjects(inv)
		ds := objects[slices.IndexFunc(objects, func(o fixes.Object) bool { _, ok := o.(*appsv1.DaemonSet); return ok })].(*appsv1.DaemonSet)
		spec := &ds.Spec.Template.Spec
		judge := podsecurity.NewJudge(inv)
		if level, why := judge.Level(&ds.Spec.Template.ObjectMeta, spec); level != api.LevelPrivileged || !slices.Equal(why, []string{"hostPath volumes"}) {
			t.Errorf("%s: %s, since %q", name, level, why)
		}
		without := spec.DeepCopy()
		for i := range without.Volumes {
			if without.Volumes[i].HostPath != nil {
				without.Volumes[i].VolumeSource = emptyDir("1Mi")
			}
		}
		if level, why := judge.Level(&metav1.ObjectMeta{}, without); level != api.LevelRestricted {
			t.Errorf("%s without hostPath: %s, since %q", name, level, why)
		}
		c := spec.Containers[0]
		for _, m := range c.VolumeMounts {
			v := spec.Volumes[slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })]
			if v.HostPath != nil && !m.ReadOnly {
				t.Errorf("%s: %s is mounted to be written", name, v.HostPath.Path)
			}
			if v.EmptyDir != nil && v.EmptyDir.SizeLimit == nil {
				t.Errorf("%s: %s has no bound", name, v.Name)
			}
		}
		for _, e := range c.Env {
			if strings.HasPrefix(e.Name, "LOG_") && (e.Value != "" || e.ValueFrom.SecretKeyRef.Name != p.Secret) {
				t.Errorf("%s: %s is no reference to %s", name, e.Name, p.Secret)
			}
		}
		// All variables that the configuration reads are there.
		for _, m := range regexp.MustCompile(`ENV\['([A-Z0-9_]+)'\]`).FindAllStringSubmatch(fluentConf(p), -1) {
			if !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == m[1] }) {
				t.Errorf("%s: the configuration reads %s, which is not set", name, m[1])
			}
		}
		rights := slices.ContainsFunc(objects, func(o fixes.Object) bool { return fixes.RefOf(o).Kind == fixes.KindClusterRole })
		if rights != labelled(p) || *spec.AutomountServiceAccountToken != rights {
			t.Errorf("%s: rights %v, token %v", name, rights, *spec.AutomountServiceAccountToken)
		}
		taints := []corev1.Taint{{Key: "a", Value: "b", Effect: corev1.TaintEffectNoExecute}, {Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}}
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{corev1.LabelOSStable: "linux"}}, Spec: corev1.NodeSpec{Taints: taints}}
		if !place(spec, node).lands() {
			t.Errorf("%s: kept off %v", name, taints)
		}
	}
}

// TestDockerFolder: Docker's folder is mounted where a node has it, and nowhere else.
func TestDockerFolder(t *testing.T) {
	inv := fixes.NewInventory()
	for runtime, want := range map[string]bool{"containerd://2.1.0": false, "docker://28.0.1": true} {
		inv.Add(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{ContainerRuntimeVersion: runtime}}})
		if got := slices.Contains(logFoldersOf(inv), dockerLogs); got != want {
			t.Errorf("%s: %v", runtime, got)
		}
	}
}
