package secrets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	return scrubLastApplied(w.Object, m.container, m.name, value)
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
	taken := map[string]bool{}
	for _, e := range env {
		taken[e.Name] = true
	}
	for ; ; n++ {
		name := base
		if n > 0 {
			name = fmt.Sprintf("%s_%d", base, n+1)
		}
		if !taken[name] {
			return name
		}
	}
}

// store puts a value into a Secret of the draft and returns the reference to
// it. An equal value that the plan has moved already is shared.
func store(d *fixes.Draft, w fixes.Workload, container, name, value string) (*corev1.EnvVarSource, error) {
	namespace := w.Object.GetNamespace()
	for _, s := range fixes.CreatedIn[*corev1.Secret](d, namespace) {
		for key, held := range s.Data {
			if bytes.Equal(held, []byte(value)) {
				return reference(s.Name, key), nil
			}
		}
	}
	secret, err := workloadSecret(d, w)
	if err != nil {
		return nil, err
	}
	key := freeKey(secret.Data, container, name)
	secret.Data[key] = []byte(value)
	return reference(secret.Name, key), nil
}

// workloadSecret returns the Secret that the plan makes for a workload, made
// now if need be. A Secret that was there before is never touched: what else
// reads it is not known.
func workloadSecret(d *fixes.Draft, w fixes.Workload) (*corev1.Secret, error) {
	namespace, base := w.Object.GetNamespace(), secretBase(w.Object.GetName())
	owner := w.Ref().Kind.Name + "." + w.Object.GetName()
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		ref := fixes.Ref{Kind: fixes.KindSecret, Namespace: namespace, Name: name}
		if d.Get(ref) == nil {
			secret := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: namespace, Name: name,
					Labels:      map[string]string{"app.kubernetes.io/managed-by": "kubectl-harden"},
					Annotations: map[string]string{ownerAnnotation: owner},
				},
				Type: corev1.SecretTypeOpaque,
				Data: map[string][]byte{},
			}
			return secret, d.Create(secret)
		}
		if d.Created(ref) {
			secret, err := fixes.Edit[*corev1.Secret](d, namespace, name)
			if err != nil || secret.Annotations[ownerAnnotation] == owner {
				return secret, err
			}
		}
	}
}

// ownerAnnotation tells which workload's values a Secret holds: workloads of
// different kinds may have one name.
const ownerAnnotation = "kubectl-harden.dev/from"

func reference(secret, key string) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key,
	}}
}

// notInKey are the characters that a Secret's key may not hold.
var notInKey = regexp.MustCompile(`[^-._a-zA-Z0-9]+`)

// freeKey returns the variable's name, or with its container's before it
// where another container has one of that name.
func freeKey(data map[string][]byte, container, name string) string {
	name = notInKey.ReplaceAllString(name, "_")
	key := name
	for n := 1; ; n++ {
		if _, taken := data[key]; !taken {
			return key
		}
		key = container + "." + name
		if n > 1 {
			key = fmt.Sprintf("%s.%d", key, n)
		}
	}
}

// scrubLastApplied takes a value out of the annotation that kubectl apply
// keeps the last manifest in, and puts nothing in its place: with valueFrom
// there, the next apply of the old manifest would silently bring the value
// back; without it, the API server refuses that apply.
func scrubLastApplied(obj fixes.Object, container, name, value string) error {
	annotations := obj.GetAnnotations()
	text, ok := annotations[corev1.LastAppliedConfigAnnotation]
	if !ok {
		return nil
	}
	var applied map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&applied); err != nil {
		return fmt.Errorf("its annotation %s is not JSON", corev1.LastAppliedConfigAnnotation)
	}
	if !dropValue(applied, container, name, value) {
		return nil
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out) // ends with a newline, as kubectl's does
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(applied); err != nil {
		return err
	}
	annotations[corev1.LastAppliedConfigAnnotation] = out.String()
	return nil
}

// dropValue removes the value of a variable of a container, wherever the
// container stands.
func dropValue(v any, container, name, value string) bool {
	dropped := false
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			dropped = dropValue(item, container, name, value) || dropped
		}
	case map[string]any:
		if env, ok := v["env"].([]any); ok && v["name"] == container {
			for _, item := range env {
				if e, ok := item.(map[string]any); ok && e["name"] == name && e["value"] == value {
					delete(e, "value")
					dropped = true
				}
			}
			return dropped
		}
		for _, item := range v {
			dropped = dropValue(item, container, name, value) || dropped
		}
	}
	return dropped
}
