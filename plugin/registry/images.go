// Package registry asks the registries that images come from: what a tag leads
// to, how old an image is, whether it is signed, what it holds, and how well the
// connection is protected. Nothing is asked unless the user asked for it.
package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/images"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// How many images are asked for side by side, and how long one may take.
const (
	imagesAtOnce   = 8
	imagesPerHost  = 4
	askTimeout     = 2 * time.Minute
	inspectTimeout = 10 * time.Minute
)

// Images asks registries about the images of an inventory. It implements
// [source.Facts] for [fixes.KindImage].
type Images struct {
	// Inspect also reads the layers, for credentials.
	Inspect bool
	// CacheDir is the folder of answers that were given before; "" keeps none.
	CacheDir string
	// Now is the clock.
	Now func() time.Time
	// Transport makes the connections; nil: as Go does by itself.
	Transport *http.Transport

	timeout time.Duration                              // 0: requestTimeout
	pause   func(context.Context, time.Duration) error // nil: sleep
}

// Kind implements [source.Facts].
func (*Images) Kind() fixes.Kind { return fixes.KindImage }

// question is one image to ask about, and the pull secrets of its users.
type question struct {
	image  string
	ref    name.Reference
	logins []images.RegistryLogin
}

// Load implements [source.Facts]. Each image is asked for once; a host that does
// not answer is said once, and its other images are not asked for.
func (im *Images) Load(ctx context.Context, inv *fixes.Inventory, emit func(source.Batch)) error {
	byHost := map[string][]question{}
	for _, q := range questions(inv) {
		host := q.ref.Context().RegistryStr()
		byHost[host] = append(byHost[host], q)
	}
	var mu sync.Mutex
	var skips []fixes.Skip
	all := semaphore.NewWeighted(imagesAtOnce)
	hosts, hostsCtx := errgroup.WithContext(ctx)
	hosts.SetLimit(imagesAtOnce)
	for host, list := range byHost {
		hosts.Go(func() error {
			h := im.newHost(host, list[0].ref.Context().Registry)
			defer h.close()
			group, groupCtx := errgroup.WithContext(hostsCtx)
			group.SetLimit(imagesPerHost)
			said := map[string]int{}
			for _, q := range list {
				group.Go(func() error {
					if err := all.Acquire(groupCtx, 1); err != nil {
						return err
					}
					defer all.Release(1)
					fact := im.ask(groupCtx, h, q)
					if err := ctx.Err(); err != nil {
						return err
					}
					mu.Lock()
					defer mu.Unlock()
					if fact.Err != "" {
						said[fact.Err]++
					}
					emit(source.Batch{Kind: fixes.KindImage, Objects: []fixes.Object{fact}})
					return nil
				})
			}
			if err := group.Wait(); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if len(said) > 0 {
				skips = append(skips, fixes.Skip{Resource: "images", Reason: skipReason(imageHost(list[0].ref), said)})
			}
			return nil
		})
	}
	if err := hosts.Wait(); err != nil {
		return err
	}
	slices.SortFunc(skips, func(a, b fixes.Skip) int { return cmp.Compare(a.Reason, b.Reason) })
	emit(source.Batch{Kind: fixes.KindImage, Skips: skips})
	return nil
}

// skipReason says once for a host what it did not tell: the reason of most, and
// for how many images.
func skipReason(host string, said map[string]int) string {
	reasons := make([]string, 0, len(said))
	total := 0
	for reason, n := range said {
		reasons = append(reasons, reason)
		total += n
	}
	slices.SortFunc(reasons, func(a, b string) int {
		return cmp.Or(-cmp.Compare(said[a], said[b]), cmp.Compare(a, b))
	})
	text := fmt.Sprintf("%s did not tell of %d images: %s", host, total, reasons[0])
	if total == 1 {
		text = fmt.Sprintf("%s did not tell of 1 image: %s", host, reasons[0])
	}
	if n := len(reasons) - 1; n > 0 {
		text += fmt.Sprintf(", and %d other reasons", n)
	}
	return fixes.Clean(text)
}

// questions lists the images of an inventory's workloads, each once, in order.
func questions(inv *fixes.Inventory) []question {
	byImage := map[string]*question{}
	for _, w := range inv.Workloads("") {
		for c := range w.Containers() {
			q := byImage[c.Image]
			if q == nil {
				ref, err := name.ParseReference(c.Image, name.WeakValidation)
				if err != nil {
					continue // the kubelet will refuse it
				}
				q = &question{image: c.Image, ref: ref}
				byImage[c.Image] = q
			}
			q.addLogins(inv, w)
		}
	}
	list := make([]question, 0, len(byImage))
	for _, q := range byImage {
		list = append(list, *q)
	}
	slices.SortFunc(list, func(a, b question) int { return cmp.Compare(a.image, b.image) })
	return list
}

// maxLogins bounds how many credentials are tried for an image.
const maxLogins = 8

// addLogins adds what the pull secrets of a workload have for the image.
func (q *question) addLogins(inv *fixes.Inventory, w fixes.Workload) {
	names, _ := images.PullSecretNames(inv, w)
	for _, n := range names {
		s, ok := fixes.Lookup[*corev1.Secret](inv, w.Object.GetNamespace(), n.Name)
		if !ok {
			continue
		}
		logins, _ := images.PullLogins(s)
		for _, l := range logins {
			same := func(o images.RegistryLogin) bool { return o.Registry == l.Registry && string(o.Auth) == string(l.Auth) }
			if l.Fits(q.image) && len(q.logins) < maxLogins && !slices.ContainsFunc(q.logins, same) {
				q.logins = append(q.logins, l)
			}
		}
	}
}

// ask returns what the registry says of an image.
func (im *Images) ask(ctx context.Context, h *host, q question) *fixes.Image {
	limit := askTimeout
	if im.Inspect {
		limit = inspectTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	fact := &fixes.Image{}
	if cached, ok := im.cached(q); ok {
		fact = cached
	} else if err := h.answer(ctx, q, im, fact); err != nil {
		fact = &fixes.Image{Private: fact.Private, Err: reason(err, q)}
	} else {
		im.keep(q, fact)
	}
	fact.ObjectMeta = metav1.ObjectMeta{Name: q.image}
	return fact
}

// reason is the phrase for a registry that wants other credentials than it was
// given, or else that of the error.
func reason(err error, q question) string {
	said := phrase(err)
	if !errors.Is(err, errNoLogin) {
		return said
	}
	if len(q.logins) == 0 {
		return said + "; there is no pull secret for it, and none in your docker config"
	}
	return said + "; none of the pull secrets fit"
}
