package fixes_test

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func scratchWorkload() fixes.Workload {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
	d.Spec.Template.Spec = corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "seed-etc-app", Image: "other"}},
		Containers: []corev1.Container{
			{Name: "c", Image: "x:1", ImagePullPolicy: corev1.PullAlways,
				SecurityContext: &corev1.SecurityContext{RunAsUser: new(int64(7))},
				Env:             []corev1.EnvVar{{Name: "PASSWORD", Value: "x"}},
				VolumeMounts:    []corev1.VolumeMount{{Name: "data", MountPath: "/data/"}, {Name: "scratch-tmp", MountPath: "/opt"}}},
			{Name: "d", Image: "x:1"},
		},
		Volumes: []corev1.Volume{{Name: "data"}, {Name: "scratch-tmp"}},
	}
	w, _ := fixes.AsWorkload(d)
	return w
}

// mountsOf lists a container's mounts as "path=volume/subPath".
func mountsOf(c *corev1.Container) []string {
	var list []string
	for _, m := range c.VolumeMounts {
		list = append(list, m.MountPath+"="+path.Join(m.Name, m.SubPath))
	}
	return list
}

func TestAddScratch(t *testing.T) {
	w := scratchWorkload()
	list := []fixes.Scratch{
		{Path: "/tmp"}, {Path: "/data/x"}, {Path: "/opt"},
		{Path: "/etc/app", Seed: true, Limit: resource.MustParse("5Mi")}, {Path: "/etc/app/conf.d"}, {Path: "/"},
	}
	w.AddScratch("c", list)
	w.AddScratch("nobody", list)
	w.AddScratch("d", list[:1])
	c, _ := w.Container("c")
	if got, want := mountsOf(c.Container), []string{"/data/=data", "/opt=scratch-tmp", "/tmp=scratch-tmp-2", "/etc/app=scratch-etc-app/content"}; !slices.Equal(got, want) {
		t.Errorf("mounts %q, want %q", got, want)
	}
	d, _ := w.Container("d")
	if got := mountsOf(d.Container); !slices.Equal(got, []string{"/tmp=scratch-tmp-3"}) {
		t.Errorf("two containers share a folder: %q", got)
	}
	limits := map[string]string{}
	for _, v := range w.Spec.Volumes[2:] {
		limits[v.Name] = v.EmptyDir.SizeLimit.String()
	}
	if want := map[string]string{"scratch-tmp-2": "256Mi", "scratch-etc-app": "5Mi", "scratch-tmp-3": "256Mi"}; !reflect.DeepEqual(limits, want) {
		t.Errorf("limits %v", limits)
	}
	seed := w.Spec.InitContainers[0]
	if len(w.Spec.InitContainers) != 2 || seed.Name != "seed-etc-app-2" || seed.Image != "x:1" || seed.ImagePullPolicy != corev1.PullAlways ||
		!reflect.DeepEqual(seed.SecurityContext, c.SecurityContext) || len(seed.Env) > 0 ||
		!slices.Equal(seed.Command, []string{"cp", "-a", "/etc/app/.", "/kubectl-harden/seed/content"}) ||
		!slices.Equal(mountsOf(&seed), []string{"/kubectl-harden/seed=scratch-etc-app"}) {
		t.Errorf("seed %+v", seed)
	}
	for c := range w.Containers() {
		if c.SeedsScratch() != (c.Name == "seed-etc-app-2") {
			t.Errorf("%s: %v", c.Name, c.SeedsScratch())
		}
	}
	before := w.Object.DeepCopyObject()
	w.AddScratch("c", list)
	w.AddScratch("d", list[:1])
	if !reflect.DeepEqual(before, w.Object) {
		t.Errorf("a second time changes %+v", w.Spec)
	}

	w.SetImage("c", "x:2")
	if images := []string{w.Spec.InitContainers[0].Image, w.Spec.InitContainers[1].Image, w.Spec.Containers[0].Image, w.Spec.Containers[1].Image}; !slices.Equal(images, []string{"x:2", "other", "x:2", "x:1"}) {
		t.Errorf("images %q", images)
	}
}

// TestScratchNames shows that any path gives names that the API server takes,
// and no two volumes of one name.
func TestScratchNames(t *testing.T) {
	w := scratchWorkload()
	var list []fixes.Scratch
	for i, p := range []string{"/A/B", "/a/b", "/a-b", "/.hidden", "/..x", "/ä/ö", "/" + strings.Repeat("long/", 30) + "-", "/-", "/a b"} {
		list = append(list, fixes.Scratch{Path: p, Seed: i%2 == 0})
	}
	w.AddScratch("c", list)
	names := map[string]bool{}
	for _, v := range w.Spec.Volumes {
		if bad := validation.IsDNS1123Label(v.Name); len(bad) > 0 || names[v.Name] {
			t.Errorf("volume %q: %v", v.Name, bad)
		}
		names[v.Name] = true
	}
	for _, c := range w.Spec.InitContainers {
		if bad := validation.IsDNS1123Label(c.Name); len(bad) > 0 || names["c "+c.Name] {
			t.Errorf("container %q: %v", c.Name, bad)
		}
		names["c "+c.Name] = true
	}
	if len(w.Spec.Volumes) != 2+len(list) {
		t.Error(fmt.Sprint(len(w.Spec.Volumes), " volumes"))
	}
}

// TestIsScratch knows the volumes that AddScratch made again.
func TestIsScratch(t *testing.T) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "web"}},
		Volumes:    []corev1.Volume{{Name: "scratch-var-log"}},
	}}
	w, _ := fixes.AsWorkload(pod)
	w.AddScratch("web", []fixes.Scratch{{Path: "/var/log"}, {Path: "/tmp", Seed: true}})
	for _, m := range pod.Spec.Containers[0].VolumeMounts {
		if !fixes.IsScratch(m) {
			t.Errorf("%+v is one", m)
		}
	}
	for _, m := range []corev1.VolumeMount{{Name: "logs", MountPath: "/var/log"}, {Name: "scratch-var-log", MountPath: "/var/lib"}} {
		if fixes.IsScratch(m) {
			t.Errorf("%+v is none", m)
		}
	}
}
