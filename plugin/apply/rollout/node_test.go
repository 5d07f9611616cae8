package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// program behaves as its argument says.
const program = `package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	mode := "run"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "fail": // at once
		fail("no such host: db")
	case "late": // when it is ready, without a probe
		time.Sleep(time.Second)
		fail("lost the connection")
	case "once": // the first time, as if the database were not there yet
		if _, err := os.Stat("/data/began"); err != nil {
			if err := os.WriteFile("/data/began", nil, 0o644); err != nil {
				fail(err.Error())
			}
			fail("not yet")
		}
	case "write":
		if err := os.WriteFile("/state", []byte("x"), 0o644); err != nil {
			fail(err.Error())
		}
	case "end":
		return
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	<-c
}

func fail(why string) {
	_ = os.WriteFile("/dev/termination-log", []byte(why), 0o644)
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
`

// nodeSpec is that of a pod with one container, of which the argument is how it
// behaves.
func nodeSpec(arg string) corev1.PodSpec {
	return corev1.PodSpec{
		TerminationGracePeriodSeconds: new(int64(1)),
		Volumes:                       []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		Containers: []corev1.Container{{
			Name: "web", Image: "program:1", Args: []string{arg},
			VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
		}},
	}
}

// nodeCase is a pod template of which a real kubelet makes something.
type nodeCase struct {
	name string
	arg  string
	edit func(pod *corev1.PodSpec, web *corev1.Container)
	// timeout is for those that would wait for long, and soak for one whose
	// failure the kubelet of a busy machine may tell late; else the defaults.
	timeout, soak time.Duration
	// words are in the reason of the failure; without any, all goes well.
	words []string
	// details are in the lines about it.
	details []string
}

var nodeCases = []nodeCase{
	{name: "good", arg: "run"},
	{name: "crashes-once", arg: "once"},
	{
		name: "must-not-be-root", arg: "run",
		edit: func(_ *corev1.PodSpec, web *corev1.Container) {
			web.SecurityContext = &corev1.SecurityContext{RunAsNonRoot: new(true)}
		},
		words: []string{"its containers cannot be started: container web: CreateContainerConfigError: ", "container has runAsNonRoot and image will run as root"},
	},
	{
		name: "missing-key", arg: "run",
		edit: func(_ *corev1.PodSpec, web *corev1.Container) {
			key := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}, Key: "password"}
			web.Env = []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: key}}}
		},
		words: []string{"its containers cannot be started: container web: CreateContainerConfigError: ", "couldn't find key password in Secret default/db"},
	},
	{
		name: "missing-image", arg: "run",
		edit:  func(_ *corev1.PodSpec, web *corev1.Container) { web.Image = "127.0.0.1:9/nothing:1" },
		words: []string{"its image cannot be pulled: container web: 127.0.0.1:9/nothing:1: ", "connection refused"},
	},
	{
		name: "missing-program", arg: "run",
		edit:  func(_ *corev1.PodSpec, web *corev1.Container) { web.Command = []string{"/nothing"} },
		words: []string{"cannot be started", "/nothing: no such file or directory"},
	},
	{
		name: "fails", arg: "fail",
		words:   []string{"its pods crash: container web exits with 1", "no such host: db"},
		details: []string{"ended with exit code 1, Error: no such host: db", "2 restarts", "BackOff: ", "kubectl logs pod/fails-"},
	},
	{
		name: "fails-when-ready", arg: "late", soak: 15 * time.Second,
		words: []string{"its pods crash: container web exits with 1", "lost the connection"},
	},
	{
		name: "read-only", arg: "write",
		edit: func(_ *corev1.PodSpec, web *corev1.Container) {
			web.SecurityContext = &corev1.SecurityContext{ReadOnlyRootFilesystem: new(true)}
		},
		words: []string{"its pods crash: container web exits with 1", "/state: read-only file system"},
	},
	{
		name: "init-fails", arg: "run",
		edit: func(pod *corev1.PodSpec, _ *corev1.Container) {
			pod.InitContainers = []corev1.Container{{Name: "migrate", Image: "program:1", Args: []string{"fail"}}}
		},
		words: []string{"its pods crash: init container migrate exits with 1"},
	},
	{
		name: "not-ready", arg: "run", timeout: 45 * time.Second, // a busy machine takes a while to start it
		edit: func(_ *corev1.PodSpec, web *corev1.Container) {
			web.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(81)}}}
		},
		words: []string{"it made no progress for 4", "its pods do not become ready: the readiness probe of container web does not succeed", "connection refused"},
	},
	{
		name: "missing-volume", arg: "run", timeout: 20 * time.Second,
		edit: func(pod *corev1.PodSpec, _ *corev1.Container) {
			pod.Volumes[0].VolumeSource = corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "nothing"}}
		},
		words: []string{"its containers do not start: container web waits, ContainerCreating", `secret "nothing" not found`},
	},
}

