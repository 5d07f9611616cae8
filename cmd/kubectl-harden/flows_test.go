package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The shop of these tests has its peers' names in code: nothing in the manifests
// tells that web calls cart, and cart the database.
const codedShop = `
apiVersion: v1
kind: Namespace
metadata: {name: coded}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: coded}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: example.com/web:1, ports: [{containerPort: 8080}], env: [{name: AUDIT_URL, value: "http://audit:9000"}]}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: coded}
spec:
  selector: {matchLabels: {app: cart}}
  template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: c, image: example.com/cart:1, ports: [{containerPort: 8080}]}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: audit, namespace: coded}
spec:
  selector: {matchLabels: {app: audit}}
  template: {metadata: {labels: {app: audit}}, spec: {containers: [{name: c, image: example.com/audit:1, ports: [{containerPort: 9000}]}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store, namespace: coded}
spec:
  serviceName: store
  selector: {matchLabels: {app: store}}
  template: {metadata: {labels: {app: store}}, spec: {containers: [{name: c, image: example.com/store:1, ports: [{containerPort: 7000}]}]}}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: coded}
spec: {selector: {app: cart}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: audit, namespace: coded}
spec: {selector: {app: audit}, ports: [{port: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: store, namespace: coded}
spec: {selector: {app: store}, ports: [{port: 7000}]}
`

const codedFlows = `{"flow":{"time":"2026-11-01T10:00:00Z","verdict":"FORWARDED","l4":{"TCP":{"source_port":43210,"destination_port":8080}},"source":{"namespace":"coded","pod_name":"web-7d9f8c-abcde","labels":["k8s:app=web"]},"destination":{"namespace":"coded","pod_name":"cart-66b47d-x2x4b"},"is_reply":false}}
{"flow":{"time":"2026-11-01T11:00:00Z","verdict":"FORWARDED","l4":{"TCP":{"source_port":8080,"destination_port":43210}},"source":{"namespace":"coded","pod_name":"cart-66b47d-x2x4b"},"destination":{"namespace":"coded","pod_name":"web-7d9f8c-abcde"},"is_reply":true}}
{"flow":{"time":"2026-11-02T12:00:00Z","verdict":"FORWARDED","l4":{"TCP":{"destination_port":7000}},"source":{"namespace":"coded","pod_name":"cart-66b47d-x2x4b"},"destination":{"namespace":"coded","pod_name":"store-0"},"is_reply":false}}
{"flow":{"time":"2026-11-02T12:00:00Z","verdict":"DROPPED","l4":{"TCP":{"destination_port":7000}},"source":{"namespace":"coded","pod_name":"web-7d9f8c-abcde"},"destination":{"namespace":"coded","pod_name":"store-0"},"is_reply":false}}
{"flow":{"time":"2026-11-02T12:00:00Z","verdict":"FORWARDED","l4":{"TCP":{"destination_port":7000}},"source":{"namespace":"coded","pod_name":"evil\u001b[2J"},"destination":{"namespace":"coded","pod_name":"store-0"},"is_reply":false}}
`

