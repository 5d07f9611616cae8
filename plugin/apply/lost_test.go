package apply_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// lossy loses the answers to real patches, after the server has made them or
// before it sees them.
type lossy struct {
	http.RoundTripper
	arrives bool
}

func (l lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPatch || strings.Contains(r.URL.RawQuery, "dryRun") {
		return l.RoundTripper.RoundTrip(r)
	}
	if l.arrives {
		answer, err := l.RoundTripper.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		if err := answer.Body.Close(); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("connection lost")
}

// TestAnswerLost finds out what became of a write whose answer was lost,
// whether it touches the spec or, as a namespace's does, only the metadata.
func TestAnswerLost(t *testing.T) {
	for name, arrives := range map[string]bool{"written": true, "not-written": false} {
		t.Run(name, func(t *testing.T) {
			_, plan := shop(t)
			config, err := clientcmd.BuildConfigFromFlags("", control.Kubeconfig)
			if err != nil {
				t.Fatal(err)
			}
			config.Wrap(func(rt http.RoundTripper) http.RoundTripper { return lossy{rt, arrives} })
			lost := applier(t)
			if lost.Client, err = client.New(rest.CopyConfig(config)); err != nil {
				t.Fatal(err)
			}
			for _, kind := range []string{"Deployment", "Namespace"} {
				one := &fixes.Plan{}
				for _, c := range plan.Changes {
					if c.Object.Kind.Name == kind {
						one.Changes = append(one.Changes, c)
					}
				}
				var got outcomes
				err := write(t.Context(), lost, one, got.report)
				out := got.of(kind)
				if arrives && (err != nil || out.State != fixes.Applied) {
					t.Errorf("%s: %v %+v", kind, err, out)
				}
				if !arrives && (!errors.Is(err, apply.ErrRefused) || out.State != fixes.Failed) {
					t.Errorf("%s: %v %+v", kind, err, out)
				}
			}
		})
	}
}
