package registry

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// maxTagPages bounds how many pages of a repository's tags are read.
const maxTagPages = 20

// release is a tag that is a version: v1.27.3-alpine.
type release struct {
	// line is what stays the same in a release line: all but patch.
	line string
	// patch are the numbers behind major and minor version.
	patch []int
}

var releaseTag = regexp.MustCompile(`^(v?\d{1,9}\.\d{1,9})((?:\.\d{1,9}){1,2})([-_+].*)?$`)

// parseRelease reads a tag. One without a patch level ("1.27") is moved to each
// of them, and has none that is newer.
func parseRelease(tag string) (release, bool) {
	m := releaseTag.FindStringSubmatch(tag)
	if m == nil {
		return release{}, false
	}
	r := release{line: m[1] + strings.Repeat(".", strings.Count(m[2], ".")) + m[3]}
	for s := range strings.SplitSeq(m[2][1:], ".") {
		n, err := strconv.Atoi(s)
		if err != nil {
			return release{}, false
		}
		r.patch = append(r.patch, n)
	}
	return r, true
}

// newest returns the newest of the tags in the same release line, if it is newer
// than the tag itself.
func newest(tag string, tags []string) (string, bool) {
	own, ok := parseRelease(tag)
	if !ok {
		return "", false
	}
	best, found := own, ""
	for _, t := range tags {
		if r, ok := parseRelease(t); ok && r.line == own.line && slices.Compare(r.patch, best.patch) > 0 {
			best, found = r, t
		}
	}
	return found, found != ""
}

// newer fills in the newest tag of an image's release line.
func (h *host) newer(ctx context.Context, p *remote.Puller, q question, fact *fixes.Image) error {
	_, tag := fixes.SplitImage(q.image)
	if _, ok := parseRelease(tag); !ok {
		return nil
	}
	repo := q.ref.Context()
	lister, err := p.Lister(ctx, repo)
	if err != nil {
		return giveUpOnly(h, err) // some registries list no tags
	}
	var tags []string
	for page := 0; lister.HasNext() && page < maxTagPages; page++ {
		t, err := lister.Next(ctx)
		if err != nil {
			return giveUpOnly(h, err)
		}
		tags = append(tags, t.Tags...)
	}
	found, ok := newest(tag, tags)
	if !ok {
		return nil
	}
	newer, err := name.NewTag(repo.Name()+":"+found, name.StrictValidation)
	if err != nil {
		return nil //nolint:nilerr // a registry may list anything
	}
	desc, err := p.Head(ctx, newer)
	if err != nil {
		return giveUpOnly(h, err)
	}
	fact.Newer, fact.NewerDigest = found, desc.Digest.String()
	return nil
}
