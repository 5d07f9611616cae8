package source

import (
	"fmt"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// unreadable are the custom objects whose pod template cannot be read, by
// namespace: nothing can be said of their pods.
type unreadable struct {
	first map[string]*fixes.Custom
	count map[string]int
}

func (u *unreadable) note(obj fixes.Object) {
	custom, ok := obj.(*fixes.Custom)
	if !ok || custom.TemplateErr() == nil {
		return
	}
	if u.first == nil {
		u.first, u.count = map[string]*fixes.Custom{}, map[string]int{}
	}
	ns := obj.GetNamespace()
	if u.count[ns]++; u.count[ns] == 1 {
		u.first[ns] = custom
	}
}

// skips says so once a namespace.
func (u *unreadable) skips(kind fixes.Kind) []fixes.Skip {
	var skips []fixes.Skip
	for ns, custom := range u.first {
		reason := custom.GetName() + ": " + custom.TemplateErr().Error()
		if more := u.count[ns] - 1; more > 0 {
			reason = fmt.Sprintf("%s, and %d more like it", reason, more)
		}
		skips = append(skips, fixes.Skip{Resource: kind.String(), Namespace: ns, Reason: fixes.Clean(reason)})
	}
	return skips
}
