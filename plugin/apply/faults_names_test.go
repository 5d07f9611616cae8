//go:build unix

package apply_test

import (
	"fmt"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// namesFaults meet objects of the names that the plan gives, and objects that
// no patch can change.
func namesFaults() []fault {
	return []fault{
		{"name-taken", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.secret("web-env", "other", false)
			s.run()
			s.says("Secret/web-env", fixes.Failed, "there already, with other content")
			s.nothingLeft()
			s.scan() // which takes another name
			s.want = done
			s.run()
			s.takeBack(1)
		}},
		{"name-taken-immutable", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.secret("web-env", "other", true)
			s.run()
			s.says("Secret/web-env", fixes.Failed, "there already")
			s.nothingLeft()
		}},
		{"name-taken-since-dry-run", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.beforeWrite = func() { s.secret("web-env", "other", false) }
			s.run()
			s.says("Secret/web-env", fixes.Failed, "there already")
			s.says("Deployment/web", fixes.NotAttempted)
			s.nothingLeft()
		}},
		{"same-secret-by-another", done, func(s *scene) {
			s.shop(deployment("web"))
			s.beforeWrite = func() { s.secret("web-env", credential+"web", false) }
			s.loose["Secret/web-env"] = true // it has not our labels
			s.run()
			s.says("Secret/web-env", fixes.Unchanged)
			s.takeBack(1)
			if s.get("Secret/web-env") == nil {
				s.Error("the Secret of another was deleted")
			}
		}},
		{"immutable-field", refused, func(s *scene) {
			s.shop(workload{kind: "StatefulSet", name: "db", spec: "serviceName: db"})
			c := s.change("StatefulSet/db")
			ref := fixes.RefOf(c.After)
			after := c.After
			setServiceName(after, "other")
			s.run()
			s.says("StatefulSet/db", fixes.Failed, "immutable")
			if s.get("StatefulSet/db") == nil || ref != c.Object {
				s.Error("it was deleted")
			}
			s.nothingLeft()
		}},
		{"env-many-and-twice", done, func(s *scene) {
			var env strings.Builder
			for n := range 200 {
				fmt.Fprintf(&env, "    - {name: V%d, value: \"$(DB_PASSWORD) %d\"}\n", n, n)
			}
			s.create(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ` + s.ns + `}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
      - {name: init, image: "example.com/web:1", env: [{name: DB_PASSWORD, value: ` + credential + `init}]}
      containers:
      - name: web
        image: example.com/web:1
        env:
        - {name: DB_PASSWORD, value: ` + credential + `first}
        - {name: URL, value: "db://u:$(DB_PASSWORD)@db"}
` + strings.ReplaceAll(env.String(), "    -", "        -") + `
        - {name: DB_PASSWORD, value: ` + credential + `last}
`)
			s.awaitRollout("Deployment/web")
			s.scan()
			s.run() // scene.verify compares with what was approved, and so all else
			s.takeBack(1)
		}},
		{"quota-of-secrets", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.quota("count/secrets", "0")
			s.run()
			s.says("Secret/web-env", fixes.Failed, "exceeded quota")
			s.nothingLeft()
		}},
		{"quota-of-pods", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.quota("pods", "1")
			s.run()
			s.says("Deployment/web", fixes.Failed, "its new pods would be refused", "exceeded quota")
			s.nothingLeft()
		}},
	}
}

// secret makes one that is somebody else's.
func (s *scene) secret(name, value string, immutable bool) {
	s.Helper()
	s.create(fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: %s, namespace: %s}
immutable: %t
stringData: {DB_PASSWORD: %q}
`, name, s.ns, immutable, value))
	got := image(s.get("Secret/" + name))
	s.begin["Secret/"+name], s.end["Secret/"+name] = got, got
}

// quota makes one of another's, and waits until it counts.
func (s *scene) quota(what, hard string) {
	s.Helper()
	s.create(fmt.Sprintf(`
apiVersion: v1
kind: ResourceQuota
metadata: {name: theirs, namespace: %s}
spec: {hard: {%s: %q}}
`, s.ns, what, hard))
	s.eventually("the quota counts", func() bool {
		_, ok := s.get("ResourceQuota/theirs").Object["status"].(map[string]any)["used"]
		return ok
	})
	got := image(s.get("ResourceQuota/theirs"))
	s.begin["ResourceQuota/theirs"], s.end["ResourceQuota/theirs"] = got, got
}
