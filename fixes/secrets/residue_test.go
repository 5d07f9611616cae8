package secrets

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// applied is a Deployment with a last applied manifest, whose env has entries.
func applied(env, appliedContainer string) string {
	return strings.Replace(deployment("web", env), "namespace: shop}",
		`namespace: shop, uid: d, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"kind":"Deployment","spec":{"template":{"spec":{"containers":[`+appliedContainer+`]}}}}'}}`, 1)
}

const fromSecret = `
        - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: s, key: k}}}
`

func TestAppliedResidue(t *testing.T) {
	const at = "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration] "
	fixestest.Table(t, residue(), []fixestest.Case{{
		Name:    "a variable",
		Objects: applied(fromSecret, `{"name":"web","env":[{"name":"DB_PASSWORD","value":"`+password+`"},{"name":"LOG","value":"info"}]}`),
		Want:    []string{"Deployment shop/web " + at + "safe"},
		Diff:    []string{`+ {"kind":"Deployment","spec":{"template":{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD"},{"name":"LOG","value":"info"}],"name":"web"}]}}}}`},
	}, {
		Name:    "arguments, one of them twice",
		Objects: applied(fromSecret, `{"name":"web","command":["run"],"args":["--password=`+password+`","--v","--password=`+password+`"]}`),
		Want:    []string{"Deployment shop/web " + at + "safe"},
		Diff:    []string{`+ {"kind":"Deployment","spec":{"template":{"spec":{"containers":[{"args":["--v"],"command":["run"],"name":"web"}]}}}}`},
	}, {
		Name:    "the value in force, for env-secret",
		Objects: applied("\n        - {name: DB_PASSWORD, value: "+password+"}\n", `{"name":"web","env":[{"name":"DB_PASSWORD","value":"`+password+`"}]}`),
	}, {
		Name:    "a rotated value in force",
		Objects: applied("\n        - {name: DB_PASSWORD, value: new-9f8e7d6c5b}\n", `{"name":"web","env":[{"name":"DB_PASSWORD","value":"`+password+`"}]}`),
		Want:    []string{"Deployment shop/web " + at + "safe"},
	}, {
		Name:    "look-alikes",
		Objects: applied(fromSecret, `{"name":"web","env":[{"name":"DB_PASSWORD_FILE","value":"/run/secrets/db"},{"name":"SECRET_NAME","value":"web-tls"},{"name":"URL","value":"postgres://$(DB_PASSWORD)@db"}]}`),
	}, {
		Name: "no JSON",
		Objects: strings.Replace(deployment("web", fromSecret), "namespace: shop}",
			`namespace: shop, annotations: {kubectl.kubernetes.io/last-applied-configuration: "DB_PASSWORD=`+password+`"}}`, 1),
	}, {
		Name: "a ConfigMap whose key has moved",
		Objects: `
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: shop, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"kind":"ConfigMap","data":{"DB_PASSWORD":"` + password + `","LOG":"info"}}'}}
data: {LOG: info}
`,
		Want: []string{"ConfigMap shop/c " + at + "safe"},
		Diff: []string{`+ {"data":{"LOG":"info"},"kind":"ConfigMap"}`},
	}, {
		Name: "Secrets: one was rotated, one is as it was applied",
		Objects: `
apiVersion: v1
kind: Secret
metadata: {name: old, namespace: shop, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"kind":"Secret","data":{"user":"YWRtaW4=","password":"` + base64.StdEncoding.EncodeToString([]byte(password)) + `"}}'}}
stringData: {password: new-9f8e7d6c5b, user: admin}
---
apiVersion: v1
kind: Secret
metadata: {name: same, namespace: shop, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"kind":"Secret","stringData":{"password":"` + password + `"}}'}}
data: {password: ` + base64.StdEncoding.EncodeToString([]byte(password)) + `}
`,
		Want: []string{"Secret shop/old " + at + "safe"},
		Diff: []string{`+ {"data":{"user":"YWRtaW4="},"kind":"Secret"}`},
	}, {
		Name: "a running pod is not recreated for it",
		Live: true,
		Objects: `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"kind":"Pod","spec":{"containers":[{"name":"c","env":[{"name":"DB_PASSWORD","value":"` + password + `"}]}]}}'}}
spec: {containers: [{name: c, image: x}]}
`,
		Want: []string{"Pod shop/p " + at + "manual"},
	}})
}

