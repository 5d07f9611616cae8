package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

var (
	control *cluster.Cluster
	api     *client.Client
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// The tests wait, most of the time. -parallel overrides this.
	if err := flag.Set("test.parallel", "12"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	var err error
	control, err = cluster.New(ctx, "", cluster.WithStages(cluster.CrashLoop("test", "crash"), cluster.NotReady("test", "not-ready")))
	if err != nil {
		fmt.Fprintln(os.Stderr, "control plane:", err)
		return 1
	}
	defer control.Stop()
	if api, err = clientOf(control.Kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func clientOf(kubeconfig string) (*client.Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	return client.New(config)
}

// watcher looks often and soaks for a moment only.
func watcher() *Watcher {
	return &Watcher{Client: api, Clean: fixes.Clean, Interval: 100 * time.Millisecond, Soak: 500 * time.Millisecond}
}

// namespace makes one, named after the test. Made by the client rather than by
// kubectl, since so many are made at once.
func namespace(t *testing.T) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(strings.TrimPrefix(t.Name(), "Test")))
	create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	t.Cleanup(func() { control.Kubectl(t, "delete", "namespace", name, "--wait=false") })
	eventually(t, "ServiceAccount default", func() error {
		_, err := api.Get(t.Context(), fixes.Ref{Kind: fixes.KindServiceAccount, Namespace: name, Name: "default"})
		return err
	})
	return name
}

func create(t *testing.T, obj fixes.Object) fixes.Object {
	t.Helper()
	made, err := api.Create(t.Context(), obj, client.WriteOptions{FieldManager: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// workload returns one of a kind, named web. The spec is YAML, without template
// and selector.
func workload(t *testing.T, kind fixes.Kind, namespace, spec string) fixes.Object {
	t.Helper()
	obj := kind.New()
	text := fmt.Sprintf(`
metadata: {name: web, namespace: %s}
spec:
  selector: {matchLabels: {app: web}}
  %s
  template:
    metadata: {labels: {app: web, test: fine}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "example.com/web:1"}]
`, namespace, strings.ReplaceAll(spec, "\n", "\n  "))
	decode(t, text, obj)
	return obj
}

func decode(t *testing.T, text string, obj fixes.Object) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatal(err)
	}
}

// settledWorkload makes a workload in a namespace of its own and returns it
// when it is settled.
func settledWorkload(t *testing.T, kind fixes.Kind, spec string) fixes.Object {
	t.Helper()
	obj := create(t, workload(t, kind, namespace(t), spec))
	settle(t, obj)
	return read(t, fixes.RefOf(obj))
}

func settle(t *testing.T, obj fixes.Object) {
	t.Helper()
	eventually(t, "the workload settles", func() error {
		settled, err := watcher().Settled(t.Context(), obj)
		if err == nil && !settled {
			err = errors.New("not settled")
		}
		return err
	})
}

// podRuns waits for a pod with a label to run.
func podRuns(t *testing.T, namespace, name, label string) {
	t.Helper()
	eventually(t, "pod "+name+" runs", func() error {
		obj, err := api.Get(t.Context(), fixes.Ref{Kind: fixes.KindPod, Namespace: namespace, Name: name})
		if err != nil {
			return err
		}
		if pod := obj.(*corev1.Pod); pod.Labels["test"] != label || pod.Status.Phase != corev1.PodRunning {
			return errors.New("it does not")
		}
		return nil
	})
}

func read(t *testing.T, ref fixes.Ref) fixes.Object {
	t.Helper()
	obj, err := api.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return obj
}

func eventually(t *testing.T, what string, done func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = done(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// set replaces a field of an object, as the engine does, and returns what the
// server answers.
func set(t *testing.T, obj fixes.Object, path string, value any) fixes.Object {
	t.Helper()
	body, err := json.Marshal([]map[string]any{{"op": "add", "path": path, "value": value}})
	if err != nil {
		t.Fatal(err)
	}
	written, err := api.Patch(t.Context(), fixes.RefOf(obj), body, client.WriteOptions{FieldManager: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return written
}

const (
	labelPath = "/spec/template/metadata/labels/test"
	imagePath = "/spec/template/spec/containers/0/image"
)

// lines gathers what is reported.
type lines struct {
	mu   sync.Mutex
	list []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, line)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.list, "\n")
}

// during calls do when a rollout is first reported on.
func during(t *testing.T, do func()) func(string) {
	var once sync.Once
	return func(line string) {
		t.Log(line)
		once.Do(do)
	}
}

// failure demands that a rollout failed, for a reason with these words.
func failure(t *testing.T, err error, words ...string) Failure {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("%v is no failure", err)
	}
	t.Logf("%s\n%s", f.Reason, strings.Join(f.Details, "\n"))
	for _, word := range words {
		if !strings.Contains(f.Reason, word) {
			t.Errorf("the reason does not say %q", word)
		}
	}
	return *f
}

// podSpec is that of a pod that is to end.
func podSpec() corev1.PodSpec {
	return corev1.PodSpec{
		RestartPolicy:                 corev1.RestartPolicyNever,
		TerminationGracePeriodSeconds: new(int64(1)),
		Containers:                    []corev1.Container{{Name: "web", Image: "example.com/web:1"}},
	}
}

func quantity(n int64) *resource.Quantity { return resource.NewQuantity(n, resource.DecimalSI) }

func pods(t *testing.T, obj fixes.Object) []*corev1.Pod {
	t.Helper()
	objects, err := api.Select(t.Context(), fixes.KindPod, obj.GetNamespace(), "app=web", "")
	if err != nil {
		t.Fatal(err)
	}
	var list []*corev1.Pod
	for _, o := range objects {
		if pod := o.(*corev1.Pod); pod.DeletionTimestamp == nil {
			list = append(list, pod)
		}
	}
	return list
}
