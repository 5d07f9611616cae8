package plugin

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/plugin/config"
)

func TestProductionByName(t *testing.T) {
	g := (*settings)(nil).guard("x", false)
	for name, want := range map[string]bool{
		"prod": true, "PROD": true, "eu-prod-1": true, "shop.production": true, "prd_eu": true, "admin@live": true, "prod01": true,
		"arn:aws:eks:eu-west-1:123:cluster/prod": true, "product": false, "reproduction": false, "olive": false, "staging": false, "": false, "delivery": false,
	} {
		if got := g.isProduction(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	g.production = []string{"*-eu"}
	if g.isProduction("prod") || !g.isProduction("shop-EU") {
		t.Error("the user's patterns do not count")
	}
	g.also = []string{"shop"}
	if g.isProduction("prod") || !g.isProduction("shop-eu") || !g.isProduction("shop") {
		t.Error("the project's patterns do not add to the user's")
	}
	g.production = nil
	if !g.isProduction("prod") || !g.isProduction("shop") || g.isProduction("other") {
		t.Error("the project's patterns do not add to the words")
	}
	g.production = []string{}
	if g.isProduction("prod") || !g.isProduction("shop") {
		t.Error("an empty list is not none")
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"prod", "prod", true}, {"prod", "prods", false}, {"*", "", true}, {"*", "a/b", true}, {"*prod*", "a-prod-b", true}, {"*prod*", "pro-d", false},
		{"a*b*c", "a1b2c", true}, {"a*b*c", "abc", true}, {"a*b*c", "acb", false}, {"ab*ba", "aba", false}, {"a**", "a", true}, {"*a*a*", "a", false}, {"", "", true},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("%s, %s: %v", c.pattern, c.name, got)
		}
	}
}

const configHead = "apiVersion: " + config.APIVersion + "\nkind: Config\n"