func replicaSet(name string, replicas int, value string) string {
	return fmt.Sprintf(`
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: %s
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]
spec:
  replicas: %d
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec: {containers: [{name: web, image: x, env: [{name: DB_PASSWORD, value: "%s"}]}]}
`, name, replicas, value)
}

func controllerRevision(name, owner, uid, value string) string {
	return `
---
apiVersion: apps/v1
kind: ControllerRevision
metadata:
  name: ` + name + `
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: ` + owner + `, name: db, uid: ` + uid + `, controller: true}]
revision: 1
data: {spec: {template: {$patch: replace, spec: {containers: [{name: db, env: [{name: DB_PASSWORD, value: ` + value + `}]}]}}}}
`
}

func TestRevisionResidue(t *testing.T) {
	web := strings.Replace(deployment("web", fromSecret), "namespace: shop}", "namespace: shop, uid: d}", 1)
	const set = `
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop, uid: s}
spec:
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: x}]}}
status: {currentRevision: db-2, updateRevision: db-3}
`
	const daemons = `
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: db, namespace: shop, uid: e}
spec:
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: x}]}}
---
apiVersion: v1
kind: Pod
metadata:
  name: db-x
  namespace: shop
  labels: {controller-revision-hash: "7"}
  ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: db, uid: e, controller: true}]
spec: {containers: [{name: db, image: x}]}
`
	const at = " spec.revisionHistoryLimit review"
	fixestest.Table(t, residue(), []fixestest.Case{{
		Name:    "old ReplicaSets, one that runs, and one without",
		Live:    true,
		Objects: web + replicaSet("web-1", 0, password) + replicaSet("web-2", 0, "other-9f8e7d6c5b") + replicaSet("web-3", 1, password) + replicaSet("web-4", 0, ""),
		Want:    []string{"Deployment shop/web" + at},
		Diff:    []string{"- -- a/replicaset/shop/web-1", "- -- a/replicaset/shop/web-2"},
		NotDiff: []string{"- -- a/replicaset/shop/web-3", "- -- a/replicaset/shop/web-4"},
	}, {
		Name: "the value still stands in the template",
		Live: true,
		Objects: strings.Replace(deployment("web", "\n        - {name: DB_PASSWORD, value: "+password+"}\n"), "namespace: shop}", "namespace: shop, uid: d}", 1) +
			replicaSet("web-1", 0, password),
	}, {
		Name:    "another Deployment's",
		Live:    true,
		Objects: strings.Replace(web, "uid: d", "uid: other", 1) + replicaSet("web-1", 0, password),
	}, {
		Name: "a StatefulSet's, but for those that are in use",
		Live: true,
		Objects: set + controllerRevision("db-1", "StatefulSet", "s", password) +
			controllerRevision("db-2", "StatefulSet", "s", password) + controllerRevision("db-3", "StatefulSet", "s", password),
		Want:    []string{"StatefulSet shop/db" + at},
		Diff:    []string{"- -- a/controllerrevision/shop/db-1"},
		NotDiff: []string{"- -- a/controllerrevision/shop/db-2", "- -- a/controllerrevision/shop/db-3"},
	}, {
		Name:    "a DaemonSet's, but for that of a pod",
		Live:    true,
		Objects: daemons + controllerRevision("db-6", "DaemonSet", "e", password) + controllerRevision("db-7", "DaemonSet", "e", password),
		Want:    []string{"DaemonSet shop/db" + at},
		Diff:    []string{"- -- a/controllerrevision/shop/db-6"},
		NotDiff: []string{"- -- a/controllerrevision/shop/db-7"},
	}})
}

