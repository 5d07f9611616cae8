package images

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func registryUnlisted() *fixes.Rule {
	return &fixes.Rule{
		ID:         "image-registry-unlisted",
		Category:   fixes.Images,
		Title:      "Images may come from registries that nobody has allowed",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering},
		References: []fixes.Reference{fixes.CIS("5.5.1"), fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K02")},
		Kinds: append(fixes.WorkloadKinds(), fixes.KindNamespace,
			fixes.KindValidatingAdmissionPolicy, fixes.KindValidatingAdmissionPolicyBinding),
		Phase: fixes.Enforce,
		Docs:  registryUnlistedDocs,
		Check: checkRegistryUnlisted,
	}
}

const registryUnlistedDocs = `
Whoever may create a pod may run any image of the internet in it, with the
rights of the pod. A list of registries that images are verified for, and a
policy that refuses all others, closes that way in.

## What is looked at
With --allowed-registries, every container, init container, ephemeral container
and image volume whose image comes from elsewhere. Names are read as the container
runtime reads them: nginx is docker.io/library/nginx. An entry is a host
("registry.example.com"), or a host and the beginning of a path
("ghcr.io/acme"), which ends at a slash.

In a cluster, also whether the policy of this program is there, holds that list,
and denies if --enforce is given. Without a list, its absence is a finding of low
severity. Policies of other tools (Kyverno, Gatekeeper, an image policy
webhook) are not recognised: skip the rule where one of them does this.

## The fix
Creates the ValidatingAdmissionPolicy kubectl-harden-images and its binding, or
brings the list in them up to date. The policy looks at pods, ephemeral
containers included, and at the templates of all workload kinds, also at image
volumes. At first it only warns and writes to the audit log; with --enforce it
denies. Namespaces of the system are exempt. An update that brings no new image is
let through, so that what is there can still be scaled, labelled and deleted; but
a new pod of it is refused like every other.

Without --allowed-registries, the list is what runs now: each host, and on hosts
that everybody may push to (docker.io, ghcr.io, quay.io …) each owner.

An image that runs already from elsewhere has to be brought into a registry of the
list, by hand.

Validating admission policies need Kubernetes 1.30.

## By hand
    kubectl get validatingadmissionpolicy kubectl-harden-images -o yaml
    kubectl run probe --image=forbidden.example.com/probe --dry-run=server
`

func checkRegistryUnlisted(p *fixes.Pass) {
	if len(p.Images.Allowed) > 0 {
		reportUnlisted(p)
	}
	reportOpenCluster(p)
}

// reportUnlisted reports the containers whose image comes from elsewhere.
func reportUnlisted(p *fixes.Pass) {
	for _, w := range p.Workloads("") {
		if fixes.IsSystemNamespace(w.Object.GetNamespace()) {
			continue
		}
		for _, from := range placesOf(w) {
			repo := repository(from.image)
			if allowed(repo, p.Images.Allowed) {
				continue
			}
			copyTo := p.Images.Allowed[0] + "/" + repo[strings.LastIndexByte(repo, '/')+1:]
			p.Report(fixes.Finding{
				Object:   w.Ref(),
				Path:     from.path,
				Key:      from.key,
				Message:  fmt.Sprintf("%s %s, which is from none of the allowed registries.", from.who, from.image),
				Evidence: []string{"it comes from " + repo, "allowed: " + strings.Join(p.Images.Allowed, ", ")},
				Fixes: []fixes.Fix{{
					Title: "Bring the image into an allowed registry", Confidence: fixes.Manual,
					Why: "what may be copied where is for a person to say",
					Steps: fmt.Sprintf("Have the image examined, copy it, and name the copy instead; or add its origin to --allowed-registries:\n  crane copy %s %s\n  kubectl harden --rule image-registry-unlisted --allowed-registries %s,%s",
						from.image, copyTo, strings.Join(p.Images.Allowed, ","), origin(from.image)),
				}},
			})
		}
	}
}

// reportOpenCluster reports that no policy limits where images come from. It
// says nothing of a namespace alone, or of manifests: the policy is a
// cluster's, and made for all that runs there.
func reportOpenCluster(p *fixes.Pass) {
	if !p.Live || p.Namespace != "" ||
		!p.Covers(fixes.KindValidatingAdmissionPolicy, "") || !p.Covers(fixes.KindValidatingAdmissionPolicyBinding, "") {
		return
	}
	given := len(p.Images.Allowed) > 0
	runs := origins(p.Inventory)
	list := runs
	if given {
		list = slices.Compact(slices.Sorted(slices.Values(p.Images.Allowed)))
	}
	if len(list) == 0 || !given && !coversWorkloads(p.Inventory) {
		return // a list made of a part would refuse the rest
	}
	policy := imagePolicy{allowed: list, enforce: p.Images.Enforce, given: given}
	lack := policy.lacks(p.Inventory)
	if lack == "" {
		return
	}
	f := fixes.Finding{
		Object:   policyRef,
		Path:     "spec.variables",
		Key:      "policy",
		Message:  lack,
		Evidence: []string{fmt.Sprintf("%d origins of images run: %s", len(runs), listed(runs))},
		Fixes:    []fixes.Fix{policy.fix(p.Inventory)},
	}
	if !given {
		f.Severity = fixes.Low
	}
	p.Report(f)
}

func coversWorkloads(inv *fixes.Inventory) bool {
	return !slices.ContainsFunc(fixes.WorkloadKinds(), func(k fixes.Kind) bool { return !inv.Covers(k, "") })
}

// origins lists where the images of all workloads come from, outside the
// system's namespaces.
func origins(inv *fixes.Inventory) []string {
	var list []string
	for _, w := range inv.Workloads("") {
		if fixes.IsSystemNamespace(w.Object.GetNamespace()) {
			continue
		}
		for _, image := range imagesOf(w) {
			if _, tag := tagged(image); tag || strings.Contains(image, "@") {
				list = append(list, origin(image))
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// place is where a pod names an image.
type place struct {
	path, key, image string
	who              string // "Container web runs"
}

// placesOf returns all places where a pod names an image: its containers and
// its image volumes.
func placesOf(w fixes.Workload) []place {
	var list []place
	for c := range w.Containers() {
		if !c.SeedsScratch() {
			list = append(list, place{c.Path + ".image", c.Name, c.Image, "Container " + c.Name + " runs"})
		}
	}
	for i, v := range w.Spec.Volumes {
		if v.Image != nil {
			list = append(list, place{fmt.Sprintf("%s.volumes[%d].image.reference", w.SpecPath, i), "volume " + v.Name,
				v.Image.Reference, "Volume " + v.Name + " is"})
		}
	}
	return list
}

// imagesOf returns all images that a pod is made of.
func imagesOf(w fixes.Workload) []string {
	var list []string
	for _, p := range placesOf(w) {
		list = append(list, p.image)
	}
	return list
}

// manyNames is the number of names that are told one by one.
const manyNames = 8

func listed(names []string) string {
	if len(names) <= manyNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s, and %d more", strings.Join(names[:manyNames], ", "), len(names)-manyNames)
}
