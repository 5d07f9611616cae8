package podsecurity

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// fixtureRule names the rule that must speak up for a fixture, by the check that
// the fixture's file is named after.
var fixtureRule = map[string]string{
	"allowprivilegeescalation":   "pss-allow-privilege-escalation",
	"apparmorprofile":            "pss-apparmor",
	"capabilities_baseline":      "pss-capabilities",
	"capabilities_restricted":    "pss-capabilities",
	"hostnamespaces":             "pss-host-namespaces",
	"hostpathvolumes":            "pss-host-path",
	"hostports":                  "pss-host-ports",
	"hostprobesandhostlifecycle": "pss-host-probes",
	"privileged":                 "pss-privileged",
	"procmount":                  "pss-proc-mount",
	"procmount_restricted":       "pss-proc-mount",
	"restrictedvolumes":          "pss-volume-types",
	"runasnonroot":               "pss-run-as-non-root",
	"runasuser":                  "pss-run-as-user",
	"seccompprofile_baseline":    "pss-seccomp",
	"seccompprofile_restricted":  "pss-seccomp",
	"selinuxoptions":             "pss-selinux",
	"sysctls":                    "pss-sysctls",
	"windowshostprocess":         "pss-windows-host-process",
}

// TestOfficialFixtures judges the pods with which Kubernetes tests PodSecurity
// admission, in every version: a pod that is refused has findings, one that is
// allowed has none, and once every fix is made that has an edit, it is allowed
// or a finding is left that says what a person must do.
func TestOfficialFixtures(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "test", "testdata")
	latest := fixes.NewInventory()
	for minor := oldest; ; minor++ {
		version := fmt.Sprintf("v1.%d", minor)
		files, err := filepath.Glob(filepath.Join(root, "*", version, "*", "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			if last := fmt.Sprintf("v1.%d", minor-1); NewJudge(latest).Version() != last {
				t.Errorf("the newest fixtures are of %s, the judge of %s", last, NewJudge(latest).Version())
			}
			return
		}
		t.Run(version, func(t *testing.T) {
			for _, file := range files {
				judgeFixture(t, minor, file)
			}
		})
	}
}

func judgeFixture(t *testing.T, minor int, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	inv := fixestest.Load(t, string(text))
	inv.ServerMinor = minor
	name := strings.TrimRight(strings.TrimSuffix(filepath.Base(file), ".yaml"), "0123456789")
	pod := fixes.Objects[*corev1.Pod](inv, "")[0]
	result := fixes.Scan(inv, Rules())
	found := ids(result.Findings)

	refusal := refused(t, api.LevelRestricted, minor, implicit(pod))
	if (refusal == "") != (len(found) == 0) {
		t.Errorf("%s: found %q; the library: %q", file, found, refusal)
	}
	switch dir := filepath.Dir(file); {
	case strings.Contains(dir, "restricted") && strings.HasSuffix(dir, "pass"):
		if len(found) != 0 {
			t.Errorf("%s passes, found %q", file, found)
		}
	case strings.HasSuffix(dir, "fail"):
		rule := fixtureRule[name]
		if rule == "pss-volume-types" && strings.Contains(string(text), "hostPath") {
			rule = "pss-host-path"
		}
		if !slices.Contains(found, rule) {
			t.Errorf("%s fails, found only %q", file, found)
		}
	}
	checkLevel(t, minor, inv, implicit(pod))

	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Verified {
		t.Errorf("%s: not verified: unfixed %q, new %q", file, ids(plan.Unfixed), ids(plan.New))
	}
	fixed := implicit(pod)
	for _, c := range plan.Changes {
		fixed = implicit(c.After.(*corev1.Pod))
	}
	refusal = refused(t, api.LevelRestricted, minor, fixed)
	if (refusal == "") != (len(plan.Remaining) == 0) {
		t.Errorf("%s, fixed: the library says %q; remaining %q", file, refusal, ids(plan.Remaining))
	}
	for _, f := range plan.Remaining {
		if f.Fix().Confidence != fixes.Manual || f.Fix().Steps == "" {
			t.Errorf("%s: %s remains, and is not manual", file, f.Rule.ID)
		}
	}
}

// checkLevel compares the judge with the library's evaluator.
func checkLevel(t *testing.T, minor int, inv *fixes.Inventory, pod *corev1.Pod) {
	t.Helper()
	want := api.LevelRestricted
	switch {
	case refused(t, api.LevelBaseline, minor, pod) != "":
		want = api.LevelPrivileged
	case refused(t, api.LevelRestricted, minor, pod) != "":
		want = api.LevelBaseline
	}
	level, reasons := NewJudge(inv).Level(&pod.ObjectMeta, &pod.Spec)
	if level != want || (level == api.LevelRestricted) != (len(reasons) == 0) {
		t.Errorf("level of %s in 1.%d: %s %q, want %s", pod.Name, minor, level, reasons, want)
	}
}

// implicit returns the pod with its implicit emptyDirs written out, as the API
// server does before it judges.
func implicit(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	for i, v := range pod.Spec.Volumes {
		if v.VolumeSource == (corev1.VolumeSource{}) {
			pod.Spec.Volumes[i].EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
	return pod
}

func ids(findings []*fixes.Finding) []string {
	var ids []string
	for _, f := range findings {
		ids = append(ids, f.Rule.ID)
	}
	return ids
}
