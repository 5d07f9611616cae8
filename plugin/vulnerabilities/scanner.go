package vulnerabilities

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/sync/errgroup"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

const (
	// scanWorkers is the number of images that are scanned at a time: a scanner
	// unpacks images, and registries count requests.
	scanWorkers = 2
	// scanTimeout is the time that a scanner has for one image.
	scanTimeout = 10 * time.Minute
	// killDelay is the time that a scanner has to end when it was told to.
	killDelay = 5 * time.Second
)

// Tools are the scanners that can be run.
func Tools() []string { return slices.Sorted(maps.Keys(tools)) }

// tools are the arguments before the image. Both programs use their own caches
// and databases. Trivy's cache of layers takes one process at a time, so each
// keeps its own in memory.
var tools = map[string][]string{
	"trivy": {"image", "--format", "json", "--quiet", "--scanners", "vuln", "--cache-backend", "memory", "--"},
	"grype": {"--output", "json", "--quiet", "--"},
}

// Scanner runs a scanner for each distinct image of an inventory's workloads.
type Scanner struct {
	// Tool is one of [Tools], Path the program's file.
	Tool, Path string
}

// Find returns the scanner of a name, if it is installed.
func Find(tool string) (Scanner, error) {
	path, err := exec.LookPath(tool)
	if err != nil {
		return Scanner{}, fmt.Errorf("%s is not on PATH: install it, or name its reports with --vulnerabilities", tool)
	}
	return Scanner{tool, path}, nil
}

// Kind implements [source.Facts].
func (Scanner) Kind() fixes.Kind { return fixes.KindVulnerabilities }

// Load implements [source.Facts]. An image that cannot be scanned is skipped,
// and said. The first is scanned alone: it brings the scanner's database.
func (s Scanner) Load(ctx context.Context, inv *fixes.Inventory, emit func(source.Batch)) error {
	images := imagesOf(inv)
	var mu sync.Mutex
	one := func(image string) error {
		batch := source.Batch{Kind: fixes.KindVulnerabilities}
		report, err := s.scan(ctx, image)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			batch.Skips = []fixes.Skip{{Resource: "vulnerabilities of " + image, Reason: err.Error()}}
		} else {
			batch.Objects = []fixes.Object{report}
		}
		mu.Lock()
		defer mu.Unlock()
		emit(batch)
		return nil
	}
	if len(images) == 0 {
		return nil
	}
	if err := one(images[0]); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(scanWorkers)
	for _, image := range images[1:] {
		group.Go(func() error { return one(image) })
	}
	return group.Wait()
}

// imagesOf returns the images of an inventory's workloads, each once.
func imagesOf(inv *fixes.Inventory) []string {
	images := map[string]bool{}
	for _, w := range inv.Workloads("") {
		for c := range w.Containers() {
			if !c.Ephemeral {
				images[c.Image] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(images))
}

// scan runs the scanner on one image. Its errors are phrases.
func (s Scanner) scan(ctx context.Context, image string) (*fixes.Vulnerabilities, error) {
	ref, err := name.ParseReference(image, name.WeakValidation)
	if err != nil {
		return nil, errors.New("it is not the name of an image")
	}
	ctx, cancel := context.WithTimeout(ctx, scanTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Path, append(slices.Clone(tools[s.Tool]), ref.Name())...)
	cmd.WaitDelay = killDelay // what the scanner started may hold its output open
	stdout, stderr := &limited{max: maxFile}, &limited{max: 64 << 10}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s took longer than %s", s.Tool, scanTimeout)
	case err != nil:
		return nil, fmt.Errorf("%s failed: %s", s.Tool, lastLine(stderr.String(), err))
	case stdout.over:
		return nil, fmt.Errorf("%s wrote more than %d MiB", s.Tool, maxFile>>20)
	}
	reports, others, err := parse(stdout.Bytes())
	if err != nil {
		return nil, fmt.Errorf("what %s wrote %w", s.Tool, err)
	}
	if len(reports) != 1 {
		return nil, fmt.Errorf("%s wrote %d reports: %s", s.Tool, len(reports), fixes.Clean(strings.Join(others, "; ")))
	}
	from(s.Tool, reports)
	reports[0].Name = s.Tool + " " + image
	reports[0].Images = append(reports[0].Images, image)
	return reports[0], nil
}

// lastLine is what a failed program said last, cut to a length that can be
// shown.
func lastLine(stderr string, err error) string {
	const most = 300
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	last := fixes.Clean(strings.TrimSpace(lines[len(lines)-1]))
	if last == "" {
		last = err.Error()
	}
	if len(last) > most {
		last = strings.ToValidUTF8(last[:most], "") + "…"
	}
	return last
}

// limited keeps the first bytes that are written to it.
type limited struct {
	bytes.Buffer
	max  int
	over bool
}

// Write implements [io.Writer]. It takes everything: a program whose output is
// refused would fail for that.
func (l *limited) Write(p []byte) (int, error) {
	room := l.max - l.Len()
	if len(p) > room {
		l.over = true
		l.Buffer.Write(p[:max(room, 0)])
		return len(p), nil
	}
	return l.Buffer.Write(p)
}
