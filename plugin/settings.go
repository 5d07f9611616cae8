package plugin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/config"
	"github.com/kubectl-harden/kubectl-harden/tui"
)

// settings are what the configuration says of keys, and of what guards a
// cluster: the project's file and the user's own, together.
type settings struct {
	// files are those that there are, the user's own first.
	files []*config.File
	keys  map[string][]string
}

// addReadOnly adds the flag that keeps the program from writing.
func addReadOnly(fs *pflag.FlagSet, readOnly *bool) {
	fs.BoolVar(readOnly, "readonly", false, "Write nothing to the cluster: no fix, no undo, no resume. The configuration can say so for contexts (readonly).")
}

// settings reads the configuration: the file of the project, and the user's own
// unless none is wanted.
func (c *configFile) settings() (*settings, error) {
	if err := c.load(); err != nil {
		return nil, err
	}
	s := &settings{}
	if c.named == noConfig {
		return s, nil
	}
	if path := config.UserPath(); path != "" {
		user, err := config.Open(path)
		if err != nil {
			return nil, err
		}
		if len(user.Ignore) > 0 {
			return nil, user.Fault("ignores belong to a project: write them into its "+config.FileName, "ignore")
		}
		if user.Exists {
			s.files = append(s.files, user)
		}
	}
	if c.file != nil && c.file.Exists {
		s.files = append(s.files, c.file)
	}
	return s, s.bind()
}

// bind takes the keys of the files: what the user has bound counts more than
// what the project has.
func (s *settings) bind() error {
	s.keys = map[string][]string{}
	for _, f := range slices.Backward(s.files) {
		own := map[string][]string{}
		for action, keys := range f.Keys {
			own[action] = keys
		}
		if wrong := tui.CheckKeys(own); len(wrong) > 0 {
			return f.Fault(fixes.Clean(wrong[0].Error()), "keys", wrong[0].Action)
		}
		s.override(own)
	}
	if wrong := tui.CheckKeys(s.keys); len(wrong) > 0 { // each is well by itself
		return s.files[0].Fault(fixes.Clean(wrong[0].Error()), "keys", wrong[0].Action)
	}
	return nil
}

// bound returns the keys that are configured.
func (s *settings) bound() map[string][]string {
	if s == nil {
		return nil
	}
	return s.keys
}

// override binds keys anew.
func (s *settings) override(keys map[string][]string) {
	maps.Copy(s.keys, keys)
}

// guard returns what guards a context. A project's file may add to what the
// user's own says, and takes nothing away: it came with a repository.
func (s *settings) guard(context string, readOnly bool) guard {
	g := guard{confirmAbove: tui.DefaultConfirmAbove}
	if readOnly {
		g.whyReadOnly = "--readonly was given"
	}
	if s == nil {
		return g
	}
	user := config.UserPath()
	for _, f := range s.files {
		switch {
		case f.Production == nil:
		case f.Path == user:
			g.production = f.Production
		default:
			g.also = f.Production
		}
		switch {
		case f.ConfirmAbove == 0:
		case f.Path == user:
			g.confirmAbove = f.ConfirmAbove
		default:
			g.confirmAbove = min(g.confirmAbove, f.ConfirmAbove)
		}
		for _, pattern := range f.ReadOnlyIn() {
			if matches(pattern, context) {
				why := f.Fault(fmt.Sprintf("context %q is read-only", fixes.Clean(context)), "readonly").Error()
				g.whyReadOnly = cmp.Or(g.whyReadOnly, fixes.Clean(why))
			}
		}
	}
	return g
}
