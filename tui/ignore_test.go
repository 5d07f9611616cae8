package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// testDay is the day on which the driver's clock begins.
var testDay = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// ignoreFile is what a session writes down.
type ignoreFile struct {
	list []fixes.Ignore
	err  error
	n    int
}

func (f *ignoreFile) add(i fixes.Ignore) ([]fixes.Ignore, error) {
	if f.err != nil {
		return nil, f.err
	}
	f.n++
	i.At = fmt.Sprintf("conf.yaml:%d", f.n)
	f.list = append(slices.Clip(f.list), i)
	return f.list, nil
}

func (f *ignoreFile) end(i fixes.Ignore) ([]fixes.Ignore, error) {
	n := slices.IndexFunc(f.list, func(had fixes.Ignore) bool { return had.Same(&i) && had.At == i.At })
	if n < 0 {
		return nil, errors.New("conf.yaml does not ignore that any more")
	}
	f.list = slices.Delete(slices.Clone(f.list), n, n+1)
	return f.list, nil
}

// ignoring is a session that writes what is ignored into a file, which its scan
// obeys.
func ignoring(t testing.TB, list ...fixes.Ignore) (Session, *ignoreFile) {
	s, file := shopSession(t), &ignoreFile{}
	for _, i := range list {
		_, _ = file.add(i)
	}
	s.Ignore, s.EndIgnore, s.IgnoreFile = file.add, file.end, ".kubectl-harden.yaml"
	s.Annotate = func(object fixes.Ref, i *fixes.Ignore) string {
		if i == nil {
			return "kubectl annotate " + object.KubectlArgs() + " ignore-"
		}
		return "kubectl annotate " + object.KubectlArgs() + " ignore=" + strings.Join(i.Rules, ",")
	}
	ignoreInScan(&s, file)
	return s, file
}

func ignoreInScan(s *Session, file *ignoreFile) {
	scan := s.Scan
	s.Scan = func(ctx context.Context, report func(fixes.Progress)) (*fixes.Result, error) {
		result, err := scan(ctx, report)
		if err != nil {
			return nil, err
		}
		return result.Ignore(file.list, testDay), nil
	}
}

func TestIgnoreOne(t *testing.T) {
	s, file := ignoring(t)
	d := scanned(t, s, 120, 40).on("env[1]").press("space")
	d.has("10 findings", "1 staged").press("i").has("this finding", "1 finding", "env-secret in Deployment shop/web", "2 findings",
		"env-secret in namespace shop", "env-secret everywhere", "90 days, to 2027-02-22", "in .kubectl-harden.yaml")
	d.press("enter").has("A reason is needed")
	if len(file.list) != 0 {
		t.Fatal("written without a reason")
	}
	d.write("moves in January").has("moves in January").press("enter")
	d.has("9 findings", "1 ignored", "0 staged", "ignored 1 until 2027-02-22, by conf.yaml:1; u undoes").hasNot("REDIS_TOKEN", "env[1]")
	i := file.list[0]
	if len(i.Fingerprints) != 1 || i.Reason != "moves in January" || i.Namespace != "shop" || i.Name != "web" || i.Kind != "Deployment" || i.Until() != "2027-02-22" {
		t.Errorf("written: %+v", i)
	}
	// It stays so in the plan, and u brings all of it back.
	d.press("u").has("10 findings", "1 staged", "undone: ignored 1", "env[1]").hasNot("1 ignored ")
	if len(file.list) != 0 {
		t.Errorf("still written: %v", file.list)
	}
	d.press("ctrl+r").has("9 findings", "1 ignored", "0 staged", "redone: ignored 1")
	d.press("u").has("10 findings", "1 staged")
	d.press("u").has("0 staged") // the step before
}

// TestIgnoreOnASmallScreen demands that the keys of the form are all told of.
func TestIgnoreOnASmallScreen(t *testing.T) {
	s, _ := ignoring(t)
	d := scanned(t, s, 40, 12).press("=", "j").on("env[1]").press("i").has("because", "until", "written", "enter ignore", "esc go back")
	d.press("enter").has("A reason is needed", "enter ignore", "esc go back")
}

func TestIgnoreAGroup(t *testing.T) {
	s, file := ignoring(t)
	d := scanned(t, s, 120, 40).on("env-secret").press("i").has("these 3 findings", "env-secret everywhere").hasNot("in namespace", "in Deployment")
	d.press("right", "down", "down", "right", "right").write("x").press("enter")
	if i := file.list[0]; len(i.Fingerprints) != 0 || !slices.Equal(i.Rules, []string{"env-secret"}) || i.Until() != "never" {
		t.Errorf("written: %+v", i)
	}
	d.has("7 findings", "3 ignored").hasNot("env-secret")
	d.press("S").hasNot("env-secret")
}

