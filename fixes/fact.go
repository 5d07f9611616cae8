package fixes

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// A fact is an object of an inventory that no API server has: what is known
// from elsewhere (a registry, a scanner's report) about what the cluster holds.
// Rules look at facts as they look at objects; where nobody asked for any,
// there are none, and a rule that rests on them finds nothing.

// factGroup is the API group of all kinds of facts.
const factGroup = "facts.kubectl-harden.dev"

// The kinds of facts.
var (
	KindImage           = Kind{factGroup, "v1", "Image", "images", false}
	KindVulnerabilities = Kind{factGroup, "v1", "Vulnerabilities", "vulnerabilities", false}
	KindRegistry        = Kind{factGroup, "v1", "Registry", "registries", false}
)

// Fact reports whether objects of the kind are facts, which no API server has.
func (k Kind) Fact() bool { return k.Group == factGroup }

// Image is what a registry says of an image. Its name is the image as it
// stands in a container.
type Image struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	// Err says in a phrase why the registry's answer is not known; then all
	// else but Private is empty.
	Err string
	// Asked is when the registry answered.
	Asked time.Time
	// Digest is what the name leads to: that of the index of an image of several
	// platforms.
	Digest string
	// Newer is the newest tag of the same release line (the same major and
	// minor version and the same suffix), where it is newer than the image's;
	// NewerDigest is its digest.
	Newer, NewerDigest string
	// Built is when the image was made, as its config says; zero where the
	// builder left it out or set it to an epoch, to be reproducible.
	Built time.Time
	// Private reports that the registry gives the image to nobody without
	// credentials. It is known even where Err says that they did not fit.
	Private bool
	// Unsigned reports that no signature stands beside the digest, neither
	// cosign's tag nor an OCI referrer. It is false too where that is not known.
	Unsigned bool
	// Secrets are credentials that were found in the image; Partial says in a
	// phrase what of its layers was not looked into, if they were looked into.
	Secrets []ImageSecret
	Partial string
	// User is the config's user, empty for root; Ports are the exposed ones
	// ("8080/tcp"), Volumes the paths for which the image wants volumes.
	User           string
	Ports, Volumes []string
	// Env ("NAME=value"), Entrypoint and Cmd are what the config gives to a
	// container that does not say otherwise, without what may be a credential.
	Env, Entrypoint, Cmd []string
}

// ImageFact returns the fact of an image as it stands in a container, or nil. A
// digest that was appended since the registry was asked, and is its answer,
// changes nothing.
func ImageFact(inv *Inventory, image string) *Image {
	if fact, ok := Lookup[*Image](inv, "", image); ok {
		return fact
	}
	tag, digest, ok := strings.Cut(image, "@")
	if fact, found := Lookup[*Image](inv, "", tag); ok && found && fact.Digest == digest {
		return fact
	}
	return nil
}

// ImageSecret is a credential inside an image.
type ImageSecret struct {
	// Where is a place: "env DB_PASSWORD", "label x", "history line 4",
	// "file /root/.npmrc in layer 3".
	Where string
	// Reason says what it was recognised by. It never holds the value.
	Reason string
}

// DeepCopyObject implements [runtime.Object].
func (i *Image) DeepCopyObject() runtime.Object {
	out := *i
	i.DeepCopyInto(&out.ObjectMeta)
	out.Secrets, out.Ports, out.Volumes = slices.Clone(i.Secrets), slices.Clone(i.Ports), slices.Clone(i.Volumes)
	return &out
}

// Registry is what a probe of a registry's host says. Its name is the host,
// with a port where images name one.
type Registry struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	// Err says in a phrase why no TLS connection came about; empty when it did.
	Err string
	// Probed is when the host was connected to.
	Probed time.Time
	// Untrusted reports that the host speaks TLS, and that it cannot be verified:
	// Err says why.
	Untrusted bool
	// Plain reports that the host answers without TLS.
	Plain bool
	// Expires is when the first certificate of the chain expires.
	Expires time.Time
	// Version is the TLS version that was agreed on ("TLS 1.3").
	Version string
}

// DeepCopyObject implements [runtime.Object].
func (r *Registry) DeepCopyObject() runtime.Object {
	out := *r
	r.DeepCopyInto(&out.ObjectMeta)
	return &out
}

// Vulnerabilities are what a scanner found in one image. Its name tells one
// report from another; a rule goes by Images and Digests.
type Vulnerabilities struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	// Images are the image's names as the scanner writes them, Digests those of
	// its content then: of an index, of a manifest or of a config. One of the two
	// may be empty.
	Images, Digests []string
	// Scanner names program and version ("trivy 0.74.0"), Source where the
	// report comes from ("VulnerabilityReport shop/replicaset-web", a file).
	Scanner, Source string
	Found           []Vulnerability
}

// Vulnerability is one known weakness of one package.
type Vulnerability struct {
	// ID is "CVE-2024-1234", "GHSA-…".
	ID string
	// Severity is [Low] too where the scanner does not know it.
	Severity Severity
	// Package is the package's name, Installed its version; Fixed is the version
	// without the weakness, empty where there is none yet.
	Package, Installed, Fixed string
}

// DeepCopyObject implements [runtime.Object].
func (v *Vulnerabilities) DeepCopyObject() runtime.Object {
	out := *v
	v.DeepCopyInto(&out.ObjectMeta)
	out.Images, out.Digests, out.Found = slices.Clone(v.Images), slices.Clone(v.Digests), slices.Clone(v.Found)
	return &out
}
