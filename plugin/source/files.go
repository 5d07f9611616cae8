package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Files reads manifests: files, folders and standard input, or the build of a
// kustomization.
type Files struct {
	// Paths are files or folders; "-" is Stdin.
	Paths []string
	Stdin io.Reader
	// Recursive descends into folders.
	Recursive bool
	// Kustomize is the folder of a kustomization to build, or empty.
	Kustomize string
	// Namespace is given to objects that name none; where it is empty, that is
	// [fixes.Unnamed].
	Namespace string

	inv *fixes.Inventory
}

// manifestExtensions are those that kubectl reads in a folder.
var manifestExtensions = []string{".json", ".yaml", ".yml"}

// Open implements [Source].
func (f *Files) Open(context.Context) (*fixes.Inventory, error) {
	f.inv = fixes.NewInventory()
	return f.inv, nil
}

// Load implements [Source]. A document that cannot be read does not keep the
// others from being read; the error then holds a [ManifestError] for each.
func (f *Files) Load(ctx context.Context, kinds []fixes.Kind, emit func(Batch)) error {
	docs, err := f.documents(ctx)
	if err != nil {
		return err
	}
	var objects []parsed
	var skips []fixes.Skip
	var bad []error
	for _, doc := range docs {
		found, skipped, err := parseDocument(doc)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		objects, skips = append(objects, found...), append(skips, skipped...)
	}
	if len(objects) == 0 && len(bad) == 0 {
		return errors.New("no Kubernetes object found; folders are searched only one level deep without -R")
	}
	f.place(objects)
	for _, kind := range kinds {
		batch := Batch{Kind: kind, Last: true}
		for _, o := range objects {
			if k, _ := fixes.KindOf(o.obj); k == kind {
				batch.Objects = append(batch.Objects, o.obj)
			}
		}
		for _, s := range skips {
			if s.Resource == kind.String() && !slices.Contains(batch.Skips, s) {
				batch.Skips = append(batch.Skips, s)
			}
		}
		emit(batch)
	}
	return errors.Join(bad...)
}

// place gives every object its namespace and its origin: manifests of several
// environments often hold objects of the same name.
func (f *Files) place(objects []parsed) {
	seen := map[fixes.Ref]bool{}
	for _, o := range objects {
		kind, _ := fixes.KindOf(o.obj)
		switch {
		case !kind.Namespaced:
			o.obj.SetNamespace("") // means nothing there, and would hide that two are one
		case o.obj.GetNamespace() == "":
			o.obj.SetNamespace(cmp.Or(f.Namespace, fixes.Unnamed))
		}
		ref := fixes.RefOf(o.obj)
		for n := 1; seen[ref]; n++ {
			ref.Origin = o.at.File
			if n > 1 {
				ref.Origin = fmt.Sprintf("%s#%d", o.at.File, n)
			}
		}
		fixes.SetOrigin(o.obj, ref.Origin)
		seen[ref] = true
		f.inv.SetPosition(ref, o.at)
	}
}

func (f *Files) documents(ctx context.Context) ([]document, error) {
	if f.Kustomize != "" {
		return buildKustomization(f.Kustomize)
	}
	var docs []document
	for _, path := range f.Paths {
		if path == "-" {
			text, err := readAll(ctx, f.Stdin)
			if err != nil {
				return nil, fmt.Errorf("read standard input: %w", err)
			}
			docs = append(docs, splitDocuments("stdin", text)...)
			continue
		}
		files, err := f.walk(ctx, path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			docs = append(docs, splitDocuments(file, text)...)
		}
	}
	return docs, nil
}

// readAll reads to the end, or until the context ends: a terminal or a pipe
// may never come to one.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() { // ends with the process if nothing comes: a read cannot be called off
		text, err := io.ReadAll(r)
		done <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-done:
		return got.text, got.err
	}
}

// walk lists the manifests at a path, in a stable order. A file that is named
// is read whatever it is called.
func (f *Files) walk(ctx context.Context, path string) ([]string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the path %q does not exist", path)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir() && p != path && (!f.Recursive || d.Name() == ".git"):
			return filepath.SkipDir
		case !d.IsDir() && slices.Contains(manifestExtensions, filepath.Ext(p)):
			files = append(files, p)
		}
		return nil
	})
	return files, err
}

func buildKustomization(dir string) ([]document, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, fmt.Errorf("build the kustomization in %s: %w", dir, err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		return nil, err
	}
	docs := splitDocuments(dir, text)
	for i := range docs {
		docs[i].Line = 0 // a line of the build, which stands in no file
	}
	return docs, nil
}
