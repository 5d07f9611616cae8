//go:build unix

package apply_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// stateFaults are a folder of journals that does not take them, or does not
// hold what was put there. Without a journal nothing is written.
func stateFaults() []fault {
	return []fault{
		{"state-folder-not-writable", refused, func(s *scene) {
			s.shop(deployment("web"))
			s.keepIn("/proc/kubectl-harden/runs") // not even for root
			s.run()
			s.is(s.begin)
		}},
		{"state-folder-is-a-link", refused, func(s *scene) {
			s.shop(deployment("web"))
			link := filepath.Join(s.TempDir(), "runs")
			if err := os.Symlink(s.state, link); err != nil {
				s.Fatal(err)
			}
			s.keepIn(link)
			s.run()
			s.is(s.begin)
		}},
		{"disk-full-before-first-write", refused, func(s *scene) {
			s.small()
			s.expectChild(s.child(childSpec{FullAt: "start"}), refused)
			s.is(s.begin)
		}},
		{"disk-full-in-the-middle", partial, func(s *scene) {
			s.small()
			out := s.child(childSpec{FullAt: "noted"})
			s.expectChild(out, partial)
			if !strings.Contains(out.Err, "journal") {
				s.Errorf("that the journal cannot be written is not said: %s", out.Err)
			}
			// One write was made before the disk was full, and none after it.
			if got := s.get("Secret/web-env"); got == nil || !s.untouched("Deployment/web") {
				s.Error("it went on without a journal")
			}
			s.id = 1
			s.finish()
		}},
		{"disk-full-during-rollback", partial, func(s *scene) {
			s.small()
			s.doom("Deployment/web", "crash")
			s.expectChild(s.child(childSpec{FullAt: "rollback"}), partial)
			s.takeBack(1)
		}},
		{"journal-cut-in-its-last-line", partial, func(s *scene) {
			s.partial()
			s.rewrite(func(text []byte) []byte { return text[:len(text)-20] })
			s.finish()
		}},
		{"journal-damaged-in-the-middle", partial, func(s *scene) {
			s.partial()
			live := s.snapshot()
			s.rewrite(func(text []byte) []byte {
				lines := bytes.SplitAfter(text, []byte("\n"))
				lines[len(lines)-3] = []byte("{\"entry\":{\"change\":\n")
				return bytes.Join(lines, nil)
			})
			s.unreadable(":", "JSON")
			s.is(live)
			// The next run has its number and its journal, as if there were none.
			s.heal()
			s.scan()
			s.id, s.want = 0, done
			r, err := s.applier().Begin(s.plan)
			if err != nil || r.ID() != 2 {
				s.Fatalf("begun: %v", err)
			}
			s.do(r, done, s.begin, s.end)
		}},
		{"journal-of-a-newer-version", partial, func(s *scene) {
			s.partial()
			live := s.snapshot()
			s.rewrite(func(text []byte) []byte {
				return bytes.Replace(text, []byte(`"schemaVersion":1`), []byte(`"schemaVersion":2`), 1)
			})
			s.unreadable("newer version")
			s.is(live)
		}},
		{"clock-set-back", partial, func(s *scene) {
			s.partial()
			// The run was begun in what is the future now.
			s.rewrite(func(text []byte) []byte {
				return bytes.ReplaceAll(text, []byte(time.Now().UTC().Format(`"2006-`)), []byte(time.Now().UTC().AddDate(3, 0, 0).Format(`"2006-`)))
			})
			if h := s.record(1).Header; !h.Started.After(time.Now().AddDate(1, 0, 0)) {
				s.Fatalf("begun at %s", h.Started)
			}
			s.finish()
		}},
		{"journal-with-fields-of-later", partial, func(s *scene) {
			s.partial()
			s.rewrite(func(text []byte) []byte {
				return bytes.ReplaceAll(text, []byte(`{"entry":{`), []byte(`{"entry":{"weather":"fine",`))
			})
			s.finish()
		}},
		{"secret-in-journal-of-nobody", done, func(s *scene) {
			// The password stands in the annotation that kubectl apply keeps, in an
			// argument, and as a part of another value as well.
			s.create(`
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: ` + s.ns + `
  annotations: {note: "password=` + credential + `web"}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {example.com/dsn: "db://u:` + credential + `web@db"}}
    spec:
      containers:
      - name: web
        image: example.com/web:1
        args: [--password, ` + credential + `web]
        env: [{name: DB_PASSWORD, value: ` + credential + `web}, {name: DSN, value: "db://u:` + credential + `web@db/x"}]
`)
			s.awaitRollout("Deployment/web")
			s.scan()
			s.run() // scene.verify looks for it
			s.takeBack(1)
		}},
	}
}

// partial runs a plan that is applied in part.
func (s *scene) partial() {
	s.Helper()
	s.shop(deployment("web"))
	s.fault(woe{what: "patch namespaces", strike: answer(500, "InternalError")})
	s.run()
	s.says("Namespace/"+s.ns, fixes.Failed)
}

// rewrite changes what the journal of the last run holds.
func (s *scene) rewrite(change func([]byte) []byte) {
	s.Helper()
	file := filepath.Join(s.state, "1.jsonl")
	text, err := os.ReadFile(file)
	if err != nil {
		s.Fatal(err)
	}
	changed := change(bytes.Clone(text))
	if bytes.Equal(text, changed) {
		s.Fatalf("nothing is changed in %s", text)
	}
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		s.Fatal(err)
	}
}

// unreadable demands that the run be neither resumed nor undone, and that it
// be said why.
func (s *scene) unreadable(words ...string) {
	s.Helper()
	s.heal()
	_, resumeErr := s.applier().Resume(s.ctx, 1)
	_, readErr := s.runs.Read(1)
	for _, err := range []error{resumeErr, readErr} {
		if err == nil {
			s.Fatal("it is read")
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				s.Errorf("%q is not said: %v", w, err)
			}
		}
	}
	list, err := s.runs.List()
	if err != nil || len(list) != 1 || list[0].Err == nil {
		s.Errorf("list: %v %v", list, err)
	}
}

// untouched reports whether an object is as before the plan.
func (s *scene) untouched(object string) bool {
	return difference(s.begin[object], s.snapshot()[object]) == ""
}
