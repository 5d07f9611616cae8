package inspect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// The bounds of one command: it reads a few files, or the names of an image's
// files.
const (
	commandTimeout = 10 * time.Second
	maxOutput      = 512 << 10
)

var (
	errMissing = errors.New("the image has no such program")
	errTooMuch = errors.New("it printed more than is read")
)

// runner runs a command in one container and returns what it printed. It
// returns errMissing where the image does not have it; what it printed before an
// error comes with it.
type runner func(ctx context.Context, command ...string) (string, error)

// inContainer runs commands through the API server, as kubectl exec does: by
// websocket, or SPDY where a server or a proxy does not know that.
func inContainer(config *rest.Config, pod *corev1.Pod, container string) (runner, error) {
	config = rest.CopyConfig(config)
	config.APIPath, config.GroupVersion = "/api", &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	api, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, command ...string) (string, error) {
		url := api.Get().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("exec").
			VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec).URL()
		socket, err := remotecommand.NewWebSocketExecutor(config, "GET", url.String())
		if err != nil {
			return "", err
		}
		spdy, err := remotecommand.NewSPDYExecutor(config, "POST", url)
		if err != nil {
			return "", err
		}
		var refusal *apierrors.StatusError
		either, err := remotecommand.NewFallbackExecutor(socket, spdy, func(err error) bool {
			if failed := (*httpstream.UpgradeFailureError)(nil); errors.As(err, &failed) {
				errors.As(failed.Cause, &refusal)
				return true
			}
			return httpstream.IsHTTPSProxyError(err)
		})
		if err != nil {
			return "", err
		}
		out, err := stream(ctx, either)
		if refusal != nil && err != nil && strings.HasPrefix(err.Error(), spdyRefused) {
			err = refusal // SPDY has the server's answer as a text only
		}
		return out, err
	}, nil
}

// spdyRefused begins client-go's error when SPDY is not to be had
// (k8s.io/streaming, httpstream/spdy).
const spdyRefused = "unable to upgrade connection: "

// stream runs a command to its end, or to its bounds.
func stream(ctx context.Context, command remotecommand.Executor) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	out := &bounded{enough: cancel}
	err := command.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: out, Stderr: io.Discard})
	switch {
	case out.full:
		err = errTooMuch
	case isMissing(err):
		err = errMissing
	}
	return out.String(), err
}

// isMissing reports whether a command failed because the image does not have
// it: runtimes say so in words, or by the shell's exit codes.
func isMissing(err error) bool {
	if err == nil {
		return false
	}
	if exit, ok := errors.AsType[utilexec.ExitError](err); ok {
		return exit.ExitStatus() == 126 || exit.ExitStatus() == 127
	}
	return strings.Contains(err.Error(), "executable file not found") || strings.Contains(err.Error(), "no such file or directory")
}

// bounded keeps the beginning of what is written to it. It never fails:
// client-go would log that.
type bounded struct {
	bytes.Buffer
	enough func()
	full   bool
}

func (b *bounded) Write(p []byte) (int, error) {
	n := len(p)
	if left := maxOutput - b.Len(); n > left {
		p = p[:left]
		b.full = true
		b.enough()
	}
	b.Buffer.Write(p)
	return n, nil
}

// isExit reports whether a command ended with a status.
func isExit(err error, status int) bool {
	var exit utilexec.ExitError
	return errors.As(err, &exit) && exit.ExitStatus() == status
}
