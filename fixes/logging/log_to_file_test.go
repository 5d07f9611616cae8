package logging

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// app is a workload logs/web with a container, others beside it, and volumes.
func app(kind, image, container, others, volumes string) string {
	version, head, tail := "apps/v1", "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {", "}}}"
	if kind == "Job" {
		version, head, tail = "batch/v1", "spec: {template: {spec: {restartPolicy: Never, ", "}}}"
	}
	if others != "" {
		others = ", " + others
	}
	return "---\napiVersion: " + version + "\nkind: " + kind + "\nmetadata: {name: web, namespace: logs}\n" + head +
		"containers: [{name: web, image: '" + image + "', " + container + "}" + others + "], volumes: [" + volumes + "]" + tail + "\n"
}

func TestLogToFile(t *testing.T) {
	const (
		at      = "Deployment logs/web spec.template.spec.containers[0]"
		conf    = "volumeMounts: [{name: config, mountPath: /etc/nginx/conf.d}]"
		confVol = "{name: config, configMap: {name: config}}"
		shared  = "{name: v, emptyDir: {}}"
		mount   = "volumeMounts: [{name: v, mountPath: /var/log/app}]"
		file    = "args: ['--log-file=/var/log/app/app.log']"
	)
	sidecar := []string{"+ - tail", "+ - /var/log/app/app.log", "+ name: web-app-log", "+ readOnlyRootFilesystem: true", "+ readOnly: true"}
	web := func(container, others, volumes string) string {
		return app("Deployment", "acme/web:1", container, others, volumes)
	}
	fixestest.Table(t, logToFile(), []fixestest.Case{
		{Name: "an argument", Objects: web(file, "", ""), Want: []string{at + ".args[0] review"}, Diff: append(sidecar, "+ sizeLimit: 256Mi", "+ - mountPath: /var/log/app")},
		{Name: "an argument and its value", Objects: web("command: [web, --log_file, /srv/x.txt]", "", ""), Want: []string{at + ".command[1] manual"}},
		{Name: "Java's", Objects: web("args: ['-Dlogging.file.name=/logs/app.log']", "", ""), Want: []string{at + ".args[0] review"}},
		{Name: "a variable, and the user", Objects: web("env: [{name: APP_LOG_FILE, value: /var/log/app/app.log}], securityContext: {runAsUser: 1000}", "", ""),
			Want: []string{at + ".env[0].value review"}, Diff: append(sidecar, "+ runAsUser: 1000")},
		{Name: "a folder", Objects: web("env: [{name: LOG_DIR, value: /var/log/app}]", "", ""), Want: []string{at + ".env[0].value manual"}},
		{Name: "streams", Objects: web("args: ['--log-file=/dev/stdout', '--error-log=/proc/self/fd/2', --log-level=info, '--log-file=-']", "", "")},
		{Name: "other variables", Objects: web("env: [{name: A_LOG_FILE, value: $(X)}, {name: LOG_FILE, value: app.log}, {name: CATALOG_DIRECTORY, value: /var/x}, {name: LOG_LEVEL, value: /x}]", "", "")},
		{Name: "a volume for logs", Objects: web(mount, "", shared), Want: []string{at + ".volumeMounts[0] manual"}},
		{Name: "a volume of our own fixes", Objects: web("volumeMounts: [{name: scratch-var-log, mountPath: /var/log}]", "", "{name: scratch-var-log, emptyDir: {}}")},
		{Name: "a volume with the file", Objects: web(file+", "+mount, "", shared), Want: []string{at + ".args[0] review"}, Diff: sidecar, NotDiff: []string{"+ sizeLimit: 256Mi"}},
		{Name: "a volume of the node's", Objects: web(mount, "", "{name: v, hostPath: {path: /var/log}}")},
		{Name: "a volume that is read", Objects: web("volumeMounts: [{name: v, mountPath: /var/log/app, readOnly: true}]", "", shared)},
		{Name: "a volume for data", Objects: web("volumeMounts: [{name: v, mountPath: /var/lib/catalog}]", "", shared)},
		{Name: "tail beside it", Objects: web(file+", "+mount, "{name: t, image: busybox, command: [tail, -F, /l/app.log], volumeMounts: [{name: v, mountPath: /l}]}", shared)},
		{Name: "Fluent Bit beside it", Objects: web(file+", "+mount, "{name: t, image: 'fluent/fluent-bit:3', volumeMounts: [{name: v, mountPath: /l}]}", shared)},
		{Name: "tail of something else", Objects: web(file+", "+mount, "{name: t, image: busybox, command: [tail, -F, /x]}", shared), Want: []string{at + ".args[0] review"}},
		{Name: "nginx's configuration", Objects: web(conf, "", confVol) + config("site.conf", "server {\n  access_log /var/log/app/access.log main;\n  error_log stderr;\n}"), Want: []string{at + ".volumeMounts review"}},
		{Name: "nginx's own links", Objects: app("Deployment", "nginx:1.29", conf, "", confVol) + config("site.conf", "access_log /var/log/nginx/access.log;\nerror_log /var/log/nginx/error.log;")},
		{Name: "nginx's links, hidden", Objects: app("Deployment", "nginx:1.29", "volumeMounts: [{name: config, mountPath: /etc/nginx/conf.d}, {name: v, mountPath: /var/log/nginx}]", "", confVol+", "+shared) + config("site.conf", "access_log /var/log/nginx/access.log;"),
			Want: []string{at + ".volumeMounts review"}},
		{Name: "another file of nginx's", Objects: app("Deployment", "docker.io/library/nginx:1.29", conf, "", confVol) + config("site.conf", "access_log /var/log/nginx/shop.log;"), Want: []string{at + ".volumeMounts review"}},
		{Name: "a Job gets a sidecar that ends", Objects: app("Job", "acme/web:1", file, "", ""), Want: []string{"Job logs/web spec.template.spec.containers[0].args[0] review"}, Diff: append(sidecar, "+ restartPolicy: Always")},
		{Name: "a collector", Objects: agent(fluentBit, "args: ['--log-file=/var/log/x.log']", "")},
		{Name: "a hostile path", Objects: web(`args: ["--log-file=/var/log/a\u001b[31m/x.log"]`, "", ""), Want: []string{at + ".args[0] review"}},
	})
}