// configured writes the user's configuration and a project's, and goes there.
func configured(t *testing.T, user, project string) (userPath string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Chdir(t.TempDir())
	userPath = config.UserPath()
	if err := os.MkdirAll(filepath.Dir(userPath), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{userPath: user, config.FileName: project} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(configHead+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return userPath
}

func settingsHere() (*settings, error) { return (&configFile{}).settings() }

func TestSettingsOfTwoFiles(t *testing.T) {
	user := configured(t, "keys:\n  app.quit: Q\nproduction: [mine]\nconfirmAbove: 9\nreadonly: [audit]\n",
		"keys:\n  app.quit: W\n  plan.apply: P\nproduction: [theirs]\nconfirmAbove: 50\nreadonly: ['*-ro']\n")
	s, err := settingsHere()
	if err != nil {
		t.Fatal(err)
	}
	if s.keys["app.quit"][0] != "Q" || s.keys["plan.apply"][0] != "P" {
		t.Errorf("keys %v", s.keys)
	}
	g := s.guard("mine", false)
	if !g.isProduction("mine") || !g.isProduction("theirs") || g.isProduction("prod") || g.confirmAbove != 9 || g.whyReadOnly != "" {
		t.Errorf("guard %+v", g)
	}
	for context, want := range map[string]string{
		"audit": user + `:7: context "audit" is read-only`, "x-ro": config.FileName + `:8: context "x-ro" is read-only`, "x": "",
	} {
		g := s.guard(context, false)
		if g.whyReadOnly != want {
			t.Errorf("%s: %q, want %q", context, g.whyReadOnly, want)
		}
	}
	g = s.guard("audit", true)
	if g.whyReadOnly != "--readonly was given" {
		t.Errorf("%q", g.whyReadOnly)
	}
}

// TestAProjectTakesNoGuardAway demands that a file which came with a repository
// makes nothing easier to write.
func TestAProjectTakesNoGuardAway(t *testing.T) {
	configured(t, "", "production: []\nconfirmAbove: 100000\nreadonly: 'false'\n")
	s, err := settingsHere()
	if err != nil {
		t.Fatal(err)
	}
	if g := s.guard("prod", false); !g.isProduction("prod") || g.confirmAbove != 25 {
		t.Errorf("guard %+v", g)
	}
}

func TestSettingsFaults(t *testing.T) {
	for _, c := range []struct{ user, project, want string }{
		{"keys:\n  findings.stag: x\n", "", `USER:4: unknown action "findings.stag"; did you mean "findings.stage"?`},
		{"keys:\n  app.quit: esc\n", "", `USER:4: app.quit cannot be on "esc": esc never quits`},
		{"", "keys:\n  plan.apply: ['y']\n", `.kubectl-harden.yaml:4: plan.apply cannot be on "y": it answers the question that comes before, and would be given twice by a slip`},
		{"", "keys:\n  plan.apply: ctrl+c\n", `.kubectl-harden.yaml:4: plan.apply cannot be on "ctrl+c": it is not to be had`},
		{"", "keys:\n  plan.apply: hyper+x\n", `.kubectl-harden.yaml:4: plan.apply cannot be on "hyper+x": no such key`},
		{"keys:\n  plan.apply: z\n  plan.export: z\n", "", `USER:5: "z" is on both plan.apply and plan.export, which are on the same screen (plan)`},
		{"keys:\n  plan.apply: z\n", "keys:\n  plan.export: z\n", `"z" is on both plan.apply and plan.export`},
		{"ignore:\n- {rule: x, reason: y}\n", "", `USER:3: ignores belong to a project: write them into its .kubectl-harden.yaml`},
		{"keis: {}\n", "", `USER:3: unknown field "keis"`},
	} {
		t.Run(c.want, func(t *testing.T) {
			user := configured(t, c.user, c.project)
			_, err := settingsHere()
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), user, "USER"), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestKeysCommand(t *testing.T) {
	configured(t, "keys:\n  findings.stage: [enter, z]\n  findings.copy: []\n", "")
	var out bytes.Buffer
	if status := Main(t.Context(), []string{"keys"}, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out}); status != 0 {
		t.Fatalf("status %d: %s", status, out.String())
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	text := strings.Join(got, "\n")
	for _, want := range []string{
		"findings.stage enter z findings stage or unstage the fix",
		"findings.open right l findings open the group",
		"findings.copy - findings copy",
		"plan.apply a plan apply the plan to the cluster",
		"move.down j down findings, plan, apply, namespaces, matrix, history down, up",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestReadOnlyRefusesOnTheCommandLine(t *testing.T) {
	configured(t, "", "")
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "config"))
	if err := os.WriteFile(os.Getenv("KUBECONFIG"), []byte(`apiVersion: v1
kind: Config
current-context: shop
contexts: [{name: shop, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(want string, args ...string) {
		t.Helper()
		var errs bytes.Buffer
		status := Main(t.Context(), args, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &errs, ErrOut: &errs})
		if status != StatusFailed || errs.String() != "error: "+want+"\n" {
			t.Errorf("%v: status %d, %q", args, status, errs.String())
		}
	}
	refused("--fix writes to the cluster, and --readonly was given: add --dry-run to see what it would do", "--fix", "--yes", "--readonly")
	refused("undo writes to the cluster, and --readonly was given", "undo", "--yes", "--readonly")
	refused("resume writes to the cluster, and --readonly was given", "resume", "7", "--yes", "--readonly")
	if err := os.WriteFile(config.FileName, []byte(configHead+"readonly: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(`undo writes to the cluster, and .kubectl-harden.yaml:3: context "shop" is read-only`, "undo", "--yes")
	refused(`--fix writes to the cluster, and .kubectl-harden.yaml:3: context "shop" is read-only`, "--fix", "--yes")
}

// TestAgree demands that in production, and before many changes, no yes is
// enough at a terminal.
func TestAgree(t *testing.T) {
	for _, c := range []struct {
		context, answer string
		changes         int
		yes             bool
		want            bool
		asks            string
	}{
		{"shop", "y\n", 25, false, true, "Apply? [y/N] "},
		{"shop", "shop\n", 25, false, false, "Apply? [y/N] "},
		{"shop", "y\n", 26, false, false, "Apply? These are 26 changes: type shop to go on: "},
		{"shop", "shop\n", 26, false, true, "Apply? These are 26 changes: type shop to go on: "},
		{"eu-prod", "y\n", 1, false, false, "Apply? This is production: type eu-prod to go on: "},
		{"eu-prod", "EU-prod\n", 1, false, false, "Apply? This is production: type eu-prod to go on: "},
		{"eu-prod", "", 1, false, false, "Apply? This is production: type eu-prod to go on: "},
		{"eu-prod", " eu-prod\r\n", 1, false, true, "Apply? This is production: type eu-prod to go on: "},
		{"eu-prod", "", 1, true, true, ""},
		{"", "y\n", 100, false, true, "Apply? [y/N] "},
	} {
		var out bytes.Buffer
		r := &runner{IOStreams: genericiooptions.IOStreams{In: strings.NewReader(c.answer), ErrOut: &out}, cluster: &connection{context: c.context}, guard: (*settings)(nil).guard(c.context, false), yes: c.yes}
		got, err := r.agree(t.Context(), "Apply?", c.changes)
		if err != nil || got != c.want || out.String() != c.asks {
			t.Errorf("%+v: %v %v, asks %q", c, got, err, out.String())
		}
	}
}