// TestPlanLeavesResidue: a plan that moves a credential is verified, though old
// revisions hold it: those are for the next scan.
func TestPlanLeavesResidue(t *testing.T) {
	inv := fixestest.Load(t, strings.Replace(deployment("web", "\n        - {name: DB_PASSWORD, value: "+password+"}\n"), "namespace: shop}", "namespace: shop, uid: d}", 1)+
		replicaSet("web-1", 0, password))
	inv.Live = true
	result := fixes.Scan(inv, []*fixes.Rule{envSecret(), residue()})
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil || !plan.Verified || len(plan.Changes) != 2 {
		t.Fatalf("error %v, new %q, %d changes", err, fixestest.Lines(plan.New), len(plan.Changes))
	}
	next := fixes.NewInventory()
	next.Live = true
	for _, kind := range fixes.WorkloadKinds() {
		for _, obj := range inv.List(kind) {
			next.Add(obj)
		}
	}
	for _, c := range plan.Changes {
		next.Add(c.After)
	}
	if got := fixestest.Lines(fixes.Scan(next, []*fixes.Rule{residue()}).Findings); len(got) != 1 {
		t.Errorf("the next scan finds %q", got)
	}
}

// helmSecret is the record of a release, as Helm writes it.
func helmSecret(t *testing.T, version int, manifest string) *corev1.Secret {
	t.Helper()
	text, err := json.Marshal(map[string]any{"name": "shop", "version": version, "manifest": manifest, "info": map[string]any{"status": "superseded"}})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s := &corev1.Secret{Type: helmRelease, Data: map[string][]byte{"release": []byte(base64.StdEncoding.EncodeToString(packed.Bytes()))}}
	s.Namespace, s.Name = "shop", fmt.Sprintf("sh.helm.release.v1.shop.v%d", version)
	return s
}

func TestHelmResidue(t *testing.T) {
	with := deployment("web", "\n        - {name: DB_PASSWORD, value: "+password+"}\n")
	without := deployment("web", fromSecret)
	for name, c := range map[string]struct {
		live, manifest string
		want           int
	}{
		"the object has it no more": {without, with, 1},
		"the object has it":         {with, with, 0},
		"nothing in it":             {without, without, 0},
		"the object is gone":        {deployment("other", fromSecret), with, 1},
		"no YAML":                   {without, "\n---\nkind: Deployment\n\t: [", 0},
	} {
		t.Run(name, func(t *testing.T) {
			inv := fixestest.Load(t, c.live)
			inv.Live = true
			inv.Add(helmSecret(t, 1, c.manifest))
			inv.Add(helmSecret(t, 2, c.manifest))
			inv.Add(helmSecret(t, 3, without))
			result := fixes.Scan(inv, []*fixes.Rule{residue()})
			if len(result.Findings) != c.want {
				t.Fatalf("findings: %q", fixestest.Lines(result.Findings))
			}
			for _, f := range result.Findings {
				fixestest.CheckFinding(t, result, f)
				if f.Object.Name != "sh.helm.release.v1.shop.v2" || !strings.Contains(strings.Join(f.Evidence, ";"), "in revisions 2, 1") {
					t.Errorf("%v %q", f.Object, f.Evidence)
				}
				if strings.Contains(fmt.Sprint(f.Message, f.Evidence, f.Fix()), password) {
					t.Error("the finding shows the value")
				}
			}
		})
	}
}

func TestDecodeRelease(t *testing.T) {
	if r, err := decodeRelease(helmSecret(t, 4, "x: y").Data["release"]); err != nil || r.Version != 4 || r.Manifest != "x: y" {
		t.Errorf("%+v %v", r, err)
	}
	bomb := helmSecret(t, 1, strings.Repeat("#", maxRelease)).Data["release"]
	if len(bomb) > 1<<20 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	for name, data := range map[string][]byte{
		"a bomb": bomb, "no base64": []byte("%"), "nothing": nil, "cut": helmSecret(t, 1, "x").Data["release"][:40],
		"no JSON": []byte(base64.StdEncoding.EncodeToString([]byte("x"))),
	} {
		if _, err := decodeRelease(data); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// TestRedactRevision: an old state is shown without its credentials.
func TestRedactRevision(t *testing.T) {
	inv := fixestest.Load(t, controllerRevision("db-1", "StatefulSet", "s", password))
	for _, obj := range inv.List(fixes.KindControllerRevision) {
		text, err := fixes.Change{Action: fixes.Delete, Object: fixes.RefOf(obj), Before: obj}.Diff(Redact, -1)
		if err != nil || strings.Contains(text, password) || !strings.Contains(text, Mask) {
			t.Errorf("%v\n%s", err, text)
		}
	}
}
