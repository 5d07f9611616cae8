package nodes

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func node(name, kubelet, os, kernel, runtime string) string {
	return "\n---\napiVersion: v1\nkind: Node\nmetadata: {name: '" + name + "'}\nstatus: {nodeInfo: {kubeletVersion: '" + kubelet + "', osImage: '" + os +
		"', kernelVersion: '" + kernel + "', containerRuntimeVersion: '" + runtime + "', operatingSystem: linux}}\n"
}

func TestUnpatched(t *testing.T) {
	const ubuntu, containerd, found = "Ubuntu 24.04.1 LTS", "containerd://2.3.1", "Node n status.nodeInfo manual"
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	row := func(name, objects string, want ...string) fixestest.Case {
		return fixestest.Case{Name: name, Objects: objects, Live: true, Now: now, Want: want}
	}
	fixestest.Table(t, unpatched(), []fixestest.Case{
		row("up to date", node("n", "v1.37.2", ubuntu, "6.8.0-45-generic", containerd)),
		row("within the skew", node("n", "v1.36.0", ubuntu, "6.8.0-45-generic", containerd), found),
		row("beyond it", node("n", "v1.33.0", ubuntu, "6.8.0-45-generic", containerd), found),
		row("newer than the API server", node("n", "v1.38.0", ubuntu, "6.8.0-45-generic", containerd), found),
		row("a node that is played", node("n", "kwok-v0.7.0", "", "", "kwok://")),
		row("an old system", node("n", "v1.37.0", "Ubuntu 18.04.6 LTS", "5.4.0-150-generic", containerd), found),
		row("a system that has its own kernel", node("n", "v1.37.0", "Red Hat Enterprise Linux 9.4 (Plow)", "5.14.0-427.el9.x86_64", containerd)),
		row("an old kernel", node("n", "v1.37.0", "Talos (v1.0.0)", "5.4.100-talos", containerd), found),
		row("a kernel older than the table", node("n", "v1.37.0", "Buildroot 2016", "3.10.0", containerd), found),
		row("a kernel that the table does not know", node("n", "v1.37.0", "Talos (v1.11.0)", "6.14.2-talos", containerd)),
		row("an old runtime", node("n", "v1.37.0", ubuntu, "6.8.0-45-generic", "containerd://1.6.8"), found),
		row("a runtime that has ended this month", node("n", "v1.37.0", ubuntu, "6.8.0-45-generic", "containerd://2.2.0"), found),
		row("CRI-O", node("n", "v1.37.0", ubuntu, "6.8.0-45-generic", "cri-o://1.37.0")),
		{Name: "manifests do not age", Objects: node("n", "v1.37.0", "Ubuntu 18.04.6 LTS", "4.15.0", "containerd://1.4.0")},
	})
}

func TestUnpatchedEvidence(t *testing.T) {
	inv := fixestest.Load(t, node("n", "v1.33.1", "Debian GNU/Linux 10 (buster)", "4.19.0-27-amd64", "docker://19.3.15"))
	inv.Now, inv.ServerMinor = time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC), 37
	f := unpatched().Run(inv)[0]
	want := []string{
		"kubelet v1.33.1, and the API server is 1.37: more than 3 minor versions are not supported",
		"kubelet v1.33.1, without fixes since 2026-06-28 (https://kubernetes.io/releases/1.33/)",
		"docker 19.3.15, without fixes since 2023-12-10 (https://endoflife.date/docker-engine)",
		"Debian GNU/Linux 10 (buster), without fixes since 2024-06-30 (https://wiki.debian.org/LTS)",
	}
	if !slices.Equal(f.Evidence, want) || f.Severity != fixes.Medium || !strings.Contains(f.Message, "and 3 more") {
		t.Errorf("%s: %s %q", f.Severity, f.Message, f.Evidence)
	}
	inv.ServerMinor, inv.Now = 34, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	if f := unpatched().Run(inv)[0]; f.Evidence[0] != "kubelet v1.33.1, and the API server is 1.34" || len(f.Evidence) != 3 {
		t.Errorf("%q", f.Evidence)
	}
}

// TestSupportTable reads the whole table: each row has a source, and the rows of a
// kind are in the order of their versions.
func TestSupportTable(t *testing.T) {
	last := map[string]string{}
	for _, row := range supports() {
		if !strings.HasPrefix(row.source, "https://") || row.end.Year() < 2019 || row.end.Year() > 2035 {
			t.Errorf("%s %s: %s, %s", row.what, row.version, row.end, row.source)
		}
		if c, ok := compareMinor(row.version, last[row.what]); row.os == nil && last[row.what] != "" && (!ok || c <= 0) {
			t.Errorf("%s %s comes after %s", row.what, row.version, last[row.what])
		}
		last[row.what] = row.version
	}
	for _, what := range []string{"kubernetes", "containerd", "docker", "linux", "os"} {
		if last[what] == "" {
			t.Errorf("nothing is known of %s", what)
		}
	}
}

// TestSupportOfKubernetes: minor versions follow each other without a gap, and since
// they come every four months and last for fourteen, so do their ends.
func TestSupportOfKubernetes(t *testing.T) {
	var last support
	for _, row := range supports() {
		if row.what != "kubernetes" {
			continue
		}
		_, n, _ := minor(row.version)
		if last.what != "" {
			_, before, _ := minor(last.version)
			if months := row.end.Sub(last.end).Hours() / 24 / 30.4; n != before+1 || months < 2 || months > 6 {
				t.Errorf("%s ends %.1f months after %s", row.version, months, last.version)
			}
		}
		last = row
	}
	if _, n, _ := minor(last.version); n < 37 {
		t.Errorf("the table ends with %s", last.version)
	}
}
