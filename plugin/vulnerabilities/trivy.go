package vulnerabilities

import (
	"fmt"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// trivyReport is what trivy image -f json writes, as far as it is read
// (github.com/aquasecurity/trivy, pkg/types/report.go).
type trivyReport struct {
	SchemaVersion int
	Trivy         struct{ Version string }
	ArtifactName  string
	ArtifactType  string
	Metadata      trivyImage
	Results       []trivyResult
}

type trivyImage struct {
	ImageID     string
	RepoTags    []string
	RepoDigests []string
}

type trivyResult struct {
	Vulnerabilities []struct {
		VulnerabilityID, PkgName, InstalledVersion, FixedVersion, Severity string
	}
}

// trivyCluster is what trivy k8s -f json writes: with --report all, resources,
// with --report summary, findings (pkg/k8s/report/report.go).
type trivyCluster struct {
	Resources, Findings []struct {
		Namespace, Kind, Name string
		Metadata              []trivyImage
		Results               []trivyResult
	}
}

// containerImage is trivy's name for an image among what it scans.
const containerImage = "container_image"

func (r trivyReport) images() (found []*fixes.Vulnerabilities, others []string) {
	if r.ArtifactType != containerImage {
		return nil, []string{fmt.Sprintf("a report of a %s, not of an image", r.ArtifactType)}
	}
	return []*fixes.Vulnerabilities{r.Metadata.fact(r.ArtifactName, []string{r.ArtifactName}, "trivy "+r.Trivy.Version, r.Results)}, nil
}

func (c trivyCluster) images() (found []*fixes.Vulnerabilities, others []string) {
	for _, list := range [][]struct {
		Namespace, Kind, Name string
		Metadata              []trivyImage
		Results               []trivyResult
	}{c.Resources, c.Findings} {
		for i, r := range list {
			name := fmt.Sprintf("%s %s/%s #%d", r.Kind, r.Namespace, r.Name, i)
			// Of a resource with several images it is not said which result is of
			// which: trivy writes one resource for each image, and joins them only
			// in a summary.
			if len(r.Metadata) != 1 {
				if len(r.Metadata) > 1 {
					others = append(others, fmt.Sprintf("%s: its images are not told apart (use --report all)", name))
				}
				continue
			}
			found = append(found, r.Metadata[0].fact(name, nil, "trivy", r.Results))
		}
	}
	return found, others
}

func (m trivyImage) fact(id string, names []string, scanner string, results []trivyResult) *fixes.Vulnerabilities {
	digests := []string{m.ImageID}
	for _, d := range m.RepoDigests {
		digests = append(digests, digestOf(d))
	}
	var all []fixes.Vulnerability
	for _, result := range results {
		for _, v := range result.Vulnerabilities {
			all = append(all, fixes.Vulnerability{
				ID: v.VulnerabilityID, Severity: severity(v.Severity),
				Package: v.PkgName, Installed: v.InstalledVersion, Fixed: v.FixedVersion,
			})
		}
	}
	return fact(id, append(names, m.RepoTags...), digests, scanner, all)
}
