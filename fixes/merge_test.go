package fixes

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/json"
)

// TestMerge tells what comes of one difference on an object as others left it.
// "after" is what the change made of "before"; the merge goes back.
func TestMerge(t *testing.T) {
	const moved = `{"env":[{"name":"A","value":"a"},{"name":"P","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]}`
	const plain = `{"env":[{"name":"A","value":"a"},{"name":"P","value":"x"}]}`
	const split = `{"env":[{"name":"D_CREDENTIAL","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}},{"name":"D","value":"u:$(D_CREDENTIAL)@h"}]}`
	for _, c := range []struct {
		name, before, after, live, want string
		notes                           []string // but for what is as before
	}{
		{name: "a field", before: `{"a":"1","b":"1"}`, after: `{"a":"2","b":"1"}`, live: `{"a":"2","b":"3","c":"4"}`, want: `{"a":"1","b":"3","c":"4"}`},
		{name: "a field that another changed", before: `{"a":"1"}`, after: `{"a":"2"}`, live: `{"a":"3"}`, want: `{"a":"3"}`,
			notes: []string{"a (it has been changed since)"}},
		{name: "a field that another removed", before: `{"a":"1"}`, after: `{"a":"2"}`, live: `{"b":"1"}`, want: `{"b":"1"}`,
			notes: []string{"a (it has been removed since)"}},
		{name: "a field that was removed, and is there again", before: `{"a":"1"}`, after: `{}`, live: `{"a":"3"}`, want: `{"a":"3"}`,
			notes: []string{"a (it has been added since)"}},
		{name: "a field that is back already", before: `{"a":"1"}`, after: `{"a":"2"}`, live: `{"a":"1","b":"2"}`, want: `{"a":"1","b":"2"}`},

		{name: "a security context that was added goes", before: `{"x":"1"}`,
			after: `{"x":"1","securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}}}`,
			live:  `{"x":"2","securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}}}`, want: `{"x":"2"}`},
		{name: "what another added to it stays", before: `{}`,
			after: `{"securityContext":{"runAsNonRoot":true,"capabilities":{"drop":["ALL"]}}}`,
			live:  `{"securityContext":{"runAsNonRoot":true,"runAsUser":7,"capabilities":{"drop":["ALL"],"add":["CHOWN"]}}}`,
			want:  `{"securityContext":{"runAsUser":7,"capabilities":{"add":["CHOWN"]}}}`},
		{name: "one that was there empty stays", before: `{"securityContext":{}}`, after: `{"securityContext":{"runAsNonRoot":true}}`,
			live: `{"x":"1","securityContext":{"runAsNonRoot":true}}`, want: `{"x":"1","securityContext":{}}`},
		{name: "the last annotation was removed, another came", before: `{"annotations":{"a":"1"}}`, after: `{}`,
			live: `{"annotations":{"b":"2"}}`, want: `{"annotations":{"a":"1","b":"2"}}`},
		{name: "a label that looks like a default", before: `{"labels":{"protocol":"UDP","x":"1"}}`, after: `{"labels":{"x":"1"}}`,
			live: `{"labels":{"protocol":"TCP","x":"1"}}`, want: `{"labels":{"protocol":"TCP","x":"1"}}`,
			notes: []string{"labels.protocol (it has been added since)"}},
		{name: "a key that is no identifier", before: `{"labels":{"a.b/c":"1"}}`, after: `{"labels":{"a.b/c":"2"}}`,
			live: `{"labels":{"a.b/c":"3"}}`, want: `{"labels":{"a.b/c":"3"}}`, notes: []string{`labels["a.b/c"] (it has been changed since)`}},

		{name: "value and valueFrom", before: plain, after: moved, live: strings.Replace(moved, `"a"}`, `"b"},{"name":"N"}`, 1),
			want: `{"env":[{"name":"A","value":"b"},{"name":"N"},{"name":"P","value":"x"}]}`},
		{name: "neither, when the reference is another", before: plain, after: moved, live: strings.Replace(moved, `"key":"k"`, `"key":"z"`, 1),
			want:  strings.Replace(moved, `"key":"k"`, `"key":"z"`, 1),
			notes: []string{"env[1].value (what it was exchanged for has been changed since)", "env[1].valueFrom (it has been changed since)"}},
		{name: "neither, when the reference became optional", before: plain, after: moved, live: strings.Replace(moved, `"key":"k"`, `"key":"k","optional":true`, 1),
			want:  strings.Replace(moved, `"key":"k"`, `"key":"k","optional":true`, 1),
			notes: []string{"env[1].value (what it was exchanged for has been changed since)", "env[1].valueFrom (it has been changed since)"}},
		{name: "neither, when another value stands there", before: plain, after: moved, live: strings.Replace(plain, `"x"`, `"y"`, 1),
			want:  strings.Replace(plain, `"x"`, `"y"`, 1),
			notes: []string{"env[1].value (it has been added since)"}},
		{name: "a value that was emptied, and a reference that came", before: `{"env":[{"name":"P","value":"x"}]}`, after: `{"env":[{"name":"P"}]}`,
			live: `{"env":[{"name":"P","valueFrom":{"fieldRef":{"fieldPath":"f"}}}]}`, want: `{"env":[{"name":"P","valueFrom":{"fieldRef":{"fieldPath":"f"}}}]}`,
			notes: []string{"env[0].value (what it was exchanged for has been changed since)", "env[0].valueFrom (it has been added since)"}},
		{name: "the source of a volume", before: `{"volumes":[{"name":"v","hostPath":{"path":"/x","type":""}}]}`, after: `{"volumes":[{"name":"v","emptyDir":{}}]}`,
			live: `{"volumes":[{"name":"w"},{"name":"v","emptyDir":{}}]}`, want: `{"volumes":[{"name":"w"},{"name":"v","hostPath":{"path":"/x","type":""}}]}`},
		{name: "a reference as a whole", before: `{"secretKeyRef":{"name":"a","key":"k"}}`, after: `{"secretKeyRef":{"name":"b","key":"k"}}`,
			live: `{"secretKeyRef":{"name":"b","key":"z"}}`, want: `{"secretKeyRef":{"name":"b","key":"z"}}`,
			notes: []string{"secretKeyRef.key (it has been changed since)", "secretKeyRef.name (what it was exchanged for has been changed since)"}},
		{name: "a profile and its file", before: `{"seccompProfile":{"type":"Localhost","localhostProfile":"p"}}`, after: `{"seccompProfile":{"type":"RuntimeDefault"}}`,
			live: `{"seccompProfile":{"type":"Unconfined"}}`, want: `{"seccompProfile":{"type":"Unconfined"}}`,
			notes: []string{"seccompProfile.localhostProfile (what it was exchanged for has been changed since)", "seccompProfile.type (it has been changed since)"}},
		{name: "another map stands and falls as a whole", before: `{}`, after: `{"livenessProbe":{"exec":{"command":["a"]},"periodSeconds":5}}`,
			live: `{"livenessProbe":{"exec":{"command":["a"]},"periodSeconds":7}}`, want: `{"livenessProbe":{"exec":{"command":["a"]},"periodSeconds":7}}`,
			notes: []string{"livenessProbe (it has been changed since)"}},

		{name: "defaults of what was added", before: `{}`, after: `{"env":[{"name":"N","valueFrom":{"fieldRef":{"fieldPath":"f"}}}],"livenessProbe":{"httpGet":{"port":80}}}`,
			live: `{"env":[{"name":"N","valueFrom":{"fieldRef":{"fieldPath":"f","apiVersion":"v1"}}}],"livenessProbe":{"httpGet":{"port":80,"path":"/","scheme":"HTTP"},"periodSeconds":10}}`, want: `{}`},
		{name: "what is no default", before: `{}`, after: `{"env":[{"name":"N","valueFrom":{"fieldRef":{"fieldPath":"f"}}}]}`,
			live:  `{"env":[{"name":"N","valueFrom":{"fieldRef":{"fieldPath":"f","apiVersion":"v2"}}}]}`,
			want:  `{"env":[{"name":"N","valueFrom":{"fieldRef":{"fieldPath":"f","apiVersion":"v2"}}}]}`,
			notes: []string{"env[0] (it has been changed since)"}},
		{name: "a default in place of what was removed", before: `{"imagePullPolicy":"Never","x":"1"}`, after: `{"x":"1"}`,
			live: `{"imagePullPolicy":"Always","x":"2"}`, want: `{"imagePullPolicy":"Never","x":"2"}`},

		{name: "an element that was added, and moved", before: `{"env":[{"name":"A"},{"name":"B"}]}`, after: `{"env":[{"name":"A"},{"name":"N"},{"name":"B"}]}`,
			live: `{"env":[{"name":"B"},{"name":"N"},{"name":"C"},{"name":"A"}]}`, want: `{"env":[{"name":"B"},{"name":"C"},{"name":"A"}]}`},
		{name: "an element that was removed, between its neighbours", before: `{"env":[{"name":"A"},{"name":"N"},{"name":"B"}]}`, after: `{"env":[{"name":"A"},{"name":"B"}]}`,
			live: `{"env":[{"name":"X"},{"name":"A"},{"name":"Y"},{"name":"B"}]}`, want: `{"env":[{"name":"X"},{"name":"A"},{"name":"N"},{"name":"Y"},{"name":"B"}]}`},
		{name: "its first neighbour is gone", before: `{"env":[{"name":"A"},{"name":"N"},{"name":"B"}]}`, after: `{"env":[{"name":"A"},{"name":"B"}]}`,
			live: `{"env":[{"name":"X"},{"name":"B"}]}`, want: `{"env":[{"name":"X"},{"name":"N"},{"name":"B"}]}`},
		{name: "another took its name", before: `{"env":[{"name":"A"},{"name":"N","value":"1"}]}`, after: `{"env":[{"name":"A"}]}`,
			live: `{"env":[{"name":"A"},{"name":"N","value":"2"}]}`, want: `{"env":[{"name":"A"},{"name":"N","value":"2"}]}`,
			notes: []string{"env[1] (another of its name has been added since)"}},
		{name: "an element that was edited is gone", before: `{"containers":[{"name":"c","image":"1"},{"name":"d"}]}`, after: `{"containers":[{"name":"c","image":"2"},{"name":"d"}]}`,
			live: `{"containers":[{"name":"d"}]}`, want: `{"containers":[{"name":"d"}]}`, notes: []string{"containers[0] (it has been removed since)"}},
		{name: "names that repeat", before: `{"env":[{"name":"A","value":"1"},{"name":"A","value":"2"}]}`, after: `{"env":[{"name":"A","value":"1"},{"name":"A","value":"3"}]}`,
			live: `{"env":[{"name":"A","value":"0"},{"name":"A","value":"1"},{"name":"A","value":"3"}]}`,
			want: `{"env":[{"name":"A","value":"0"},{"name":"A","value":"1"},{"name":"A","value":"2"}]}`},

		{name: "what a kept value refers to stays", before: `{"env":[{"name":"D","value":"u:x@h"}]}`, after: split, live: strings.Replace(split, "@h", "@other", 1),
			want:  strings.Replace(split, "@h", "@other", 1),
			notes: []string{"env[0] (what is still there refers to it)", "env[1].value (it has been changed since)"}},
		{name: "what a kept command refers to stays", before: `{"args":["--p=x"],"env":[{"name":"A"}]}`, after: `{"args":["--p=$(P)"],"env":[{"name":"P"},{"name":"A"}]}`,
			live: `{"args":["--pass=$(P)"],"env":[{"name":"P"},{"name":"A"}]}`, want: `{"args":["--pass=$(P)"],"env":[{"name":"P"},{"name":"A"}]}`,
			notes: []string{"args (it has been changed since)", "env[0] (what is still there refers to it)"}},
		{name: "a volume that another mounts stays", before: `{"containers":[{"name":"c"}],"volumes":[]}`,
			after: `{"containers":[{"name":"c","volumeMounts":[{"name":"tmp","mountPath":"/tmp"}]}],"volumes":[{"name":"tmp","emptyDir":{}}]}`,
			live:  `{"containers":[{"name":"c","volumeMounts":[{"name":"tmp","mountPath":"/tmp"},{"name":"tmp","mountPath":"/var"}]}],"volumes":[{"name":"tmp","emptyDir":{}}]}`,
			want:  `{"containers":[{"name":"c","volumeMounts":[{"name":"tmp","mountPath":"/var"}]}],"volumes":[{"name":"tmp","emptyDir":{}}]}`,
			notes: []string{"volumes[0] (what is still there refers to it)"}},

		{name: "words: what was exchanged", before: `{"args":["a","x","b"]}`, after: `{"args":["a","y","b"]}`, live: `{"args":["a","y","b","c"]}`, want: `{"args":["a","x","b","c"]}`},
		{name: "words: what was exchanged is another", before: `{"args":["a","x","b"]}`, after: `{"args":["a","y","b"]}`, live: `{"args":["a","z","b"]}`, want: `{"args":["a","z","b"]}`,
			notes: []string{"args (it has been changed since)"}},
		{name: "words: nothing marks the place", before: `{"args":["a","x"]}`, after: `{"args":["a"]}`, live: `{"args":["b"]}`, want: `{"args":["b"]}`,
			notes: []string{"args (it has been changed since)"}},
		{name: "rules without names, with defaults", before: `{"egress":[{"ports":[{"port":80}]}]}`, after: `{"egress":[{"ports":[{"port":80}]},{"ports":[{"port":53}]}]}`,
			live: `{"egress":[{"ports":[{"port":1}]},{"ports":[{"port":53,"protocol":"TCP"}]},{"ports":[{"port":80}]}]}`,
			want: `{"egress":[{"ports":[{"port":1}]},{"ports":[{"port":80}]}]}`},

		{name: "the old name of the account", before: `{"x":"1"}`, after: `{"x":"1","serviceAccountName":"a"}`,
			live: `{"x":"2","serviceAccountName":"a","serviceAccount":"a"}`, want: `{"x":"2"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after, live := parse(t, c.before), parse(t, c.after), parse(t, c.live)
			merged, notes := merge(after, before, live)
			if want := parse(t, c.want); !reflect.DeepEqual(merged, want) {
				t.Errorf("got  %s\nwant %s", asJSON(merged), asJSON(want))
			}
			var got []string
			for _, n := range notes {
				if n.state != back {
					got = append(got, Kept{n.path, n.why}.String())
				}
			}
			if !slices.Equal(got, c.notes) {
				t.Errorf("notes %q, want %q", got, c.notes)
			}
			if !reflect.DeepEqual(live, parse(t, c.live)) {
				t.Error("the merge changed what it merged into")
			}
		})
	}
}

func parse(t *testing.T, text string) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &m); err != nil { // whole numbers as int64
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

// TestMergeKeepsForeignEdits makes random changes of random documents, and
// then an edit of what the change left alone: going back leaves the edit and
// nothing else.
func TestMergeKeepsForeignEdits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	deep := 0
	for i := range 6000 {
		before := randomMap(random, 4)
		after := mutate(random, deepCopy(before)).(map[string]any)
		live, want := deepCopy(after), deepCopy(before)
		depth := foreign(random, live, want)
		merged, notes := merge(after, before, live)
		if asJSON(merged) != asJSON(want) || len(notes) > 0 {
			t.Fatalf("%d: before %s\nafter %s\nlive %s\ngot %s\nwant %s\nnotes %+v", i,
				asJSON(before), asJSON(after), asJSON(live), asJSON(merged), asJSON(want), notes)
		}
		if depth > 1 {
			deep++
		}
	}
	if deep < 500 {
		t.Errorf("only %d edits were inside of something", deep)
	}
}

// foreign adds a field at one and the same place of two documents, and returns
// how deep it is.
func foreign(r *rand.Rand, a, b map[string]any) int {
	type place struct{ a, b map[string]any }
	var places []place
	for key := range a {
		switch va := a[key].(type) {
		case map[string]any:
			if vb, ok := b[key].(map[string]any); ok {
				places = append(places, place{va, vb})
			}
		case []any:
			vb, _ := b[key].([]any)
			for _, p := range alignExact(va, vb) {
				name, _ := identity(va[p[0]])
				if once(va, name) && once(vb, name) {
					places = append(places, place{va[p[0]].(map[string]any), vb[p[1]].(map[string]any)})
				}
			}
		}
	}
	if len(places) > 0 && r.IntN(4) > 0 {
		p := places[r.IntN(len(places))]
		return 1 + foreign(r, p.a, p.b)
	}
	value := randomValue(r, 2)
	a["foreign"], b["foreign"] = value, value
	return 1
}

func once(list []any, name string) bool {
	n := 0
	for _, v := range list {
		if id, ok := identity(v); ok && id == name {
			n++
		}
	}
	return n == 1
}

// TestMergeOfLists inserts foreign elements into lists that a change has
// changed: going back leaves them where they are, among the old ones.
func TestMergeOfLists(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	merges := 0
	for i := range 6000 {
		before, _ := randomValue(random, 2).([]any)
		if before == nil {
			continue
		}
		after := mutate(random, deepCopy(map[string]any{"l": before})["l"]).([]any)
		var mark any = "foreign"
		if random.IntN(2) == 0 {
			mark = map[string]any{"name": "foreign"}
		}
		at := random.IntN(len(after) + 1)
		live := slices.Insert(slices.Clone(after), at, mark)
		out, notes := merge(map[string]any{"l": after}, map[string]any{"l": before}, map[string]any{"l": live})
		merged, _ := out["l"].([]any)
		if len(notes) > 0 {
			if !reflect.DeepEqual(merged, live) && !slices.ContainsFunc(before, func(v any) bool { _, ok := identity(v); return ok }) {
				t.Fatalf("%d: with notes %+v %s became %s", i, notes, asJSON(live), asJSON(merged))
			}
			continue
		}
		merges++
		rest := slices.DeleteFunc(slices.Clone(merged), func(v any) bool { return reflect.DeepEqual(v, mark) })
		if len(rest) != len(merged)-1 || asJSON(rest) != asJSON(before) {
			t.Fatalf("%d: before %s\nafter %s\nlive %s\ngot %s", i, asJSON(before), asJSON(after), asJSON(live), asJSON(merged))
		}
	}
	if merges < 2000 {
		t.Errorf("only %d lists were merged", merges)
	}
}

// TestMergeLeavesWhatOthersChanged edits a field that the change has changed:
// it stays and is noted, and all others go back.
func TestMergeLeavesWhatOthersChanged(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	edits := 0
	for i := range 6000 {
		before := randomMap(random, 4)
		after := mutate(random, deepCopy(before)).(map[string]any)
		live, want := deepCopy(after), deepCopy(before)
		path := collide(random, "", after, before, live, want)
		if path == "" {
			continue
		}
		edits++
		merged, notes := merge(after, before, live)
		if asJSON(merged) != asJSON(want) || len(notes) != 1 || notes[0].path != path || notes[0].state != changed {
			t.Fatalf("%d: %s\nbefore %s\nafter %s\nlive %s\ngot %s\nwant %s\nnotes %+v", i, path,
				asJSON(before), asJSON(after), asJSON(live), asJSON(merged), asJSON(want), notes)
		}
	}
	if edits < 2000 {
		t.Errorf("only %d edits", edits)
	}
}

// collide gives a field that differs between after and before a value of its
// own in two other documents, and returns its path.
func collide(r *rand.Rand, path string, after, before, live, want map[string]any) string {
	keys := sortedKeys(after, before)
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, key := range keys {
		a, b := after[key], before[key]
		at := joinPath(path, key)
		if reflect.DeepEqual(a, b) {
			continue
		}
		am, aok := a.(map[string]any)
		bm, bok := b.(map[string]any)
		if aok && bok {
			if p := collide(r, at, am, bm, live[key].(map[string]any), want[key].(map[string]any)); p != "" {
				return p
			}
			continue
		}
		value := fmt.Sprint("foreign", r.IntN(9))
		live[key], want[key] = value, value
		return at
	}
	return ""
}

func TestDefaults(t *testing.T) {
	for name, values := range defaults {
		for _, v := range values {
			if !isDefault(name, v) {
				t.Errorf("%s: %v is none", name, v)
			}
		}
	}
	if isDefault("", "TCP") || isDefault("protocol", "UDP") || isDefault("privileged", false) {
		t.Error("anything is a default")
	}
}
