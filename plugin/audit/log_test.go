package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// line is an event of a user; more are further members, each with a comma after it.
func line(user, verb, resource, namespace, name, more string) string {
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"x","stage":"ResponseComplete",%s`+
		`"requestURI":"/api/v1/x","verb":%q,"user":{"username":%q,"uid":"1","groups":["devs","system:authenticated"]},"sourceIPs":["::1"],`+
		`"objectRef":{"resource":%q,"namespace":%q,"name":%q,"apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},`+
		`"requestReceivedTimestamp":"2026-11-01T10:00:00.000000Z","stageTimestamp":"2026-11-01T10:00:00.100000Z",`+
		`"annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: \"x\" {}"}}`+"\n",
		more, verb, user, resource, namespace, name)
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t testing.TB, paths ...string) *fixes.Inventory {
	t.Helper()
	log, err := Open(paths)
	if err != nil {
		t.Fatal(err)
	}
	inv := fixes.NewInventory()
	err = log.Load(t.Context(), inv, func(b source.Batch) {
		for _, o := range b.Objects {
			inv.Add(o)
		}
		for _, s := range b.Skips {
			inv.Skip(s)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// told writes what a user did, a line a use.
func told(inv *fixes.Inventory, user string) string {
	a, ok := fixes.Lookup[*fixes.Activity](inv, "", user)
	if !ok {
		return "nothing"
	}
	var out []string
	for _, u := range a.Uses {
		text := fmt.Sprintf("%s %s%s%s in %q %q x%d", u.Verb, u.Group, u.Resource, u.Path, u.Namespace, u.Names, u.Count)
		if u.AllNames {
			text += " all"
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}

func TestLoad(t *testing.T) {
	for _, c := range []struct{ name, log, user, want string }{
		{"names are kept", line("a", "get", "secrets", "shop", "db", "") + line("a", "get", "secrets", "shop", "db", "") + line("a", "get", "secrets", "shop", "x", ""),
			"a", `get secrets in "shop" ["db" "x"] x3`},
		{"not those of lists and creates", line("a", "list", "secrets", "shop", "db", "") + line("a", "create", "secrets", "shop", "db", ""),
			"a", "create secrets in \"shop\" [] x1 all\nlist secrets in \"shop\" [] x1 all"},
		{"but those of a subresource's create", strings.Replace(line("a", "create", "pods", "shop", "db", ""), `"resource":"pods"`, `"resource":"pods","subresource":"exec"`, 1), "a",
			`create pods/exec in "shop" ["db"] x1`},
		{"another user did nothing", line("a", "get", "secrets", "shop", "db", ""), "b", "nothing"},
		{"nor did who was refused", strings.Replace(line("a", "get", "secrets", "shop", "db", ""), `decision":"allow"`, `decision":"forbid"`, 1), "a", "nothing"},
		{"without annotations the status tells", strings.Replace(strings.Replace(line("a", "get", "secrets", "shop", "db", ""), "authorization.k8s.io/decision", "x", 1), `"code":200`, `"code":403`, 1), "a", "nothing"},
		{"Kubernetes' own are left out", line("system:kube-scheduler", "get", "pods", "shop", "db", ""), "system:kube-scheduler", "nothing"},
		{"a stage before the answer", strings.Replace(line("a", "get", "pods", "shop", "db", ""), "ResponseComplete", "RequestReceived", 1), "a", "nothing"},
		{"a watch that goes on counts, once", strings.Replace(line("a", "watch", "pods", "shop", "", ""), "ResponseComplete", "ResponseStarted", 1) + line("a", "watch", "pods", "shop", "", ""), "a", `watch pods in "shop" [] x1 all`},
		{"who is impersonated did it", line("a", "get", "pods", "shop", "p", `"impersonatedUser":{"username":"b","groups":["g","system:authenticated"]},`), "b", `get pods in "shop" ["p"] x1`},
		{"and the other impersonated", line("a", "get", "pods", "shop", "p", `"impersonatedUser":{"username":"b","groups":["g","system:authenticated"]},`), "a",
			"impersonate groups in \"\" [\"g\"] x1\nimpersonate users in \"\" [\"b\"] x1"},
		{"an account is impersonated in its namespace", line("a", "get", "pods", "shop", "p", `"impersonatedUser":{"username":"system:serviceaccount:shop:web","groups":["system:serviceaccounts"]},`), "a",
			`impersonate serviceaccounts in "shop" ["web"] x1`},
		{"a uid and extras are asked for one by one", line("a", "get", "pods", "shop", "p", `"impersonatedUser":{"username":"b","uid":"7","groups":["system:authenticated"],"extra":{"scopes":["view","edit"]}},`), "a",
			"impersonate users in \"\" [\"b\"] x1\nimpersonate authentication.k8s.iouids in \"\" [\"7\"] x1\nimpersonate authentication.k8s.iouserextras/scopes in \"\" [\"edit\" \"view\"] x2"},
		{"a patch that made the object was a create too", strings.Replace(line("a", "patch", "pods", "shop", "p", ""), `"code":200`, `"code":201`, 1), "a",
			"create pods in \"shop\" [] x1 all\npatch pods in \"shop\" [\"p\"] x1"},
		{"a hostile name", line("a\u202e\\\"}{", "get", "pods", "shop", "p", ""), "a\u202e\\\"}{", `get pods in "shop" ["p"] x1`},
		{"what was sent does not confuse", line("a", "get", "pods", "shop", "p", `"requestObject":{"user":{"username":"evil"},"x":"}\"]","verb":["delete"]},`), "a", `get pods in "shop" ["p"] x1`},
		{"a path", strings.Replace(strings.Replace(line("a", "get", "", "", "", ""), `"objectRef":{"resource":"","namespace":"","name":"","apiVersion":"v1"},`, "", 1), "/api/v1/x", "/metrics?x=1", 1), "a", `get /metrics in "" [] x1 all`},
	} {
		if got := told(load(t, write(t, "audit.log", c.log+line("z", "get", "pods", "z", "z", ""))), c.user); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestBounds(t *testing.T) {
	var b strings.Builder
	for i := range 300 {
		b.WriteString(line("names", "get", "pods", "shop", fmt.Sprint("p", i), ""))
		b.WriteString(line("namespaces", "get", "pods", fmt.Sprint("ns-", i), "p", ""))
	}
	inv := load(t, write(t, "audit.log", b.String()))
	if got, want := told(inv, "names"), `get pods in "shop" [] x300 all`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := told(inv, "namespaces"), `get pods in "*" [] x300 all`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func compress(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRotatedAndCompressed(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"audit-2026-11-01T10-00-00.000.log.gz": compress(t, line("a", "get", "pods", "shop", "one", "")),
		"audit.log":                            strings.ReplaceAll(line("a", "get", "pods", "shop", "two", ""), "2026-11-01", "2026-11-05"),
		"README":                               "no log",
		"empty.log":                            "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inv := load(t, dir)
	if got, want := told(inv, "a"), `get pods in "shop" ["one" "two"] x2`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	log := fixes.AuditLog(inv)
	if got := log.To.Sub(log.From); got != 4*24*time.Hour {
		t.Errorf("the window is %s", got)
	}
	if len(log.Gaps) != 1 || !strings.Contains(log.Gaps[0], "nothing is on record from 2026-11-01 10:00:00 to 2026-11-05") {
		t.Errorf("gaps %q", log.Gaps)
	}
}

func TestDamaged(t *testing.T) {
	whole := line("a", "get", "pods", "shop", "one", "")
	zipped := compress(t, strings.Repeat(whole, 5000))
	for name, text := range map[string]string{
		"cut short in line 2":       whole + whole[:len(whole)/2],
		"1 lines of":                whole + "what is this\n" + whole,
		"audit.log is cut short":    zipped[:len(zipped)-20],
		"lines of audit.log are no": whole + "{\"kind\":\"Pod\"}\n" + whole,
	} {
		inv := load(t, write(t, "audit.log", text))
		if got := told(inv, "a"); !strings.HasPrefix(got, `get pods in "shop" ["one"] x`) {
			t.Errorf("%s: what is whole was not read: %s", name, got)
		}
		if gaps := fixes.AuditLog(inv).Gaps; len(gaps) != 1 || !strings.Contains(gaps[0], name) || len(inv.Skips()) != 1 {
			t.Errorf("gaps %q, want one with %q", gaps, name)
		}
	}
}

func TestNoLog(t *testing.T) {
	for name, text := range map[string]string{
		"text":                "2026-11-01 10:00:00 hello\n",
		"a manifest":          "apiVersion: v1\nkind: Pod\n",
		"JSON of another":     `{"kind":"Pod","apiVersion":"v1"}` + "\n",
		"an old version":      `{"kind":"Event","apiVersion":"audit.k8s.io/v1beta1"}` + "\n",
		"a core event":        `{"kind":"Event","apiVersion":"v1"}` + "\n",
		"without a line end":  `{"kind":"Pod","apiVersion":"v1"}`,
		"a list":              "[]\n",
		"half a gzip header":  "\x1f\x8b\x08",
		"a gzip of something": compress(t, "hello\n"),
	} {
		if _, err := Open([]string{write(t, "audit.log", text)}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, path := range []string{"/does/not/exist", t.TempDir()} {
		if _, err := Open([]string{path}); err == nil {
			t.Errorf("%s is taken for a log", path)
		}
	}
	log, err := Open([]string{write(t, "audit.log", "")})
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Load(t.Context(), nil, func(source.Batch) {}); err == nil {
		t.Error("an empty log is taken for one in which nobody did anything")
	}
}

func TestCancelled(t *testing.T) {
	log, err := Open([]string{write(t, "audit.log", strings.Repeat(line("a", "get", "pods", "shop", "one", ""), 2*checkEvery))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := log.Load(ctx, nil, func(source.Batch) {}); err == nil {
		t.Error("it was read to its end")
	}
}

// FuzzDecode: no line breaks the decoder, and what it takes is what encoding/json
// makes of it.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(line("a", "get", "pods", "shop", "p", "")))
	f.Add([]byte(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"g\u0065t","x":[{"}":"\\"}]}`))
	f.Add([]byte(`{"kind`))
	f.Add([]byte("{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"verb\":\"\xf3\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := (&decoder{}).decode(data)
		if err != nil || !json.Valid(data) {
			return
		}
		var want struct{ Kind, APIVersion, Verb string }
		dec := json.NewDecoder(bytes.NewReader(data))
		if dec.Decode(&want) == nil && bytes.Count(data, []byte("erb")) == 1 && bytes.Contains(data, []byte(`"verb":`)) && e.verb != want.Verb {
			t.Errorf("verb %q, want %q", e.verb, want.Verb)
		}
	})
}

// BenchmarkLoad reads events as large as an API server writes them, most of them
// with the object that was sent, and tells how much memory is held at the end.
func BenchmarkLoad(b *testing.B) {
	body := `"requestObject":{"spec":{"containers":[` + strings.Repeat(`{"name":"c","image":"example.com/x","args":["a \"quoted\" one"]},`, 20) + `{}]}},`
	var text strings.Builder
	for i := 0; text.Len() < 64<<20; i++ {
		more := ""
		if i%2 == 0 {
			more = body
		}
		text.WriteString(line(fmt.Sprint("system:serviceaccount:ns-", i%50, ":app-", i%500), "get", "pods", fmt.Sprint("ns-", i%50), fmt.Sprint("p", i), more))
	}
	path := write(b, "audit.log", text.String())
	b.SetBytes(int64(text.Len()))
	text.Reset()
	for b.Loop() {
		load(b, path)
	}
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	b.ReportMetric(float64(stats.HeapAlloc)/(1<<20), "MiB-held")
}
