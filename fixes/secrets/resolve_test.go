package secrets

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// world is what a container sees of what it is given: variables, its command
// line, and files with their modes. The resolver plays the kubelet
// (pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables; pkg/volume/configmap,
// secret, projected). What is not in the inventory stands as a mark that tells
// where it would come from.
type world struct {
	env   map[string]string
	argv  []string
	files map[string]string
}

// worlds resolves all containers of a workload, by name.
func worlds(inv *fixes.Inventory, w fixes.Workload) map[string]world {
	r := resolver{inv, w}
	out := map[string]world{}
	for c := range w.Containers() {
		env := r.env(c.Container)
		wd := world{env: env, files: r.files(c.Container, env)}
		for _, list := range [][]string{c.Command, c.Args} {
			for _, word := range list {
				wd.argv = append(wd.argv, kubeletExpand(word, env))
			}
			wd.argv = append(wd.argv, "|")
		}
		out[c.Name] = wd
	}
	return out
}

type resolver struct {
	inv *fixes.Inventory
	w   fixes.Workload
}

func (r resolver) configMap(name string) (data map[string]string, binary map[string][]byte, ok bool) {
	cm, ok := fixes.Lookup[*corev1.ConfigMap](r.inv, r.w.Object.GetNamespace(), name)
	if !ok {
		return nil, nil, false
	}
	return cm.Data, cm.BinaryData, true
}

func (r resolver) secret(name string) (map[string][]byte, bool) {
	s, ok := fixes.Lookup[*corev1.Secret](r.inv, r.w.Object.GetNamespace(), name)
	if !ok {
		return nil, false
	}
	data := maps.Clone(s.Data)
	if data == nil {
		data = map[string][]byte{}
	}
	for k, v := range s.StringData {
		data[k] = []byte(v)
	}
	return data, true
}

func isTrue(b *bool) bool { return b != nil && *b }

func (r resolver) env(c *corev1.Container) map[string]string {
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		switch {
		case from.ConfigMapRef != nil:
			data, _, ok := r.configMap(from.ConfigMapRef.Name)
			if !ok {
				if !isTrue(from.ConfigMapRef.Optional) {
					env[fmt.Sprintf("!configMap %s%s", from.Prefix, from.ConfigMapRef.Name)] = "missing"
				}
				continue
			}
			for k, v := range data {
				env[from.Prefix+k] = v
			}
		case from.SecretRef != nil:
			data, ok := r.secret(from.SecretRef.Name)
			if !ok {
				if !isTrue(from.SecretRef.Optional) {
					env[fmt.Sprintf("!secret %s%s", from.Prefix, from.SecretRef.Name)] = "missing"
				}
				continue
			}
			for k, v := range data {
				env[from.Prefix+k] = string(v)
			}
		}
	}
	for _, e := range c.Env {
		if value, ok := r.variable(e, env); ok {
			env[e.Name] = value
		}
	}
	return env
}

// variable returns a variable's value, or false where an optional one is left
// out.
func (r resolver) variable(e corev1.EnvVar, env map[string]string) (string, bool) {
	from := e.ValueFrom
	switch {
	case e.Value != "" || from == nil:
		return kubeletExpand(e.Value, env), true
	case from.ConfigMapKeyRef != nil:
		sel := from.ConfigMapKeyRef
		data, _, _ := r.configMap(sel.Name)
		if v, ok := data[sel.Key]; ok {
			return v, true
		}
		return "!configMap " + sel.Name + " " + sel.Key, !isTrue(sel.Optional)
	case from.SecretKeyRef != nil:
		sel := from.SecretKeyRef
		data, _ := r.secret(sel.Name)
		if v, ok := data[sel.Key]; ok {
			return string(v), true
		}
		return "!secret " + sel.Name + " " + sel.Key, !isTrue(sel.Optional)
	case from.FieldRef != nil:
		if _, rest, ok := strings.Cut(from.FieldRef.FieldPath, "metadata.annotations['"); ok {
			return r.w.Meta.Annotations[strings.TrimSuffix(rest, "']")], true
		}
		return "!field " + from.FieldRef.FieldPath, true
	}
	return "!other", true
}

