package fixes

import (
	"slices"
	"strings"
)

// The annotations by which an object says that findings about it are to be
// ignored: rules, separated by commas, in which * stands for any text; why; and
// the last day. They count on the object of a finding, on what controls it, and
// on the pod template of either.
const (
	IgnoreAnnotation       = "kubectl-harden.dev/ignore"
	IgnoreReasonAnnotation = "kubectl-harden.dev/ignore-reason"
	IgnoreUntilAnnotation  = "kubectl-harden.dev/ignore-until"
)

// annotated is an ignore that an annotation asks for.
type annotated struct {
	Ignore
	// fault says why it is not honoured, or is empty.
	fault string
}

// annotationIgnores returns what the annotations of an object ask for, those of
// its topmost owner, and those of their pod templates.
func annotationIgnores(inv *Inventory, ref Ref) []annotated {
	obj := inv.Get(ref)
	if obj == nil {
		return nil
	}
	holders := []Object{obj}
	if top, _ := inv.Top(obj); top != obj {
		holders = append(holders, top)
	}
	var list []annotated
	for _, holder := range holders {
		at := RefOf(holder)
		list = appendAnnotated(list, holder.GetAnnotations(), at, at.String()+" (annotation)")
		if w, ok := AsWorkload(holder); ok && at.Kind != KindPod {
			list = appendAnnotated(list, w.Meta.Annotations, at, at.String()+" (annotation of its pod template)")
		}
	}
	return list
}

func appendAnnotated(list []annotated, annotations map[string]string, on Ref, at string) []annotated {
	value, ok := annotations[IgnoreAnnotation]
	if !ok {
		return list
	}
	a := annotated{Ignore: Ignore{Reason: Clean(strings.TrimSpace(annotations[IgnoreReasonAnnotation])), At: Clean(at), Object: on}}
	for rule := range strings.SplitSeq(value, ",") {
		if rule = strings.TrimSpace(rule); rule != "" && !slices.Contains(a.Rules, rule) {
			a.Rules = append(a.Rules, rule)
		}
	}
	if len(a.Rules) == 0 {
		return list
	}
	var err error
	switch a.Expires, err = ParseDay(strings.TrimSpace(annotations[IgnoreUntilAnnotation])); {
	case a.Reason == "":
		a.fault = "it gives no reason (" + IgnoreReasonAnnotation + ")"
	case err != nil:
		a.fault = Clean(IgnoreUntilAnnotation + ": " + err.Error())
	}
	return append(list, a)
}
