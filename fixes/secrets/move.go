package secrets

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

// envMove takes one literal out of a container's environment: the nth entry
// of that name, since names may repeat and the last one wins.
type envMove struct {
	workload        fixes.Ref
	container, name string
	nth             int
}

// errGone: somebody else has changed the entry.
var errGone = errors.New("the variable is not there any more")

func (m envMove) edit(d *fixes.Draft) error {
	w, err := d.EditWorkload(m.workload)
	if err != nil {
		return err
	}
	c, ok := w.Container(m.container)
	if !ok {
		return errGone
	}
	i := m.find(c.Env)
	if i < 0 {
		return errGone
	}
	value := c.Env[i].Value
	if value == "" {
		return nil // moved already
	}
	if hasReference(value) {
		err = m.split(d, w, c, i)
	} else {
		var ref *corev1.EnvVarSource
		if ref, err = store(d, w, m.container, m.name, unescape(value)); err == nil {
			c.Env[i].Value, c.Env[i].ValueFrom = "", ref
		}
	}
	if err != nil {
		return err
	}
	return scrubVariable(w.Object, m.container, m.name, value)
}

func (m envMove) find(env []corev1.EnvVar) int {
	nth := 0
	for i, e := range env {
		if e.Name != m.name {
			continue
		}
		if nth == m.nth {
			return i
		}
		nth++
	}
	return -1
}

// split moves only the credential inside a value that also holds references,
// to a variable of its own that stands before it. Values from a Secret are
// not expanded, so the whole value cannot move.
func (m envMove) split(d *fixes.Draft, w fixes.Workload, c fixes.Container, i int) error {
	value := c.Env[i].Value
	parts := detect.Parts(m.name, value)
	if len(parts) == 0 {
		return errGone
	}
	var added []corev1.EnvVar
	var rest strings.Builder
	at := 0
	for n, part := range parts {
		credential := value[part.Start:part.End]
		if hasReference(credential) {
			return fmt.Errorf("the credential in %s is itself made of references", m.name)
		}
		name := freeVariable(c.Env, fmt.Sprintf("%s_CREDENTIAL", m.name), n)
		ref, err := store(d, w, m.container, name, unescape(credential))
		if err != nil {
			return err
		}
		added = append(added, corev1.EnvVar{Name: name, ValueFrom: ref})
		rest.WriteString(value[at:part.Start] + "$(" + name + ")")
		at = part.End
	}
	rest.WriteString(value[at:])
	c.Env[i].Value = rest.String()
	c.Env = append(c.Env[:i:i], append(added, c.Env[i:]...)...)
	return nil
}

func freeVariable(env []corev1.EnvVar, base string, n int) string {
	for ; ; n++ {
		name := base
		if n > 0 {
			name = numbered(base, n+1)
		}
		if !slices.ContainsFunc(env, func(e corev1.EnvVar) bool { return e.Name == name }) {
			return name
		}
	}
}

func numbered(base string, n int) string { return fmt.Sprintf("%s_%d", base, n) }
