package client

import (
	"context"
	"slices"
	"sync"
)

// Warnings are what the server said beside accepting requests: deprecations,
// and what admission policies warn of.
type Warnings struct {
	mu   sync.Mutex
	list []string
}

// List returns the warnings so far, each once.
func (w *Warnings) List() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.list
}

func (w *Warnings) add(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.Contains(w.list, text) {
		return
	}
	w.list = append(w.list, text)
}

type warningsKey struct{}

// CollectWarnings returns a context whose requests add their warnings to w.
// Without one, warnings are dropped.
func CollectWarnings(ctx context.Context, w *Warnings) context.Context {
	return context.WithValue(ctx, warningsKey{}, w)
}

// warningHandler passes the server's Warning headers (RFC 9110, code 299) to
// the collector of the request's context.
type warningHandler struct{}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (warningHandler) HandleWarningHeaderWithContext(ctx context.Context, code int, _ string, text string) {
	if w, ok := ctx.Value(warningsKey{}).(*Warnings); ok && code == 299 && text != "" {
		w.add(text)
	}
}
