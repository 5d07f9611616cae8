package move

import (
	"strings"
	"testing"
)

// FuzzRename: a second time changes nothing, and no line comes or goes.
func FuzzRename(f *testing.F) {
	f.Add("http://api.default.svc:80")
	f.Add("api.default.svc,api.default.svc.cluster.local")
	f.Add("api.default.svc,api.default.svc api.default.svc")
	m, b := &Move{From: "default", To: "shop"}, belongings{services: []string{"api", "a.b"}}
	f.Fuzz(func(t *testing.T, text string) {
		got := m.rename(text, b)
		if strings.Count(got, "\n") != strings.Count(text, "\n") || m.rename(got, b) != got {
			t.Errorf("%q: %q", text, got)
		}
	})
}