// kubeletExpand is third_party/forked/golang/expansion of Kubernetes, written
// anew from its documentation and not from expand.go, which it checks.
func kubeletExpand(text string, env map[string]string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		i++
		if text[i] != '(' {
			if text[i] != '$' {
				out.WriteByte('$')
			}
			out.WriteByte(text[i])
			continue
		}
		end := strings.IndexByte(text[i:], ')')
		if end < 0 {
			out.WriteString("$(")
			continue
		}
		name := text[i+1 : i+end]
		if value, ok := env[name]; ok {
			out.WriteString(value)
		} else {
			out.WriteString("$(" + name + ")")
		}
		i += end
	}
	return out.String()
}

// files returns what a container finds under its mounts, with the mode.
func (r resolver) files(c *corev1.Container, env map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range c.VolumeMounts {
		for _, v := range r.w.Spec.Volumes {
			if v.Name != m.Name {
				continue
			}
			files, known := r.volume(v)
			if !known {
				continue
			}
			sub := m.SubPath
			if m.SubPathExpr != "" {
				sub = kubeletExpand(m.SubPathExpr, env)
			}
			out[m.MountPath] = fmt.Sprintf("mounted, read only %v", m.ReadOnly)
			for path, file := range files {
				rest, inside := strings.CutPrefix(path, sub+"/")
				switch {
				case sub == "":
					out[m.MountPath+"/"+path] = file
				case path == sub:
					out[m.MountPath] += file
				case inside:
					out[m.MountPath+"/"+rest] = file
				}
			}
		}
	}
	return out
}

// volume returns the files of a volume; false for other sorts of volumes.
func (r resolver) volume(v corev1.Volume) (map[string]string, bool) {
	out := map[string]string{}
	switch {
	case v.ConfigMap != nil:
		r.fromConfigMap(out, v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.Optional, v.ConfigMap.DefaultMode)
	case v.Secret != nil:
		r.fromSecret(out, v.Secret.SecretName, v.Secret.Items, v.Secret.Optional, v.Secret.DefaultMode)
	case v.Projected != nil:
		for i, s := range v.Projected.Sources {
			switch {
			case s.ConfigMap != nil:
				r.fromConfigMap(out, s.ConfigMap.Name, s.ConfigMap.Items, s.ConfigMap.Optional, v.Projected.DefaultMode)
			case s.Secret != nil:
				r.fromSecret(out, s.Secret.Name, s.Secret.Items, s.Secret.Optional, v.Projected.DefaultMode)
			default:
				out[fmt.Sprintf("!source -%d", len(v.Projected.Sources)-i)] = "other"
			}
		}
	default:
		return nil, false
	}
	return out, true
}

func (r resolver) fromConfigMap(out map[string]string, name string, items []corev1.KeyToPath, optional *bool, mode *int32) {
	text, binary, ok := r.configMap(name)
	data := map[string]string{}
	maps.Copy(data, text)
	for k, v := range binary {
		data[k] = string(v)
	}
	put(out, "configMap "+name, data, ok, items, optional, mode)
}

func (r resolver) fromSecret(out map[string]string, name string, items []corev1.KeyToPath, optional *bool, mode *int32) {
	bytes, ok := r.secret(name)
	data := map[string]string{}
	for k, v := range bytes {
		data[k] = string(v)
	}
	put(out, "secret "+name, data, ok, items, optional, mode)
}

func put(out map[string]string, source string, data map[string]string, there bool, items []corev1.KeyToPath, optional *bool, mode *int32) {
	if !there && !isTrue(optional) {
		out["!"+source] = "missing"
	}
	usual := int32(0o644)
	if mode != nil {
		usual = *mode
	}
	if len(items) == 0 {
		for key, value := range data {
			out[key] = fmt.Sprintf("%o %s", usual, value)
		}
	}
	for _, item := range items {
		value, ok := data[item.Key]
		m := usual
		if item.Mode != nil {
			m = *item.Mode
		}
		switch {
		case ok:
			out[item.Path] = fmt.Sprintf("%o %s", m, value)
		case !isTrue(optional):
			out["!"+item.Path] = source + " lacks " + item.Key
		}
	}
}