// TestRolloutOnNode watches rollouts of containers that run, or do not, on a real node.
func TestRolloutOnNode(t *testing.T) {
	if testing.Short() {
		t.Skip("what a real node does is not what the race detector looks at")
	}
	t.Parallel()
	node := cluster.StartNode(t)
	node.LoadProgram(t, "program:1", program, cluster.ImageConfig{})
	node.Kubectl(t, "create", "secret", "generic", "db", "--from-literal=user=shop")
	onNode, err := clientOf(node.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("Deployment", func(t *testing.T) {
		for _, c := range nodeCases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, onNode)
			})
		}
		t.Run("Job", func(t *testing.T) {
			t.Parallel()
			testNodeJob(t, onNode)
		})
	})
}

func (c nodeCase) run(t *testing.T, onNode *client.Client) {
	labels := map[string]string{"app": c.name}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: c.name, Namespace: "default"}}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	d.Spec.Template = corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: nodeSpec(c.arg)}
	if c.edit != nil {
		c.edit(&d.Spec.Template.Spec, &d.Spec.Template.Spec.Containers[0])
	}
	written, err := onNode.Create(t.Context(), d, client.WriteOptions{FieldManager: "test"})
	if err != nil {
		t.Fatal(err)
	}
	w := &Watcher{Client: onNode, Clean: fixes.Clean, Timeout: c.timeout, Soak: c.soak}
	start := time.Now()
	var told lines
	err = w.Wait(t.Context(), written, told.add)
	t.Logf("after %s", time.Since(start).Round(100*time.Millisecond))
	if len(c.words) == 0 {
		if err != nil {
			t.Errorf("%v\n%s", err, &told)
		}
		return
	}
	f := failure(t, err, c.words...)
	if f.TimedOut != (c.timeout > 0) {
		t.Errorf("timed out %v", f.TimedOut)
	}
	details := strings.Join(f.Details, "\n")
	for _, want := range c.details {
		if !strings.Contains(details, want) {
			t.Errorf("%q is not in the details", want)
		}
	}
}

// testNodeJob watches Jobs that were made anew: one that ends, and one whose
// pods fail, of which each is another.
func testNodeJob(t *testing.T, onNode *client.Client) {
	start := func(t *testing.T, arg string) error {
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "job-" + arg, Namespace: "default"}}
		j.Spec.Template.Spec = nodeSpec(arg)
		j.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
		made, err := onNode.Create(t.Context(), j, client.WriteOptions{FieldManager: "test"})
		if err != nil {
			t.Fatal(err)
		}
		return (&Watcher{Client: onNode, Clean: fixes.Clean}).Wait(t.Context(), made, nil)
	}
	for _, arg := range []string{"run", "end"} {
		t.Run(arg, func(t *testing.T) {
			t.Parallel()
			if err := start(t, arg); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("fail", func(t *testing.T) {
		t.Parallel()
		failure(t, start(t, "fail"), "its pods fail: container web exits with 1")
	})
}

// TestServerRestart goes on after the API server was killed and has come back.
func TestServerRestart(t *testing.T) {
	t.Parallel()
	own := cluster.Start(t)
	ownClient, err := clientOf(own.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	// It stands still all the time: what is tested is that it is looked at.
	own.Apply(t, `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"}, "spec": {
		"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
		"nodeSelector": {"no": "such"}, "containers": [{"name": "web", "image": "example.com/web:1"}]}}}}`)
	written, err := ownClient.Get(t.Context(), fixes.Ref{Kind: fixes.KindDeployment, Namespace: "default", Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	w := watcher()
	w.Client = ownClient
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var told lines
	var killed, missed bool
	back := make(chan error, 1)
	err = w.Wait(ctx, written, func(line string) {
		told.add(line)
		switch seen := strings.Contains(line, "its pods cannot be scheduled"); {
		case seen && !killed:
			killed = true
			own.KillAPIServer()
			time.AfterFunc(2*time.Second, func() { back <- own.StartAPIServer(t.Context()) })
		case seen && missed:
			cancel()
		case strings.HasPrefix(line, "it cannot be read now: "):
			missed = true
		}
	})
	if !errors.Is(err, context.Canceled) || !missed {
		t.Errorf("%v\n%s", err, &told)
	}
	if err := <-back; err != nil {
		t.Error(err)
	}
}
