package krew_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestOtherPlatforms type-checks the program for every platform of a release
// but this one. Compiling it for one takes minutes, because that means most of
// Kubernetes; a declaration that is missing on a platform, which is what goes
// wrong, is seen here in seconds. "make cross" compiles.
func TestOtherPlatforms(t *testing.T) {
	for _, p := range releasePlatforms(t) {
		if p.OS == runtime.GOOS && p.Arch == runtime.GOARCH {
			continue
		}
		t.Run(p.OS+"_"+p.Arch, func(t *testing.T) {
			if err := typeCheck(p, "./cmd/kubectl-harden"); err != nil {
				t.Error(err)
			}
		})
	}
}

// goPackage is what the test reads of a package that go list prints.
type goPackage struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string
	Module          *struct {
		Main      bool
		GoVersion string
	}
}

// typeCheck checks a package of this module and all that it imports, as
// compiled for the platform; of other modules only the declarations.
func typeCheck(p platform, pkg string) error {
	list := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,ImportMap,Module", pkg)
	list.Dir = ".."
	list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Arch)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return err
	}
	var (
		files   = token.NewFileSet()
		checked = map[string]*types.Package{"unsafe": types.Unsafe}
		ours    int
	)
	// Every package comes after those that it imports.
	for packages := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg goPackage
		if err := packages.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if pkg.ImportPath == "unsafe" {
			continue
		}
		var syntax []*ast.File
		for _, name := range pkg.GoFiles {
			f, err := parser.ParseFile(files, filepath.Join(pkg.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			syntax = append(syntax, f)
		}
		config := types.Config{
			IgnoreFuncBodies: true,
			Sizes:            types.SizesFor("gc", p.Arch),
			Importer: importer(func(path string) (*types.Package, error) {
				if mapped, ok := pkg.ImportMap[path]; ok {
					path = mapped
				}
				if imported := checked[path]; imported != nil {
					return imported, nil
				}
				return nil, fmt.Errorf("package %s is not among those that go list prints", path)
			}),
		}
		if pkg.Module != nil {
			config.GoVersion = "go" + pkg.Module.GoVersion
			if pkg.Module.Main {
				config.IgnoreFuncBodies = false
				ours++
			}
		}
		if checked[pkg.ImportPath], err = config.Check(pkg.ImportPath, files, syntax, nil); err != nil {
			return err
		}
	}
	if ours == 0 {
		return fmt.Errorf("no package of this module was checked")
	}
	return nil
}

type importer func(path string) (*types.Package, error)

func (i importer) Import(path string) (*types.Package, error) { return i(path) }
