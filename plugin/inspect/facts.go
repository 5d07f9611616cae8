package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// atOnce is how many containers are looked into side by side.
const atOnce = 8

// Processes looks into the running containers of an inventory: one for each
// container and image of a workload. It implements [source.Facts] for
// [fixes.KindProcess].
type Processes struct {
	// Connection gives the configuration of the cluster that the inventory
	// comes from.
	Connection interface {
		ToRESTConfig() (*rest.Config, error)
	}
	// Say, where set, is told of each kind of command once.
	Say func(command string)

	look func(context.Context, *rest.Config, *corev1.Pod, string) (*fixes.Process, error) // nil: look
}

// Kind implements [source.Facts].
func (*Processes) Kind() fixes.Kind { return fixes.KindProcess }

// subject is a running container to look into.
type subject struct {
	pod       *corev1.Pod
	container string
}

// Load implements [source.Facts]. In a namespace where the user may not run
// commands, the first refusal is the last one.
func (p *Processes) Load(ctx context.Context, inv *fixes.Inventory, emit func(source.Batch)) error {
	config, err := p.Connection.ToRESTConfig()
	if err != nil {
		return err
	}
	seen := results{refused: map[string]bool{}, failed: map[string]int{}, said: map[string]bool{}}
	subjects := p.subjects(inv)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	looking := look
	if p.look != nil {
		looking = p.look
	}
	for _, s := range subjects {
		group.Go(func() error {
			if seen.isRefused(s.pod.Namespace) {
				return nil
			}
			fact, err := looking(groupCtx, config, s.pod, s.container)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			seen.mu.Lock()
			defer seen.mu.Unlock()
			if apierrors.IsForbidden(err) {
				seen.refused[s.pod.Namespace] = true
				return nil
			}
			if fact.Err != "" {
				seen.failed[fact.Err]++
			}
			for _, command := range fact.Commands {
				if kind := withoutNumbers(command); p.Say != nil && !seen.said[kind] {
					seen.said[kind] = true
					p.Say(fixes.Clean(command))
				}
			}
			emit(source.Batch{Kind: fixes.KindProcess, Objects: []fixes.Object{fact}})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	emit(source.Batch{Kind: fixes.KindProcess, Skips: seen.skips(subjects)})
	return nil
}

// subjects lists what is looked into. A pod of another revision has another
// image, and shows nothing.
func (p *Processes) subjects(inv *fixes.Inventory) []subject {
	var list []subject
	for _, w := range inv.Workloads("") {
		if w.Windows() {
			continue
		}
		pods := inv.Pods(w)
		for c := range w.Containers() {
			if c.Ephemeral {
				continue
			}
			at := slices.IndexFunc(pods, func(pod *corev1.Pod) bool {
				return pod.DeletionTimestamp == nil && imageOf(pod, c.Name) == c.Image && isRunning(pod, c.Name)
			})
			if at >= 0 {
				list = append(list, subject{pods[at], c.Name})
			}
		}
	}
	return list
}

func isRunning(pod *corev1.Pod, container string) bool {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for _, s := range statuses {
			if s.Name == container {
				return s.State.Running != nil
			}
		}
	}
	return false
}

// withoutNumbers makes commands that differ in users alone the same.
func withoutNumbers(command string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, command)
}

// results are what came of the looks.
type results struct {
	mu      sync.Mutex
	refused map[string]bool // namespaces
	failed  map[string]int  // containers by phrase
	said    map[string]bool // kinds of commands
}

func (r *results) isRefused(namespace string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused[namespace]
}

const execResource = "pods/exec"

// skips says what could not be looked into: each reason once, and refusals once
// where they are the same everywhere.
func (r *results) skips(subjects []subject) []fixes.Skip {
	everywhere := len(r.refused) > 0
	for _, s := range subjects {
		everywhere = everywhere && r.refused[s.pod.Namespace]
	}
	var list []fixes.Skip
	if everywhere {
		list = append(list, fixes.Skip{Resource: execResource, Reason: "forbidden"})
	} else {
		for ns := range r.refused {
			list = append(list, fixes.Skip{Resource: execResource, Namespace: ns, Reason: "forbidden"})
		}
	}
	for why, n := range r.failed {
		containers := "containers"
		if n == 1 {
			containers = "container"
		}
		list = append(list, fixes.Skip{Resource: execResource, Reason: fmt.Sprintf("%d %s: %s", n, containers, why)})
	}
	slices.SortFunc(list, func(a, b fixes.Skip) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}
