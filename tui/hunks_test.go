package tui

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// twoParts is a session with a rule whose fix changes a pod in two places.
func twoParts(t testing.TB) Session {
	s := shopSession(t)
	inv := shopInventory(t)
	rules := append(testRules(), &fixes.Rule{
		ID: "confine", Category: fixes.PodSecurity, Severity: fixes.High, Title: "A pod may do too much",
		Threats: []fixes.Threat{fixes.ElevationOfPrivilege}, References: []fixes.Reference{fixes.PSS("Restricted")},
		Kinds: []fixes.Kind{fixes.KindDeployment}, Docs: "\nIt may do what it never does.\n\n## The fix\nSets two fields.\n",
		Check: func(p *fixes.Pass) {
			for _, w := range p.Workloads("shop") {
				if w.Object.GetName() != "web" || w.Spec.HostUsers != nil && w.Spec.Containers[0].SecurityContext != nil {
					continue
				}
				ref := w.Ref()
				p.Report(fixes.Finding{Object: ref, Path: "spec.template.spec", Message: "The pod may do too much.", Fixes: []fixes.Fix{{
					Title: "Confine it", Confidence: fixes.Safe, Why: "it was tried",
					Edit: func(d *fixes.Draft) error {
						w, err := d.EditWorkload(ref)
						if err != nil {
							return err
						}
						w.Spec.HostUsers = new(bool)
						w.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(bool)}
						return nil
					},
				}}})
			}
		}})
	s.Scan, s.Apply = scanOf(func() *fixes.Inventory { return inv }, rules), applyAll(inv)
	return s
}

// inPart is a finding of whose fix a part is left out.
func inPart(t testing.TB, w, h int) *driver {
	return scanned(t, twoParts(t), w, h).on("confine").press("l").press("]", "space")
}

func TestParts(t *testing.T) {
	d := inPart(t, 120, 50).has("part 1 taken out: 1 of 2 staged; u undoes", "staged in part", "› part 1 of 2 · left out", "  part 2 of 2", "It may do what it never does.")
	d.hasNot("part 2 of 2 · left out")
	d.press("u").has("0 staged").hasNot("left out")
	d.press("ctrl+r").has("staged in part", "part 1 of 2 · left out")
	d.press("]", "space").has("took out the last part of confine: unstaged", "0 staged")
	d.press("u", "[", "space").has("part 1 taken in: 2 of 2 staged").hasNot("left out")
	d.press("space").has("1 of 2 staged")
	d.press("p").has("✓ verified", "Left open by you", "confine Deployment shop/web", " 0 closed")
	d.on("shop/web  Deploy").has("in part", "not       confine: a part is left out, or edited").hasNot("closes")
	d.has("hostUsers: false").hasNot("securityContext")
	c := d.plan.plan.Changes[0]
	if !c.Amended || len(d.plan.plan.Remaining) == 0 || len(d.plan.plan.LeftOpen) != 1 {
		t.Errorf("%+v", d.plan.plan)
	}
	// What was left out stays so in the next scan.
	d.press("r").has("staged in part", "left out")
	d.press("h", "space").has("0 staged").press("space").hasNot("left out", "in part")
}

// TestWhatIsReferredToStays demands that a Secret cannot be left out of the
// fix whose Deployment needs it.
func TestWhatIsReferredToStays(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 60).on("env[1]").press("]", "]").has("part 2 of 2")
	d.press("space")
	if len(d.dec.left) == 0 {
		d.has("refers to Secret shop/web-env: take those parts out first").press("]", "space")
	}
	d.has("1 of 2 staged")
}

func TestPlanParts(t *testing.T) {
	d := planned(t, shopSession(t), 120, 60).on("shop/web  Deploy").has("part 1 of 3 · sa-token", "part 2 of 3 · env-secret", "part 3 of 3 · env-secret")
	d.press("]").has("› part 1 of 3").press("space").has("left out part 1: 1 fix unstaged (sa-token); u undoes", "closes    2x env-secret")
	d.hasNot("automountServiceAccountToken")
	d.press("u").has("closes    2x env-secret, sa-token", "part 3 of 3")
	d.press("[").has("› part 3 of 3").press("esc", "j").hasNot("› part")
}

func TestServerOnFinding(t *testing.T) {
	s := shopSession(t)
	s.Check = checked(nil, remarks...)
	d := planned(t, s, 120, 60).press("esc").on("sa-token").press("j", "j").has("server    x refuses it", "exceeded quota")
	d.press("space").hasNot("exceeded quota") // it is another plan
	if n := d.plan.check.number; n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestReveal(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 50).on("env[2]").press("V").has("Reveal a secret value?", "shop/web-env", "data.REDIS_TOKEN").hasNot("swordfish")
	if strings.Contains(d.screenText(), "LOG_LEVEL  ") {
		t.Error("what is not masked is offered")
	}
	d.press("V").hasNot("swordfish") // the key that asked does not answer
	secretAt := 0
	for i, h := range d.overlay.(*reveal).hidden {
		if h.path == "data.REDIS_TOKEN" {
			secretAt = i
		}
	}
	for range secretAt {
		d.press("j")
	}
	press := func(key string) { d.Update(keyPress(key)) }
	_, cmd := d.Update(keyPress("y"))
	d.Update(cmd())
	r := d.overlay.(*reveal)
	d.has("swordfish-plaintext", "any key")
	value := r.value
	press("y")
	d.hasNot("swordfish")
	if d.overlay != nil || r.value != nil || strings.Trim(string(value), "\x00") != "" {
		t.Errorf("overlay %v, value %q", d.overlay, value)
	}
	// Time hides it too, and only the one whose time it is.
	d.press("V")
	_, cmd = d.Update(keyPress("y"))
	d.Update(cmd())
	d.Update(revealOver{1})
	if d.overlay.(*reveal).value == nil {
		t.Error("hidden by the time of another")
	}
	d.Update(revealOver{2})
	if d.overlay != nil {
		t.Error("it stays")
	}
	d.session.Reveal = nil
	d.press("V").has("there is nothing that could reveal it")
}

func TestObject(t *testing.T) {
	d := scanned(t, shopSession(t), 100, 30).press("o").has("go to a finding first").on("env[1]").press("o")
	d.has("Deployment shop/web, as it is", "apiVersion: apps/v1", "'********'").hasNot("plaintext")
	d.press("/").write("redis").press("enter").has("1 line with redis")
	_, cmd := d.Update(keyPress("y"))
	if got := cmd(); !strings.Contains(strings.Join(strings.Fields(toText(got)), " "), "name: DB_PASSWORD value: '********'") {
		t.Errorf("copied %v", got)
	}
	d.has("copied Deployment shop/web, as it is, secrets masked").hasNot("apiVersion: apps/v1")
	planned(t, shopSession(t), 100, 40).on("shop/web  Deploy").press("o").has("as it will be", "secretKeyRef").press("q").has("the whole plan")
}
