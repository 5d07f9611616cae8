package known

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestTable demands of the table that it can be read, that every row has a
// source and sane values, and that none is hidden by another.
func TestTable(t *testing.T) {
	rows, err := format.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	names, seen := map[string]bool{}, map[string]int{}
	conditions := map[string][]string{} // by repository
	for line := range strings.Lines(text) {
		fields := strings.Split(line, "\t")
		if line[0] == '#' || fields[0] == "repositories" {
			continue
		}
		for repo := range strings.SplitSeq(fields[0], ",") {
			if earlier := conditions[repo]; slices.Contains(earlier, "*") || slices.Contains(earlier, fields[1]) {
				t.Errorf("%s %s: an earlier row stands before it", repo, fields[1])
			}
			conditions[repo] = append(conditions[repo], fields[1])
		}
	}
	for _, r := range rows {
		n, what := r.needs, r.repositories[0]
		if u, err := url.Parse(n.Source); err != nil || u.Scheme != "https" || u.Path == "" {
			t.Errorf("%s: source %q", what, n.Source)
		}
		if (n.Start == AsRoot) != (n.User == nil) && n.Start != AsUser || n.User == nil && n.Group != nil || n.User != nil && *n.User == 0 {
			t.Errorf("%s: start %s, user %v, group %v", what, n.Start, n.User, n.Group)
		}
		if n.ReadOnly && !n.WritesKnown {
			t.Errorf("%s runs with a read-only root, and what it writes is not known", what)
		}
		for _, s := range n.Writes {
			if !path.IsAbs(s.Path) || path.Clean(s.Path) != s.Path || s.Path == "/" {
				t.Errorf("%s writes %q", what, s.Path)
			}
		}
		for _, c := range n.Capabilities {
			if c != strings.ToUpper(c) || strings.HasPrefix(c, "CAP_") {
				t.Errorf("%s needs %q", what, c)
			}
		}
		for _, repo := range r.repositories {
			one := strings.Replace(repo, "*", "any", 1)
			ref, err := name.NewRepository(one, name.StrictValidation)
			if err != nil || fullRepository(ref) != one {
				t.Errorf("%q is not a repository in full: %v", repo, err)
			}
			names[lastElement(repo)] = true
			seen[repo]++
		}
	}
	t.Logf("%d images, %d repositories, %d rows", len(names), len(seen), len(rows))
	if len(names) < 60 {
		t.Errorf("only %d images", len(names))
	}
}

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		image string
		repo  string // "": not known
		start Start
		user  int64 // 0: not known
		doubt bool
	}{
		{"nginx:1.27", "docker.io/library/nginx", AsEither, 101, false},
		{"docker.io/library/nginx:1.27-alpine@sha256:" + strings.Repeat("a", 64), "docker.io/library/nginx", AsEither, 101, false},
		{"index.docker.io/library/nginx:1.27", "docker.io/library/nginx", AsEither, 101, false},
		{"public.ecr.aws/docker/library/nginx:1.27", "public.ecr.aws/docker/library/nginx", AsEither, 101, false},
		{"nginx", "docker.io/library/nginx", AsEither, 101, true},
		{"nginx@sha256:" + strings.Repeat("a", 64), "docker.io/library/nginx", AsEither, 101, true},
		{"nginx:1.9.1", "", "", 0, false},
		{"registry.acme:5000/mirror/nginx:1.27", "docker.io/library/nginx", AsEither, 101, true},
		{"registry.acme/bitnami/nginx:1.27", "docker.io/bitnami/nginx", AsUser, 1001, true},
		{"registry.acme/proxy/prom/prometheus:v2.50.0", "docker.io/prom/prometheus", AsUser, 65534, true},
		{"registry.acme/team/controller:v1.9.0", "", "", 0, false},
		{"bitnami/redis:7.2", "docker.io/bitnami/redis", AsUser, 1001, false},
		{"redis:7-alpine3.19", "docker.io/library/redis", AsEither, 999, false},
		{"postgres:16-alpine", "docker.io/library/postgres", AsEither, 70, false},
		{"postgres:16", "docker.io/library/postgres", AsEither, 999, false},
		{"haproxy:2.3", "docker.io/library/haproxy", AsRoot, 0, false},
		{"haproxy:2.9-alpine", "docker.io/library/haproxy", AsUser, 99, false},
		{"php:8.3-fpm-alpine", "docker.io/library/php", AsEither, 82, false},
		{"php:8.3", "", "", 0, false},
		{"gitea/gitea:1.21-rootless", "docker.io/gitea/gitea", AsUser, 1000, false},
		{"mcr.microsoft.com/mssql/server:2019-latest", "mcr.microsoft.com/mssql/server", AsUser, 10001, false},
		{"lscr.io/linuxserver/jellyfin:latest", "lscr.io/linuxserver/*", AsRoot, 0, false},
		{"lscr.io/linuxserver/nginx:latest", "lscr.io/linuxserver/*", AsRoot, 0, false},
		{"registry.k8s.io/coredns/coredns:v1.9.3", "registry.k8s.io/coredns/coredns", AsRoot, 0, false},
		{"registry.k8s.io/coredns/coredns:v1.11.1", "registry.k8s.io/coredns/coredns", AsUser, 65532, false},
		{"acme/api:1", "", "", 0, false},
		{"", "", "", 0, false},
		{"nginx:", "", "", 0, false},
		{"NGINX:1.27", "", "", 0, false},
		{"\x1b[2J/nginx:1.27", "", "", 0, false},
	} {
		n, ok := Lookup(c.image)
		var user int64
		if n.User != nil {
			user = *n.User
		}
		if ok != (c.repo != "") || n.Repository != c.repo || n.Start != c.start || user != c.user || (n.Doubt != "") != c.doubt {
			t.Errorf("%q: %v %+v, user %d; want %+v", c.image, ok, n, user, c)
		}
	}
}

