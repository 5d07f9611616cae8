package plugin

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/registry"
)

// imageFlags say what images may be, and what may be asked of registries.
type imageFlags struct {
	Ask, Inspect, Probe bool
	Allowed             []string
	MaxAge              int // days
}

// defaultMaxImageAge is in days.
const defaultMaxImageAge = 365

func newImageFlags() imageFlags { return imageFlags{MaxAge: defaultMaxImageAge} }

func (f *imageFlags) addTo(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.Allowed, "allowed-registries", nil, "Where images may come from: hosts, or hosts with the beginning of a path (registry.example.com,docker.io/library).")
	f.addAsk(fs)
	fs.BoolVar(&f.Inspect, "inspect-images", false, "Like --ask-registries, and also download the images and look for credentials in them.")
	fs.BoolVar(&f.Probe, "probe-registries", false, "Connect to the registries' hosts, to see how TLS protects them.")
	fs.IntVar(&f.MaxAge, "max-image-age", f.MaxAge, "How many days ago an image may have been built; 0: any number. Goes with --ask-registries.")
}

// addAsk adds the flag alone that asks registries.
func (f *imageFlags) addAsk(fs *pflag.FlagSet) {
	fs.BoolVar(&f.Ask, "ask-registries", false, "Ask the registries about the images: digests, newer tags, age, signatures, and whom their variables name. They see who asks; your docker config and the pull secrets are used.")
}

// set puts into the options what the flags mean.
func (f *imageFlags) set(o *Options) error {
	allowed := make([]string, 0, len(f.Allowed))
	for _, prefix := range f.Allowed {
		p, err := parseAllowed(prefix)
		if err != nil {
			return err
		}
		allowed = append(allowed, p)
	}
	if f.MaxAge < 0 || f.MaxAge > maxDays {
		return fmt.Errorf("--max-image-age is a number of days from 0 to %d", maxDays)
	}
	o.Images = fixes.ImagePolicy{Allowed: allowed, MaxAge: time.Duration(f.MaxAge) * 24 * time.Hour}
	if f.Ask || f.Inspect {
		o.facts = append(o.facts, &registry.Images{Inspect: f.Inspect, CacheDir: registry.CacheDir(), Now: o.Now})
	}
	if f.Probe {
		o.facts = append(o.facts, &registry.Probe{Now: o.Now})
	}
	return nil
}

// maxDays is as much as a time.Duration holds, in round numbers.
const maxDays = 100_000

// parseAllowed checks an entry of --allowed-registries.
func parseAllowed(prefix string) (string, error) {
	bad := func(why string) (string, error) {
		return "", fmt.Errorf("--allowed-registries: %q %s; write a host, or a host and the beginning of a path (ghcr.io/acme)", prefix, why)
	}
	p := strings.TrimSuffix(prefix, "/")
	if p == "index.docker.io" || strings.HasPrefix(p, "index.docker.io/") {
		p = strings.TrimPrefix(p, "index.")
	}
	host, path, found := strings.Cut(p, "/")
	switch {
	case strings.Contains(p, "://"):
		return bad("has a scheme")
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		return bad("does not begin with a registry's host")
	case strings.ToLower(host) != host:
		return bad("has upper-case letters in its host")
	}
	if _, err := name.NewRegistry(host, name.StrictValidation); err != nil || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]") != "" {
		return bad("does not begin with a registry's host")
	}
	if _, err := name.NewRepository(host+"/"+path, name.WeakValidation); found && err != nil {
		return bad("has a path that no image has")
	}
	return p, nil
}
