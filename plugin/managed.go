package plugin

import (
	"context"
	"encoding/json"
	"strings"
)

// selfHealing returns a function that tells whether a manager puts back what
// others change. All are taken to, at their next release or reconciliation,
// but for an Application of Argo CD that can be read and says that it does not
// (spec.syncPolicy.automated.selfHeal).
func (o *Options) selfHealing(ctx context.Context) func(managedBy string) bool {
	var asked bool
	var idle map[string]bool
	return func(managedBy string) bool {
		app, argo := strings.CutPrefix(managedBy, "argocd:")
		if !argo {
			return true
		}
		if !asked {
			asked, idle = true, o.idleApplications(ctx)
		}
		return !idle[app]
	}
}

// idleApplications returns the Applications of Argo CD that leave alone what
// others change, as far as they may be read.
func (o *Options) idleApplications(ctx context.Context) map[string]bool {
	body, err := o.cluster.Raw(ctx, "/apis/argoproj.io/v1alpha1/applications")
	if err != nil {
		return nil
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name, Namespace string }
			Spec     struct {
				SyncPolicy struct {
					Automated *struct{ SelfHeal bool }
				}
			}
		}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil
	}
	idle := map[string]bool{}
	for _, app := range list.Items {
		if auto := app.Spec.SyncPolicy.Automated; auto == nil || !auto.SelfHeal {
			// The tracking id of an Application outside Argo CD's own namespace
			// names that too.
			idle[app.Metadata.Name] = true
			idle[app.Metadata.Namespace+"_"+app.Metadata.Name] = true
		}
	}
	for _, app := range list.Items {
		if auto := app.Spec.SyncPolicy.Automated; auto != nil && auto.SelfHeal {
			delete(idle, app.Metadata.Name) // two of one name: the careful answer
			delete(idle, app.Metadata.Namespace+"_"+app.Metadata.Name)
		}
	}
	return idle
}
