package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// probe waits, or prints the environment of the container's first process.
const probe = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) > 1 {
		text, err := os.ReadFile("/proc/1/environ")
		if err != nil {
			panic(err)
		}
		os.Stdout.Write(text)
		return
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	<-c
}
`

// TestEnvironmentOnNode moves a real container's credentials into a Secret,
// and sees that its process is given the same environment.
func TestEnvironmentOnNode(t *testing.T) {
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
	before := containerEnvironment(t, node)
	fix := node.Command(binary, "-n", "shop", "--rule", "env-secret", "--fix", "--yes", "--confidence=review")
	out, err := fix.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	after := slices.DeleteFunc(containerEnvironment(t, node), func(e string) bool {
		return strings.HasPrefix(e, "DATABASE_URL_CREDENTIAL=")
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

// containerEnvironment returns the sorted environment of the process, without
// what names the pod.
func containerEnvironment(t *testing.T, node *cluster.Node) []string {
	t.Helper()
	node.Kubectl(t, "rollout", "status", "deployment/web", "-n", "shop", "--timeout=90s")
	pod := strings.TrimSpace(node.Kubectl(t, "get", "pods", "-n", "shop", "-l", "app=web", "--sort-by=.metadata.creationTimestamp",
		"-o", "jsonpath={.items[-1:].metadata.name}"))
	text := node.Exec(t, "shop", pod, "web", "/program", "environ")
	entries := slices.DeleteFunc(strings.Split(string(bytes.TrimRight([]byte(text), "\x00")), "\x00"), func(e string) bool {
		return strings.HasPrefix(e, "HOSTNAME=")
	})
	slices.Sort(entries)
	if len(entries) < 10 {
		t.Fatalf("environment of pod %s: %q", pod, entries)
	}
	return entries
}
