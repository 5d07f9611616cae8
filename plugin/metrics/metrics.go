// Package metrics reads what the pods of a cluster use.
package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

const (
	apiVersion = "metrics.k8s.io/v1beta1"
	resource   = "pods.metrics.k8s.io"
)

// podMetrics is a list of PodMetrics, as far as it is read
// (k8s.io/metrics/pkg/apis/metrics/v1beta1).
type podMetrics struct {
	Items []struct {
		Metadata struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
		Timestamp  time.Time `json:"timestamp"`
		Window     string    `json:"window"`
		Containers []struct {
			Name  string              `json:"name"`
			Usage corev1.ResourceList `json:"usage"`
		} `json:"containers"`
	} `json:"items"`
}

// Pods gives the usage of pods, where the cluster serves metrics.k8s.io
// (metrics-server, an adapter of Prometheus). It is one look, without history.
type Pods struct {
	API source.Getter
	// Namespace limits the metrics to one namespace, when it is not empty.
	Namespace string
}

// Kind implements [source.Facts].
func (Pods) Kind() fixes.Kind { return fixes.KindUsage }

// Load implements [source.Facts]. Whatever the API server answers, the rest of
// the scan is unharmed: sizes are estimated without usage then.
func (p Pods) Load(ctx context.Context, _ *fixes.Inventory, emit func(source.Batch)) error {
	if !source.Served(ctx, p.API, apiVersion) {
		return ctx.Err()
	}
	batch := source.Batch{Kind: fixes.KindUsage}
	list, err := p.list(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case apierrors.IsForbidden(err):
		err = errors.New("forbidden")
	case apierrors.IsServiceUnavailable(err), apierrors.IsNotFound(err):
		err = errors.New("the metrics server is not available")
	}
	if err != nil {
		batch.Skips = []fixes.Skip{{Resource: resource, Namespace: p.Namespace, Reason: fixes.Clean(err.Error())}}
		emit(batch)
		return nil
	}
	for _, item := range list.Items {
		usage := &fixes.Usage{Taken: item.Timestamp}
		usage.Namespace, usage.Name = item.Metadata.Namespace, item.Metadata.Name
		if window, err := time.ParseDuration(item.Window); err == nil && window > 0 {
			usage.Window = window
		}
		for _, c := range item.Containers {
			usage.Containers = append(usage.Containers, fixes.ContainerUsage{Name: c.Name, Used: c.Usage})
		}
		batch.Objects = append(batch.Objects, usage)
	}
	emit(batch)
	return nil
}

// list asks for all at once: metrics servers do not page.
func (p Pods) list(ctx context.Context) (podMetrics, error) {
	path := "/apis/" + apiVersion
	if p.Namespace != "" {
		path += "/namespaces/" + url.PathEscape(p.Namespace)
	}
	text, err := p.API.Raw(ctx, path+"/pods")
	if err != nil {
		return podMetrics{}, err
	}
	var list podMetrics
	if err := json.Unmarshal(text, &list); err != nil {
		return podMetrics{}, errors.New("the answer is no list of PodMetrics")
	}
	return list, nil
}
