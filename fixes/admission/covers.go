package admission

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/vap"
)

// cover is something of a cluster that keeps pods out of their hosts.
type cover struct {
	// by names it.
	by string
	// namespaces and paths are what it looks at: the hosts' namespaces, their
	// files.
	namespaces, paths bool
	// half names the host's namespaces that it covers, where not all three.
	half string
	// short says what it falls short in, where it does not refuse such pods
	// everywhere.
	short string
}

type coverList []cover

// all reports whether the covers refuse both, in every namespace.
func (l coverList) all() bool {
	var namespaces, paths bool
	for _, c := range l {
		if c.short == "" {
			namespaces, paths = namespaces || c.namespaces, paths || c.paths
		}
	}
	return namespaces && paths
}

func (l coverList) evidence() []string {
	var lines []string
	for _, c := range l {
		about := "host namespaces and host paths"
		switch {
		case !c.paths:
			about = "host namespaces"
		case !c.namespaces:
			about = "host paths"
		}
		line := c.by + " covers " + about
		if c.short != "" {
			line += ", but " + c.short
		}
		lines = append(lines, line)
	}
	return lines
}

// hostCovers lists what of a cluster keeps pods out of their hosts, other than
// this program's policy. Namespaces of node agents need not be covered.
func hostCovers(inv *fixes.Inventory, agents []string) coverList {
	var list coverList
	namespaces := slices.DeleteFunc(inv.UserNamespaces(), func(name string) bool { return slices.Contains(agents, name) })
	if c, ok := levelCover(inv, namespaces); ok {
		list = append(list, c)
	}
	for _, policy := range fixes.Objects[*admissionregistrationv1.ValidatingAdmissionPolicy](inv, "") {
		if policy.Name == hostPolicyName {
			continue
		}
		if c, ok := policyCover(inv, policy, namespaces); ok {
			list = append(list, c)
		}
	}
	return append(list, engineCovers(inv, namespaces)...)
}

// levelCover is Pod Security Admission: baseline knows no host namespaces and no
// host paths.
func levelCover(inv *fixes.Inventory, namespaces []string) (cover, bool) {
	var open, closed []string
	for _, name := range namespaces {
		ns, ok := fixes.Lookup[*corev1.Namespace](inv, "", name)
		if !ok || !inv.Covers(fixes.KindNamespace, "") {
			return cover{}, false
		}
		if level, ok := enforcedLevel(ns); ok && level != api.LevelPrivileged {
			closed = append(closed, name)
		} else {
			open = append(open, name)
		}
	}
	c := cover{by: "Pod Security Admission", namespaces: true, paths: true}
	if len(open) > 0 {
		c.short = fmt.Sprintf("%d of %d namespaces enforce neither baseline nor restricted: %s", len(open), len(open)+len(closed), fixes.Listed(open))
	}
	return c, len(closed) > 0
}

// policyCover recognises a policy by the fields that its expressions name: an
// expression is not evaluated here.
func policyCover(inv *fixes.Inventory, policy *admissionregistrationv1.ValidatingAdmissionPolicy, namespaces []string) (cover, bool) {
	if !vap.Matches(policy.Spec.MatchConstraints, admissionregistrationv1.Create, corev1.GroupName, "pods") {
		return cover{}, false
	}
	var text strings.Builder
	for _, v := range policy.Spec.Variables {
		text.WriteString(v.Expression + "\n")
	}
	for _, v := range policy.Spec.Validations {
		text.WriteString(v.Expression + "\n")
	}
	c := coverOf("ValidatingAdmissionPolicy "+policy.Name, text.String())
	if !c.namespaces && !c.paths {
		return cover{}, false
	}
	c.short = vap.Short(inv, policy, namespaces)
	return c, true
}

// coverOf is the cover of a policy with a text that names what it looks at.
func coverOf(by, text string) cover {
	names := func(fields ...string) bool {
		return !slices.ContainsFunc(fields, func(f string) bool { return !strings.Contains(text, f) })
	}
	return cover{by: by, namespaces: names("hostPID", "hostIPC", "hostNetwork"), paths: names("hostPath")}
}
