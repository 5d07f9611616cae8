package images

import (
	"net"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// dockerHub is the host that the name of an image without a host stands for.
const dockerHub = "docker.io"

// repository returns where an image comes from in full, without tag and digest,
// as the container runtimes read its name: "nginx:1.27" comes from
// docker.io/library/nginx (github.com/distribution/reference, normalize.go). The
// expressions of the admission policy say the same in CEL; see
// [policyVariables].
func repository(image string) string {
	repo, _ := fixes.SplitImage(image)
	host, _, found := strings.Cut(repo, "/")
	if !found || !strings.ContainsAny(host, ".:") && host != "localhost" && strings.ToLower(host) == host {
		repo = dockerHub + "/" + repo
	}
	if rest, ok := strings.CutPrefix(repo, "index.docker.io/"); ok {
		repo = dockerHub + "/" + rest
	}
	if rest, ok := strings.CutPrefix(repo, dockerHub+"/"); ok && !strings.Contains(rest, "/") {
		repo = dockerHub + "/library/" + rest
	}
	return repo
}

// hostOf returns the registry's host, with its port where the image names one.
func hostOf(image string) string {
	host, _, _ := strings.Cut(repository(image), "/")
	return host
}

// allowed reports whether a repository is one of the prefixes, or below one.
func allowed(repository string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return repository == p || strings.HasPrefix(repository, p+"/")
	})
}

// sharedHosts are registries where everybody may push: there the owner's name
// belongs to what an image is trusted by.
var sharedHosts = []string{
	dockerHub, "ghcr.io", "quay.io", "gcr.io", "public.ecr.aws", "registry.gitlab.com", "mcr.microsoft.com", "lscr.io",
}

// origin is the shortest prefix that tells whose an image is: the host, and the
// first part of the path on a host that many share.
func origin(image string) string {
	repo := repository(image)
	host, path, _ := strings.Cut(repo, "/")
	if !slices.Contains(sharedHosts, host) {
		return host
	}
	owner, _, _ := strings.Cut(path, "/")
	return host + "/" + owner
}

// tagged is the tag of an image's name, where it decides what runs: there is no
// digest.
func tagged(image string) (name.Tag, bool) {
	ref, err := name.ParseReference(image, name.WeakValidation)
	if err != nil {
		return name.Tag{}, false // the API server takes any string; the kubelet will refuse this one
	}
	tag, ok := ref.(name.Tag)
	return tag, ok
}

// use is one container that runs an image.
type use struct {
	workload  fixes.Workload
	container fixes.Container
}

// imageUses yields the containers whose image has a fact, with the fact. What
// has no edit, because it is a debugging session, is left out.
func imageUses(p *fixes.Pass, yield func(use, *fixes.Image)) {
	if p.Len(fixes.KindImage) == 0 {
		return
	}
	for _, w := range p.Workloads("") {
		for c := range w.Containers() {
			if c.Ephemeral || c.SeedsScratch() {
				continue
			}
			if fact, ok := imageFact(p.Inventory, c.Image); ok {
				yield(use{w, c}, fact)
			}
		}
	}
}

// imageFact returns what the registry said of an image, where it answered.
func imageFact(inv *fixes.Inventory, image string) (*fixes.Image, bool) {
	fact := fixes.ImageFact(inv, image)
	return fact, fact != nil && fact.Err == ""
}

// loopback reports whether a registry's host is this machine's own.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
