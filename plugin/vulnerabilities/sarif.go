package vulnerabilities

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// sarifReport is SARIF 2.1.0 as trivy and grype write it, as far as it is read.
// The format has no place for an image or a package: trivy puts the image into
// the run's properties, grype into each message, and both write the package as
// lines of text.
type sarifReport struct {
	// BOMFormat is of CycloneDX, to tell it by.
	BOMFormat string     `json:"bomFormat"`
	Runs      []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Rules   []struct {
				ID   string `json:"id"`
				Name string `json:"name"`
				Help struct {
					Text string `json:"text"`
				} `json:"help"`
			} `json:"rules"`
		} `json:"driver"`
	} `json:"tool"`
	Results []struct {
		RuleID  string `json:"ruleId"`
		Message struct {
			Text string `json:"text"`
		} `json:"message"`
	} `json:"results"`
	Properties struct {
		ImageName   string   `json:"imageName"`
		RepoTags    []string `json:"repoTags"`
		RepoDigests []string `json:"repoDigests"`
		ImageID     string   `json:"imageID"`
	} `json:"properties"`
}

func (r sarifReport) images() (found []*fixes.Vulnerabilities, others []string, err error) {
	for i, run := range r.Runs {
		id := fmt.Sprintf("run %d", i+1)
		var reports []*fixes.Vulnerabilities
		switch tool := run.Tool.Driver.Name; strings.ToLower(tool) {
		case "trivy":
			reports = run.trivy(id)
		case "grype":
			reports = run.grype(id)
		default:
			return nil, nil, fmt.Errorf("is SARIF of %q: that of trivy and grype is known", fixes.Clean(tool))
		}
		if len(reports) == 0 {
			others = append(others, id+": no image is named in it")
		}
		found = append(found, reports...)
	}
	if len(r.Runs) == 0 {
		return nil, nil, errors.New("is SARIF without a run")
	}
	return found, others, nil
}

// line returns what follows "Name: " in a text of such lines.
func line(text, name string) string {
	for l := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(l, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// trivy reads trivy's run (pkg/report/sarif.go). Results about configuration
// and the like have no package.
func (r sarifRun) trivy(id string) []*fixes.Vulnerabilities {
	if r.Properties.ImageName == "" {
		return nil
	}
	digests := []string{r.Properties.ImageID}
	for _, d := range r.Properties.RepoDigests {
		digests = append(digests, digestOf(d))
	}
	var all []fixes.Vulnerability
	for _, result := range r.Results {
		text := result.Message.Text
		if pkg := line(text, "Package"); pkg != "" {
			all = append(all, fixes.Vulnerability{
				ID: result.RuleID, Severity: severity(line(text, "Severity")), Package: pkg,
				Installed: line(text, "Installed Version"), Fixed: line(text, "Fixed Version"),
			})
		}
	}
	names := append([]string{r.Properties.ImageName}, r.Properties.RepoTags...)
	return []*fixes.Vulnerabilities{fact(id, names, digests, "trivy "+r.Tool.Driver.Version, all)}
}

// grypeMessage is grype's text of a result (grype/presenter/sarif/presenter.go).
var grypeMessage = regexp.MustCompile(`^An? (\S+) vulnerability in \S+ package: (.+), version (.*) was found in image (\S+) at: `)

func (r sarifRun) grype(id string) []*fixes.Vulnerabilities {
	help := map[string]string{}
	for _, rule := range r.Tool.Driver.Rules {
		help[rule.ID] = rule.Help.Text
	}
	var order []string
	byImage := map[string][]fixes.Vulnerability{}
	for _, result := range r.Results {
		m := grypeMessage.FindStringSubmatch(result.Message.Text)
		if m == nil {
			continue
		}
		image := m[4]
		if byImage[image] == nil {
			order = append(order, image)
		}
		byImage[image] = append(byImage[image], fixes.Vulnerability{
			ID: strings.TrimSuffix(result.RuleID, "-"+m[2]), Severity: severity(m[1]), Package: m[2], Installed: m[3],
			Fixed: line(help[result.RuleID], "Fix Version"),
		})
	}
	var found []*fixes.Vulnerabilities
	for _, image := range order {
		found = append(found, fact(id+" "+image, []string{image}, []string{digestOf(image)}, "grype "+r.Tool.Driver.Version, byImage[image]))
	}
	return found
}
