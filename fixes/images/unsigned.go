package images

import (
	"fmt"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func unsigned() *fixes.Rule {
	return &fixes.Rule{
		ID:         "image-unsigned",
		Category:   fixes.Images,
		Title:      "An image has no signature",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.Spoofing},
		References: []fixes.Reference{fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K02")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindImage),
		Docs:       unsignedDocs,
		Check:      checkUnsigned,
	}
}

const unsignedDocs = `
A signature tells who made an image, even after the registry was broken into. An
admission controller that demands one keeps everything else out.

## What is looked at
With --ask-registries, whether a signature stands beside the image's digest: the
tag that cosign makes (sha256-….sig), or an OCI referrer that is a signature
(cosign, sigstore bundles, Notary). It is not verified: that needs to know
whose signature is to be trusted.

## The fix
By hand: sign where the image is built, and let a controller demand it. The API
server's own policies cannot verify signatures.

## By hand
    cosign tree registry.example.com/shop/web:1.8
    cosign verify --key cosign.pub registry.example.com/shop/web:1.8
`

func checkUnsigned(p *fixes.Pass) {
	imageUses(p, func(u use, fact *fixes.Image) {
		if !fact.Unsigned {
			return
		}
		repo := repository(u.container.Image)
		p.Report(fixes.Finding{
			Object:   u.workload.Ref(),
			Path:     u.container.Path + ".image",
			Key:      u.container.Name,
			Message:  fmt.Sprintf("Container %s runs %s, which nobody has signed.", u.container.Name, u.container.Image),
			Evidence: []string{"no signature beside " + fact.Digest},
			Fixes: []fixes.Fix{{
				Title: "Sign the image where it is built, and demand signatures", Confidence: fixes.Manual,
				Why: "a signature is worth what its key is: only the image's maker can give it",
				Steps: fmt.Sprintf(`Sign the image where it is built (or a verified copy of it, when it is another's):
  cosign sign %s@%s
Demand it in the cluster, with Sigstore's policy-controller (or Kyverno's verifyImages):
  apiVersion: policy.sigstore.dev/v1beta1
  kind: ClusterImagePolicy
  metadata: {name: signed}
  spec:
    images: [{glob: "%s**"}]
    authorities: [{key: {data: "the text of cosign.pub"}}]
Check:
  cosign verify --key cosign.pub %s@%s`, repo, fact.Digest, origin(u.container.Image)+"/", repo, fact.Digest),
			}},
		})
	})
}
