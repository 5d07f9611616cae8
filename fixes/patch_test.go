package fixes

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

// TestDiffJSON makes random documents and random edits of them: the patch
// leads from one to the other, with its tests before it, and its tests fail
// on a document that differs in what the patch touches.
func TestDiffJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		before := randomMap(random, 3)
		after := mutate(random, deepCopy(before)).(map[string]any)
		ops := diffJSON(before, after)
		got, err := applyOps(before, append(tests(before, ops), ops...))
		if err != nil {
			t.Fatalf("%d: %v\nbefore %s\nafter %s\nops %s", i, err, asJSON(before), asJSON(after), asJSON(ops))
		}
		if asJSON(got) != asJSON(after) {
			t.Fatalf("%d: before %s\nafter %s\ngot %s\nops %s", i, asJSON(before), asJSON(after), asJSON(got), asJSON(ops))
		}
	}
}

func TestGuards(t *testing.T) {
	parse := func(s string) (m map[string]any) {
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	before := parse(`{"env":[{"name":"A","value":"1"},{"name":"B","value":"2"}],"spec":{"x":true}}`)
	for _, c := range []struct {
		name, after, live string
		holds             bool
	}{
		{"untouched fields may change", `{"env":[{"name":"A","value":"9"},{"name":"B","value":"2"}],"spec":{"x":true}}`,
			`{"env":[{"name":"A","value":"1"},{"name":"B","value":"3"}],"spec":{"x":false}}`, true},
		{"the replaced value has changed", `{"env":[{"name":"A","value":"9"},{"name":"B","value":"2"}],"spec":{"x":true}}`,
			`{"env":[{"name":"A","value":"0"},{"name":"B","value":"2"}],"spec":{"x":true}}`, false},
		{"the list has shifted", `{"env":[{"name":"A","value":"1"},{"name":"B","value":"9"}],"spec":{"x":true}}`,
			`{"env":[{"name":"Z","value":"0"},{"name":"A","value":"2"},{"name":"B","value":"2"}],"spec":{"x":true}}`, false},
		{"what is added is there already", `{"env":[{"name":"A","value":"1"},{"name":"B","value":"2"}],"spec":{"x":true,"y":1}}`,
			`{"env":[{"name":"A","value":"1"},{"name":"B","value":"2"}],"spec":{"x":true,"y":2}}`, false},
		{"what is removed has changed", `{"env":[{"name":"A"},{"name":"B","value":"2"}],"spec":{"x":true}}`,
			`{"env":[{"name":"A","value":"7"},{"name":"B","value":"2"}],"spec":{"x":true}}`, false},
		{"an insertion beside a neighbour that is gone", `{"env":[{"name":"A","value":"1"},{"name":"N"},{"name":"B","value":"2"}],"spec":{"x":true}}`,
			`{"env":[{"name":"A","value":"1"},{"name":"C","value":"2"}],"spec":{"x":true}}`, false},
	} {
		ops := diffJSON(before, parse(c.after))
		_, err := applyOps(parse(c.live), append(tests(before, ops), ops...))
		if (err == nil) != c.holds {
			t.Errorf("%s: %v\n%s", c.name, err, asJSON(append(tests(before, ops), ops...)))
		}
	}
}

// TestGuardsWithoutName: an element that nothing names (a rule of a role) is only
// removed where it is as it was.
func TestGuardsWithoutName(t *testing.T) {
	rules := func(lists ...string) map[string]any {
		var out []any
		for _, verb := range lists {
			out = append(out, map[string]any{"resources": []any{"pods"}, "verbs": []any{verb}})
		}
		return map[string]any{"rules": out}
	}
	before := rules("get", "delete")
	ops := diffJSON(before, rules("get", "list"))
	for live, holds := range map[string]bool{"get delete": true, "delete get": false, "get": false, "get watch": false, "get delete watch": true} {
		_, err := applyOps(rules(strings.Fields(live)...), append(tests(before, ops), ops...))
		if (err == nil) != holds {
			t.Errorf("%s: %v", live, err)
		}
	}
}

func TestEscapedPointer(t *testing.T) {
	before := map[string]any{"a/b": map[string]any{"c~d": "1"}}
	after := map[string]any{"a/b": map[string]any{"c~d": "2"}}
	ops := diffJSON(before, after)
	if len(ops) != 1 || ops[0].Path != "/a~1b/c~0d" {
		t.Errorf("%+v", ops)
	}
	if got, err := applyOps(before, append(tests(before, ops), ops...)); err != nil || asJSON(got) != asJSON(after) {
		t.Errorf("%v %v", got, err)
	}
}

func TestNullRemoved(t *testing.T) {
	var before, after map[string]any
	_ = json.Unmarshal([]byte(`{"a":1,"b":{"c":1,"d":2},"env":[{"name":"X","value":"v"}]}`), &before)
	_ = json.Unmarshal([]byte(`{"b":{"d":2},"env":[{"name":"N"},{"name":"X","valueFrom":1}]}`), &after)
	nullRemoved(before, after, true)
	const want = `{"a":null,"b":{"c":null,"d":2},"env":[{"name":"N"},{"name":"X","value":null,"valueFrom":1}]}`
	if got := asJSON(after); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func applyOps(doc map[string]any, ops []op) (out map[string]any, err error) {
	patch, err := jsonpatch.DecodePatch([]byte(asJSON(ops)))
	if err != nil {
		return nil, err
	}
	text, err := patch.Apply([]byte(asJSON(doc)))
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(text, &out)
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func deepCopy(m map[string]any) map[string]any {
	var out map[string]any
	if err := json.Unmarshal([]byte(asJSON(m)), &out); err != nil {
		panic(err)
	}
	return out
}

func randomMap(r *rand.Rand, depth int) map[string]any {
	m := map[string]any{}
	for range r.IntN(4) {
		m[fmt.Sprintf("k%d", r.IntN(6))] = randomValue(r, depth)
	}
	return m
}

func randomValue(r *rand.Rand, depth int) any {
	if depth == 0 {
		return fmt.Sprint(r.IntN(5))
	}
	switch r.IntN(4) {
	case 0:
		return randomMap(r, depth-1)
	case 1: // a list of named things, names repeating at times
		list := []any{}
		for range r.IntN(5) {
			m := randomMap(r, depth-1)
			m["name"] = fmt.Sprint(r.IntN(6))
			list = append(list, m)
		}
		return list
	case 2:
		list := []any{}
		for range r.IntN(4) {
			list = append(list, fmt.Sprint(r.IntN(4)))
		}
		return list
	}
	return fmt.Sprint(r.IntN(5))
}

// mutate changes a value here and there.
func mutate(r *rand.Rand, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			switch r.IntN(6) {
			case 0:
				delete(v, key)
			case 1:
				v[key] = randomValue(r, 2)
			default:
				v[key] = mutate(r, v[key])
			}
		}
		if r.IntN(4) == 0 {
			v[fmt.Sprintf("k%d", r.IntN(6))] = randomValue(r, 2)
		}
	case []any:
		var out []any
		for _, item := range v {
			switch r.IntN(6) {
			case 0:
			case 1:
				out = append(out, randomValue(r, 1), item)
			default:
				out = append(out, mutate(r, item))
			}
		}
		if out == nil {
			return []any{}
		}
		return out
	case string:
		if r.IntN(3) == 0 {
			return fmt.Sprint(r.IntN(5))
		}
	}
	return v
}
