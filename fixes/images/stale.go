package images

import (
	"fmt"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func stale() *fixes.Rule {
	return &fixes.Rule{
		ID:         "image-stale",
		Category:   fixes.Images,
		Title:      "An image was built long ago",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.CIS("5.5.1"), fixes.NSA("Upgrading and application security practices"), fixes.OWASP("K02")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindImage),
		Docs:       staleDocs,
		Check:      checkStale,
	}
}

const staleDocs = `
An image holds the libraries of the day it was built. What was found in them since
is fixed elsewhere only.

## What is looked at
With --ask-registries, when the image was built, as its config says; --max-image-age
says how long ago that may be. Builders that make the same image every time leave
the date out or set it to 1970 or 1980: nothing is said of those.

## The fix
By hand: rebuild the image on a new base, or take a newer one. Where the registry has
a newer tag of the same release line, it is named; it is not put in place, since a
new version can break what runs.

## By hand
    crane config registry.example.com/shop/web:1.8 | jq .created
`

func checkStale(p *fixes.Pass) {
	if p.Images.MaxAge <= 0 {
		return
	}
	imageUses(p, func(u use, fact *fixes.Image) {
		age := fact.Asked.Sub(fact.Built)
		if fact.Built.IsZero() || fact.Asked.IsZero() || age <= p.Images.MaxAge {
			return
		}
		days := int(age / (24 * time.Hour))
		evidence := []string{"built on " + fact.Built.UTC().Format(time.DateOnly)}
		steps := "Rebuild the image on a new base and roll it out, or take a newer one:\n  crane ls " + repository(u.container.Image)
		if fact.Newer != "" {
			evidence = append(evidence, "the registry has "+fact.Newer)
			steps = fmt.Sprintf("Try the newer tag of the same release line, read its release notes, and roll it out:\n  image: %s:%s@%s",
				repository(u.container.Image), fact.Newer, fact.NewerDigest)
		}
		p.Report(fixes.Finding{
			Object:   u.workload.Ref(),
			Path:     u.container.Path + ".image",
			Key:      u.container.Name,
			Message:  fmt.Sprintf("Container %s runs %s, which was built %d days ago.", u.container.Name, u.container.Image, days),
			Evidence: evidence,
			Fixes: []fixes.Fix{{
				Title: "Take a newer image", Confidence: fixes.Manual,
				Why:   "another version can break what runs",
				Steps: steps + "\nCheck:\n  kubectl harden --rule image-stale --ask-registries",
			}},
		})
	})
}
