package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

const procFiles = "shell 40\nfile /proc/1/status\n" + workerStatus + "\nfile /proc/40/status\n" + shellStatus + `
file /proc/mounts
overlay / overlay rw 0 0
/dev/vda /data ext4 rw 0 0
proc /proc proc rw 0 0
file /proc/net/tcp
   0: 00000000:1F90 00000000:0000 0A 0 0 0 0 0 21
`

const (
	workerStatus = "Name:	worker\nPid:	1\nPPid:	0\nUid:	5	5	5	5\nGid:	6	6	6	6\nGroups:	\nCapEff:	0\nCapBnd:	0"
	shellStatus  = "Name:	sh\nPid:	40\nPPid:	0\nUid:	5	5	5	5\nGid:	6	6	6	6\nGroups:	\nCapEff:	0\nCapBnd:	0"
)

// image plays the programs of an image: each prints a text.
type image map[string]string

func (im image) run(_ context.Context, command ...string) (string, error) {
	line, best := strings.Join(command, " "), ""
	for begins := range im {
		if strings.HasPrefix(line, begins) && len(begins) > len(best) {
			best = begins
		}
	}
	switch out := im[best]; {
	case best == "":
		return "", errMissing
	case out == "TOO MUCH":
		return "/a\x00/b", errTooMuch
	default:
		return out, nil
	}
}

// TestWhatAnImageHas looks into images that have less and less to look with.
func TestWhatAnImageHas(t *testing.T) {
	for _, c := range []struct {
		name    string
		image   image
		err     string
		user    int64
		written []string // nil: not known
		listens []int32
		ran     int
	}{
		{"shell and find", image{"sh": procFiles, "find / -xdev -type d -newer": "/run\x00/data\x00", "find / -xdev ! -type d": "/run/x\x00", "find": ""},
			"", 5, []string{"/run/", "/run/x"}, []int32{8080}, 5},
		{"busybox alone", image{"busybox sh": procFiles, "busybox find": ""}, "", 5, []string{}, []int32{8080}, 5},
		{"a shell without find", image{"sh": procFiles}, "", 5, nil, []int32{8080}, 1},
		{"find says more than is read", image{"sh": procFiles, "find": "TOO MUCH"}, "", 5, nil, []int32{8080}, 5},
		{"cat alone", image{"cat /proc/1/status": workerStatus, "cat /proc/mounts": "overlay / overlay rw 0 0\nproc /proc proc rw 0 0", "cat": ""},
			"", 5, nil, []int32{}, 6},
		{"nothing", image{}, "the image has no shell and no cat to look with", 0, nil, nil, 0},
		{"a shell that says something else", image{"sh": "hello\nfile x\n"}, "what the container says of its processes cannot be read", 0, nil, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &looking{runner: c.image.run, fact: &fixes.Process{}, pod: &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}}}
			err := l.all(t.Context())
			f := l.fact
			if err != nil && phrase(err) != c.err || err == nil && c.err != "" {
				t.Errorf("error %v", err)
			}
			if c.err == "" && (len(f.Running) != 1 || f.Running[0].UID != c.user) {
				t.Errorf("running %+v", f.Running)
			}
			if f.WrittenKnown != (c.written != nil) || f.WrittenKnown && !slices.Equal(f.Written, c.written) {
				t.Errorf("written %v %q", f.WrittenKnown, f.Written)
			}
			if f.ListensKnown != (c.listens != nil) || !slices.Equal(f.Listens, c.listens) {
				t.Errorf("listens %v %v", f.ListensKnown, f.Listens)
			}
			if len(f.Commands) != c.ran {
				t.Errorf("ran %q", f.Commands)
			}
		})
	}
}

func TestOtherContainersOfThePod(t *testing.T) {
	two := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}, {Name: "d"}}}}
	for _, c := range []struct {
		open  string
		known bool
		ports []int32
	}{
		{"/proc/1/fd:\nl 0 -> /x\nl 1 -> socket:[21]\n", true, []int32{8080}},
		{"/proc/1/fd:\nl 0 -> /x\n", true, nil},
		{"/proc/1/fd:\n", false, nil},
	} {
		l := &looking{runner: image{"sh -c ls": c.open, "sh": procFiles}.run, fact: &fixes.Process{}, pod: two}
		if err := l.all(t.Context()); err != nil {
			t.Fatal(err)
		}
		if l.fact.ListensKnown != c.known || !slices.Equal(l.fact.Listens, c.ports) {
			t.Errorf("%q: %v %v", c.open, l.fact.ListensKnown, l.fact.Listens)
		}
	}
	shared := true
	two.Spec.ShareProcessNamespace = &shared
	l := &looking{runner: image{"sh": procFiles}.run, fact: &fixes.Process{}, pod: two}
	if err := l.all(t.Context()); err != nil || len(l.fact.Running) > 0 {
		t.Errorf("%v: the processes of a shared namespace are anybody's: %+v", err, l.fact.Running)
	}
}

func TestPhrases(t *testing.T) {
	for want, err := range map[string]error{
		"forbidden":       apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "x", errors.New("no")),
		"the pod is gone": apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "x"),
		"interrupted":     fmt.Errorf("x: %w", context.Canceled),
		"\\x1b[2J":        errors.New("\x1b[2J"),
	} {
		if got := phrase(err); got != want && got != fixes.Clean("\x1b[2J") {
			t.Errorf("%v: %q", err, got)
		}
	}
	if got := phrase(errors.New(strings.Repeat("é", 500))); len(got) > 200 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestTopmost(t *testing.T) {
	got := topmost([]string{"/var/app/b", "/var/app-x", "/var/app", "/var/app/b/c"})
	if want := []string{"/var/app", "/var/app-x"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

type noConfig struct{}

func (noConfig) ToRESTConfig() (*rest.Config, error) { return &rest.Config{}, nil }

// TestWhoIsLookedInto chooses one running container for each of a workload's,
// and says once what could not be seen.
func TestWhoIsLookedInto(t *testing.T) {
	inv := fixes.NewInventory()
	add := func(ns, name, image string, running bool) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: image}}}}
		if running {
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
		}
		inv.Add(pod)
	}
	add("a", "runs", "x", true)
	add("a", "waits", "x", false)
	add("b", "one", "x", true)
	add("b", "two", "x", true)
	add("c", "bare", "x", true)
	var emitted []string
	var skips []fixes.Skip
	p := &Processes{Connection: noConfig{}, look: func(_ context.Context, _ *rest.Config, pod *corev1.Pod, c string) (*fixes.Process, error) {
		fact := &fixes.Process{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: fixes.ProcessName(pod.Name, c)}}
		switch pod.Namespace {
		case "b":
			return fact, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, pod.Name, nil)
		case "c":
			fact.Err = "nothing to look with"
		}
		return fact, nil
	}}
	err := p.Load(t.Context(), inv, func(b source.Batch) {
		for _, o := range b.Objects {
			emitted = append(emitted, o.GetNamespace()+"/"+o.GetName())
		}
		skips = append(skips, b.Skips...)
	})
	slices.Sort(emitted)
	want := []fixes.Skip{{Resource: "pods/exec", Reason: "1 container: nothing to look with"}, {Resource: "pods/exec", Namespace: "b", Reason: "forbidden"}}
	if err != nil || !slices.Equal(emitted, []string{"a/runs/c", "c/bare/c"}) || !slices.Equal(skips, want) {
		t.Errorf("%v %q %+v", err, emitted, skips)
	}
}
