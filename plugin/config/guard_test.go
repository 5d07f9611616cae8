package config

import (
	"path/filepath"
	"reflect"
	"testing"
)

func TestParseGuard(t *testing.T) {
	f, err := Parse("f", []byte(head+`
keys:
  findings.stage: [space, enter]
  app.quit: Q
  findings.copy: []
production: ["*prod*", live-1]
confirmAbove: 3
readonly: "*-ro"
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Words{"findings.stage": {"space", "enter"}, "app.quit": {"Q"}, "findings.copy": {}}
	if !reflect.DeepEqual(f.Keys, want) || !reflect.DeepEqual(f.Production, []string{"*prod*", "live-1"}) || f.ConfirmAbove != 3 || !reflect.DeepEqual(f.ReadOnlyIn(), []string{"*-ro"}) {
		t.Errorf("%+v", f.Config)
	}
	if got := f.Fault("x", "keys", "app.quit").Error(); got != "f:6: x" {
		t.Error(got)
	}
	for value, want := range map[string][]string{"true": {"*"}, "false": nil, "[a, b]": {"a", "b"}} {
		f, err := Parse("f", []byte(head+"readonly: "+value+"\n"))
		if err != nil || !reflect.DeepEqual(f.ReadOnlyIn(), want) {
			t.Errorf("%s: %v %v", value, f, err)
		}
	}
}

func TestParseGuardFaults(t *testing.T) {
	for text, want := range map[string]string{
		"confirmAbove: -1\n":             "f:3: confirmAbove is -1, and a number of changes is not negative",
		"confirmAbove: many\n":           "f:3: cannot unmarshal !!str `many` into int",
		"production: prod\n":             "f:3: production is a list: each entry begins with a dash",
		"production: [a, ' ']\n":         "f:3: production: an empty pattern matches no context",
		"readonly: ''\n":                 "f:3: readonly: an empty pattern matches no context",
		"keys: [a]\n":                    "f:3: keys is made of names and values",
		"keys:\n  a.b: {c: d}\n":         "f:4: a.b is a list: each entry begins with a dash",
		"keys:\n  a.b: x\n  a.b: y\n":    `f:5: mapping key "a.b" already defined at line 4`,
		"production: []\nproduktion: []": `f:4: unknown field "produktion"; did you mean "production"?`,
	} {
		if _, err := Parse("f", []byte(head+text)); err == nil || err.Error() != want {
			t.Errorf("%q\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestUserPath(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	if got := UserPath(); got != filepath.Join(dir, "kubectl-harden", "config.yaml") {
		t.Error(got)
	}
	t.Setenv("XDG_CONFIG_HOME", "relative")
	t.Setenv("HOME", dir)
	if got := UserPath(); got != filepath.Join(dir, ".config", "kubectl-harden", "config.yaml") {
		t.Error(got)
	}
}
