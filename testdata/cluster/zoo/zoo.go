// Package zoo has real servers, run as root the way people run them: what a
// fix of the security settings of pods must not break.
//
// They come from Debian's packages, and some are Go programs of the test. Their
// images are made by [Build], which needs Linux, root, apt and a mirror of
// Debian, and are kept in the tests' cache.
package zoo

import (
	"embed"
	"fmt"
	"path"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

//go:embed servers layer.sh
var assets embed.FS

// A Server is one of the zoo.
type Server struct {
	// Name is that of its workload.
	Name string `json:"-"`
	// Packages are the Debian packages that its image has beside the base; those
	// that they depend on come with them.
	Packages string `json:"packages"`
	// Program is the source of a Go program. Its image has nothing else.
	Program string `json:"program"`
	// Files are added to the image, by path. Scripts can be executed.
	Files map[string]string `json:"files"`
	// Setup is a shell script that runs in the image as it is made, for what the
	// packages' own scripts would do: "user NAME UID [HOME]" makes a user.
	Setup string `json:"setup"`
	// Image is the image's configuration.
	Image cluster.ImageConfig `json:"image"`
	// Kind is Deployment (if it is not given) or StatefulSet.
	Kind string `json:"kind"`
	// Pod is the pod as people write it. Containers without an image have the
	// server's.
	Pod corev1.PodSpec `json:"pod"`
	// Answers are what it must be able to do.
	Answers []Answer `json:"answers"`
}

// An Answer is what a server must say.
type Answer struct {
	// Port is asked by TCP, or by UDP: what is sent, if anything, and a part of
	// what comes back.
	Port int    `json:"port"`
	UDP  bool   `json:"udp"`
	Send string `json:"send"`
	// Exec is a command in the first container instead.
	Exec   []string `json:"exec"`
	Expect string   `json:"expect"`
}

// Servers are all of the zoo, by name.
func Servers() ([]Server, error) {
	entries, err := assets.ReadDir("servers")
	if err != nil {
		return nil, err
	}
	var servers []Server
	for _, e := range entries {
		text, err := assets.ReadFile(path.Join("servers", e.Name()))
		if err != nil {
			return nil, err
		}
		s := Server{Name: strings.TrimSuffix(e.Name(), ".yaml")}
		if err := yaml.UnmarshalStrict(text, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		servers = append(servers, s)
	}
	return servers, nil
}

// Ref is what pods call its image.
func (s Server) Ref() string { return "zoo/" + s.Name + ":1" }

// Namespace is where the server runs: workloads of one namespace are rolled out
// side by side, so they share few.
func (s Server) Namespace() string {
	if s.Kind == "StatefulSet" {
		return "zoo-data"
	}
	return "zoo"
}

// Manifest is the server's workload.
func (s Server) Manifest() (string, error) {
	labels := map[string]string{"app": s.Name}
	meta := metav1.ObjectMeta{Name: s.Name, Namespace: s.Namespace()}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: *s.Pod.DeepCopy()}
	template.Spec.TerminationGracePeriodSeconds = new(int64(2)) // some wait for clients
	for i := range template.Spec.Containers {
		if c := &template.Spec.Containers[i]; c.Image == "" {
			c.Image = s.Ref()
		}
	}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	var object runtime.Object = &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: meta,
		Spec:       appsv1.DeploymentSpec{Selector: selector, Template: template},
	}
	if s.Kind == "StatefulSet" {
		object = &appsv1.StatefulSet{
			TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"},
			ObjectMeta: meta,
			Spec:       appsv1.StatefulSetSpec{Selector: selector, Template: template, ServiceName: s.Name},
		}
	}
	text, err := yaml.Marshal(object)
	return string(text), err
}
