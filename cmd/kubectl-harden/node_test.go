package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// probe waits, or shows what the container's first process was given: its
// environment, its command line, and the files below /etc/given.
const probe = `package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] != "show" {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
		<-c
		return
	}
	for _, file := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile("/proc/1/" + file)
		if err != nil {
			panic(err)
		}
		for _, e := range strings.Split(strings.TrimRight(string(text), "\x00"), "\x00") {
			fmt.Printf("%s %q\n", file, e)
		}
	}
	show("/etc/given")
}

// show follows the links through which the kubelet publishes files.
func show(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		if err != nil || strings.HasPrefix(e.Name(), "..") {
			continue
		}
		if info.IsDir() {
			show(path)
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		fmt.Printf("file %s %v %q\n", path, info.Mode().Perm(), text)
	}
}
`

// TestEnvironmentOnNode moves a real container's credentials into a Secret,
// and sees that its process is given the same environment.
func TestEnvironmentOnNode(t *testing.T) {
	t.Parallel()
	node := cluster.StartNode(t)
	node.LoadProgram(t, "probe:1", probe, cluster.ImageConfig{})
	node.Kubectl(t, "create", "namespace", "shop")
	node.Apply(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: probe:1
        imagePullPolicy: IfNotPresent
        env:
        - {name: LOG_LEVEL, value: info}
        - {name: DB_PASSWORD, value: "pa$$w0rd-9f8e7d$$q"}
        - {name: HOST, value: db.shop.svc}
        - {name: DATABASE_URL, value: "postgres://shop:s3cr$$et9f8e@$(HOST):$(KUBERNETES_SERVICE_PORT)/shop"}
        - {name: COPY_OF_PASSWORD, value: "$(DB_PASSWORD)"}
        - {name: API_TOKEN, value: "one-9f8e7d6c5b4a"}
        - {name: USES_FIRST, value: "$(API_TOKEN)"}
        - {name: API_TOKEN, value: "two-9f8e7d6c5b4a"}
        - {name: USES_SECOND, value: "$(API_TOKEN)"}
        - {name: MULTILINE_SECRET, value: "line one 8f3k\nline two 9d2m\n"}
        - {name: QUOTED_SECRET, value: "it's \"quoted\" \\ 7c6b5a"}
        - {name: UNICODE_PASSWORD, value: "pässwörd-9f8e7d"}
        - {name: DB_PASSWORD_FILE, value: /run/secrets/db}
        - {name: EMPTY_TOKEN, value: ""}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
`)
	before := given(t, node, "shop")
	if len(before) < 10 {
		t.Fatalf("environment %q", before)
	}
	fixOnNode(t, node, "shop", "env-secret")
	after := slices.DeleteFunc(given(t, node, "shop"), func(e string) bool {
		return strings.HasPrefix(e, `environ "DATABASE_URL_CREDENTIAL=`)
	})
	if !slices.Equal(before, after) {
		t.Errorf("the environment was\n%q\nand is\n%q", before, after)
	}
	spec := node.Kubectl(t, "get", "deployment", "web", "-n", "shop", "-o", "jsonpath={.spec.template.spec}")
	for _, secret := range []string{"w0rd-9f8e7d", "et9f8e", "one-9f8e7d6c5b4a", "two-9f8e7d6c5b4a", "8f3k", "7c6b5a", "ssw"} {
		if strings.Contains(spec, secret) {
			t.Errorf("%q is still in the pod template", secret)
		}
	}
}

