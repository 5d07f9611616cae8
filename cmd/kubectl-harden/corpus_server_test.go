package main

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// server is asked what it thinks of objects; it keeps none but namespaces.
type server struct {
	*client.Client
	namespaces map[string]bool
}

func newServer(tb testing.TB) *server {
	config, err := clientcmd.BuildConfigFromFlags("", control.Kubeconfig)
	if err != nil {
		tb.Fatal(err)
	}
	config.QPS = -1 // the control plane has nothing else to do
	c, err := client.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return &server{c, map[string]bool{}}
}

// ask counts the objects of a plan, and the pods of its workloads, that the
// server takes as they were, or that were not there, and says which of them it
// does not take as they are then.
func (s *server) ask(ctx context.Context, plan *fixes.Plan) (taken int, refusals []string) {
	for _, c := range plan.Changes {
		if c.After == nil || !s.room(ctx, c.Object.Namespace) {
			continue
		}
		pairs := [][2]fixes.Object{{c.Before, c.After}}
		if c.Before != nil {
			pairs = append(pairs, [2]fixes.Object{podOf(c.Before), podOf(c.After)})
		}
		if c.Object.Kind == fixes.KindPod {
			pairs = pairs[len(pairs)-1:] // the ServiceAccount of the whole one is not there
		}
		for _, p := range pairs {
			if p[0] != nil && s.create(ctx, p[0]) != nil {
				continue
			}
			if p[1] == nil {
				continue
			}
			taken++
			if err := s.create(ctx, p[1]); err != nil {
				refusals = append(refusals, fmt.Sprintf("refused: %s: %v", c.Object, err))
			}
		}
	}
	return taken, refusals
}

// create asks for an object to be made that is not there.
func (s *server) create(ctx context.Context, obj fixes.Object) error {
	obj = fixes.Recreated(obj)
	obj.SetSelfLink("")
	_, err := s.Create(ctx, obj, client.WriteOptions{FieldManager: "kubectl-harden", DryRun: true})
	if apierrors.IsAlreadyExists(err) {
		return nil // it was judged first
	}
	return err
}

// room makes a namespace, with the ServiceAccount that its pods have.
func (s *server) room(ctx context.Context, namespace string) bool {
	if namespace == "" || s.namespaces[namespace] {
		return true
	}
	if len(validation.IsDNS1123Label(namespace)) > 0 {
		return false
	}
	_, err := s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, client.WriteOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return false
	}
	account := fixes.Ref{Kind: fixes.KindServiceAccount, Namespace: namespace, Name: "default"}
	for range 100 {
		if _, err := s.Get(ctx, account); err == nil {
			s.namespaces[namespace] = true
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

// podOf returns a workload's pod without what it refers to: that is not there.
func podOf(obj fixes.Object) fixes.Object {
	w, ok := fixes.AsWorkload(obj)
	if !ok {
		return nil
	}
	pod := &corev1.Pod{ObjectMeta: *w.Meta.DeepCopy(), Spec: *w.Spec.DeepCopy()}
	pod.Name, pod.GenerateName, pod.Namespace = "", "corpus-", obj.GetNamespace()
	pod.Spec.ServiceAccountName, pod.Spec.DeprecatedServiceAccount, pod.Spec.PriorityClassName, pod.Spec.RuntimeClassName = "", "", "", nil
	if set, ok := obj.(*appsv1.StatefulSet); ok {
		for _, claim := range set.Spec.VolumeClaimTemplates {
			pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == claim.Name })
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: claim.Name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		}
	}
	return pod
}
