package tui

import (
	"strings"
	"testing"
)

func TestHunks(t *testing.T) {
	text := `--- a
+++ b
@@ -1,20 +1,20 @@
 apiVersion: apps/v1
 kind: Deployment
 metadata:
   name: web
 spec:
   replicas: 2
   template:
     spec:
       containers:
       - env:
         - name: A
           value: b
         image: x
         name: first
       - env:
         - name: LEVEL
           value: info
         - name: PASSWORD
-          value: '***'
+          valueFrom:
+            secretKeyRef: {}
         image: x
         name: second
       dnsPolicy: Default
       restartPolicy: Always
       terminationGracePeriodSeconds: 30
   strategy: {}
+  paused: true
`
	var got []string
	for _, l := range hunks(parseDiff(text), 1) {
		got = append(got, string(l.sign)+l.text)
	}
	want := `@spec.template.spec.containers[1].env
 - name: PASSWORD
-  value: '***'
+  valueFrom:
+    secretKeyRef: {}
 image: x
@spec
 strategy: {}
+paused: true`
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got:\n%s\nwant:\n%s", g, want)
	}
	if all := hunks(parseDiff(text), -1); len(all) != 28 {
		t.Errorf("all of it is %d lines", len(all))
	}
}

func TestDiffWithoutContent(t *testing.T) {
	if got := hunks(parseDiff(""), 3); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
