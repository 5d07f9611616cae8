package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// movable is an application with all that a move takes along, and a neighbour.
const movable = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: NS}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web, namespace: NS}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web, namespace: NS}]
---
apiVersion: v1
kind: Secret
metadata: {name: web, namespace: NS}
stringData: {url: "postgres://u:hunter2hunter2@api.NS.svc:5432/x"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: NS}
data: {conf: "upstream http://api.NS.svc.cluster.local:80\n"}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: NS}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers:
      - name: c
        image: example.com/web:1
        env:
        - {name: API, value: "http://api.NS.svc.cluster.local"}
        - {name: CACHE, value: "cache:6379"}
        - {name: DB_PASSWORD, value: "Tr0ub4dor-3xyzzy9-Kq"}
        - {name: URL, valueFrom: {secretKeyRef: {name: web, key: url}}}
        volumeMounts: [{name: conf, mountPath: /conf}]
      volumes: [{name: conf, configMap: {name: web}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: NS, labels: {app: web}}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: c, image: example.com/api:1}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: NS, labels: {app: web}}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], containers: [{name: c, image: busybox}]}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NS}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: NS}
spec: {selector: {app: api}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: cache, namespace: NS}
spec: {selector: {app: cache}, ports: [{port: 6379}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: NS}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 4}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: NS}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: gw}}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: NS}
spec: {rules: [{host: web.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
`

// TestMove makes all steps of a move's README on the real control plane: the new one
// runs beside the old one, clients are led over, back, and over again.
func TestMove(t *testing.T) {
	t.Parallel()
	from, to := namespace(t, "moved"), "moved-web"
	t.Cleanup(func() { control.Kubectl(t, "delete", "namespace", to, "--ignore-not-found", "--wait=false") })
	control.Apply(t, strings.ReplaceAll(movable, "NS", from))
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", from, "--timeout=180s")
	dir := filepath.Join(t.TempDir(), "move")
	succeed(t, "move", "web", "-n", from, "--to", to, "--output-dir", dir)

	secret := "Tr0ub4dor-3xyzzy9-Kq"
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		private := filepath.Base(path) == "secrets.yaml"
		if info, err := entry.Info(); private && (err != nil || info.Mode().Perm() != 0o600) {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
		if !private && (strings.Contains(string(text), secret) || strings.Contains(string(text), "aHVudGVy")) {
			t.Errorf("%s holds a credential", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	// The commands of the steps, as they stand there.
	run := func(line string) {
		t.Helper()
		if !strings.Contains(string(readme), "kubectl "+line) {
			t.Fatalf("no step is: kubectl %s\n%s", line, readme)
		}
		args := strings.Fields(strings.NewReplacer("./", dir+"/", " -k .", " -k "+dir).Replace(line))
		if out, errOut, err := control.KubectlErr(args...); err != nil {
			t.Fatalf("kubectl %s: %v\n%s%s", line, err, out, errOut)
		}
	}
	run("create namespace " + to)
	run("apply -f ./secrets.yaml")
	run("apply -k . --dry-run=server")
	run("apply -k .")
	for _, name := range []string{"web", "api"} {
		run("rollout status deployment.apps/" + name + " -n " + to)
	}
	env := control.Kubectl(t, "get", "deployment/web", "-n", to, "-o", "jsonpath={.spec.template.spec.containers[0].env[0].value}")
	if env != "http://api."+to+".svc.cluster.local" {
		t.Errorf("API is %s", env)
	}
	if _, _, err := control.KubectlErr("auth", "can-i", "get", "configmaps", "-n", to, "--as=system:serviceaccount:"+to+":web"); err != nil {
		t.Error("the new account may not do what the old one may")
	}
	if out := control.Kubectl(t, "get", "cronjob/nightly", "-n", to, "-o", "jsonpath={.spec.suspend}"); out != "true" {
		t.Errorf("the job runs twice: suspend is %s", out)
	}
	leads := func(want string) {
		t.Helper()
		if got := control.Kubectl(t, "get", "service/web", "-n", from, "-o", "jsonpath={.spec.type} {.spec.externalName}"); strings.TrimSpace(got) != want {
			t.Errorf("Service web is %q, want %q", got, want)
		}
	}
	over := "ExternalName web." + to + ".svc.cluster.local"
	run("delete ingress web -n " + from)
	run("apply -f ./switch")
	leads(over)
	run("delete ingress web -n " + to)
	run("apply -f ./back")
	leads("NodePort")
	control.Kubectl(t, "delete", "ingress", "web", "-n", from)
	run("apply -f ./switch")
	leads(over)

	// A second time there is nothing to make.
	again := succeed(t, "move", "web", "-n", from, "--to", to)
	if strings.Contains(again.stdout, "\nmake ") || !strings.Contains(again.stdout, "There already") {
		t.Errorf("a second move:\n%s", again.stdout)
	}
}

func TestMoveBadInput(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"move", "web"}, "--to NAMESPACE"},
		{[]string{"move", "a", "b", "--to", "x"}, "one application"},
		{[]string{"move", "web", "--to", "default"}, "moved out of"},
		{[]string{"move", "web", "--to", "X_y"}, "no name of a namespace"},
		{[]string{"move", "web", "--to", "x", "-o", "json"}, "valid: table, yaml"},
		{[]string{"move", "web", "--to", "x", "-o", "yaml", "--output-dir", "d"}, "leave out --output"},
	} {
		r := harden(t, c.args...)
		if r.status != 2 || !strings.Contains(r.stderr, c.want) || strings.Count(strings.TrimSpace(r.stderr), "\n") > 0 {
			t.Errorf("%q: status %d, %q", c.args, r.status, r.stderr)
		}
	}
}
