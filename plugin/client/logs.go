package client

import (
	"context"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// maxLog bounds in bytes what is read of a log.
const maxLog = 256 << 10

// Logs returns the last lines, at most so many, of what a container of a pod
// wrote, or of what it wrote before it was restarted.
func (c *Client) Logs(ctx context.Context, pod *corev1.Pod, container string, previous bool, lines int64) (string, error) {
	req, err := c.request(ctx, http.MethodGet, fixes.RefOf(pod))
	if err != nil {
		return "", err
	}
	most := int64(maxLog)
	text, err := req.SubResource("log").VersionedParams(&corev1.PodLogOptions{
		Container: container, Previous: previous, TailLines: &lines, LimitBytes: &most,
	}, scheme.ParameterCodec).Do(ctx).Raw()
	return string(text), err
}

// Config returns what the client talks to its server by, for requests that it
// does not make itself.
func (c *Client) Config() *rest.Config { return rest.CopyConfig(c.config) }
