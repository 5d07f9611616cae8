package images

import (
	"fmt"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func mutableTag() *fixes.Rule {
	return &fixes.Rule{
		ID:         "image-mutable-tag",
		Category:   fixes.Images,
		Title:      "An image is named by a tag, which can be moved to other content",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering},
		References: []fixes.Reference{fixes.CIS("5.5.1"), fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K02")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindImage),
		Local:      true,
		Docs:       mutableTagDocs,
		Check:      checkMutableTag,
	}
}

const mutableTagDocs = `
A tag is a name that whoever may push to the registry can move. What was
tested is then not what runs, two pods of one Deployment may run different
code, and an attacker who reaches the registry reaches the cluster. A digest
names the content itself.

The tag "latest", or none, is worse: it is moved all the time, and a rollback
of the Deployment does not bring the old content back.

## The fix
Appends the digest that the workload's pods are running now, when all of them
agree (status.imageID). The tag stays in the name for people to read; the
digest decides. Nothing about the running code changes, so the fix is safe; the
pods restart once. New releases must then change the digest: tools such as
Renovate and Flux image automation do it.

Where no pod runs, or pods disagree, the digest must be asked of the registry:
with --ask-registries, the fix appends its answer. That is what new pods would get,
which a person should look at.

## By hand
    kubectl get pods -o jsonpath='{range .items[*]}{.status.containerStatuses[*].imageID}{"\n"}{end}'
    crane digest registry.example.com/shop/web:1.8
`

func checkMutableTag(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		pods := p.Pods(w)
		for c := range w.Containers() {
			if c.Ephemeral || c.SeedsScratch() {
				continue // a debugging session: it cannot be edited and does not come back
			}
			tag, ok := tagged(c.Image)
			if !ok {
				continue
			}
			f := fixes.Finding{
				Object:  w.Ref(),
				Path:    c.Path + ".image",
				Key:     c.Name,
				Message: fmt.Sprintf("Container %s runs %s, a tag that can be moved to other content.", c.Name, c.Image),
			}
			if tag.TagStr() == "latest" {
				f.Severity = fixes.Medium
				f.Message = fmt.Sprintf("Container %s runs %s: the newest image at every start, whatever that is.", c.Name, c.Image)
			}
			fact, _ := imageFact(p.Inventory, c.Image)
			fix, evidence := pin(w, c, tag, pods, fact)
			f.Evidence, f.Fixes = evidence, []fixes.Fix{fix}
			p.Report(f)
		}
	}
}

// pin returns the fix that appends the running digest, or else the one that the
// registry gave (fact may be nil), or says how to find one.
func pin(w fixes.Workload, c fixes.Container, tag name.Tag, pods []*corev1.Pod, fact *fixes.Image) (fixes.Fix, []string) {
	digests, sameRepository := runningDigests(c, tag, pods)
	if len(digests) != 1 {
		why, evidence := "no pod of it reports what it runs", []string{"no running pod reports a digest"}
		if len(digests) > 1 {
			why = "its pods run different content under the same tag"
			evidence = []string{fmt.Sprintf("the pods run %d different digests", len(digests))}
		}
		if fact != nil && fact.Digest != "" {
			fix := pinTo(w, c, fact.Digest)
			fix.Title = "Pin the registry's answer, " + short(fact.Digest)
			fix.Confidence, fix.Why = fixes.Review, "the registry gives it for the tag now; "+why
			return fix, append(evidence, "the registry: "+fact.Digest)
		}
		return fixes.Fix{
			Title: "Pin the image's digest", Confidence: fixes.Manual, Why: why,
			Steps: fmt.Sprintf("Ask the registry, and append the answer to the image of container %s:\n  crane digest %s\n  image: %s@sha256:…",
				c.Name, c.Image, c.Image),
		}, evidence
	}
	fix := pinTo(w, c, digests[0])
	fix.Title = "Pin the digest that is running, " + short(digests[0])
	fix.Confidence, fix.Why = fixes.Safe, "it is what all its pods run already"
	if !sameRepository {
		fix.Confidence = fixes.Review
		fix.Why = "the pods got it from a mirror: that the named registry has it too is likely, not proven"
	}
	return fix, []string{fmt.Sprintf("status.imageID of its pods: %s", digests[0])}
}

// pinTo returns a fix that appends a digest, without title and confidence.
func pinTo(w fixes.Workload, c fixes.Container, digest string) fixes.Fix {
	image := c.Image + "@" + digest
	return fixes.Fix{
		Risks: []string{"The pods restart.", "New content under the tag is no longer picked up: releases must change the digest."},
		Edit: func(d *fixes.Draft) error {
			w, err := d.EditWorkload(w.Ref())
			if err != nil {
				return err
			}
			if c, ok := w.Container(c.Name); ok {
				if _, tag := tagged(c.Image); tag {
					w.SetImage(c.Name, image)
				}
			}
			return nil
		},
	}
}

// runningDigests returns the digests of a container's image that pods report,
// each once. An image that was loaded by hand has no repository digest, only its
// own id.
func runningDigests(c fixes.Container, tag name.Tag, pods []*corev1.Pod) (digests []string, sameRepository bool) {
	sameRepository = true
	for id := range imageIDs(c, pods) {
		digest, err := name.NewDigest(id, name.WeakValidation)
		if err != nil {
			continue
		}
		sameRepository = sameRepository && digest.Context().Name() == tag.Context().Name()
		if !slices.Contains(digests, digest.DigestStr()) {
			digests = append(digests, digest.DigestStr())
		}
	}
	return digests, sameRepository
}

func short(digest string) string {
	if n := len("sha256:") + 12; len(digest) > n {
		return digest[:n]
	}
	return digest
}