func TestNeedsOfOne(t *testing.T) {
	n, _ := Lookup("cassandra:4.1")
	i := slices.IndexFunc(n.Writes, func(s fixes.Scratch) bool { return s.Path == "/etc/cassandra" })
	if i < 0 || !n.Writes[i].Seed || n.Writes[0].Seed || !n.WritesKnown || !slices.Contains(n.Ports, 9042) {
		t.Errorf("%+v", n)
	}
	if n, _ = Lookup("memcached:1.6"); !n.WritesKnown || len(n.Writes) > 0 || !n.CapabilitiesKnown || len(n.Capabilities) > 0 {
		t.Errorf("%+v", n)
	}
	if n, _ = Lookup("haproxy:2.9"); n.WritesKnown {
		t.Errorf("%+v", n)
	}
}

func TestBrokenTables(t *testing.T) {
	columns := strings.Join(format.Columns, "\t") + "\n"
	good := "a.io/b\t>=1,!x\tuser\t1\t2\t/a,/b+\tnone\t1\tyes\thttps://x/y"
	for change, from := range map[string]string{
		"\tnobody\t":    "\tuser\t",
		"\t>=x,!x\t":    "\t>=1,!x\t",
		"\t,\t":         "\t>=1,!x\t",
		"\t-1\t2\t":     "\t1\t2\t",
		"\t1\tx\t":      "\t1\t2\t",
		"\t70000\tyes":  "\t1\tyes",
		"\tyes\t\thttp": "\tyes\thttp",
	} {
		bad := strings.Replace(good, from, change, 1)
		if _, err := format.Read(columns + bad + "\n"); err == nil || !strings.HasPrefix(err.Error(), "images.tsv, line 2: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if rows, err := format.Read(columns + good + "\n"); err != nil || len(rows) != 1 {
		t.Error(rows, err)
	}
}

func FuzzLookup(f *testing.F) {
	f.Add("nginx:1.27-alpine")
	f.Add("registry.acme:5000/a/b/nginx@sha256:" + strings.Repeat("a", 64))
	f.Add("::/@:-_v.1")
	f.Fuzz(func(t *testing.T, image string) {
		if n, ok := Lookup(image); ok && (n.Repository == "" || n.Start == "" || n.Source == "") {
			t.Errorf("%q: %+v", image, n)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	for b.Loop() {
		Lookup("registry.acme/team/api:1.2.3")
		Lookup("postgres:16-alpine")
	}
}
