package secrets

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func configMap(name, more string) string {
	return `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ` + name + `, namespace: shop}
` + more
}

// reader is a workload with a pod spec.
func reader(kind, name, spec string) string {
	version := "apps/v1"
	if kind == "Pod" {
		return "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: shop}\nspec: " + spec
	}
	return "\n---\napiVersion: " + version + "\nkind: " + kind + "\nmetadata: {name: " + name + ", namespace: shop}\nspec: {template: {spec: " + spec + "}}"
}

func TestConfigMapSecret(t *testing.T) {
	const (
		found    = "ConfigMap shop/app data.DB_PASSWORD "
		onePass  = "data: {LOG_LEVEL: info, DB_PASSWORD: " + password + "}"
		fromEnv  = "{containers: [{name: web, image: x, env: [{name: PW, valueFrom: {configMapKeyRef: {name: app, key: DB_PASSWORD, optional: true}}}]}]}"
		fromAll  = "{containers: [{name: web, image: x, envFrom: [{prefix: A_, configMapRef: {name: app}}, {configMapRef: {name: other}}]}]}"
		fromFile = "{volumes: [{name: v, configMap: {name: app, defaultMode: 256}}], containers: [{name: web, image: x, volumeMounts: [{name: v, mountPath: /c}]}]}"
		fromItem = "{volumes: [{name: v, configMap: {name: app, items: [{key: DB_PASSWORD, path: pw, mode: 256}]}}], containers: [{name: web, image: x}]}"
		owned    = "ownerReferences: [{apiVersion: example.com/v1, kind: Shop, name: s, uid: u, controller: true}]"
	)
	twoFiles := strings.Replace(fromItem, "mode: 256}", "mode: 256}, {key: LOG_LEVEL, path: pw}", 1)
	fixestest.Table(t, configMapSecret(), []fixestest.Case{{
		Name:    "a variable keeps its optional",
		Objects: configMap("app", onePass) + reader("Deployment", "web", fromEnv),
		Want:    []string{found + "review"},
		Diff:    []string{"- DB_PASSWORD: " + password, "+ secretKeyRef:", "+ name: app-secret", "- configMapKeyRef:"},
		NotDiff: []string{"- optional: true", "- LOG_LEVEL: info"},
	}, {
		Name:    "all keys as variables: the Secret comes right behind, with the prefix",
		Objects: configMap("app", onePass) + reader("StatefulSet", "web", fromAll),
		Want:    []string{found + "review"},
		Diff:    []string{"+ - prefix: A_", "+ secretRef:", "+ name: app-secret"},
		NotDiff: []string{"- name: app"},
	}, {
		Name:    "a volume becomes a projected one",
		Objects: configMap("app", onePass) + reader("DaemonSet", "web", fromFile),
		Want:    []string{found + "review"},
		Diff:    []string{"+ projected:", "+ - configMap:", "+ - secret:", "+ path: DB_PASSWORD", "+ name: app-secret"},
	}, {
		Name:    "the only item of a volume",
		Objects: configMap("app", onePass) + reader("ReplicaSet", "web", fromItem),
		Want:    []string{found + "review"},
		Diff:    []string{"- - configMap:", "+ - name: v", "+ - secret:", "+ mode: 256", "+ path: pw"},
		NotDiff: []string{"+ - configMap:"},
	}, {
		Name:    "two files of one path cannot be projected",
		Objects: configMap("app", onePass) + reader("Deployment", "web", twoFiles),
		Want:    []string{found + "manual"},
	}, {
		Name:    "entries of a file move with all of it",
		Objects: configMap("app", "data: {app.properties: \"db.user=shop\\ndb.password="+password+"\\nmail.password=c0rrect-h0rse-9\\n\"}"),
		Want:    []string{`ConfigMap shop/app data["app.properties"] review`, `ConfigMap shop/app data["app.properties"] review`},
		Diff:    []string{"- app.properties: |"},
	}, {
		Name:    "text in binaryData",
		Objects: configMap("app", "binaryData: {DB_PASSWORD: VHIwdWI0ZG9yJjMtaG9yc2U=, logo.png: iVBORw0KGgo=}") + reader("Deployment", "web", fromAll),
		Want:    []string{"ConfigMap shop/app binaryData.DB_PASSWORD review"},
		NotDiff: []string{"+ secretRef:"},
	}, {
		Name:    "equal values share a key where no container takes all of them",
		Objects: configMap("app", onePass) + configMap("twin", onePass) + reader("Deployment", "web", fromEnv),
		Want:    []string{found + "review", "ConfigMap shop/twin data.DB_PASSWORD review"},
		NotDiff: []string{"+ name: twin-secret"},
	}, {
		Name:    "a name that is taken, and one that a pod waits for",
		Objects: configMap("app", onePass) + "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: app-secret, namespace: shop}" + reader("Deployment", "web", "{containers: [{name: web, image: x, envFrom: [{secretRef: {name: app-secret-2, optional: true}}]}]}"),
		Want:    []string{found + "review"},
		Diff:    []string{"+ name: app-secret-3"},
	}, {
		Name:    "kubectl apply keeps a copy",
		Objects: strings.Replace(configMap("app", onePass), "namespace: shop}", `namespace: shop, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"data":{"DB_PASSWORD":"`+password+`","LOG_LEVEL":"info"}}'}}`, 1),
		Want:    []string{found + "review"},
		Diff:    []string{`+ {"data":{"LOG_LEVEL":"info"}}`},
	}, {
		Name:    "a running pod cannot be re-pointed",
		Live:    true,
		Objects: configMap("app", onePass) + reader("Pod", "web", fromEnv),
		Want:    []string{found + "manual"},
	}, {
		Name:    "a finished one need not be",
		Live:    true,
		Objects: configMap("app", onePass) + reader("Pod", "web", fromEnv) + "\nstatus: {phase: Succeeded}",
		Want:    []string{found + "review"},
	}, {
		Name:    "a pod that reads another key is no obstacle",
		Live:    true,
		Objects: configMap("app", onePass) + reader("Pod", "web", strings.Replace(fromEnv, "key: DB_PASSWORD", "key: LOG_LEVEL", 1)),
		Want:    []string{found + "review"},
	}, {
		Name:    "pods that stay after a change",
		Live:    true,
		Objects: configMap("app", onePass) + strings.Replace(reader("DaemonSet", "web", fromEnv), "spec: {", "spec: {updateStrategy: {type: OnDelete}, ", 1),
		Want:    []string{found + "manual"},
	}, {
		Name:    "a workload of a custom resource",
		Objects: configMap("app", onePass) + strings.Replace(reader("Deployment", "web", fromEnv), "namespace: shop", "namespace: shop, "+owned, 1),
		Want:    []string{found + "manual"},
	}, {
		Name:    "a ConfigMap of a custom resource",
		Objects: strings.Replace(configMap("app", onePass), "namespace: shop", "namespace: shop, "+owned, 1),
		Want:    []string{found + "manual"},
	}, {
		Name:    "immutable in a cluster",
		Live:    true,
		Objects: configMap("app", "immutable: true\n"+onePass),
		Want:    []string{found + "manual"},
	}, {
		Name:    "immutable in a manifest",
		Objects: configMap("app", "immutable: true\n"+onePass),
		Want:    []string{found + "review"},
	}, {
		Name:    "a controller is told its name",
		Objects: configMap("app", onePass) + reader("Deployment", "web", "{containers: [{name: web, image: x, args: [\"--configmap=$(POD_NAMESPACE)/app\"]}]}"),
		Want:    []string{found + "manual"},
	}, {
		Name:    "a sidecar collects it by label",
		Objects: strings.Replace(configMap("app", onePass), "namespace: shop", "namespace: shop, labels: {grafana_datasource: \"1\"}", 1),
		Want:    []string{found + "manual"},
	}, {
		Name:    "look-alikes",
		Objects: configMap("app", "data: {SECRET_NAME: web-tls, TOKEN_TTL: 15m, DB_PASSWORD: \"\", ca.crt: \"-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\"}"),
	}, {
		Name: "the system's own, and a leader's record",
		Objects: strings.Replace(configMap("app", onePass), "namespace: shop", "namespace: kube-system", 1) + configMap("kube-root-ca.crt", onePass) +
			strings.Replace(configMap("lock", onePass), "namespace: shop", "namespace: shop, annotations: {control-plane.alpha.kubernetes.io/leader: '{}'}", 1),
	}})
}

