package images

import (
	"fmt"
	"slices"
	"strings"

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
		Kinds:      fixes.WorkloadKinds(),
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

Where no pod runs, or pods disagree, the digest must be asked of the registry.

## By hand
    kubectl get pods -o jsonpath='{range .items[*]}{.status.containerStatuses[*].imageID}{"\n"}{end}'
    crane digest registry.example.com/shop/web:1.8
`

func checkMutableTag(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		pods := p.Pods(w)
		for c := range w.Containers() {
			if c.Ephemeral {
				continue // a debugging session: it cannot be edited and does not come back
			}
			ref, err := name.ParseReference(c.Image, name.WeakValidation)
			if err != nil {
				continue // the API server takes any string; the kubelet will refuse this one
			}
			tag, ok := ref.(name.Tag)
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
			fix, evidence := pin(w, c, tag, pods)
			f.Evidence, f.Fixes = evidence, []fixes.Fix{fix}
			p.Report(f)
		}
	}
}

// pin returns the fix that appends the running digest, or says how to find
// one.
func pin(w fixes.Workload, c fixes.Container, tag name.Tag, pods []*corev1.Pod) (fixes.Fix, []string) {
	digests, sameRepository := runningDigests(c, tag, pods)
	if len(digests) != 1 {
		why, evidence := "no pod of it reports what it runs", []string{"no running pod reports a digest"}
		if len(digests) > 1 {
			why = "its pods run different content under the same tag"
			evidence = []string{fmt.Sprintf("the pods run %d different digests", len(digests))}
		}
		return fixes.Fix{
			Title: "Pin the image's digest", Confidence: fixes.Manual, Why: why,
			Steps: fmt.Sprintf("Ask the registry, and append the answer to the image of container %s:\n  crane digest %s\n  image: %s@sha256:…",
				c.Name, c.Image, c.Image),
		}, evidence
	}
	image := c.Image + "@" + digests[0]
	fix := fixes.Fix{
		Title:      "Pin the digest that is running, " + short(digests[0]),
		Confidence: fixes.Safe,
		Why:        "it is what all its pods run already",
		Risks:      []string{"The pods restart.", "New content under the tag is no longer picked up: releases must change the digest."},
		Edit: func(d *fixes.Draft) error {
			w, err := d.EditWorkload(w.Ref())
			if err != nil {
				return err
			}
			if c, ok := w.Container(c.Name); ok {
				c.Image = image
			}
			return nil
		},
	}
	if !sameRepository {
		fix.Confidence = fixes.Review
		fix.Why = "the pods got it from a mirror: that the named registry has it too is likely, not proven"
	}
	return fix, []string{fmt.Sprintf("status.imageID of its pods: %s", digests[0])}
}

// runningDigests returns the digests of a container's image that pods report,
// each once. Pods of another revision, with another image, do not count.
func runningDigests(c fixes.Container, tag name.Tag, pods []*corev1.Pod) (digests []string, sameRepository bool) {
	sameRepository = true
	for _, pod := range pods {
		view, _ := fixes.AsWorkload(pod)
		running, ok := view.Container(c.Name)
		if !ok || running.Image != c.Image {
			continue
		}
		for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if status.Name != c.Name {
				continue
			}
			// Docker writes docker-pullable://repository@digest; an image that was
			// loaded by hand has no repository digest, only its own id.
			_, id, found := strings.Cut(status.ImageID, "://")
			if !found {
				id = status.ImageID
			}
			digest, err := name.NewDigest(id, name.WeakValidation)
			if err != nil {
				continue
			}
			sameRepository = sameRepository && digest.Context().Name() == tag.Context().Name()
			if !slices.Contains(digests, digest.DigestStr()) {
				digests = append(digests, digest.DigestStr())
			}
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