func TestIgnoredShown(t *testing.T) {
	s, file := ignoring(t, fixes.Ignore{Rules: []string{"env-secret"}, Namespace: "shop", Reason: "a \x1b[31mtest"})
	d := scanned(t, s, 120, 40).has("8 findings", "2 ignored").hasNot("env[1]")
	d.press("I").has("8 findings", "env[1]", "ignored ").on("env[1]").has("until never, by conf.yaml:1 (i ends that)", `a \x1b[31mtest`)
	d.press("space").has("it is ignored; i ends that")
	d.on("env-secret").press("space").has("staged 1: 1 to review") // api's alone
	d.press("I").hasNot("env[1]").press("I")
	d.on("env[1]").press("i").has("End this ignore?", "2 findings are seen again").press("y")
	d.has("10 findings", "2 findings are seen again; u undoes")
	if len(file.list) != 0 {
		t.Errorf("still written: %v", file.list)
	}
	d.press("u").has("8 findings", "2 ignored", "undone: see 2 again")
	if len(file.list) != 1 {
		t.Errorf("not written again: %v", file.list)
	}
	d.press("r").has("8 findings", "2 ignored").press("u").has("undone: staged 1").press("u").has("nothing to undo")
}

func TestIgnoreByAnnotation(t *testing.T) {
	s, file := ignoring(t)
	inv := loadInventory(t, strings.Replace(shop, "metadata: {name: agent, namespace: shop}",
		"metadata: {name: agent, namespace: shop, annotations: {kubectl-harden.dev/ignore: privileged, kubectl-harden.dev/ignore-reason: a CNI plugin}}", 1))
	s.Scan = scanOf(func() *fixes.Inventory { return inv }, testRules())
	ignoreInScan(&s, file)
	d := scanned(t, s, 120, 40).has("9 findings", "1 ignored").press("I").on("agent  Daemon").press("i")
	d.has("DaemonSet shop/agent (annotation): a CNI plugin", "kubectl annotate daemonset/agent -n shop ignore-").press("esc")
	// And the other way round: the command is copied, and nothing is written.
	d.on("env[1]").press("i", "right").has(".kubectl-harden.yaml, or as an annotation").write("y").press("down", "down", "right").has("as an annotation of Deployment shop/web").press("enter")
	d.has("copied: kubectl annotate deployment/web -n shop ignore=env-secret")
	if len(file.list) != 0 {
		t.Errorf("written: %v", file.list)
	}
	// A narrower choice cannot be an annotation.
	d.press("i").write("y").press("up", "right", "down", "down", "down", "right", "up", "up", "up", "left").has("this finding").press("enter")
	if len(file.list) != 1 {
		t.Errorf("written: %v\n%s", file.list, d.screenText())
	}
}

func TestIgnoreFails(t *testing.T) {
	s, file := ignoring(t)
	file.err = errors.New("conf.yaml: it is a link\x1b[31m")
	d := scanned(t, s, 120, 40).on("env[1]").press("space", "i").write("x").press("enter")
	d.has(`it is a link\x1b[31m`, "10 findings", "1 staged").press("u").has("0 staged")
	s = shopSession(t)
	s.WhyNoIgnore = "the demo has no configuration to write into"
	scanned(t, s, 120, 40).press("i").has("the demo has no configuration to write into")
	scanned(t, s, 120, 40).press("I").has("nothing is ignored")
	midway(t, 120, 40).press("i").has("there is no file to write into")
}

// TestIgnoreThatHasEndedIsSaid shows the note of a finding that has come back.
func TestIgnoreThatHasEndedIsSaid(t *testing.T) {
	s, _ := ignoring(t, fixes.Ignore{Rules: []string{"env-secret"}, Reason: "x", Expires: testDay.AddDate(0, 0, -3)})
	scanned(t, s, 120, 40).has("10 findings").on("env[1]").has("the ignore of conf.yaml:1 ended on 2026-11-21")
}

// TestIgnoreInThePlan takes an ignore back on the screen of the plan.
func TestIgnoreInThePlan(t *testing.T) {
	s, _ := ignoring(t)
	d := scanned(t, s, 120, 40).press("S").on("agent  Daemon").press("i").write("x").press("enter", "p")
	before := len(d.plan.plan.Remaining)
	d.press("u")
	if d.plan.plan == nil || len(d.plan.plan.Remaining) != before+1 {
		t.Errorf("%d remain, then %v", before, d.plan.plan)
	}
}

// hostileIgnored is a shop of which something is ignored in hostile words.
func hostileIgnored(t testing.TB, w, h int) *driver {
	s, _ := ignoring(t, fixes.Ignore{Rules: []string{"env-secret"}, Namespace: "shop", Reason: "rotated \x1b[31mhourly\u202e", Expires: testDay.AddDate(0, 2, 0)})
	return scanned(t, s, w, h)
}