// TestConfigMapNotCovered: what the user may not list may read the key.
func TestConfigMapNotCovered(t *testing.T) {
	inv := fixestest.Load(t, configMap("app", "data: {DB_PASSWORD: "+password+"}"))
	inv.Skip(fixes.Skip{Resource: "cronjobs.batch", Namespace: "shop", Reason: "forbidden"})
	result := fixes.Scan(inv, []*fixes.Rule{configMapSecret()})
	if got := fixestest.Lines(result.Findings); len(got) != 1 || !strings.HasSuffix(got[0], " manual") {
		t.Errorf("findings %q, want one that is manual", got)
	}
}

// TestNothingSaysTheValue looks into all that a finding tells.
func TestNothingSaysTheValue(t *testing.T) {
	inv := fixestest.Load(t, configMap("app", "data: {DB_PASSWORD: "+password+", a.env: \"X=1\\nDB_PASSWORD="+password+"\\n\"}")+
		reader("Pod", "web", "{containers: [{name: web, image: x, args: [\"--password="+password+"\"], livenessProbe: {exec: {command: [redis-cli, -a, "+password+", ping]}}, "+
			"readinessProbe: {httpGet: {port: 80, httpHeaders: [{name: X-Api-Token, value: "+password+"}]}}}]}"))
	inv.Live = true
	result := fixes.Scan(inv, Rules())
	if len(result.Findings) < 5 {
		t.Errorf("findings %q, want one in each place", fixestest.Lines(result.Findings))
	}
	for _, f := range result.Findings {
		said := []string{f.Path, f.Key, f.Message, strings.Join(f.Evidence, " ")}
		for _, fix := range f.Fixes {
			said = append(said, fix.Title, fix.Why, fix.Steps, strings.Join(fix.Risks, " "))
		}
		if strings.Contains(strings.Join(said, "\n"), password) {
			t.Errorf("%s of %s tells the value: %q", f.Rule.ID, f.Object, said)
		}
	}
}

