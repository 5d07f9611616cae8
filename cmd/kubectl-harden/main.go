// Command kubectl-harden is the kubectl plugin "kubectl harden".
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"

	"github.com/kubectl-harden/kubectl-harden/plugin"
)

// gcPercent trades a little time for memory: a scan holds a cluster's objects
// until it ends, so most of the heap is live.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	// What the Kubernetes libraries log (a stream that was closed, a watch that
	// begins again) tells an operator nothing, and would be written across the
	// terminal UI. Their errors come back as errors.
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// The first signal ends the work cleanly; a second one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(plugin.Main(ctx, os.Args[1:], genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}))
}
