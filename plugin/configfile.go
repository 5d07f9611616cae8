package plugin

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/config"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// configFlags say which configuration counts.
type configFlags struct {
	Path        string
	ShowIgnored bool
}

// noConfig is the value of --config for none.
const noConfig = "none"

func (f *configFlags) addTo(fs *pflag.FlagSet) {
	fs.StringVar(&f.Path, "config", "", "The configuration: a file, or none. Default: "+config.FileName+" in this folder or above it, up to the repository's root or your home.")
}

// set puts into the options what the flags mean.
func (f *configFlags) set(o *Options) error {
	if f.ShowIgnored && (o.Fix || o.Output != "" && o.Output != outputTable && o.Output != outputWide) {
		return errors.New("--show-ignored is for the table of a scan; the other reports list what is ignored anyway")
	}
	o.ShowIgnored = f.ShowIgnored
	o.config = &configFile{named: f.Path}
	if _, demo := o.source.(source.Demo); demo && f.Path == "" {
		o.config.why = "the demo has no configuration to write into: start it with --config FILE"
	}
	return nil
}

// configFile is the configuration. It is read anew for each scan, and written
// when the user ignores something.
type configFile struct {
	named string // by --config
	why   string // why there is none, or ""

	mu   sync.Mutex
	file *config.File // nil where there is none
	said bool         // what is wrong with its ignores
}

// load reads the file, if one counts.
func (c *configFile) load() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	file, err := c.read()
	if err != nil {
		return err
	}
	if file != nil && !file.Exists && c.named != "" {
		return fmt.Errorf("--config: the file %q does not exist", c.named)
	}
	c.file = file
	return nil
}

// read returns the file as it is now, or nil where none counts.
func (c *configFile) read() (*config.File, error) {
	path := c.named
	switch path {
	case noConfig:
		c.why = "--config=" + noConfig + " was given: there is no file to write into"
		return nil, nil
	case "":
		if c.why != "" {
			return nil, nil
		}
		dir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		home, _ := os.UserHomeDir() // without one, only a repository bounds the search
		path = config.Find(dir, home)
	}
	return config.Open(path)
}

// ignores returns what the file ignores.
func (c *configFile) ignores() []fixes.Ignore {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	return c.file.Ignores()
}

// place names the file that is written into, or says why there is none.
func (c *configFile) place() (path, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return "", c.why
	}
	return c.file.Path, ""
}

// edit makes a change to the file as it is now, and returns what it ignores
// then.
func (c *configFile) edit(change func(*config.File) (*config.File, error)) ([]fixes.Ignore, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	file, err := c.read()
	if err != nil {
		return nil, err
	}
	if file == nil {
		return nil, errors.New(c.why)
	}
	if file, err = change(file); err != nil {
		return nil, err
	}
	c.file = file
	return file.Ignores(), nil
}

// add ignores something more. It stands last in the list that is returned.
func (c *configFile) add(i fixes.Ignore, now time.Time) ([]fixes.Ignore, error) {
	return c.edit(func(file *config.File) (*config.File, error) {
		for _, had := range file.Ignores() {
			same := had
			same.Reason, same.Expires = i.Reason, i.Expires
			if same.Same(&i) && !had.Ended(now) {
				return nil, fmt.Errorf("%s ignores that already, until %s", had.At, had.Until())
			}
		}
		return file.AddIgnore(i)
	})
}

// remove ends an ignore that the file holds.
func (c *configFile) remove(i fixes.Ignore) ([]fixes.Ignore, error) {
	return c.edit(func(file *config.File) (*config.File, error) {
		list := file.Ignores()
		n := slices.IndexFunc(list, func(had fixes.Ignore) bool { return had.At == i.At && had.Same(&i) })
		if n < 0 { // lines have moved
			n = slices.IndexFunc(list, func(had fixes.Ignore) bool { return had.Same(&i) })
		}
		if n < 0 {
			return nil, fmt.Errorf("%s does not ignore that any more", file.Path)
		}
		return file.RemoveIgnore(n)
	})
}
