package images

import (
	"fmt"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func imageSecret() *fixes.Rule {
	return &fixes.Rule{
		ID:         "image-secret",
		Category:   fixes.Images,
		Title:      "An image holds a credential",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.4.1"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K08")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindImage),
		Docs:       imageSecretDocs,
		Check:      checkImageSecret,
	}
}

const imageSecretDocs = `
Whoever may pull an image reads all of it: each layer, also of files that a later
layer removes, and the arguments of the build in its history.

## What is looked at
With --inspect-images: the environment, labels, command and history in the image's
config; and in its layers the files that tools keep credentials in (.npmrc,
.docker/config.json, .aws/credentials, .git-credentials, .pypirc, .netrc,
kubeconfigs, .env), private keys, and configuration files of up to 1 MiB. Files
of the system's packages are left out, and at most 512 MiB and 100,000 files of an
image are read; what was left out is said. No value is shown or kept.

## The fix
By hand: rotate the credential first, since it has been read; then rebuild the
image without it. Removing it in a later layer does not help.

## By hand
    crane config registry.example.com/shop/web:1.8 | jq '.config.Env, .history'
    crane export registry.example.com/shop/web:1.8 - | tar -tv | grep -e id_rsa -e .npmrc -e .env
`

func checkImageSecret(p *fixes.Pass) {
	imageUses(p, func(u use, fact *fixes.Image) {
		if len(fact.Secrets) == 0 {
			return
		}
		var evidence []string
		for _, s := range fact.Secrets {
			evidence = append(evidence, s.Where+": "+s.Reason)
		}
		if fact.Partial != "" {
			evidence = append(evidence, "not all was looked into: "+fact.Partial)
		}
		what := "a credential, " + fact.Secrets[0].Where
		if n := len(fact.Secrets); n > 1 {
			what = fmt.Sprintf("%d credentials, the first: %s", n, fact.Secrets[0].Where)
		}
		p.Report(fixes.Finding{
			Object:   u.workload.Ref(),
			Path:     u.container.Path + ".image",
			Key:      u.container.Name,
			Message:  fmt.Sprintf("Image %s of container %s holds %s.", u.container.Image, u.container.Name, what),
			Evidence: evidence,
			Fixes: []fixes.Fix{{
				Title: "Rotate the credential, and rebuild the image without it", Confidence: fixes.Manual,
				Why: "what is in an image cannot be taken out of it",
				Steps: fmt.Sprintf(`1. Rotate the credential: everybody who may pull the image could read it.
2. Give it to the build as a secret that leaves no trace, never by ARG, ENV or COPY:
     RUN --mount=type=secret,id=npm,target=/root/.npmrc npm ci
     docker build --secret id=npm,src=$HOME/.npmrc .
   What the program needs when it runs belongs into a Secret of the cluster.
   Keep such files out of the build by .dockerignore.
3. Roll the new image out, and delete the old one from the registry:
     crane delete %s@%s
4. Check:
     kubectl harden --rule image-secret --inspect-images`, repository(u.container.Image), fact.Digest),
			}},
		})
	})
}
