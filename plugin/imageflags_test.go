package plugin

import (
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/plugin/registry"
)

func TestAllowedRegistries(t *testing.T) {
	for prefix, want := range map[string]string{
		"registry.example.com": "registry.example.com", "registry.example.com/": "registry.example.com",
		"localhost:5000": "localhost:5000", "localhost/web": "localhost/web", "ghcr.io/acme/web": "ghcr.io/acme/web",
		"index.docker.io/library": "docker.io/library", "docker.io": "docker.io",
		"nginx": "", "library/nginx": "", "": "", "/": "", "https://ghcr.io": "", "GHCR.io": "", "ghcr.io/Acme": "",
		"ghcr.io/acme:1": "", "ghcr.io//": "", "ghcr.io/a\"]": "", "ghcr.io\n": "", "*.example.com": "",
	} {
		got, err := parseAllowed(prefix)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", prefix, got, err)
		}
	}
}

func TestImageFlags(t *testing.T) {
	set := func(f imageFlags) (*Options, error) {
		o := &Options{Now: time.Now}
		return o, f.set(o)
	}
	if o, err := set(newImageFlags()); err != nil || len(o.facts) > 0 || o.Images.MaxAge != 365*24*time.Hour {
		t.Errorf("nothing was asked for: %v, %d facts, %+v", err, len(o.facts), o.Images)
	}
	o, err := set(imageFlags{Inspect: true, Probe: true, Allowed: []string{"ghcr.io/acme/"}})
	if err != nil || len(o.facts) != 2 || !o.facts[0].(*registry.Images).Inspect || o.Images.Allowed[0] != "ghcr.io/acme" {
		t.Errorf("%v %+v", err, o)
	}
	for _, bad := range []imageFlags{{MaxAge: -1}, {MaxAge: 1 << 40}, {Allowed: []string{"nginx"}}} {
		if _, err := set(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