// TestFilesOnNode moves credentials out of a ConfigMap that a real container
// reads in every way there is, and out of its command line, and sees that its
// process is given the same environment, arguments and files.
func TestFilesOnNode(t *testing.T) {
	t.Parallel()
	node := cluster.StartNode(t)
	node.LoadProgram(t, "probe:1", probe, cluster.ImageConfig{})
	node.Kubectl(t, "create", "namespace", "files")
	node.Apply(t, `
apiVersion: v1
kind: ConfigMap
metadata: {name: app, namespace: files}
data:
  LOG_LEVEL: info
  DB_PASSWORD: "pa$$w0rd-9f8e7d$q"
  API_TOKEN: "tök-5b4a3c2d1e\n"
  app.properties: |
    # the shop
    spring.datasource.username=shop
    spring.datasource.password=s3cr3t-7c6b5a
  nginx.conf: "worker_processes 1;\n"
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other, namespace: files}
data: {motd: hello, DB_PASSWORD: "other-8d7c6b5a"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: files}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: probe:1
        imagePullPolicy: IfNotPresent
        args: ["--level=$(LOG_LEVEL)", "--password=arg-9f8e7d$$x", "--url=postgres://shop:url-8e7d6c@db:5432/shop", "--token", "split-7d6c5b4a"]
        envFrom:
        - {configMapRef: {name: other}}
        - {configMapRef: {name: app}}
        - {configMapRef: {name: app}, prefix: APP_}
        - {configMapRef: {name: missing, optional: true}}
        env:
        - {name: HOST, value: db.files.svc}
        - {name: PASSWORD, valueFrom: {configMapKeyRef: {name: app, key: DB_PASSWORD}}}
        - {name: NONE, valueFrom: {configMapKeyRef: {name: app, key: nosuch, optional: true}}}
        - {name: DSN, value: "postgres://shop:$(PASSWORD)@$(HOST)/shop"}
        - {name: API_TOKEN, value: "wins-4a3b2c1d"}
        volumeMounts:
        - {name: all, mountPath: /etc/given/all}
        - {name: items, mountPath: /etc/given/items}
        - {name: projected, mountPath: /etc/given/projected}
        - {name: all, mountPath: /etc/given/one/app.properties, subPath: app.properties}
        - {name: all, mountPath: /etc/given/one/nginx.conf, subPath: nginx.conf}
      volumes:
      - {name: all, configMap: {name: app, defaultMode: 0440}}
      - name: items
        configMap: {name: app, optional: true, items: [{key: app.properties, path: conf/app.properties, mode: 0400}, {key: nginx.conf, path: nginx.conf}]}
      - name: projected
        projected:
          sources:
          - {configMap: {name: other}}
          - {configMap: {name: app, items: [{key: DB_PASSWORD, path: password}]}}
          - {downwardAPI: {items: [{path: ns, fieldRef: {fieldPath: metadata.namespace}}]}}
`)
	before := given(t, node, "files")
	if files := len(slices.DeleteFunc(slices.Clone(before), func(e string) bool { return !strings.HasPrefix(e, "file ") })); files != 13 {
		t.Fatalf("%d files\n%s", files, strings.Join(before, "\n"))
	}
	fixOnNode(t, node, "files", "env-secret,configmap-secret,args-secret")
	after := given(t, node, "files")
	seen := map[string]bool{}
	for _, e := range after {
		seen[e] = true
	}
	for _, e := range before {
		if !seen[e] {
			t.Errorf("gone: %s", e)
		}
		delete(seen, e)
	}
	for e := range seen { // what the arguments refer to
		if !strings.HasPrefix(e, "environ ") {
			t.Errorf("new: %s", e)
		}
	}
	left := node.Kubectl(t, "get", "configmaps,deployments", "-n", "files", "-o", "json")
	for _, secret := range []string{"w0rd-9f8e7d", "5b4a3c2d1e", "s3cr3t-7c6b5a", "other-8d7c6b5a", "arg-9f8e7d", "url-8e7d6c", "split-7d6c5b4a", "wins-4a3b2c1d"} {
		if strings.Contains(left, secret) {
			t.Errorf("%q is still there", secret)
		}
	}
}

// fixOnNode makes all fixes of rules in a namespace.
func fixOnNode(t *testing.T, node *cluster.Node, namespace, rules string) {
	t.Helper()
	out, err := node.Command(binary, "-n", namespace, "--rule", rules, "--fix", "--yes", "--confidence=review", "--settle=0s").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// given returns what the process of the newest pod of Deployment web was
// given, in order, without what names the pod.
func given(t *testing.T, node *cluster.Node, namespace string) []string {
	t.Helper()
	node.Kubectl(t, "rollout", "status", "deployment/web", "-n", namespace, "--timeout=180s")
	pod := strings.TrimSpace(node.Kubectl(t, "get", "pods", "-n", namespace, "-l", "app=web", "--sort-by=.metadata.creationTimestamp",
		"-o", "jsonpath={.items[-1:].metadata.name}"))
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(node.Exec(t, namespace, pod, "web", "/program", "show")), "\n"), func(e string) bool {
		return strings.HasPrefix(e, `environ "HOSTNAME=`)
	})
	slices.Sort(lines)
	return lines
}
