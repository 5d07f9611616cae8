package secrets

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const githubToken = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"

func TestAnnotationSecret(t *testing.T) {
	const c = "Deployment shop/web spec.template.spec.containers[0]."
	web := func(meta, template, fields string) string {
		return "\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, " + meta + "}\n" +
			"spec: {template: {metadata: {" + template + "}, spec: {containers: [{name: web, image: x, " + fields + "}]}}}"
	}
	fixestest.Table(t, annotationSecret(), []fixestest.Case{{
		Name:    "annotations and labels, of the object and the template",
		Objects: web("annotations: {example.com/token: "+githubToken+"}", "labels: {token: "+githubToken+"}", ""),
		Want: []string{
			`Deployment shop/web metadata.annotations["example.com/token"] manual`,
			`Deployment shop/web spec.template.metadata.labels["token"] manual`,
		},
	}, {
		Name:    "a note to people is removed, in the last applied manifest too",
		Objects: web("annotations: {kubernetes.io/change-cause: 'kubectl set env deploy/web DB_PASSWORD="+password+"', kubectl.kubernetes.io/last-applied-configuration: '{\"metadata\":{\"annotations\":{\"kubernetes.io/change-cause\":\"x\"}}}'}", "", ""),
		Want:    []string{`Deployment shop/web metadata.annotations["kubernetes.io/change-cause"] review`},
		Diff:    []string{"- kubernetes.io/change-cause: kubectl set env deploy/web DB_PASSWORD=" + password, `+ {"metadata":{"annotations":{}}}`},
	}, {
		Name:    "an Ingress",
		Objects: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, namespace: shop, annotations: {nginx.ingress.kubernetes.io/auth-token: " + githubToken + "}}",
		Want:    []string{`Ingress shop/i metadata.annotations["nginx.ingress.kubernetes.io/auth-token"] manual`},
	}, {
		Name: "probes and hooks",
		Objects: web("", "", `livenessProbe: {exec: {command: [redis-cli, -a, x9f8e7d6c5, ping]}}, readinessProbe: {httpGet: {port: 80, httpHeaders: [{name: Host, value: shop}, {name: X-Api-Token, value: `+githubToken+`}]}}, `+
			`lifecycle: {preStop: {exec: {command: [sh, -c, "mysql -phunter2-9f8e7d6c"]}}}`),
		Want: []string{
			c + "lifecycle.preStop.exec.command[2] manual", c + "livenessProbe.exec.command[2] manual",
			c + "readinessProbe.httpGet.httpHeaders[1].value manual",
		},
	}, {
		Name:    "look-alikes",
		Objects: web("annotations: {example.com/secret: web-tls, nginx.ingress.kubernetes.io/auth-secret: basic-auth, checksum/config: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}", "labels: {pod-template-hash: 6d4cf56db6}", "livenessProbe: {exec: {command: [pg_isready, -U, shop]}}"),
	}})
}

// TestRedactEverywhere: what a rule finds is masked.
func TestRedactEverywhere(t *testing.T) {
	inv := fixestest.Load(t, `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations: {example.com/token: `+githubToken+`, kubernetes.io/change-cause: "set env DB_PASSWORD=`+password+`"}
  labels: {token: `+githubToken+`}
spec:
  template:
    metadata: {annotations: {example.com/token: `+githubToken+`}, labels: {token: `+githubToken+`}}
    spec:
      containers:
      - name: web
        image: x
        args: ["--password=`+password+`"]
        livenessProbe: {exec: {command: [redis-cli, -a, `+password+`]}}
        startupProbe: {httpGet: {port: 80, httpHeaders: [{name: X-Api-Token, value: `+githubToken+`}]}}
        lifecycle: {postStart: {exec: {command: [mysql, "-p`+password+`"]}}, preStop: {httpGet: {port: 80, httpHeaders: [{name: Authorization, value: "Bearer `+githubToken+`"}]}}}
`+configMap("app", "binaryData: {DB_PASSWORD: VHIwdWI0ZG9yJjMtaG9yc2U=}\ndata: {a.env: \"A=1\\nDB_PASSWORD="+password+"\\n\"}"))
	for _, kind := range []fixes.Kind{fixes.KindDeployment, fixes.KindConfigMap} {
		for _, obj := range inv.List(kind) {
			text, err := fixes.Change{Action: fixes.Create, Object: fixes.RefOf(obj), After: obj}.Diff(Redact, -1)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{password, githubToken, "VHIwdWI0ZG9yJjMtaG9yc2U="} {
				if strings.Contains(text, secret) {
					t.Errorf("%s is shown:\n%s", secret, text)
				}
			}
		}
	}
}
