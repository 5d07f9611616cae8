package controlplane

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func TestParse(t *testing.T) {
	env := []corev1.EnvVar{{Name: "LEVEL", Value: "3"}, {Name: "ETCD_AUTO_TLS", Value: "true"}, {Name: "ETCD_CERT_FILE", Value: "env"},
		{Name: "SECRET", ValueFrom: &corev1.EnvVarSource{}}}
	f := parse([]string{"--a=1", "--a=2", "--b", "value", "--profiling", "--c_d=x", "word", "-v=$(LEVEL)", "--s=$(SECRET)", "--sh=${X}",
		"--cert-file=flag", "--list=a, b", "--list=c", "--last", "--", "--after=1"}, env)
	for name, want := range map[string]value{
		"a": {"2", true}, "b": {"value", true}, "profiling": {"true", true}, "c-d": {"x", true}, "v": {"3", true},
		"s": {"$(SECRET)", false}, "sh": {"", false}, "cert-file": {"flag", true}, "auto-tls": {"true", true}, "last": {"true", true},
		"after": {"default", true}, "word": {"default", true},
	} {
		if text, known := f.last(name, "default"); (value{text, known}) != want {
			t.Errorf("%s is %q (%v), not %q (%v)", name, text, known, want.text, want.known)
		}
	}
	if list, known := f.list("list"); fmt.Sprint(list, known) != "[a b c] true" {
		t.Errorf("list %q, %v", list, known)
	}
	if f.is("s", true, true) || f.is("s", false, false) || f.without("s") {
		t.Error("something is said of a value that is not known")
	}
}

// TestProcessOf reads commands in the forms in which distributions write them.
func TestProcessOf(t *testing.T) {
	static := map[string]string{"component": "etcd", "tier": "control-plane"}
	for _, c := range []struct {
		name          string
		command, args []string
		image         string
		want          program
		flag          string // of --profiling
	}{
		{"kubeadm", []string{"kube-apiserver", "--profiling=false"}, nil, "x", apiServer, "false"},
		{"arguments apart", []string{"/usr/local/bin/kube-scheduler"}, []string{"--profiling=false"}, "x", scheduler, "false"},
		{"a runner of logs", []string{"/go-runner", "--log-file=/var/log/x.log", "/usr/local/bin/kube-controller-manager", "--profiling=false"}, nil, "x", controllerManager, "false"},
		{"a shell", []string{"/bin/sh", "-c", "mkfifo /tmp/p; (tee < /tmp/p & ) ; exec /usr/local/bin/kube-apiserver --profiling=false > /tmp/p 2>&1 --profiling=true"}, nil, "x", apiServer, "false"},
		{"a shell's variable", []string{"sh", "-c", "exec kube-apiserver --profiling=${P}"}, nil, "x", apiServer, ""},
		{"hyperkube", []string{"/hyperkube", "kube-apiserver", "--profiling=false"}, nil, "x", apiServer, "false"},
		{"the image's entry point", nil, []string{"--name=x", "--profiling=false"}, "quay.io/coreos/etcd:v3.6.1", etcd, "false"},
		{"another image", nil, []string{"--name=x"}, "quay.io/x/backup:1", "", ""},
		{"a name among arguments", []string{"watch", "kube-apiserver", "--profiling=false"}, nil, "x", "", ""},
		{"nothing", nil, nil, "x", "", ""},
	} {
		pod := &corev1.Pod{}
		pod.Labels = static
		pod.Spec.Containers = []corev1.Container{{Image: c.image, Command: c.command, Args: c.args}}
		w, _ := fixes.AsWorkload(pod)
		for container := range w.Containers() {
			p, ok := processOf(w, container)
			if ok != (c.want != "") || p.program != c.want {
				t.Errorf("%s: %q", c.name, p.program)
			}
			if text, known := p.flags.last("profiling", ""); text != c.flag || known != (c.name != "a shell's variable") {
				t.Errorf("%s: --profiling is %q", c.name, text)
			}
		}
	}
}

func TestMinorOf(t *testing.T) {
	for image, want := range map[string]int{
		"registry.k8s.io/kube-apiserver:v1.31.4": 31, "kube-scheduler:1.29.0-eks@sha256:0": 29, "x/kube-apiserver@sha256:0": 36,
		"registry.k8s.io/etcd:3.5.1-0": 36, "x:v1.2.3": 36,
	} {
		if got := minorOf(image, 36); got != want {
			t.Errorf("%s is of 1.%d", image, got)
		}
	}
}
