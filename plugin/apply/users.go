package apply

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// users returns what refers to a Secret or a ConfigMap in its namespace: what
// stands at the top of its owners, and is not one of those left aside. It
// fails where it may not look.
func (a *Applier) users(ctx context.Context, ref fixes.Ref, aside func(fixes.Ref) bool) ([]fixes.Ref, error) {
	var users []fixes.Ref
	for _, kind := range append(fixes.WorkloadKinds(), fixes.KindServiceAccount, fixes.KindIngress) {
		err := a.Client.List(ctx, kind, ref.Namespace, func(objects []fixes.Object) {
			for _, obj := range objects {
				if metav1.GetControllerOf(obj) != nil || !fixes.Refers(obj, ref) {
					continue
				}
				if user := fixes.RefOf(obj); aside == nil || !aside(user) {
					users = append(users, user)
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return users, nil
}
