package secrets

import (
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func deployment(name, env string) string {
	return `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ` + name + `, namespace: shop}
spec:
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec:
      containers:
      - name: web
        image: x
        env:
` + env
}

const password = "Tr0ub4dor&3-horse"

func TestEnvSecret(t *testing.T) {
	const at = "Deployment shop/web spec.template.spec.containers[0].env"
	fixestest.Table(t, envSecret(), []fixestest.Case{{
		Name: "a password and a connection string",
		Objects: deployment("web", `
        - {name: LOG_LEVEL, value: info}
        - {name: DB_PASSWORD, value: `+password+`}
        - {name: DATABASE_URL, value: "postgres://shop:`+password+`@db:5432/shop"}
`),
		Want: []string{at + "[1].value safe", at + "[2].value safe"},
		Diff: []string{"- value: " + password, "+ key: DB_PASSWORD", "+ name: web-env", "+ key: DATABASE_URL"},
	}, {
		Name: "look-alikes",
		Objects: deployment("web", `
        - {name: DB_PASSWORD_FILE, value: /run/secrets/db}
        - {name: TOKEN_TTL, value: 15m}
        - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: s, key: k}}}
        - {name: URL, value: "postgres://shop:$(DB_PASSWORD)@db/shop"}
        - {name: SECRET_NAME, value: web-tls}
        - {name: API_TOKEN, value: ""}
`),
	}, {
		Name: "a name taken by somebody else's Secret",
		Objects: deployment("web", `
        - {name: DB_PASSWORD, value: `+password+`}
`) + `
---
apiVersion: v1
kind: Secret
metadata: {name: web-env, namespace: shop}
`,
		Want: []string{at + "[0].value safe"},
		Diff: []string{"+ name: web-env-2"},
	}, {
		Name: "equal values share a key",
		Objects: deployment("api", `
        - {name: DB_PASSWORD, value: `+password+`}
`) + deployment("web", `
        - {name: PGPASSWORD, value: `+password+`}
`),
		Want:    []string{"Deployment shop/api spec.template.spec.containers[0].env[0].value safe", at + "[0].value safe"},
		NotDiff: []string{"+ name: web-env"},
	}, {
		Name: "the same name twice: the last one wins, both are readable",
		Objects: deployment("web", `
        - {name: DB_PASSWORD, value: first-`+password+`}
        - {name: DB_PASSWORD, value: `+password+`}
`),
		Want: []string{at + "[0].value safe", at + "[1].value safe"},
		Diff: []string{"+ key: web.DB_PASSWORD"},
	}, {
		Name: "a credential beside references",
		Objects: deployment("web", `
        - {name: HOST, value: db}
        - {name: DATABASE_URL, value: "postgres://shop:`+password+`@$(HOST)/shop"}
`),
		Want: []string{at + "[1].value review"},
		Diff: []string{"+ - name: DATABASE_URL_CREDENTIAL", "+ value: postgres://shop:$(DATABASE_URL_CREDENTIAL)@$(HOST)/shop"},
	}, {
		Name: "kubectl apply keeps a copy",
		Objects: strings.Replace(deployment("web", `
        - {name: DB_PASSWORD, value: `+password+`}
`), "namespace: shop}", `namespace: shop, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"spec":{"template":{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD","value":"`+password+`"}],"name":"web"}]}}}}'}}`, 1),
		Want: []string{at + "[0].value review"},
		Diff: []string{`+ {"spec":{"template":{"spec":{"containers":[{"env":[{"name":"DB_PASSWORD"}],"name":"web"}]}}}}`},
	}})
}

// TestEnvironmentIsKept resolves what each container sees before and after.
func TestEnvironmentIsKept(t *testing.T) {
	inv := fixestest.Load(t, deployment("web", `
        - {name: DB_PASSWORD, value: "pa$$w0rd-9f8e7d$$q"}
        - {name: HOST, value: db}
        - {name: DATABASE_URL, value: "postgres://shop:s3cr$$et9f8e@$(HOST):$(PORT)/shop"}
        - {name: COPY, value: "$(DB_PASSWORD)"}
        - {name: API_TOKEN, value: "one-9f8e7d6c5b4a"}
        - {name: USES_FIRST, value: "$(API_TOKEN)"}
        - {name: API_TOKEN, value: "two-9f8e7d6c5b4a"}
        - {name: USES_SECOND, value: "$(API_TOKEN)"}
`))
	ref := fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: "web"}
	before := environment(t, inv, ref)
	result := fixes.Scan(inv, Rules())
	if len(result.Findings) != 4 {
		t.Fatalf("findings: %q", fixestest.Lines(result.Findings))
	}
	draft := inv.Draft()
	for _, f := range result.Findings {
		if err := f.Fix().Edit(draft); err != nil {
			t.Fatal(err)
		}
	}
	after := environment(t, draft.Inventory, ref)
	delete(after, "DATABASE_URL_CREDENTIAL")
	if !maps.Equal(before, after) {
		t.Errorf("the environment was\n%q\nand is\n%q", before, after)
	}
}

// environment plays the kubelet, by its documentation, for the first container.
func environment(t *testing.T, inv *fixes.Inventory, ref fixes.Ref) map[string]string {
	t.Helper()
	w, _ := fixes.AsWorkload(inv.Get(ref))
	env := map[string]string{}
	for _, e := range w.Spec.Containers[0].Env {
		if e.ValueFrom != nil {
			sel := e.ValueFrom.SecretKeyRef
			secret, ok := fixes.Lookup[*corev1.Secret](inv, ref.Namespace, sel.Name)
			if !ok {
				t.Fatalf("no Secret %s", sel.Name)
			}
			env[e.Name] = string(secret.Data[sel.Key])
			continue
		}
		// A "$$" hides what follows from the names that are replaced.
		pieces := strings.Split(e.Value, "$$")
		for i, piece := range pieces {
			if i > 0 && strings.HasPrefix(piece, "(") {
				continue
			}
			for name, value := range env {
				piece = strings.ReplaceAll(piece, "$("+name+")", value)
			}
			pieces[i] = piece
		}
		env[e.Name] = strings.Join(pieces, "$")
	}
	return env
}

func TestRedact(t *testing.T) {
	inv := fixestest.Load(t, deployment("web", `
        - {name: DB_PASSWORD, value: `+password+`}
        - {name: DATABASE_URL, value: "postgres://shop:`+password+`@db/shop"}
`)+`
---
apiVersion: v1
kind: Secret
metadata:
  name: s
  namespace: shop
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"kind":"Secret","stringData":{"k":"`+password+`"}}'}
stringData: {k: `+password+`}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec:
  containers:
  - {name: c, image: x, args: [--user, shop, --password, `+password+`, "--db-password=`+password+`"]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: shop}
data: {app.properties: "db.user=shop\ndb.password=`+password+`\n"}
`)
	for _, kind := range []fixes.Kind{fixes.KindDeployment, fixes.KindSecret, fixes.KindPod, fixes.KindConfigMap} {
		for _, obj := range inv.List(kind) {
			text, err := fixes.Change{Action: fixes.Create, Object: fixes.RefOf(obj), After: obj}.Diff(Redact, -1)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text, password) {
				t.Errorf("a password is shown:\n%s", text)
			}
			if !strings.Contains(text, Mask) {
				t.Errorf("nothing is masked:\n%s", text)
			}
		}
	}
}