// TestFlows gives the program what was observed: of what was only guessed,
// that is kept which was seen, and the program says what was not.
func TestFlows(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shop, flows := write("shop.yaml", codedShop), write("flows.json", codedFlows)
	args := []string{"network", "-f", shop, "-n", "coded"}

	before := succeed(t, args...)
	for _, want := range []string{"guessed", "nothing tells who uses Service store"} {
		if !strings.Contains(before.stdout, want) {
			t.Fatalf("without flows the table lacks %q:\n%s", want, before.stdout)
		}
	}
	r := succeed(t, append(args, "--flows", flows)...)
	row := func(from, to string) string {
		for line := range strings.Lines(r.stdout) {
			if f := strings.Fields(line); len(f) > 2 && f[0] == from && f[1] == to {
				return line
			}
		}
		return ""
	}
	for _, want := range []struct{ from, to, says string }{
		{"coded/web", "coded/cart", "8080/TCP  seen"},
		{"coded/web", "coded/cart", "seen 2 times from 2026-11-01 10:00 UTC to 2026-11-01 11:00 UTC in " + flows},
		{"coded/cart", "coded/store", "seen once at 2026-11-02 12:00 UTC"},
		{"coded/web", "coded/audit", "not seen in the 26 hours of " + flows},
		{"coded/web", "coded/audit", "proven"},
	} {
		if line := row(want.from, want.to); !strings.Contains(line, want.says) {
			t.Errorf("%s to %s: %q lacks %q", want.from, want.to, line, want.says)
		}
	}
	for _, gone := range [][2]string{{"coded/web", "coded/store"}, {"coded/audit", "coded/cart"}} {
		if line := row(gone[0], gone[1]); line != "" {
			t.Errorf("a guess is left beside what was seen: %s", line)
		}
	}
	for _, want := range []string{
		"not looked at: connections in " + flows + " (1 record of connections that did not come about: an attempt is no need)",
		"(1 record naming what is not there, coded/evil",
	} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, r.stderr)
		}
	}
	if strings.ContainsRune(r.stdout+r.stderr, '\x1b') {
		t.Errorf("an escape sequence is printed: %q %q", r.stdout, r.stderr)
	}

	t.Run("as JSON, of a compressed file", func(t *testing.T) {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write([]byte(codedFlows)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		zipped := succeed(t, append(args, "-o", "json", "--flows", write("flows.json.gz", packed.String()))...)
		var got struct {
			Connections []struct {
				From, To struct{ Name string }
				Sure     string
			}
		}
		if err := json.Unmarshal([]byte(zipped.stdout), &got); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, c := range got.Connections {
			if c.Sure == "seen" {
				seen++
			}
		}
		if seen != 2 {
			t.Errorf("%d are seen: %s", seen, zipped.stdout)
		}
	})
	t.Run("from standard input, for the finding and its fix", func(t *testing.T) {
		r := runAs(t, control.Kubeconfig, codedFlows, "-f", shop, "--rule", "network-no-default-deny", "--flows", "-", "-o", "json")
		for _, want := range []string{"observed: standard input, 26 hours until 2026-11-02 12:00 UTC", "told by objects, not seen: web to audit 9000/TCP"} {
			if r.status != 0 || !strings.Contains(r.stdout, want) {
				t.Errorf("status %d, lacks %q:\n%s%s", r.status, want, r.stdout, r.stderr)
			}
		}
		fix := runAs(t, control.Kubeconfig, codedFlows, "-f", shop, "--rule", "network-no-default-deny", "--flows", "-", "--fix", "--dry-run", "--confidence=review", "-o", "yaml")
		_, store, found := strings.Cut(fix.stdout, "name: allow-store")
		store, _, _ = strings.Cut(store, "\n---")
		if !found || !strings.Contains(store, "app: cart") || strings.Contains(store, "app: web") {
			t.Errorf("who may connect to the store: status %d\n%s%s", fix.status, store, fix.stderr)
		}
	})
	t.Run("a file that is cut off", func(t *testing.T) {
		r := succeed(t, append(args, "--flows", write("cut.json", codedFlows[:700]))...)
		if !strings.Contains(r.stderr, "it is cut off after 2 records, which are used") || !strings.Contains(r.stdout, "8080/TCP  seen") {
			t.Errorf("%s%s", r.stdout, r.stderr)
		}
	})
	t.Run("two files", func(t *testing.T) {
		r := succeed(t, append(args, "--flows", flows, "--flows", write("more.csv", "from_namespace,from,to_namespace,to,port\ncoded,web,coded,audit,9000\n"))...)
		if !strings.Contains(r.stdout, "9000/TCP  seen") || !strings.Contains(r.stdout, "8080/TCP  seen") {
			t.Errorf("%s", r.stdout)
		}
	})
	for name, bad := range map[string]struct{ file, want string }{
		"another format":    {shop, shop + " holds no flows: neither JSON of Hubble, Calico or Inspektor Gadget, nor a CSV with the columns from, to and port"},
		"an empty file":     {write("empty", ""), "empty is empty"},
		"a file that is no": {filepath.Join(dir, "none"), "none cannot be read: no such file or directory"},
		"a folder":          {dir, "is a folder: name the files"},
	} {
		t.Run(name, func(t *testing.T) {
			r := harden(t, append(args, "--flows", bad.file)...)
			if r.status != 2 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, bad.want) {
				t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
			}
		})
	}
}