// TestOrderOfRemoval: the key goes after the workloads that read it.
func TestOrderOfRemoval(t *testing.T) {
	inv := fixestest.Load(t, configMap("app", "data: {LOG_LEVEL: info, DB_PASSWORD: "+password+"}")+
		reader("Deployment", "web", "{containers: [{name: web, image: x, envFrom: [{configMapRef: {name: app}}]}]}"))
	result := fixes.Scan(inv, []*fixes.Rule{configMapSecret()})
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, c := range plan.Changes {
		kinds = append(kinds, c.Object.Kind.Name)
	}
	if got := strings.Join(kinds, " "); got != "Secret Deployment ConfigMap" {
		t.Errorf("changes in the order %s", got)
	}
}

// TestSecretsStaySmall: a second Secret takes what the first has no room for.
func TestSecretsStaySmall(t *testing.T) {
	inv := fixes.NewInventory()
	d := inv.Draft()
	w, _ := fixes.AsWorkload(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "shop"}})
	for i, size := range []int{600 << 10, 300 << 10, 300 << 10, 100 << 10} {
		ref, err := store(d, w, "c", "V", strings.Repeat(string(rune('a'+i)), size))
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"p-env", "p-env", "p-env-2", "p-env"}[i]; ref.SecretKeyRef.Name != want {
			t.Errorf("value %d went to %s, want %s", i, ref.SecretKeyRef.Name, want)
		}
	}
	for _, s := range fixes.CreatedIn[*corev1.Secret](d, "shop") {
		if size(s) > corev1.MaxSecretSize {
			t.Errorf("Secret %s holds %d bytes", s.Name, size(s))
		}
	}
}

func TestNameBase(t *testing.T) {
	for name, want := range map[string]string{
		"web": "web-env", "": "harden-env", "a.": "a-env", "Web_1": "web-1-env",
		strings.Repeat("a", 245) + "." + strings.Repeat("b", 9): strings.Repeat("a", 245) + "-env",
	} {
		if got := nameBase(name, "-env"); got != want {
			t.Errorf("nameBase(%q) = %q, want %q", name, got, want)
		}
	}
}
