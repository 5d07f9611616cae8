package vulnerabilities

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// grypeReport is what grype -o json writes, as far as it is read
// (github.com/anchore/grype, grype/presenter/models).
type grypeReport struct {
	Matches []struct {
		Vulnerability struct {
			ID       string `json:"id"`
			Severity string `json:"severity"`
			Fix      struct {
				Versions []string `json:"versions"`
				State    string   `json:"state"`
			} `json:"fix"`
		} `json:"vulnerability"`
		Artifact struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"artifact"`
	} `json:"matches"`
	Source *struct {
		Type string `json:"type"`
		// Target is a string where the source is no image.
		Target json.RawMessage `json:"target"`
	} `json:"source"`
	Descriptor struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"descriptor"`
}

// grypeImage is the target of an image (github.com/anchore/syft,
// syft/source/image_metadata.go).
type grypeImage struct {
	UserInput      string   `json:"userInput"`
	ImageID        string   `json:"imageID"`
	ManifestDigest string   `json:"manifestDigest"`
	Tags           []string `json:"tags"`
	RepoDigests    []string `json:"repoDigests"`
}

func (r grypeReport) images() (found []*fixes.Vulnerabilities, others []string, err error) {
	if r.Source.Type != "image" {
		return nil, []string{fmt.Sprintf("a report of a %s, not of an image", r.Source.Type)}, nil
	}
	var image grypeImage
	if err := json.Unmarshal(r.Source.Target, &image); err != nil {
		return nil, nil, fmt.Errorf("is JSON of another tool: source.target is not grype's")
	}
	digests := []string{image.ImageID, image.ManifestDigest}
	for _, d := range image.RepoDigests {
		digests = append(digests, digestOf(d))
	}
	var all []fixes.Vulnerability
	for _, m := range r.Matches {
		v := fixes.Vulnerability{
			ID: m.Vulnerability.ID, Severity: severity(m.Vulnerability.Severity),
			Package: m.Artifact.Name, Installed: m.Artifact.Version,
		}
		if m.Vulnerability.Fix.State == "fixed" {
			v.Fixed = strings.Join(m.Vulnerability.Fix.Versions, ", ")
		}
		all = append(all, v)
	}
	return []*fixes.Vulnerabilities{
		fact(image.UserInput, append([]string{image.UserInput}, image.Tags...), digests, "grype "+r.Descriptor.Version, all),
	}, nil, nil
}
