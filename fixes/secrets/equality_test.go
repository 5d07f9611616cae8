package secrets

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

var manifestsDir = flag.String("manifests", "", "folder of manifests to fix, beside the project's own: what each container sees must stay the same")

// movers are the rules whose fixes move a value to where the same process finds
// the same.
func movers() []*fixes.Rule {
	return slices.DeleteFunc(Rules(), func(r *fixes.Rule) bool {
		return r.ID != "env-secret" && r.ID != "configmap-secret" && r.ID != "args-secret"
	})
}

// TestContainersSeeTheSame makes all fixes of every manifest, and compares what
// each container sees before and after.
func TestContainersSeeTheSame(t *testing.T) {
	files, err := filepath.Glob("../../testdata/manifests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	moved := 0
	for _, file := range append(files, "../../plugin/source/demo.yaml") {
		moved += sameAfterFixes(t, file, fixestest.ReadFiles(t, file))
	}
	if moved < 5 {
		t.Errorf("only %d fixes in the project's own manifests", moved)
	}
	if *manifestsDir == "" {
		return
	}
	folders := map[string][]string{}
	err = filepath.WalkDir(*manifestsDir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && (strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, ".yml")) {
			folders[filepath.Dir(path)] = append(folders[filepath.Dir(path)], path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	moved = 0
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		moved += sameAfterFixes(t, dir, fixestest.ReadFiles(t, folders[dir]...))
		for _, file := range folders[dir] {
			moved += sameAfterFixes(t, file, fixestest.ReadFiles(t, file))
		}
	}
	t.Logf("%d fixes in %d folders", moved, len(folders))
}

// sameAfterFixes makes all fixes and returns how many there were.
func sameAfterFixes(t *testing.T, name string, inv *fixes.Inventory) int {
	t.Helper()
	result := fixes.Scan(inv, movers())
	choices := fixes.Choose(result.Findings, fixes.Review)
	if len(choices) == 0 {
		return 0
	}
	plan, err := fixes.Compose(result, choices)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return 0
	}
	if !plan.Verified {
		for _, f := range slices.Concat(plan.Unfixed, plan.New) {
			t.Errorf("%s: still or newly broken: %s %s %s", name, f.Rule.ID, f.Object, f.Path)
		}
	}
	compareWorlds(t, name, inv, plan)
	return len(choices)
}

func compareWorlds(t *testing.T, name string, inv *fixes.Inventory, plan *fixes.Plan) {
	t.Helper()
	draft := inv.Draft()
	for _, c := range plan.Changes {
		if _, ok := c.After.(*corev1.Secret); ok && c.Action != fixes.Create {
			t.Errorf("%s: %s was there before and is touched", name, c.Object)
		}
		draft.Add(c.After)
	}
	for _, before := range inv.Workloads("") {
		obj := draft.Get(before.Ref())
		after, _ := fixes.AsWorkload(obj)
		was, is := worlds(inv, before), worlds(draft.Inventory, after)
		for c := range before.Containers() {
			for _, d := range differences(was[c.Name], is[c.Name]) {
				t.Errorf("%s: container %s of %s: %s", name, c.Name, before.Ref(), d)
			}
		}
	}
}

// differences compares two worlds. Variables that the plan added are none.
func differences(was, is world) []string {
	added := map[string]string{}
	for name, value := range is.env {
		if _, there := was.env[name]; !there && isAddedVariable(name) {
			added[name] = value
			delete(is.env, name)
		}
	}
	var out []string
	diff := func(what string, was, is map[string]string) {
		for _, k := range slices.Sorted(maps.Keys(was)) {
			if v, ok := is[k]; !ok {
				out = append(out, fmt.Sprintf("%s %s is gone", what, k))
			} else if v != was[k] {
				out = append(out, fmt.Sprintf("%s %s was %q and is %q", what, k, was[k], v))
			}
		}
		for _, k := range slices.Sorted(maps.Keys(is)) {
			if _, ok := was[k]; !ok {
				out = append(out, fmt.Sprintf("%s %s is new", what, k))
			}
		}
	}
	diff("variable", was.env, is.env)
	diff("file", was.files, is.files)
	if len(was.argv) != len(is.argv) {
		return append(out, "the command line has another length")
	}
	for i := range was.argv {
		if now := shellExpand(is.argv[i], added); now != was.argv[i] {
			out = append(out, fmt.Sprintf("word %d was %q and is %q", i, was.argv[i], now))
		}
	}
	return out
}

func isAddedVariable(name string) bool {
	return strings.Contains(name, "_CREDENTIAL") || strings.HasPrefix(name, "ARG_")
}

// shellExpand puts the added variables where a script refers to them in one of
// the quoted forms.
func shellExpand(word string, added map[string]string) string {
	for name, value := range added {
		for _, form := range []string{`'"${` + name + `}"'`, `"${` + name + `}"`, `${` + name + `}`} {
			word = strings.ReplaceAll(word, form, value)
		}
	}
	return word
}
