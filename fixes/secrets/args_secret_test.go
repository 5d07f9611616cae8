package secrets

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

func TestArgsSecret(t *testing.T) {
	const at = "Deployment shop/web spec.template.spec.containers[0]."
	web := func(fields string) string {
		return reader("Deployment", "web", "{containers: [{name: web, image: x, "+fields+"}]}")
	}
	fixestest.Table(t, argsSecret(), []fixestest.Case{{
		Name:    "an option with its value, and one before its value",
		Objects: web(`args: ["--password=` + password + `", --api-token, 9f8e7d6c5b4a3928, --log=debug]`),
		Want:    []string{at + "args[0] review", at + "args[2] review"},
		Diff:    []string{"+ - --password=$(ARG_PASSWORD)", "+ - $(ARG_API_TOKEN)", "+ name: web-env", "+ - name: ARG_PASSWORD"},
		NotDiff: []string{"- - --log=debug"},
	}, {
		Name:    "the place is counted over command and args",
		Objects: web(`command: [mysql, -uroot], args: [-phunter2-9f8e7d6c, shop]`),
		Want:    []string{at + "args[0] review"},
		Diff:    []string{"+ - -p$(ARG_CREDENTIAL)"},
	}, {
		Name:    "a URL beside a reference",
		Objects: web(`args: ["--db=postgres://shop:s3cr3t9f8e7d@$(HOST)/shop"]`),
		Want:    []string{at + "args[0] review"},
		Diff:    []string{"+ - --db=postgres://shop:$(ARG_DB)@$(HOST)/shop"},
	}, {
		Name:    "$$ is the $ that the program saw",
		Objects: web(`args: ["--password=pa$$w0rd-9f8e7d"]`),
		Want:    []string{at + "args[0] review"},
		Diff:    []string{"+ - --password=$(ARG_PASSWORD)", "+ ARG_PASSWORD: cGEkdzByZC05ZjhlN2Q="},
	}, {
		Name:    "references in it",
		Objects: web(`args: ["--password=abc9f8e7d$(SALT)x1y2z3w4"]`),
		Want:    nil, // the detector takes it for a reference
	}, {
		Name:    "a name that stands there already",
		Objects: web(`args: ["--password=` + password + `", "--other=$(ARG_PASSWORD)"]`),
		Want:    []string{at + "args[0] review"},
		Diff:    []string{"+ - --password=$(ARG_PASSWORD_2)"},
	}, {
		Name:    "a script, out of quotes and in both sorts",
		Objects: web(`command: [sh, -c], args: ["mysql -phunter2-9f8e7d6c -e 'x'; curl -u \"u:s3cr3t9f8e7d\" h; redis-cli -a 'x9f8e7d6c5' ping"]`),
		Want:    []string{at + "args[0] review", at + "args[0] review", at + "args[0] review"},
		Diff:    []string{`+ - mysql -p"${ARG_CREDENTIAL}" -e 'x'; curl -u "u:${ARG_CREDENTIAL_2}" h; redis-cli`, `+ -a ''"${ARG_CREDENTIAL_3}"'' ping`},
	}, {
		Name:    "a script that is too tangled: the kubelet's form",
		Objects: web("command: [bash, -ec], args: [\"x=`date`\\nmysql -phunter2-9f8e7d6c\"]"),
		Want:    []string{at + "args[0] review"},
		Diff:    []string{"+ mysql -p$(ARG_CREDENTIAL)"},
	}, {
		Name:    "kubectl apply keeps a copy",
		Objects: strings.Replace(web(`args: ["--password=`+password+`"]`), "namespace: shop}", `namespace: shop, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"spec":{"template":{"spec":{"containers":[{"args":["--password=`+password+`"],"name":"web"}]}}}}'}}`, 1),
		Want:    []string{at + "args[0] review"},
		Diff:    []string{`+ {"spec":{"template":{"spec":{"containers":[{"args":["--password="],"name":"web"}]}}}}`},
	}, {
		Name:    "look-alikes",
		Objects: web(`args: [--password-file=/run/pw, --token-ttl=5m, "--password=$(DB_PASSWORD)", --secret=shop-tls], command: [sh, -c, 'mysql -p"$PW"']`),
	}})
}

// TestShellForm lets a real shell print what it makes of a script before and
// after.
func TestShellForm(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		if runtime.GOOS != "windows" {
			t.Fatal(err)
		}
		t.Skip("no sh")
	}
	const value = "hunter2-9f8e"
	run := func(script string) string {
		cmd := exec.Command(sh, "-c", script)
		cmd.Env = append(os.Environ(), "ARG_X="+value)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", script, err, out)
		}
		return string(out)
	}
	for script, moved := range map[string]bool{
		`printf '<%s>' -p@`:                        true,
		`printf '<%s>' "a 'b' @ c"`:                true,
		`printf '<%s>' 'a "b" @ c'`:                true,
		`X=@; printf '<%s>' "$X"`:                  true,
		`printf '<%s>' "$(printf '%s' "x @ y")" z`: true,
		`printf '<%s>' $(printf %s @) "it's"`:      true,
		"# it's\nprintf '<%s>' @":                  true,
		`printf '<%s>' "a\"b" @`:                   true,
		`printf '<%s>' "${HOME}" "${X:-y}" '#' @`:  true,
		`X='it'"'"'s'; printf '<%s>' "$X" "@"`:     true,
		`(printf '<%s>' a); printf '<%s>' @`:       true,
		`sh -c 'printf "<%s>" "@"'`:                true,
		"cat <<EOF\n@\nEOF":                        false,
		"printf '<%s>' `printf %s @`":              false,
		`printf '<%s>' "${X:-@}"`:                  false,
		`printf '<%s>' "${X:-"a"}" @`:              false,
		`case a in a) printf '<%s>' @;; esac`:      false,
		`printf '<%s>' $((1+1)) @`:                 false,
		`printf '<%s>' \@`:                         false,
		"printf '<%s>' x # @":                      false,
	} {
		at := strings.IndexByte(script, '@')
		before := strings.Replace(script, "@", value, 1)
		form, ok := shellForm(before, detect.Range{Start: at, End: at + len(value)}, "ARG_X")
		if ok != moved {
			t.Errorf("%q: %v, want %v", script, ok, moved)
			continue
		}
		if !ok {
			continue
		}
		after := strings.Replace(script, "@", form, 1)
		if was, is := run(before), run(after); was != is {
			t.Errorf("%q printed %q, and %q prints %q", before, was, after, is)
		}
	}
}

func TestScriptIndex(t *testing.T) {
	for line, want := range map[string]int{
		"sh -c x": 2, "/bin/bash -euo pipefail -c x y": 4, "tini -g -- sh -ec x": 5, "bash script.sh -c x": -1,
		"dumb-init -- server -c x": -1, "server -c x": -1, "sh": -1, "sh -c": -1, "bash --login -c x": 3, "": -1,
	} {
		if got := scriptIndex(strings.Fields(line)); got != want {
			t.Errorf("%q: %d, want %d", line, got, want)
		}
	}
}
