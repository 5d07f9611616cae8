package vulnerabilities

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// operatorKind is the custom resource of Trivy Operator.
const operatorKind = "VulnerabilityReport"

const (
	operatorVersion  = "aquasecurity.github.io/v1alpha1"
	operatorResource = "vulnerabilityreports.aquasecurity.github.io"
	// operatorPage is the number of reports in an answer. A report is up to a
	// mebibyte, most of it texts that are not read.
	operatorPage = 25
)

// operatorReport is a VulnerabilityReport, as far as it is read
// (github.com/aquasecurity/trivy-operator, deploy/crd).
type operatorReport struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
		Continue  string `json:"continue"` // of a list
	} `json:"metadata"`
	Report *struct {
		Scanner struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"scanner"`
		Registry struct {
			Server string `json:"server"`
		} `json:"registry"`
		Artifact struct {
			Repository string `json:"repository"`
			Tag        string `json:"tag"`
			Digest     string `json:"digest"`
		} `json:"artifact"`
		Vulnerabilities []struct {
			ID        string `json:"vulnerabilityID"`
			Resource  string `json:"resource"`
			Installed string `json:"installedVersion"`
			Fixed     string `json:"fixedVersion"`
			Severity  string `json:"severity"`
		} `json:"vulnerabilities"`
	} `json:"report"`
}

// operatorList is one report, or a list of them as the API server and kubectl
// get -o json write it.
type operatorList struct {
	operatorReport
	Items []operatorReport `json:"items"`
}

func (l operatorList) images() (found []*fixes.Vulnerabilities, others []string) {
	items := l.Items
	if l.Kind == operatorKind {
		items = []operatorReport{l.operatorReport}
	}
	for _, r := range items {
		name := r.Metadata.Namespace + "/" + r.Metadata.Name
		if r.Report == nil {
			others = append(others, name+" is no report")
			continue
		}
		found = append(found, r.fact(name))
	}
	return found, others
}

func (r operatorReport) fact(name string) *fixes.Vulnerabilities {
	a := r.Report.Artifact
	image := a.Repository
	if image != "" && r.Report.Registry.Server != "" {
		image = r.Report.Registry.Server + "/" + image
	}
	switch {
	case image == "":
	case a.Tag != "":
		image += ":" + a.Tag
	case a.Digest != "":
		image += "@" + a.Digest
	}
	var all []fixes.Vulnerability
	for _, v := range r.Report.Vulnerabilities {
		all = append(all, fixes.Vulnerability{
			ID: v.ID, Severity: severity(v.Severity), Package: v.Resource, Installed: v.Installed, Fixed: v.Fixed,
		})
	}
	return fact(name, []string{image}, []string{a.Digest}, r.Report.Scanner.Name+" "+r.Report.Scanner.Version, all)
}

// Operator gives the VulnerabilityReports of Trivy Operator, where the cluster
// serves them. They are read as the cluster's own objects are: no registry is
// asked.
type Operator struct {
	API source.Getter
	// Namespace limits the reports to one namespace, when it is not empty.
	Namespace string
}

// Kind implements [source.Facts].
func (Operator) Kind() fixes.Kind { return fixes.KindVulnerabilities }

// Load implements [source.Facts]. Whatever the API server answers, the rest of
// the scan is unharmed.
func (o Operator) Load(ctx context.Context, _ *fixes.Inventory, emit func(source.Batch)) error {
	err := o.list(ctx, emit)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case apierrors.IsNotFound(err):
		return nil // no Trivy Operator here
	case apierrors.IsForbidden(err):
		if !source.Served(ctx, o.API, operatorVersion) {
			return nil
		}
		err = fmt.Errorf("forbidden")
	}
	emit(source.Batch{Kind: fixes.KindVulnerabilities, Skips: []fixes.Skip{
		{Resource: operatorResource, Namespace: o.Namespace, Reason: fixes.Clean(err.Error())},
	}})
	return nil
}

func (o Operator) list(ctx context.Context, emit func(source.Batch)) error {
	path := "/apis/" + operatorVersion
	if o.Namespace != "" {
		path += "/namespaces/" + url.PathEscape(o.Namespace)
	}
	path += "/vulnerabilityreports"
	query := url.Values{"limit": {strconv.Itoa(operatorPage)}}
	for {
		text, err := o.API.Raw(ctx, path+"?"+query.Encode())
		if query.Get("continue") != "" && apierrors.IsResourceExpired(err) {
			// The rest of the pages is gone: ask again, for all at once. What came
			// before comes again, under the same names.
			query = url.Values{}
			continue
		}
		if err != nil {
			return err
		}
		var list operatorList
		if err := json.Unmarshal(text, &list); err != nil {
			return fmt.Errorf("the answer %w", explain(err, len(text)))
		}
		reports, _ := list.images()
		batch := source.Batch{Kind: fixes.KindVulnerabilities}
		for _, r := range reports {
			r.Name = operatorKind + " " + r.Name
			r.Source = r.Name
			batch.Objects = append(batch.Objects, r)
		}
		emit(batch)
		if list.Metadata.Continue == "" {
			return nil
		}
		query.Set("continue", list.Metadata.Continue)
	}
}
