package connections

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// TestParseDecision reads decisions, and writes them as they were typed.
func TestParseDecision(t *testing.T) {
	for _, text := range []string{
		"shop/web:shop/db", "shop/web:shop/db:5432", "shop/web:kube-system/dns:53/UDP", "shop/deployment/web:shop/statefulset/db",
		"shop/*:shop/db", "anyone:shop/web:8080", "any-pod:shop/web", "shop/web:api", "10.0.0.0/8:shop/web",
		"shop/web:api.stripe.com:443", "shop/web:192.0.2.7", "[2001:db8::/32]:shop/web:443", "shop/web:[2001:db8::1]:443",
	} {
		d, err := ParseDecision(text, true)
		if flag, value := DecisionArgs(d); err != nil || value != text || flag != "--keep" {
			t.Errorf("%s: %s %s, %v", text, flag, value, err)
		}
	}
	if d, err := ParseDecision("deploy/shop/web:shop/db", false); err != nil || d.From.Kind != fixes.KindDeployment || d.From.Namespace != "shop" {
		t.Errorf("the kind first: %+v, %v", d, err)
	}
	for text, want := range map[string]string{
		"shop/web":                    "is not FROM:TO",
		"web:shop/db":                 `"web" is no end of a connection`,
		"shop/web:shop/db:http":       `"http" is no port`,
		"shop/web:shop/db:0":          "is no port",
		"shop/web:shop/db:53/ICMP":    "is no port",
		"shop/web:shop/db:1:2":        "is not FROM:TO",
		"2001:db8::/32:shop/web":      "in brackets",
		"anyone:api":                  "has no workload in it",
		"api.example.com:shop/web":    "told by its address",
		"shop/web:anyone":             "as a block",
		"shop/deploymnet/web:shop/db": `did you mean "deployment"?`,
		"shop/we b:shop/db":           "no end of a connection",
		"shop/web:-shop/db":           "no end of a connection",
		"shop/\x1bweb:shop/db:5432":   "no end of a connection",
	} {
		if _, err := ParseDecision(text, false); err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

var decidedShop = workload("web", "8080", `
        env: [{name: DB, value: "db:5432"}, {name: PAY, value: "https://api.example.com"}]`) +
	workload("db", "5432", "") + workload("job", "", "") + workload("tick", "", "")

// TestDecide: what the user says counts, whatever objects tell.
func TestDecide(t *testing.T) {
	tests := map[string]struct {
		strictness fixes.Strictness
		flags      string
		want       []string // links
		cut        []string
	}{
		"nothing decided": {want: []string{
			"job -> web 8080/TCP guessed", "tick -> web 8080/TCP guessed", "web -> api.example.com 443/TCP inferred", "web -> db 5432/TCP proven"}},
		"a proven one is cut": {flags: "--cut shop/web:shop/db",
			want: []string{"job -> web 8080/TCP guessed", "tick -> web 8080/TCP guessed", "web -> api.example.com 443/TCP inferred"},
			cut:  []string{"web -> db 5432/TCP proven"}},
		"another port is not it": {flags: "--cut shop/web:shop/db:80", want: []string{
			"job -> web 8080/TCP guessed", "tick -> web 8080/TCP guessed", "web -> api.example.com 443/TCP inferred", "web -> db 5432/TCP proven"}},
		"one is added, at the ports that are known": {strictness: fixes.ProvenOnly, flags: "--keep shop/job:shop/db",
			want: []string{"job -> db 5432/TCP decided", "web -> db 5432/TCP proven"}},
		"one is added at a port": {strictness: fixes.ProvenOnly, flags: "--keep shop/job:shop/db:9187",
			want: []string{"job -> db 9187/TCP decided", "web -> db 5432/TCP proven"}},
		"a guess is confirmed": {flags: "--keep shop/job:shop/web:8080 --cut shop/tick:shop/web",
			want: []string{"job -> web 8080/TCP decided", "web -> api.example.com 443/TCP inferred", "web -> db 5432/TCP proven"},
			cut:  []string{"tick -> web 8080/TCP guessed"}},
		"the finer counts": {flags: "--keep shop/web:shop/db --cut shop/*:shop/db", want: []string{
			"job -> web 8080/TCP guessed", "tick -> web 8080/TCP guessed", "web -> api.example.com 443/TCP inferred", "web -> db 5432/TCP decided"}},
		"a host is cut": {strictness: fixes.ProvenOnly, flags: "--cut shop/web:api.example.com --keep shop/job:192.0.2.0/24:25",
			want: []string{"job -> 192.0.2.0/24 25/TCP decided", "web -> db 5432/TCP proven"}},
		"one of a whole namespace": {strictness: fixes.WithinNamespace, flags: "--cut shop/job:shop/db --cut shop/web:api.example.com",
			want: []string{
				"pods of shop -> job guessed", "pods of shop -> tick guessed", "pods of shop -> web guessed", "db -> pods of shop guessed",
				"job -> tick guessed", "job -> web guessed", "tick -> pods of shop guessed", "tick -> db guessed", "web -> pods of shop guessed", "web -> db guessed", "web -> db 5432/TCP proven"},
			cut: []string{"job -> db guessed", "web -> api.example.com 443/TCP inferred"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inv := fixestest.Load(t, decidedShop)
			inv.Strictness, inv.Decisions = tt.strictness, parsed(t, tt.flags)
			if err := CheckDecisions(inv); err != nil {
				t.Error(err)
			}
			g := Find(inv)
			if got := links(g); !slices.Equal(got, tt.want) {
				t.Errorf("links\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if got := links(&Graph{Links: g.Cut}); !slices.Equal(got, tt.cut) {
				t.Errorf("cut\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.cut, "\n"))
			}
			for _, l := range g.Links {
				if l.Sure == Decided && l.Why[len(l.Why)-1].String() != "you decided to keep it" {
					t.Errorf("%v is believed because of %v", l.To, l.Why)
				}
			}
			if tt.flags != "" && len(Told(inv).Cut) > 0 {
				t.Error("what is told follows the decisions")
			}
		})
	}
}

// parsed reads the flags of a command line.
func parsed(t *testing.T, flags string) []fixes.Decision {
	t.Helper()
	var out []fixes.Decision
	words := strings.Fields(flags)
	for i := 0; i+1 < len(words); i += 2 {
		d, err := ParseDecision(words[i+1], words[i] == "--keep")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

func TestCheckDecisions(t *testing.T) {
	for flags, want := range map[string]string{
		"--cut shop/webb:shop/db":    "--cut shop/webb:shop/db: there is no workload shop/webb with a network of its own; did you mean shop/web?",
		"--keep shop/web:pay/api:80": "there is no workload pay/api",
		"--cut shop/web:shop/db:80":  "",
	} {
		inv := fixestest.Load(t, decidedShop)
		inv.Decisions = parsed(t, flags)
		if err := CheckDecisions(inv); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", flags, err)
		}
	}
}
