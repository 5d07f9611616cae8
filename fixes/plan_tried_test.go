package fixes_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestComposeTried tells the workloads whose template, as it is to be, has run
// in a trial.
func TestComposeTried(t *testing.T) {
	ref := fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: "web"}
	confinement := fixes.Confinement{Containers: map[string]fixes.ContainerConfinement{"web": {User: new(int64(101))}}}
	for name, c := range map[string]struct {
		spoil func(*fixes.Trial)
		more  func(fixes.Workload)
		tried bool
	}{
		"just so":          {tried: true},
		"changed more":     {more: func(w fixes.Workload) { w.Spec.Containers[0].Image = "web:2" }},
		"another template": {spoil: func(t *fixes.Trial) { t.Template = "0" }},
		"not found":        {spoil: func(t *fixes.Trial) { t.Err = "it does not run" }},
		"another object":   {spoil: func(t *fixes.Trial) { t.Workload.Name = "other" }},
	} {
		t.Run(name, func(t *testing.T) {
			web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1"}}
			web.Spec.Template.Spec.Containers = []corev1.Container{{Name: "web", Image: "web:1"}}
			w, _ := fixes.AsWorkload(web)
			trial := &fixes.Trial{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fixes.TrialName(ref)},
				Workload:   ref, Template: fixes.TemplateDigest(w), Confinement: confinement,
			}
			if c.spoil != nil {
				c.spoil(trial)
			}
			inv := fixes.NewInventory()
			inv.Add(web)
			inv.Add(trial)
			rule := &fixes.Rule{ID: "confined", Check: func(p *fixes.Pass) {
				if w, _ := fixes.AsWorkload(p.Get(ref)); confinement.HeldBy(w) {
					return
				}
				p.Report(fixes.Finding{Object: ref, Message: "It is not confined.", Fixes: []fixes.Fix{{
					Title: "Confine it", Confidence: fixes.Review,
					Edit: func(d *fixes.Draft) error {
						w, err := d.EditWorkload(ref)
						if err != nil {
							return err
						}
						confinement.Apply(w)
						if c.more != nil {
							c.more(w)
						}
						return nil
					},
				}}})
			}}
			result := fixes.Scan(inv, []*fixes.Rule{rule})
			plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
			if err != nil {
				t.Fatal(err)
			}
			if len(plan.Changes) != 1 || plan.Tried[ref] != c.tried {
				t.Errorf("%d changes, tried %v, want %v", len(plan.Changes), plan.Tried[ref], c.tried)
			}
		})
	}
}
