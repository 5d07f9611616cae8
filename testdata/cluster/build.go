package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A module is one of the Go modules below testdata, with the programs to be
// built from it. A program's file is called as its package's folder is.
type module struct {
	dir      string // below testdata
	packages []string
	version  string // module whose version the Kubernetes programs report, if any
	finish   func(ctx context.Context, module, bin string) error
}

var (
	controlPlaneModules = []module{
		{
			dir:      "controlplane",
			packages: []string{".", "k8s.io/kubernetes/cmd/kubectl"},
			version:  "k8s.io/kubernetes",
		},
		{
			dir:      "kwok",
			packages: []string{"sigs.k8s.io/kwok/cmd/kwok"},
			finish:   writeStages,
		},
	}
	nodeModules = []module{
		{
			dir:      "controlplane",
			packages: []string{"k8s.io/kubernetes/cmd/kubelet", "k8s.io/kubernetes/cmd/kube-proxy"},
			version:  "k8s.io/kubernetes",
		},
		{
			dir: "node/containerd",
			packages: []string{
				"github.com/containerd/containerd/v2/cmd/containerd",
				"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
				"github.com/containerd/containerd/v2/cmd/ctr",
			},
		},
		{
			dir:      "node",
			packages: []string{"./nodeinit", "./pause", "./coredns", "./kube-router"},
		},
	}
)

// Build builds what [New] runs, and what [NewNode] runs too if node is set, or
// finds it built. The first time it takes some minutes, and says so on stderr.
func Build(ctx context.Context, node bool) error {
	_, err := build(ctx, node)
	return err
}

// programs maps the name of a built program to its file.
type programs map[string]string

func build(ctx context.Context, node bool) (programs, error) {
	modules := controlPlaneModules
	if node {
		modules = append(slices.Clip(modules), nodeModules...)
	}
	cache, err := Cache()
	if err != nil {
		return nil, err
	}
	built := programs{}
	for _, m := range modules {
		if err := m.build(ctx, cache, built); err != nil {
			return nil, fmt.Errorf("building testdata/%s: %w", m.dir, err)
		}
	}
	return built, nil
}

// Cache is the folder that keeps, from one run of the tests to the next, what
// takes long to make: KUBECTL_HARDEN_TEST_CACHE, or one in the user's cache.
func Cache() (string, error) {
	cache := os.Getenv("KUBECTL_HARDEN_TEST_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(user, "kubectl-harden-test")
	}
	return filepath.Abs(cache)
}

// build adds the module's programs to built, compiling those that the cache
// does not have. Their folder's name holds a hash of all that they are made
// from, so what is there is right; and since a program is renamed into it when
// complete, what is there is whole.
func (m module) build(ctx context.Context, cache string, built programs) error {
	src, err := m.source()
	if err != nil {
		return err
	}
	hash, err := m.hash(ctx, src)
	if err != nil {
		return err
	}
	bin := filepath.Join(cache, filepath.Base(m.dir)+"-"+hash)
	for _, p := range m.packages {
		built[m.program(p)] = filepath.Join(bin, m.program(p))
	}
	if len(m.missing(bin)) == 0 {
		return nil
	}
	unlock, err := lock(ctx, filepath.Join(cache, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	missing := m.missing(bin) // another process may have built them meanwhile
	if len(missing) == 0 {
		return nil
	}
	start := time.Now()
	var names []string
	for _, p := range missing {
		names = append(names, m.program(p))
	}
	fmt.Fprintf(os.Stderr, "cluster: building %s (once, can take minutes)\n", strings.Join(names, ", "))
	if err := m.compile(ctx, src, bin, missing); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "cluster: built in %s\n", time.Since(start).Round(time.Second))
	return nil
}

func (m module) missing(bin string) []string {
	var missing []string
	for _, p := range m.packages {
		if _, err := os.Stat(filepath.Join(bin, m.program(p))); err != nil {
			missing = append(missing, p)
		}
	}
	return missing
}

// program is the name that go build gives a package's program.
func (m module) program(pkg string) string {
	if pkg == "." {
		return filepath.Base(m.dir)
	}
	return filepath.Base(pkg)
}

func (m module) compile(ctx context.Context, src, bin string, packages []string) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(bin, "building-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	flags := "-s -w"
	if m.version != "" {
		v, err := goOutput(ctx, src, "list", "-m", "-f", "{{.Version}}", m.version)
		if err != nil {
			return err
		}
		number := strings.SplitN(strings.TrimPrefix(v, "v"), ".", 3)
		const pkg = " -X k8s.io/component-base/version."
		flags += pkg + "gitVersion=" + v + pkg + "gitMajor=" + number[0] + pkg + "gitMinor=" + number[1]
	}
	args := append([]string{"build", "-ldflags", flags, "-o", tmp + string(filepath.Separator)}, packages...)
	if _, err := goOutput(ctx, src, args...); err != nil {
		return err
	}
	if m.finish != nil {
		if err := m.finish(ctx, src, bin); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(tmp, e.Name()), filepath.Join(bin, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// source is the module's folder: testdata is looked for from the working
// folder up, because go test and go run are called inside the project.
func (m module) source() (string, error) {
	for dir := startDir; ; dir = filepath.Dir(dir) {
		src := filepath.Join(dir, "testdata", filepath.FromSlash(m.dir))
		mod, err := os.ReadFile(filepath.Join(src, "go.mod"))
		if err == nil && bytes.Contains(mod, []byte("\nmodule github.com/kubectl-harden/kubectl-harden/testdata/"+m.dir+"\n")) {
			return src, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("not found from %s up", startDir)
		}
	}
}

// startDir is taken before a test can change it.
var startDir, _ = os.Getwd()

// hash covers the compiler and the module's own files, which through go.sum
// determine all others.
func (m module) hash(ctx context.Context, src string) (string, error) {
	h := sha256.New()
	toolchain, err := goOutput(ctx, src, "env", "GOVERSION", "GOOS", "GOARCH")
	if err != nil {
		return "", err
	}
	fmt.Fprintln(h, toolchain)
	err = filepath.WalkDir(src, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != src {
				return fs.SkipDir // another module
			}
			return nil
		}
		if name := e.Name(); !strings.HasSuffix(name, ".go") && name != "go.mod" && name != "go.sum" {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		fmt.Fprintln(h, strings.TrimPrefix(path, src))
		_, err = io.Copy(h, f)
		return err
	})
	return hex.EncodeToString(h.Sum(nil))[:16], err
}

// goOutput runs the go command in a folder. Without cgo the programs are the
// same with and without a C compiler, and run in any root file system.
func goOutput(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	defer bindToParent(cmd)()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}
