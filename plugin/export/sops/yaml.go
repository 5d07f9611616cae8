package sops

import (
	"bytes"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// YAML writes an encrypted manifest. It is not yaml.Marshal, which sorts "A10"
// behind "A9": the MAC covers the values in their order in the file.
func YAML(manifest map[string]any) ([]byte, error) {
	root, err := node(manifest)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

func node(v any) (*yaml.Node, error) {
	switch v := v.(type) {
	case map[string]any:
		out := &yaml.Node{Kind: yaml.MappingNode}
		keys := slices.Sorted(maps.Keys(v))
		if i := slices.Index(keys, metadataKey); i >= 0 { // last, as sops has it
			keys = append(slices.Delete(keys, i, i+1), metadataKey)
		}
		for _, key := range keys {
			name, err := node(key)
			if err != nil {
				return nil, err
			}
			child, err := node(v[key])
			if err != nil {
				return nil, err
			}
			out.Content = append(out.Content, name, child)
		}
		return out, nil
	case []any:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range v {
			child, err := node(item)
			if err != nil {
				return nil, err
			}
			out.Content = append(out.Content, child)
		}
		return out, nil
	}
	out := &yaml.Node{}
	return out, out.Encode(v)
}
