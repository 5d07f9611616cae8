package podsecurity

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

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

// tally counts what became of the fixtures of a version.
type tally struct {
	fixtures int
	found    int // failing pods with a finding of their control
	fixed    int // of them, that pass restricted after the fixes
	manual   int // of them, that leave a finding which says what a person must do
	// untouched are passing pods that no fix changes; later those that pass their
	// version and that restricted asks more of: at baseline, or since then.
	untouched, later int
}

func (n *tally) add(o tally) {
	n.fixtures, n.found, n.fixed, n.manual = n.fixtures+o.fixtures, n.found+o.found, n.fixed+o.fixed, n.manual+o.manual
	n.untouched, n.later = n.untouched+o.untouched, n.later+o.later
}

// TestOfficialFixtures judges the pods with which Kubernetes tests PodSecurity
// admission, in every version: a pod that is refused has a finding of its
// control; one that passes restricted has none, and is not touched; one that
// passes baseline is touched by nothing but what restricted asks for; and once
// every fix is made that has an edit, a pod passes, or a finding is left that
// says what a person must do. With -v it prints the table.
//
// Servers before 1.25 are judged as 1.25 (see [oldest]). Nothing is lost by that:
// what their version refuses, 1.25 refuses by the same control.
func TestOfficialFixtures(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "test", "testdata")
	var all tally
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, n tally) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, n.fixtures, n.found, n.fixed, n.manual, n.untouched, n.later)
	}
	fmt.Fprintln(w, "\nversion\tfixtures\tfound\tfixed\tmanual\tuntouched\tpass, restricted asks more\t")
	minor := 0
	for ; ; minor++ {
		version := fmt.Sprintf("v1.%d", minor)
		files, err := filepath.Glob(filepath.Join(root, "*", version, "*", "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			break
		}
		var n tally
		t.Run(version, func(t *testing.T) {
			for _, file := range files {
				n.add(judgeFixture(t, minor, file))
			}
		})
		line(version, n)
		all.add(n)
	}
	line("all", all)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Log(table.String())
	if last := fmt.Sprintf("v1.%d", minor-1); NewJudge(fixes.NewInventory()).Version() != last {
		t.Errorf("the newest fixtures are of %s, the judge of %s", last, NewJudge(fixes.NewInventory()).Version())
	}
	if all.fixtures < 4000 || all.fixtures != all.found+all.untouched+all.later || all.found != all.fixed+all.manual {
		t.Errorf("fixtures are lost: %+v", all)
	}
}

var (
	// byHand are the controls of which the fixtures have cases without an edit:
	// what a mounted volume, a program for the Windows node or a probe of another
	// machine is for, nobody can see.
	byHand = []string{"pss-host-path", "pss-volume-types", "pss-windows-host-process", "pss-host-namespaces", "pss-host-probes"}
	// ofBaseline are the controls of which restricted asks no more than baseline.
	ofBaseline = []string{"pss-privileged", "pss-host-namespaces", "pss-host-path", "pss-host-ports", "pss-host-probes",
		"pss-selinux", "pss-apparmor", "pss-sysctls", "pss-windows-host-process"}
)

func judgeFixture(t *testing.T, minor int, file string) (n tally) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n.fixtures = 1
	inv := fixestest.Load(t, string(text))
	inv.ServerMinor = max(minor, 1) // 0 is a version that is not known
	name := strings.TrimRight(strings.TrimSuffix(filepath.Base(file), ".yaml"), "0123456789")
	pod := fixes.Objects[*corev1.Pod](inv, "")[0]
	before := pod.DeepCopy()
	result := fixes.Scan(inv, controls())
	found := ids(result.Findings)

	judged := max(minor, oldest)
	refusal := refused(t, api.LevelRestricted, judged, implicit(pod))
	if (refusal == "") != (len(found) == 0) {
		t.Errorf("%s: found %q; the library: %q", file, found, refusal)
	}
	checkLevel(t, judged, inv, implicit(pod))
	failing := strings.HasSuffix(filepath.Dir(file), "fail")
	if failing {
		rule := fixtureRule[name]
		if rule == "pss-volume-types" && strings.Contains(string(text), "hostPath") {
			rule = "pss-host-path"
		}
		if !slices.Contains(found, rule) {
			t.Errorf("%s fails, found only %q", file, found)
		}
		n.found = 1
	} else {
		restricted := strings.Contains(file, "/restricted/")
		if restricted && minor >= oldest && len(found) > 0 {
			t.Errorf("%s passes, found %q", file, found)
		}
		if why := refused(t, api.LevelBaseline, judged, implicit(pod)); why != "" && minor >= oldest {
			t.Errorf("%s does not pass baseline: %q", file, why)
		}
		if slices.ContainsFunc(found, func(id string) bool { return slices.Contains(ofBaseline, id) }) && minor >= oldest {
			t.Errorf("%s passes baseline, found %q", file, found)
		}
	}

	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Verified {
		t.Errorf("%s: not verified: unfixed %q, new %q", file, ids(plan.Unfixed), ids(plan.New))
	}
	if !reflect.DeepEqual(before, pod) {
		t.Errorf("%s: the scanned pod itself was changed", file)
	}
	fixed := implicit(pod)
	for _, c := range plan.Changes {
		fixed = implicit(c.After.(*corev1.Pod))
	}
	refusal = refused(t, api.LevelRestricted, judged, fixed)
	if (refusal == "") != (len(plan.Remaining) == 0) {
		t.Errorf("%s, fixed: the library says %q; remaining %q", file, refusal, ids(plan.Remaining))
	}
	for _, f := range plan.Remaining {
		if f.Fix().Confidence != fixes.Manual || f.Fix().Steps == "" || !slices.Contains(byHand, f.Rule.ID) {
			t.Errorf("%s: %s remains: %q", file, f.Rule.ID, f.Fix().Why)
		}
	}
	switch {
	case failing && len(plan.Remaining) > 0:
		n.manual = 1
	case failing:
		n.fixed = 1
	case len(found) == 0:
		n.untouched = 1
		if len(plan.Changes) > 0 {
			t.Errorf("%s passes, and is changed", file)
		}
	default:
		n.later = 1
	}
	return n
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
