// Package known tells what popular images need: as whom they run, what they
// write, which capabilities they cannot do without, on which ports they listen.
//
// It is a table with sources, images.tsv, not a judgement: where the table says
// nothing, nothing is known.
package known

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/table"
)

// Start is as whom an image starts.
type Start string

// The starts.
const (
	// AsUser: the image's USER is the user.
	AsUser Start = "user"
	// AsEither: it starts as root and switches to the user by itself, or its
	// makers run it as that user: it starts as the user as well.
	AsEither Start = "either"
	// AsRoot: it starts as root. Whether it needs to is not known.
	AsRoot Start = "root"
)

// Needs are what an image needs.
type Needs struct {
	// Repository is the one of the table that the image was recognised by
	// ("docker.io/library/nginx").
	Repository string
	// Doubt says in a phrase why the image may be another than the table's ("it
	// comes from another registry"); it is empty where that is certain.
	Doubt string

	Start Start
	// User and Group are those of the process once it serves; nil: not known.
	User, Group *int64
	// Writes are the folders of its own file system that it writes, where
	// WritesKnown is set, and nothing tells it otherwise.
	Writes      []fixes.Scratch
	WritesKnown bool
	// Capabilities are what it needs when it runs as User, without CAP_.
	Capabilities      []string
	CapabilitiesKnown bool
	// Ports are those on which it listens unless told otherwise.
	Ports []int32
	// ReadOnly: its makers run it with a read-only root and Writes.
	ReadOnly bool
	// Source is a URL.
	Source string
}

//go:embed images.tsv
var text string

// row is a line of the table.
type row struct {
	repositories []string
	versions     versions
	needs        Needs
}

// images holds the table's rows by the last element of their repositories'
// paths, so that most images are told to be unknown by one look.
type images struct {
	byName map[string][]row
	any    []row // of all names
}

var read = sync.OnceValue(func() images {
	all := images{byName: map[string][]row{}}
	for _, r := range format.Embedded(text)() {
		seen := map[string]bool{}
		for _, repo := range r.repositories {
			last := lastElement(repo)
			switch {
			case seen[last]:
			case last == "*":
				all.any = append(all.any, r)
			default:
				all.byName[last] = append(all.byName[last], r)
			}
			seen[last] = true
		}
	}
	return all
})

// Lookup returns what an image needs, as it stands in a container. The slices
// belong to the table.
//
// An image of the table's name from another registry counts as its mirror, in
// doubt; so does one whose version cannot be told where that matters.
func Lookup(image string) (Needs, bool) {
	all := read()
	short, tag := fixes.SplitImage(image)
	rows := all.byName[lastElement(short)]
	if len(rows) == 0 && len(all.any) == 0 {
		return Needs{}, false
	}
	ref, err := name.ParseReference(image, name.WeakValidation)
	if err != nil {
		return Needs{}, false // the kubelet will refuse it
	}
	repo := fullRepository(ref.Context())
	for _, r := range rows {
		if slices.Contains(r.repositories, repo) {
			if fits, doubt := r.versions.fit(tag); fits {
				return r.as(repo, doubt), true
			}
		}
	}
	if slices.ContainsFunc(rows, func(r row) bool { return slices.Contains(r.repositories, repo) }) {
		return Needs{}, false // of a version that the table does not have
	}
	for _, r := range all.any {
		for _, of := range r.repositories {
			if folder := strings.TrimSuffix(of, "*"); strings.HasPrefix(repo, folder) && !strings.Contains(repo[len(folder):], "/") {
				return r.as(of, ""), true
			}
		}
	}
	return mirrored(rows, repo, tag)
}

// mirrored looks for the row whose repository's path ends most like the one of
// an image from elsewhere.
func mirrored(rows []row, repo, tag string) (Needs, bool) {
	var best Needs
	most := 0
	for _, r := range rows {
		fits, _ := r.versions.fit(tag)
		if !fits {
			continue
		}
		for _, of := range r.repositories {
			n := commonEnd(of, repo)
			// A last element alone is enough where it names one thing: "controller"
			// is the name of many.
			alone := strings.HasPrefix(of, officialImages) || strings.Contains(lastElement(of), "-")
			if n > most && (n > 1 || alone) {
				best, most = r.as(of, "it comes from another registry than "+of), n
			}
		}
	}
	return best, most > 0
}

const officialImages = "docker.io/library/"

func (r row) as(repository, doubt string) Needs {
	n := r.needs
	n.Repository, n.Doubt = repository, doubt
	return n
}

// commonEnd counts the elements of two paths that are the same from the end.
func commonEnd(a, b string) int {
	x, y := strings.Split(a, "/"), strings.Split(b, "/")
	n := 0
	for n < len(x) && n < len(y) && x[len(x)-1-n] == y[len(y)-1-n] {
		n++
	}
	return n
}

// fullRepository writes a repository with Docker Hub's usual host.
func fullRepository(repo name.Repository) string {
	if repo.RegistryStr() == name.DefaultRegistry {
		return "docker.io/" + repo.RepositoryStr()
	}
	return repo.Name()
}

func lastElement(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

var format = table.Table[row]{
	Name:    "images.tsv",
	Columns: []string{"repositories", "versions", "start", "user", "group", "writes", "caps", "ports", "readonly", "source"},
	Key:     []string{"repositories", "versions"},
	Row:     parse,
}

func parse(f table.Row) (row, error) {
	r := row{repositories: f.List("repositories")}
	n := &r.needs
	n.Source = f.Text("source")
	var err error
	if n.Start, err = table.OneOf(f, "start", AsUser, AsEither, AsRoot); err != nil {
		return row{}, err
	}
	if r.versions, err = parseVersions(f.Text("versions")); err != nil {
		return row{}, err
	}
	if n.User, err = parseID(f, "user"); err != nil {
		return row{}, err
	}
	if n.Group, err = parseID(f, "group"); err != nil {
		return row{}, err
	}
	for _, p := range list(f, "writes") {
		path, seed := strings.CutSuffix(p, "+")
		n.Writes = append(n.Writes, fixes.Scratch{Path: path, Seed: seed})
	}
	n.Capabilities = list(f, "caps")
	n.WritesKnown, n.CapabilitiesKnown = f.Has("writes"), f.Has("caps")
	for _, p := range list(f, "ports") {
		port, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return row{}, fmt.Errorf("port %q", p)
		}
		n.Ports = append(n.Ports, int32(port))
	}
	readOnly, err := table.OneOf(f, "readonly", "yes", table.None)
	n.ReadOnly = readOnly == "yes"
	return r, err
}

// list splits a field into its parts; "none" says that there are none, which is more
// than not to say.
func list(f table.Row, column string) []string {
	if f.Text(column) == "none" {
		return nil
	}
	return f.List(column)
}

func parseID(f table.Row, column string) (*int64, error) {
	if !f.Has(column) {
		return nil, nil
	}
	id, err := strconv.ParseInt(f.Text(column), 10, 64)
	if err != nil || id < 0 {
		return nil, fmt.Errorf("%s %q", column, f.Text(column))
	}
	return &id, nil
}
