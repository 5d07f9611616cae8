// Package nodes asks a cluster's nodes what objects do not tell: with which
// configuration their kubelets run, and whether they answer on the port of SSH.
// Both only when the user asks for it.
package nodes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

const (
	// atOnce is how many nodes are asked side by side.
	atOnce = 8
	// configTimeout bounds the answer of one kubelet.
	configTimeout = 10 * time.Second
	// maxConfig is more than any KubeletConfiguration has, in bytes.
	maxConfig = 1 << 20
)

// Kubelets reads the configuration of each node's kubelet through the API server
// (GET nodes/NAME/proxy/configz), and with which flags it was started, as far as rules
// ask (flagz). It implements [source.Facts] for [fixes.KindKubelet].
type Kubelets struct {
	API interface {
		source.Getter
		RawAs(ctx context.Context, path, accept string) ([]byte, error)
	}
	// Say, where set, is told of what is read, once.
	Say func(path string)
}

// Kind implements [source.Facts].
func (*Kubelets) Kind() fixes.Kind { return fixes.KindKubelet }

// configResource is what may not be looked at, as a report names it.
const configResource = "nodes/proxy"

// Load implements [source.Facts]. After the first refusal for want of rights no
// other node is asked.
func (k *Kubelets) Load(ctx context.Context, inv *fixes.Inventory, emit func(source.Batch)) error {
	nodes := fixes.Objects[*corev1.Node](inv, "")
	if k.Say != nil && len(nodes) > 0 {
		said := "GET " + fixes.Clean(proxyPath(nodes[0].Name, "configz")) + " and flagz"
		if len(nodes) > 1 {
			said += fmt.Sprintf(", and so of all %d nodes", len(nodes))
		}
		k.Say(said)
	}
	var mu sync.Mutex
	forbidden := false
	failed := map[string]int{} // nodes by reason
	flagless := 0
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, node := range nodes {
		group.Go(func() error {
			mu.Lock()
			stop := forbidden
			mu.Unlock()
			if stop {
				return nil
			}
			config, err := k.read(groupCtx, node.Name)
			var flags map[string]string
			if err == nil {
				flags = k.flags(groupCtx, node.Name)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case apierrors.IsForbidden(err):
				forbidden = true
			case err != nil:
				failed[reason(err)]++
			default:
				if flags == nil {
					flagless++
				}
				emit(source.Batch{Kind: fixes.KindKubelet, Objects: []fixes.Object{
					&fixes.Kubelet{ObjectMeta: metav1.ObjectMeta{Name: node.Name}, Config: config, Flags: flags},
				}})
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	all := skips(configResource, forbidden, failed)
	if flagless > 0 {
		all = append(all, skips("flags of kubelets", false, map[string]int{"its kubelet does not show them, as before Kubernetes 1.36": flagless})...)
	}
	emit(source.Batch{Kind: fixes.KindKubelet, Skips: all})
	return nil
}

// skips says what could not be looked at, each reason once.
func skips(resource string, forbidden bool, failed map[string]int) []fixes.Skip {
	if forbidden {
		return []fixes.Skip{{Resource: resource, Reason: "forbidden"}}
	}
	var list []fixes.Skip
	for why, n := range failed {
		nodes := "nodes"
		if n == 1 {
			nodes = "node"
		}
		list = append(list, fixes.Skip{Resource: resource, Reason: fmt.Sprintf("%d %s: %s", n, nodes, why)})
	}
	slices.SortFunc(list, func(a, b fixes.Skip) int { return cmp.Compare(a.Reason, b.Reason) })
	return list
}

func proxyPath(node, page string) string {
	return "/api/v1/nodes/" + url.PathEscape(node) + "/proxy/" + page
}

var errNoConfig = errors.New("the answer is no kubelet's configuration")

// secretSettings may hold a credential (a header, a URL with one), and are judged
// by whether they are there alone.
var secretSettings = []string{"staticPodURLHeader"}

// read asks one kubelet.
func (k *Kubelets) read(ctx context.Context, node string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, configTimeout)
	defer cancel()
	text, err := k.API.Raw(ctx, proxyPath(node, "configz"))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Config map[string]any `json:"kubeletconfig"`
	}
	if len(text) > maxConfig || json.Unmarshal(text, &answer) != nil || len(answer.Config) == 0 {
		return nil, errNoConfig
	}
	for _, name := range secretSettings {
		delete(answer.Config, name)
	}
	return answer.Config, nil
}

// flagsType are the forms in which flagz tells flags (KEP-4828).
const flagsType = "application/json;g=config.k8s.io;v=v1beta1;as=Flagz,application/json;g=config.k8s.io;v=v1alpha1;as=Flagz"

// judgedFlags are the flags that are kept of all that a kubelet shows.
var judgedFlags = []string{"hostname-override"}

// flags asks one kubelet for its flags; nil where it does not tell them.
func (k *Kubelets) flags(ctx context.Context, node string) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, configTimeout)
	defer cancel()
	text, err := k.API.RawAs(ctx, proxyPath(node, "flagz"), flagsType)
	if err != nil || len(text) > maxConfig {
		return nil
	}
	var answer struct {
		Kind  string            `json:"kind"`
		Flags map[string]string `json:"flags"`
	}
	if json.Unmarshal(text, &answer) != nil || answer.Kind != "Flagz" {
		return nil
	}
	flags := map[string]string{}
	for _, name := range judgedFlags {
		flags[name] = answer.Flags[name]
	}
	return flags
}

// reason says in a phrase why a kubelet was not read. What it answered is not
// repeated.
func reason(err error) string {
	switch {
	case errors.Is(err, errNoConfig):
		return err.Error()
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err):
		return "the kubelet did not answer in time"
	case apierrors.IsNotFound(err):
		return "the kubelet serves no configz (enableDebuggingHandlers: false), or the node is gone"
	case apierrors.IsUnauthorized(err):
		return "the kubelet does not take the API server's credentials"
	}
	return "the API server could not reach the kubelet"
}
