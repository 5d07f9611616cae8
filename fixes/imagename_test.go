package fixes

import "testing"

func TestSplitImage(t *testing.T) {
	for image, want := range map[string][2]string{
		"nginx":                            {"nginx", ""},
		"nginx:1.27":                       {"nginx", "1.27"},
		"reg.acme:5000/a/nginx":            {"reg.acme:5000/a/nginx", ""},
		"reg.acme:5000/a/nginx:1@sha256:0": {"reg.acme:5000/a/nginx", "1"},
		"a@sha256:0":                       {"a", ""},
		"":                                 {"", ""},
	} {
		if name, tag := SplitImage(image); name != want[0] || tag != want[1] {
			t.Errorf("%q: %q %q", image, name, tag)
		}
	}
}

func TestIsImage(t *testing.T) {
	for image, want := range map[string]bool{
		"calico/node": true, "quay.io/calico/node:v3": true, "mirror:5000/quay.io/calico/node@sha256:0": true,
		"notcalico/node": false, "calico/node/x": false, "node": false,
	} {
		if IsImage(image, "calico/node") != want {
			t.Errorf("%s: %v", image, !want)
		}
	}
}
