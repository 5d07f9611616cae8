package images

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func pullPolicy() *fixes.Rule {
	return &fixes.Rule{
		ID:         "image-pull-policy",
		Category:   fixes.Images,
		Title:      "A tag that can be moved is not pulled anew",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.Tampering, fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.CIS("1.2.11"), fixes.CIS("5.5.1"), fixes.OWASP("K02")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindImage),
		Local:      true,
		Docs:       pullPolicyDocs,
		Check:      checkPullPolicy,
	}
}

const pullPolicyDocs = `
With imagePullPolicy IfNotPresent a node runs whatever it once pulled, or was
given, under the tag: old content on one node and new on another, without the
security fixes that were pushed since. The node also does not ask the registry
whether this pod may have the image: what one pod pulled with its credentials,
any other pod on the node can run without.

Where the field is empty, the API server sets Always for the tag "latest" or none,
and IfNotPresent for every other.

## The fix
Sets imagePullPolicy: Always. The kubelet then asks the registry for the digest at
every start, and pulls only what it does not have. A pod can then start only
while the registry answers.

It is safe where the pods show that their image came from a registry
(status.imageID names a repository and a digest), and in manifests. An image that
is never to be pulled needs a look. One that was loaded into the node by hand
(status.imageID names no repository) is to be pushed to a registry first.

A digest needs no such policy, since it names one content only: where the fix of
image-mutable-tag is taken too, this one has nothing left to do.

## By hand
    kubectl get pods -A -o jsonpath='{range .items[*].spec.containers[*]}{.imagePullPolicy}{" "}{.image}{"\n"}{end}'
`

func checkPullPolicy(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		for c := range w.Containers() {
			if c.Ephemeral || c.SeedsScratch() || !pulledOnce(c) {
				continue // an ephemeral container cannot be edited and does not come back
			}
			fix, evidence := pullAlways(p, w, c)
			p.Report(fixes.Finding{
				Object:   w.Ref(),
				Path:     c.Path + ".imagePullPolicy",
				Key:      c.Name,
				Message:  fmt.Sprintf("Container %s runs whatever its node once pulled as %s.", c.Name, c.Image),
				Evidence: evidence,
				Fixes:    []fixes.Fix{fix},
			})
		}
	}
}

// pulledOnce reports whether a container runs a tag, and what a node has of it
// is not compared with the registry.
func pulledOnce(c fixes.Container) bool {
	tag, ok := tagged(c.Image)
	if !ok {
		return false
	}
	if c.ImagePullPolicy == "" {
		return tag.TagStr() != "latest" // the API server's default is Always then
	}
	return c.ImagePullPolicy != corev1.PullAlways
}

func pullAlways(p *fixes.Pass, w fixes.Workload, c fixes.Container) (fixes.Fix, []string) {
	fix := fixes.Fix{
		Title:      "Set imagePullPolicy: Always",
		Confidence: fixes.Safe,
		Risks:      []string{"The pods restart.", "A pod starts only while the registry answers, with what the tag means by then."},
		Edit: func(d *fixes.Draft) error {
			w, ok := fixes.AsWorkload(d.Get(w.Ref()))
			if !ok {
				return nil
			}
			if c, ok := w.Container(c.Name); !ok || !pulledOnce(c) {
				return nil // pinned meanwhile
			}
			w, err := d.EditWorkload(w.Ref())
			if err != nil {
				return err
			}
			c, _ := w.Container(c.Name)
			c.ImagePullPolicy = corev1.PullAlways
			return nil
		},
	}
	policy := "imagePullPolicy is " + string(c.ImagePullPolicy)
	if c.ImagePullPolicy == "" {
		policy = "imagePullPolicy is not set, which means IfNotPresent for this tag"
	}
	evidence := []string{policy}
	review := func(why, fact string) (fixes.Fix, []string) {
		fix.Confidence, fix.Why = fixes.Review, why
		return fix, append(evidence, fact)
	}
	if loadedByHand(c, p.Pods(w)) {
		return fixes.Fix{
			Title: "Push the image to a registry", Confidence: fixes.Manual,
			Why:   "its node got the image by hand, so a pod that has to ask a registry would not start",
			Steps: fmt.Sprintf("Push %s to a registry, name it there in container %s, and set imagePullPolicy: Always.", c.Image, c.Name),
		}, append(evidence, "status.imageID names no registry")
	}
	if c.ImagePullPolicy == corev1.PullNever {
		return review("the image may be in no registry: that is what Never is for", "the image is never to be pulled")
	}
	if fact := fixes.ImageFact(p.Inventory, c.Image); fact != nil && fact.Err != "" {
		return review("the registry did not answer for the image: its pods might not start", "the registry: "+fact.Err)
	}
	tag, _ := tagged(c.Image)
	digests, sameRepository := runningDigests(c, tag, p.Pods(w))
	switch {
	case !p.Live:
		fix.Why = "the kubelet compares digests, and pulls only what it does not have"
	case len(digests) == 0:
		return review("no pod shows that its image came from a registry: it may have been loaded by hand", "no running pod reports a digest of the repository")
	case !sameRepository:
		return review("the pods got it from a mirror: that the named registry has it too is likely, not proven", "status.imageID names another repository")
	default:
		fix.Why = "its pods run what a registry gave them"
		evidence = append(evidence, "status.imageID of its pods: "+digests[0])
	}
	return fix, evidence
}
