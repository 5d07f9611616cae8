package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// server answers as an API server would that has the given groups, each with
// its versions, and notes what it is asked.
type server struct {
	groups  map[string][]string
	answers map[string]string // by path
	mu      sync.Mutex
	asked   []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.RequestURI())
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/apis" {
		if s.groups == nil {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`)
			return
		}
		var groups []string
		for name, versions := range s.groups {
			var list []string
			for _, v := range versions {
				list = append(list, fmt.Sprintf(`{"groupVersion":"%s/%s","version":"%[2]s"}`, name, v))
			}
			groups = append(groups, fmt.Sprintf(`{"name":%q,"versions":[%s],"preferredVersion":%s}`, name, strings.Join(list, ","), list[0]))
		}
		fmt.Fprintf(w, `{"kind":"APIGroupList","apiVersion":"v1","groups":[%s]}`, strings.Join(groups, ","))
		return
	}
	answer, ok := s.answers[r.URL.RequestURI()]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		answer = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`
	}
	fmt.Fprint(w, answer)
}

func (s *server) client(t *testing.T) *Client {
	t.Helper()
	http := httptest.NewServer(s)
	t.Cleanup(http.Close)
	c, err := New(&rest.Config{Host: http.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func listAll(t *testing.T, c *Client) []fixes.Object {
	t.Helper()
	var all []fixes.Object
	var mu sync.Mutex
	var workers sync.WaitGroup
	for _, kind := range fixes.CustomKinds() {
		workers.Go(func() {
			err := c.List(t.Context(), kind, "", func(objects []fixes.Object) {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, objects...)
			})
			if err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		})
	}
	workers.Wait()
	return all
}

func TestCustomKindsThatAreNotServed(t *testing.T) {
	s := &server{groups: map[string][]string{"apps": {"v1"}}}
	c := s.client(t)
	for range 2 {
		if all := listAll(t, c); len(all) != 0 {
			t.Errorf("listed %v", all)
		}
	}
	if !slices.Equal(s.asked, []string{"/apis"}) {
		t.Errorf("asked %q", s.asked)
	}
	c.ForgetServed()
	s.groups["argoproj.io"] = []string{"v1alpha1"} // Argo CD alone, say: no Rollouts
	if all := listAll(t, c); len(all) != 0 {
		t.Errorf("listed %v", all)
	}
	if want := []string{"/apis", "/apis", "/apis/argoproj.io/v1alpha1/rollouts?limit=500"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked %q", s.asked)
	}
}

func TestCustomKindsInTheVersionThatIsServed(t *testing.T) {
	item := func(name string) string {
		return `{"apiVersion":"apps.kruise.io/v1alpha1","kind":"StatefulSet","metadata":{"name":"` + name + `","namespace":"shop","generation":9007199254740993},
			"spec":{"template":{"spec":{"containers":[{"name":"web"}]}}}}`
	}
	s := &server{groups: map[string][]string{"apps.kruise.io": {"v1alpha1"}}, answers: map[string]string{
		"/apis/apps.kruise.io/v1alpha1/statefulsets?limit=500":               `{"metadata":{"continue":"next"},"items":[` + item("a") + `]}`,
		"/apis/apps.kruise.io/v1alpha1/statefulsets?continue=next&limit=500": `{"metadata":{},"items":[` + item("b") + `,null,{"metadata":7}]}`,
		"/apis/apps.kruise.io/v1alpha1/namespaces/shop/statefulsets/a":       item("a"),
	}}
	c := s.client(t)
	all := listAll(t, c)
	if len(all) != 4 {
		t.Fatalf("listed %v", all)
	}
	if got := all[0].GetGeneration(); got != 9007199254740993 {
		t.Errorf("generation %d", got)
	}
	ref := fixes.RefOf(all[0])
	if ref != (fixes.Ref{Kind: fixes.KindKruiseStatefulSet, Namespace: "shop", Name: "a"}) {
		t.Error(ref)
	}
	one, err := c.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := fixes.AsWorkload(one); !ok {
		t.Error("no workload")
	}
	text, err := json.Marshal(one)
	if err != nil || !strings.Contains(string(text), `"apps.kruise.io/v1alpha1"`) {
		t.Error(string(text), err)
	}
}

// The kinds of one group are not all served in the same versions.
func TestCustomKindsInAnotherVersionThanTheirNeighbours(t *testing.T) {
	s := &server{groups: map[string][]string{"gateway.networking.k8s.io": {"v1", "v1alpha3", "v1alpha2"}}, answers: map[string]string{
		"/apis/gateway.networking.k8s.io/v1alpha3/tlsroutes?limit=500": `{"items":[{"apiVersion":"gateway.networking.k8s.io/v1alpha3","kind":"TLSRoute","metadata":{"name":"a"}}]}`,
	}}
	c := s.client(t)
	var got []fixes.Object
	err := c.List(t.Context(), fixes.KindTLSRoute, "", func(objects []fixes.Object) { got = append(got, objects...) })
	if err != nil || len(got) != 1 || got[0].GetObjectKind().GroupVersionKind().Version != "v1alpha3" {
		t.Errorf("listed %v: %v", got, err)
	}
	versions, err := c.APIVersions(t.Context())
	if err != nil || !slices.Contains(versions, "gateway.networking.k8s.io/v1alpha2") {
		t.Errorf("versions %q: %v", versions, err)
	}
}

// Who may not ask for the groups is told what else he may not.
func TestCustomKindsThatMayNotBeAskedFor(t *testing.T) {
	s := &server{answers: map[string]string{"/apis/argoproj.io/v1alpha1/rollouts?limit=500": `{"items":[{"metadata":{"name":"web"}}]}`}}
	if all := listAll(t, s.client(t)); len(all) != 1 {
		t.Errorf("listed %v", all)
	}
	if len(s.asked) != 1+len(fixes.CustomKinds()) {
		t.Errorf("asked %q", s.asked)
	}
}
