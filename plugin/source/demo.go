package source

import (
	"context"
	_ "embed"
	"errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

//go:embed demo.yaml
var demoYAML []byte

// demoMinor is the version that the demo cluster claims to run.
const demoMinor = 37

// Demo is a small vulnerable shop inside the binary, as a scan of a cluster
// would see it: with the pods that run and what they report.
type Demo struct{}

// DemoManifests returns the demo's objects as YAML documents.
func DemoManifests() []byte { return demoYAML }

// Open implements [Source].
func (Demo) Open(context.Context) (*fixes.Inventory, error) {
	inv := fixes.NewInventory()
	inv.Live, inv.ServerMinor = true, demoMinor
	return inv, nil
}

// Load implements [Source].
func (Demo) Load(_ context.Context, kinds []fixes.Kind, emit func(Batch)) error {
	byKind := map[fixes.Kind][]fixes.Object{}
	var bad []error
	for _, doc := range splitDocuments("demo", demoYAML) {
		objects, _, err := parseDocument(doc)
		bad = append(bad, err)
		for _, o := range objects {
			kind, _ := fixes.KindOf(o.obj)
			byKind[kind] = append(byKind[kind], o.obj)
		}
	}
	for _, kind := range kinds {
		emit(Batch{Kind: kind, Objects: byKind[kind], Last: true})
	}
	return errors.Join(bad...)
}
