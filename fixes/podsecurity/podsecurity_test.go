package podsecurity

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// deployment wraps a pod spec, indented as it stands at a file's start, into
// Deployment shop/web.
func deployment(spec string) string { return annotated("{}", spec) }

func annotated(annotations, spec string) string {
	return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: ` + annotations + `}
    spec:
` + indent(spec)
}

// pod wraps a pod spec into a pod of Deployment shop/web, as its ReplicaSet
// would make it.
func pod(status, spec string) string {
	return `---
apiVersion: v1
kind: Pod
metadata:
  name: web-1
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: "", controller: true}]
status: ` + status + `
spec:
` + strings.ReplaceAll(indent(spec), "      ", "  ")
}

func indent(spec string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.Trim(spec, "\n"), "\n") {
		b.WriteString("      " + line + "\n")
	}
	return b.String()
}

// want is the line of a finding of Deployment shop/web.
func want(path string, confidence fixes.Confidence) []string {
	return []string{"Deployment shop/web spec.template." + path + " " + confidence.String()}
}

var evaluator = sync.OnceValues(func() (policy.Evaluator, error) { return policy.NewEvaluator(policy.DefaultChecks(), nil) })

// refused is the verdict of the library's own evaluator.
func refused(t testing.TB, level api.Level, minor int, pod *corev1.Pod) string {
	t.Helper()
	library, err := evaluator()
	if err != nil {
		t.Fatal(err)
	}
	result := policy.AggregateCheckResults(library.EvaluatePod(
		api.LevelVersion{Level: level, Version: api.MajorMinorVersion(1, minor)}, &pod.ObjectMeta, &pod.Spec))
	return result.ForbiddenDetail()
}

func TestRulesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for i, r := range Rules() {
		if seen[r.ID] || strings.HasPrefix(r.ID, "pss-") != (i < len(controls())) || r.Category != fixes.PodSecurity || len(r.References) < 2 {
			t.Errorf("rule %q: %+v", r.ID, r)
		}
		for _, part := range []string{"## The fix", "## By hand"} {
			if !strings.Contains(r.Docs, part) {
				t.Errorf("the docs of %s lack %q", r.ID, part)
			}
		}
		seen[r.ID] = true
	}
	// Every check of the library stands behind a rule: a pod that breaks it
	// alone is in the official fixtures, see TestOfficialFixtures.
	if len(controls()) != 16 {
		t.Errorf("%d controls", len(controls()))
	}
}

// TestUnknownFault shows what happens when the library refuses something that
// this package cannot find.
func TestUnknownFault(t *testing.T) {
	inv := fixestest.Load(t, deployment("hostPID: true\ncontainers: [{name: c, image: x}]"))
	c := control{id: "pss-x", check: "hostNamespaces", title: "X", severity: fixes.High,
		faults: func(*subject) []fault { return nil }}
	got := fixes.Scan(inv, []*fixes.Rule{c.rule()}).Findings
	if len(got) != 1 || got[0].Path != "spec.template.spec" || got[0].Fix().Confidence != fixes.Manual ||
		!strings.Contains(got[0].Fix().Steps, "hostPID=true") {
		t.Errorf("got %+v", got)
	}
}

// TestHostileNames shows that what comes from a file is neutralised wherever it
// is shown.
func TestHostileNames(t *testing.T) {
	const evil = "\x1b[2J\u202e"
	inv := fixestest.Load(t, deployment("containers: [{name: c, image: x}]"))
	w := inv.Workloads("")[0]
	w.Spec.Volumes = []corev1.Volume{{Name: evil, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: evil}}},
		{Name: "n" + evil, VolumeSource: corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: evil, Path: evil}}}}
	w.Spec.Containers[0].Name = evil
	w.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: evil, MountPath: evil}, {Name: "n" + evil, MountPath: evil}}
	w.Spec.SecurityContext = &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: evil, Value: evil}}}
	for _, f := range fixes.Scan(inv, Rules()).Findings {
		shown := []string{f.Path, f.Message, f.Fix().Title, f.Fix().Why, f.Fix().Steps}
		shown = append(append(shown, f.Evidence...), f.Fix().Risks...)
		if text := strings.Join(shown, "\n"); strings.ContainsAny(text, evil[:1]+"\u202e") {
			t.Errorf("%s shows it raw: %q", f.Rule.ID, text)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	var doc bytes.Buffer
	doc.WriteString(deployment("containers: [{name: c, image: x}, {name: d, image: x, securityContext: {privileged: true}}]"))
	one := fixestest.Load(b, doc.String()).List(fixes.KindDeployment)[0]
	inv := fixes.NewInventory()
	for i := range 5000 {
		obj := one.DeepCopyObject().(fixes.Object)
		obj.SetName(fmt.Sprint("web-", i))
		inv.Add(obj)
	}
	rules := Rules()
	for b.Loop() {
		fixes.Scan(inv, rules)
	}
}
