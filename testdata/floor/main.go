// Command floor is what a scan cannot be faster than: a bare client that
// lists the same kinds as kubectl harden, in parallel, paged, as protobuf,
// and drops them. Benchmarks run it beside the scan.
package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
)

func main() {
	n, err := list(context.Background(), os.Getenv("KUBECONFIG"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(n)
}

// list returns the number of objects of all kinds.
func list(ctx context.Context, kubeconfig string) (int64, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return 0, err
	}
	config.QPS = -1
	config.ContentType = runtime.ContentTypeProtobuf
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return 0, err
	}
	var total atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for _, kind := range fixes.Needs(catalog.Rules()) {
		if kind.Fact() || kind.Custom() || kind == fixes.KindEndpointSlice {
			continue // no API server has it, or not the one that is filled, or one of them is read
		}
		group.Go(func() error {
			config := rest.CopyConfig(config)
			gv := kind.GVK().GroupVersion()
			config.GroupVersion, config.APIPath = &gv, "/apis"
			if gv.Group == "" {
				config.APIPath = "/api"
			}
			r, err := rest.RESTClientForConfigAndClient(config, client)
			if err != nil {
				return err
			}
			gvk := kind.GVK()
			gvk.Kind += "List"
			opts := metav1.ListOptions{Limit: 500}
			for {
				page, err := scheme.Scheme.New(gvk)
				if err != nil {
					return err
				}
				if err := r.Get().Resource(kind.Resource).VersionedParams(&opts, scheme.ParameterCodec).Do(ctx).Into(page); err != nil {
					return err
				}
				total.Add(int64(meta.LenList(page)))
				list, err := meta.ListAccessor(page)
				if err != nil {
					return err
				}
				if opts.Continue = list.GetContinue(); opts.Continue == "" {
					return nil
				}
			}
		})
	}
	err = group.Wait()
	return total.Load(), err
}
