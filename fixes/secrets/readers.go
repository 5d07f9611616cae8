package secrets

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// readVerbs are those that show an object: a list or a watch shows all of it.
var readVerbs = []string{"get", "list", "watch"}

// namedReaders is how many of those who can read something are named.
const namedReaders = 5

// readers says who can read the objects of a kind in a namespace of a running
// cluster, beside Kubernetes itself: "readable by 2 subjects: Group devs, User
// alice". It is empty where that is not known: rights were not listed, or come
// from manifests, which are never all of them. Rules that ask name [rbac.Kinds].
func readers(p *fixes.Pass, kind fixes.Kind, namespace string) string {
	if !p.Live || !rbac.Covered(p.Inventory, namespace) {
		return ""
	}
	c := fixes.Memo(p.Inventory, rbac.Kinds(), newReaderCache)
	return c.text(readable{kind, namespace})
}

// withReaders adds what [readers] says to evidence.
func withReaders(p *fixes.Pass, kind fixes.Kind, namespace string, evidence ...string) []string {
	if text := readers(p, kind, namespace); text != "" {
		return append(slices.Clip(evidence), text)
	}
	return evidence
}

// readable is what somebody may read.
type readable struct {
	kind      fixes.Kind
	namespace string
}

// readerCache keeps the answers: thousands of findings ask for few namespaces.
type readerCache struct {
	index *rbac.Index
	mu    sync.Mutex
	known map[readable][]rbacv1.Subject
}

func newReaderCache(inv *fixes.Inventory) *readerCache {
	return &readerCache{index: rbac.Of(inv), known: map[readable][]rbacv1.Subject{}}
}

// subjects returns who can read all objects of a kind in a namespace, but for
// Kubernetes' own.
func (c *readerCache) subjects(r readable) []rbacv1.Subject {
	c.mu.Lock()
	defer c.mu.Unlock()
	if list, ok := c.known[r]; ok {
		return list
	}
	var grants []rbac.Grant
	for _, verb := range readVerbs {
		for _, g := range c.index.WhoCan(rbac.To(verb, r.kind, r.namespace)) {
			if !c.index.System(g.Subject) {
				grants = append(grants, g)
			}
		}
	}
	c.known[r] = rbac.Subjects(grants)
	return c.known[r]
}

func (c *readerCache) text(r readable) string {
	subjects := c.subjects(r)
	switch len(subjects) {
	case 0:
		return "readable by no subject beside Kubernetes' own"
	case 1:
		return "readable by 1 subject: " + rbac.String(subjects[0])
	}
	return fmt.Sprintf("readable by %d subjects: %s", len(subjects), nameSubjects(subjects))
}

// nameSubjects names the first of some subjects.
func nameSubjects(subjects []rbacv1.Subject) string {
	var names []string
	for _, s := range subjects[:min(len(subjects), namedReaders)] {
		names = append(names, rbac.String(s))
	}
	text := strings.Join(names, ", ")
	if more := len(subjects) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
