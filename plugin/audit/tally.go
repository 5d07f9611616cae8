package audit

import (
	"maps"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// What is told one by one; beyond that it is summed up, so that the memory for a
// log is bounded, whatever is in it.
const (
	maxUsers      = 10_000
	maxGroups     = 64      // of a user
	maxActs       = 2_000   // verbs on resources, of a user
	maxNamespaces = 100     // of an act
	maxNames      = 20      // of an act in a namespace
	maxPaths      = 100     // of a user and a verb
	maxTold       = 500_000 // acts in a namespace, of all users
)

// tally sums up what the users of a log did.
type tally struct {
	users    map[string]*deeds
	from, to string
	told     int
	dropped  bool // there were too many users or acts
}

type act struct{ verb, group, resource string }

type deeds struct {
	groups map[string]bool
	acts   map[act]map[string]*use // by namespace
	paths  map[string]map[string]*use
}

type use struct {
	names       map[string]bool
	all         bool
	count       int
	first, last string
}

func newTally() *tally { return &tally{users: map[string]*deeds{}} }

// add counts an event. Requests that were refused count for nobody, and what
// Kubernetes' own users do is left out: no fix touches their rights.
func (t *tally) add(e *event) {
	if e.received != "" {
		if t.from == "" || e.received < t.from {
			t.from = e.received
		}
		t.to = max(t.to, e.received)
	}
	// A watch or an exec that goes on has only started yet.
	if e.stage != "ResponseComplete" && e.stage != "ResponseStarted" || !e.allowed() {
		return
	}
	who := e.user
	if e.as != nil {
		t.impersonation(e)
		who = e.as
	}
	d := t.of(who)
	if d == nil {
		return
	}
	if !e.hasRef || e.ref.Resource == "" {
		d.path(e)
		return
	}
	resource := e.ref.Resource
	if e.ref.Subresource != "" {
		resource += "/" + e.ref.Subresource
	}
	name := e.ref.Name
	if unnamed(e.verb, e.ref.Subresource) {
		name = ""
	}
	t.did(d, e, act{e.verb, e.ref.APIGroup, resource}, e.ref.Namespace, name)
	// A patch or an update that made the object was asked for as a create too.
	if e.code == 201 && e.ref.Subresource == "" && (e.verb == "patch" || e.verb == "update") {
		t.did(d, e, act{"create", e.ref.APIGroup, resource}, e.ref.Namespace, "")
	}
}

// unnamed reports whether the authorizer is asked without a name, though the
// event may have one: a create's is that of the object which is to be.
func unnamed(verb, subresource string) bool {
	switch verb {
	case "list", "watch", "deletecollection":
		return true
	case "create":
		return subresource == ""
	}
	return false
}

// of returns what a user did so far, or nil for one who is left out.
func (t *tally) of(u *user) *deeds {
	if u == nil || u.Username == "" || system(u.Username) {
		return nil
	}
	d := t.users[u.Username]
	if d == nil {
		if len(t.users) >= maxUsers {
			t.dropped = true
			return nil
		}
		d = &deeds{groups: map[string]bool{}, acts: map[act]map[string]*use{}, paths: map[string]map[string]*use{}}
		t.users[u.Username] = d
	}
	for _, g := range u.Groups {
		if !d.groups[g] && len(d.groups) < maxGroups {
			d.groups[g] = true
		}
	}
	return d
}

// system reports whether a user is a part of Kubernetes itself.
func system(name string) bool {
	return strings.HasPrefix(name, "system:") && !strings.HasPrefix(name, "system:serviceaccount:") && name != "system:anonymous"
}

// impersonation counts what the real user needed for acting as another
// (k8s.io/apiserver/pkg/endpoints/filters/impersonation.go).
func (t *tally) impersonation(e *event) {
	d := t.of(e.user)
	if d == nil {
		return
	}
	if account, ok := strings.CutPrefix(e.as.Username, "system:serviceaccount:"); ok {
		ns, name, _ := strings.Cut(account, ":")
		t.did(d, e, act{"impersonate", "", "serviceaccounts"}, ns, name)
	} else {
		t.did(d, e, act{"impersonate", "", "users"}, "", e.as.Username)
	}
	for _, g := range e.as.Groups {
		// The server adds these by itself.
		if g != "system:authenticated" && g != "system:unauthenticated" && !strings.HasPrefix(g, "system:serviceaccounts") {
			t.did(d, e, act{"impersonate", "", "groups"}, "", g)
		}
	}
	if e.as.UID != "" {
		t.did(d, e, act{"impersonate", authenticationv1.GroupName, "uids"}, "", e.as.UID)
	}
	for key, values := range e.as.Extra {
		for _, value := range values {
			t.did(d, e, act{"impersonate", authenticationv1.GroupName, "userextras/" + key}, "", value)
		}
	}
}

func (t *tally) did(d *deeds, e *event, a act, namespace, name string) {
	byNamespace := d.acts[a]
	if byNamespace == nil {
		if len(d.acts) >= maxActs {
			t.dropped = true
			return
		}
		byNamespace = map[string]*use{}
		d.acts[a] = byNamespace
	}
	if byNamespace[fixes.AnyNamespace] != nil && namespace != "" {
		namespace = fixes.AnyNamespace
	}
	u := byNamespace[namespace]
	if u == nil {
		switch {
		case len(byNamespace) >= maxNamespaces && namespace != "":
			u = collapse(byNamespace)
			t.told -= maxNamespaces - 1
		case t.told >= maxTold:
			t.dropped = true
			return
		default:
			u = &use{}
			byNamespace[namespace] = u
			t.told++
		}
	}
	u.count1(e)
	u.name(name)
}

// collapse puts the namespaces of an act together.
func collapse(byNamespace map[string]*use) *use {
	sum := &use{all: true}
	for ns, u := range byNamespace {
		if ns == "" {
			continue
		}
		sum.count += u.count
		if sum.first == "" || u.first < sum.first {
			sum.first = u.first
		}
		sum.last = max(sum.last, u.last)
		delete(byNamespace, ns)
	}
	byNamespace[fixes.AnyNamespace] = sum
	return sum
}

func (u *use) count1(e *event) {
	if e.stage == "ResponseComplete" {
		u.count++
	}
	if u.first == "" || e.received < u.first {
		u.first = e.received
	}
	u.last = max(u.last, e.received)
}

func (u *use) name(name string) {
	switch {
	case u.all:
	case name == "":
		u.all, u.names = true, nil
	case u.names[name]:
	case len(u.names) >= maxNames:
		u.all, u.names = true, nil
	default:
		if u.names == nil {
			u.names = map[string]bool{}
		}
		u.names[name] = true
	}
}

// path counts a request for no resource; where there are too many paths, what
// is below the first step of each is put together.
func (d *deeds) path(e *event) {
	path := e.path()
	if path == "" {
		return
	}
	byPath := d.paths[e.verb]
	if byPath == nil {
		if len(d.paths) >= maxPaths {
			return
		}
		byPath = map[string]*use{}
		d.paths[e.verb] = byPath
	}
	if byPath[path] == nil && len(byPath) >= maxPaths {
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if path = "/" + first + "/*"; byPath[path] == nil && len(byPath) >= 2*maxPaths {
			path = "/*"
		}
	}
	if byPath[path] == nil {
		byPath[path] = &use{all: true}
	}
	byPath[path].count1(e)
}

// activities returns what was done, as facts.
func (t *tally) activities(gaps []string) []fixes.Object {
	log := &fixes.Activity{From: when(t.from), To: when(t.to), Gaps: gaps}
	out := []fixes.Object{log}
	for _, name := range slices.Sorted(maps.Keys(t.users)) {
		d := t.users[name]
		a := &fixes.Activity{ObjectMeta: metav1.ObjectMeta{Name: name}, Groups: slices.Sorted(maps.Keys(d.groups))}
		for k, byNamespace := range d.acts {
			for ns, u := range byNamespace {
				a.Uses = append(a.Uses, fixes.Use{
					Verb: k.verb, Group: k.group, Resource: k.resource, Namespace: ns,
					Names: slices.Sorted(maps.Keys(u.names)), AllNames: u.all,
					Count: u.count, First: when(u.first), Last: when(u.last),
				})
			}
		}
		for verb, byPath := range d.paths {
			for path, u := range byPath {
				a.Uses = append(a.Uses, fixes.Use{Verb: verb, Path: path, AllNames: true, Count: u.count, First: when(u.first), Last: when(u.last)})
			}
		}
		slices.SortFunc(a.Uses, func(x, y fixes.Use) int {
			return strings.Compare(useKey(x), useKey(y))
		})
		out = append(out, a)
	}
	return out
}

func useKey(u fixes.Use) string {
	return strings.Join([]string{u.Path, u.Namespace, u.Group, u.Resource, u.Verb}, "\x00")
}

func when(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
