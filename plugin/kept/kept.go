// Package kept holds what a session of the terminal UI leaves for the next one:
// a file for each context and scope, for the user alone, replaced whole. It
// names findings by their fingerprints, which are hashes of names, and holds no
// value of any object. What it reads it does not trust.
package kept

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/plugin/private"
)

// Lasts is how long a state is kept: what was staged longer ago is better
// looked at anew.
const Lasts = 30 * 24 * time.Hour

const (
	schemaVersion = 1
	maxFile       = 16 << 20 // bytes
	maxFilter     = 1000     // bytes
	maxFix        = 100      // a finding offers fewer fixes
)

// State is what a session leaves.
type State struct {
	At        time.Time
	Staged    []Staged
	Decisions []fixes.Decision // about connections
	// Filter and Grouping are how the findings were listed.
	Filter, Grouping string
}

// Staged is a fix that was staged: the finding's fingerprint, the fix's place
// among its fixes, and a hash of its title.
type Staged struct {
	Fingerprint string
	Fix         int
	Title       string
}

// Empty reports whether there is nothing worth keeping.
func (s *State) Empty() bool { return len(s.Staged) == 0 && len(s.Decisions) == 0 }

// File is where the state of sessions on one context and scope is kept.
type File struct {
	path  string
	scope []string
}

// DefaultDir returns the folder of a user's states; see [private.Dir].
func DefaultDir() (string, error) { return private.Dir("sessions") }

// In returns the file in a folder for sessions on what a scope names: the
// context, the server, and all that says which findings are looked at. It
// touches nothing yet.
func In(dir string, scope ...string) *File {
	h := sha256.New()
	for _, part := range scope {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return &File{filepath.Join(dir, hex.EncodeToString(h.Sum(nil)[:12])+".json"), scope}
}

// stateJSON is a state in its file.
type stateJSON struct {
	SchemaVersion int            `json:"schemaVersion"`
	At            time.Time      `json:"at"`
	Scope         []string       `json:"scope"`
	Staged        []stagedJSON   `json:"staged,omitempty"`
	Connections   []decisionJSON `json:"connections,omitempty"`
	Filter        string         `json:"filter,omitempty"`
	Grouping      string         `json:"grouping,omitempty"`
}

type stagedJSON struct {
	Finding string `json:"finding"`
	Fix     int    `json:"fix"`
	Title   string `json:"title"` // a hash
}

// decisionJSON is a decision as its flag has it: shop/web:shop/db:5432.
type decisionJSON struct {
	Keep bool   `json:"keep"`
	Of   string `json:"of"`
}

// Put keeps a state, in place of the one before. An empty state keeps nothing.
func (f *File) Put(s State) error {
	if s.Empty() {
		err := os.Remove(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	out := stateJSON{SchemaVersion: schemaVersion, At: s.At.UTC().Truncate(time.Second), Scope: f.scope, Filter: s.Filter, Grouping: s.Grouping}
	for _, k := range s.Staged {
		out.Staged = append(out.Staged, stagedJSON{k.Fingerprint, k.Fix, k.Title})
	}
	for _, d := range s.Decisions {
		_, value := connections.DecisionArgs(d)
		out.Connections = append(out.Connections, decisionJSON{d.Keep, value})
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return private.Replace(f.path, append(text, '\n'))
}

// Get returns what was kept, or nil where there is nothing, or nothing that is
// recent enough. An error is one line that says what is wrong with the file.
func (f *File) Get(now time.Time) (*State, error) {
	s, err := f.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // nothing was kept, and nothing is missed
	case err != nil:
		return nil, fmt.Errorf("what an earlier session has staged cannot be read, and is left out: %s: %s", f.path, fixes.Clean(err.Error()))
	case now.Sub(s.At) > Lasts:
		return nil, os.Remove(f.path)
	}
	return s, nil
}

func (f *File) read() (*State, error) {
	dir := filepath.Dir(f.path)
	if err := private.CheckDir("the folder of sessions", dir); err != nil {
		return nil, err
	}
	file, err := private.Open(f.path, os.O_RDONLY, maxFile)
	if err != nil {
		return nil, plain(err)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	return f.parse(text)
}

// plain takes the path away from an error, which names it already.
func plain(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

var (
	fingerprint = regexp.MustCompile(`^[0-9a-f]{16}$`)
	titleHash   = regexp.MustCompile(`^[0-9a-f]{1,16}$`)
)

// parse reads a state, and refuses one that no session has written.
func (f *File) parse(text []byte) (*State, error) {
	var in stateJSON
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("it is no JSON of a session: %w", err)
	}
	switch {
	case in.SchemaVersion > schemaVersion:
		return nil, errors.New("a newer version of this program wrote it")
	case in.SchemaVersion < 1:
		return nil, errors.New("it is no JSON of a session")
	case strings.Join(in.Scope, "\x00") != strings.Join(f.scope, "\x00"):
		return nil, errors.New("it is of another context or scope")
	case len(in.Filter) > maxFilter || strings.ContainsFunc(in.Filter, func(r rune) bool { return !unicode.IsPrint(r) }):
		return nil, errors.New("its filter was not typed")
	}
	s := &State{At: in.At, Filter: in.Filter, Grouping: in.Grouping}
	seen := map[string]bool{}
	for _, k := range in.Staged {
		if !fingerprint.MatchString(k.Finding) || !titleHash.MatchString(k.Title) || k.Fix < 0 || k.Fix > maxFix || seen[k.Finding] {
			return nil, fmt.Errorf("%q does not name a fix", k.Finding)
		}
		seen[k.Finding] = true
		s.Staged = append(s.Staged, Staged{Fingerprint: k.Finding, Fix: k.Fix, Title: k.Title})
	}
	for _, d := range in.Connections {
		decision, err := connections.ParseDecision(d.Of, d.Keep)
		if err != nil {
			return nil, err
		}
		s.Decisions = append(s.Decisions, decision)
	}
	return s, nil
}
