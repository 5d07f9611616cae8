package fixes

import (
	"fmt"
	"slices"
	"strings"
)

// shortNames are kubectl's, as the API server gives them
// (pkg/registry/*/storage, ShortNames).
var shortNames = map[string]Kind{
	"cj": KindCronJob, "cm": KindConfigMap, "deploy": KindDeployment, "ds": KindDaemonSet, "hpa": KindHPA,
	"ing": KindIngress, "limits": KindLimitRange, "netpol": KindNetworkPolicy, "no": KindNode, "ns": KindNamespace,
	"po": KindPod, "pvc": KindPersistentVolumeClaim, "quota": KindResourceQuota, "rc": KindReplicationController, "rs": KindReplicaSet,
	"sa": KindServiceAccount, "sts": KindStatefulSet, "svc": KindService,
}

// ParseObjectName reads how an object is named on the command line, as kubectl
// does ("pod/worker", "deployments/web", "deploy/web", "deployment.apps/web"),
// or with the namespace before it ("shop/pod/worker"), and returns what tells
// whether a ref is meant. Without a namespace, objects of that name in all
// namespaces are; whoever looks at several has to ask which.
func ParseObjectName(s string) (match func(Ref) bool, err error) {
	parts := strings.Split(s, "/")
	namespace := ""
	if len(parts) == 3 {
		if namespace, parts = parts[0], parts[1:]; namespace == "" {
			return nil, badName(s)
		}
	}
	if len(parts) != 2 || parts[0] == "" || parts[1] == "" {
		return nil, badName(s)
	}
	kind, err := ParseKind(parts[0])
	if err != nil {
		return nil, err
	}
	if namespace != "" && !kind.Namespaced {
		return nil, fmt.Errorf("%q: a %s has no namespace; name it %s/%s", s, kind.Name, strings.ToLower(kind.Name), parts[1])
	}
	name := parts[1]
	return func(ref Ref) bool {
		return ref.Kind == kind && ref.Name == name && (namespace == "" || ref.Namespace == namespace)
	}, nil
}

func badName(s string) error {
	return fmt.Errorf("bad object name %q; write KIND/NAME (pod/worker), or NAMESPACE/KIND/NAME (shop/pod/worker)", s)
}

// ParseKind reads the name of a kind as kubectl does: in the singular, the
// plural or short, with or without its version and group ("deployments.apps",
// "deployment.v1.apps").
func ParseKind(s string) (Kind, error) {
	name := strings.ToLower(s)
	word, group, qualified := strings.Cut(name, ".")
	var valid []string
	for _, kind := range allKinds() {
		singular := strings.ToLower(kind.Name)
		inGroup := !qualified || kind.Group != "" && (group == kind.Group || group == kind.Version+"."+kind.Group)
		if inGroup && (word == singular || word == kind.Resource || shortNames[word] == kind) {
			return kind, nil
		}
		if !slices.Contains(valid, singular) {
			valid = append(valid, singular)
		}
	}
	if near := Nearest(word, valid); near != "" && near != word {
		return Kind{}, fmt.Errorf("unknown kind %q; did you mean %q?", s, near)
	}
	return Kind{}, fmt.Errorf("unknown kind %q; valid: %s", s, strings.Join(valid, ", "))
}

// Nearest returns the valid name, in lower case, that is most like a name, or
// "" when none is like it.
func Nearest(name string, valid []string) string {
	best, bestDistance := "", len(name)/2+1
	for _, v := range valid {
		if d := distance(strings.ToLower(name), v); d < bestDistance {
			best, bestDistance = v, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two strings.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
