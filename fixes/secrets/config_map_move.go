package secrets

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// configMapMove takes a key out of a ConfigMap.
type configMapMove struct {
	configMap fixes.Ref
	key       string
	// ownSecret: the Secret has to hold the key by its name and nothing that is
	// not the ConfigMap's, since containers take all of it as variables.
	ownSecret bool
	// binary: the key stands in binaryData, of which no variables are made.
	binary bool
}

func (m configMapMove) edit(d *fixes.Draft) error {
	cm, err := fixes.EditRef[*corev1.ConfigMap](d, m.configMap)
	if err != nil {
		return err
	}
	value, binary := cm.BinaryData[m.key]
	m.binary = binary
	if !binary {
		text, ok := cm.Data[m.key]
		if !ok {
			return nil // moved already
		}
		value = []byte(text)
	}
	to := keyMove{configMap: cm.Name, key: m.key, binary: binary}
	if to.secret, to.secretKey, err = m.store(d, cm, value); err != nil {
		return err
	}
	for _, u := range usesOf(d.Inventory, cm, m.key).by {
		w, err := d.EditWorkload(u.workload.Ref())
		if err != nil {
			return err
		}
		to.repoint(w)
	}
	delete(cm.Data, m.key)
	delete(cm.BinaryData, m.key)
	return scrubKey(cm, m.key)
}

// store puts the value into a Secret, and returns where it stands.
func (m configMapMove) store(d *fixes.Draft, cm *corev1.ConfigMap, value []byte) (secret, key string, err error) {
	if !m.ownSecret || m.binary {
		if secret, key, ok := stored(d, cm.Namespace, value); ok {
			return secret, key, nil
		}
	}
	owner := ownerOf(m.configMap)
	if m.binary {
		owner += ".binaryData" // all keys of the other Secret may be taken as variables
	}
	s, err := secretOf(d, cm.Namespace, owner, configMapBase(cm), len(value))
	if err != nil {
		return "", "", err
	}
	s.Data[m.key] = value
	return s.Name, m.key, nil
}
