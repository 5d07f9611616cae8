// Package vulnerabilities reads what scanners have found in images: reports of
// trivy and grype in files, those of Trivy Operator in the cluster, and what
// the two programs say when they are run.
package vulnerabilities

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// document is every format that is known at once: they share no field, and
// what is in a file decides, not its name.
type document struct {
	trivyReport
	trivyCluster
	grypeReport
	sarifReport
	operatorList
}

// parse reads a report, whichever it is. An error is a phrase that fits behind
// the name of a file. What is a report of something else than an image is in
// others.
func parse(text []byte) (found []*fixes.Vulnerabilities, others []string, err error) {
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, nil, explain(err, len(text))
	}
	switch {
	case doc.Runs != nil:
		return doc.sarifReport.images()
	case doc.Matches != nil && doc.Source != nil:
		return doc.grypeReport.images()
	case doc.SchemaVersion != 0 && doc.ArtifactType != "":
		found, others := doc.trivyReport.images()
		return found, others, nil
	case doc.Resources != nil || doc.Findings != nil:
		found, others := doc.trivyCluster.images()
		return found, others, nil
	case doc.Kind == operatorKind || doc.Kind == operatorKind+"List" || doc.Kind == "List":
		found, others := doc.operatorList.images()
		if len(found) == 0 && len(others) > 0 {
			return nil, nil, errors.New("is a list of Kubernetes objects without a VulnerabilityReport")
		}
		return found, nil, nil
	case doc.BOMFormat != "":
		return nil, nil, fmt.Errorf("is an SBOM (%s), not a report of vulnerabilities: have trivy or grype scan it, as JSON", fixes.Clean(doc.BOMFormat))
	}
	return nil, nil, errors.New("is JSON of another tool: trivy's, grype's and SARIF of the two are known")
}

// explain says what is wrong with a text that is not decoded, and where.
func explain(err error, size int) error {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &syntax) && int(syntax.Offset) >= size && strings.HasPrefix(err.Error(), "unexpected end"):
		if size == 0 {
			return errors.New("is empty")
		}
		return fmt.Errorf("is cut short: its JSON ends at byte %d, inside a value", size)
	case syntax != nil:
		return fmt.Errorf("is not JSON at byte %d: %s", syntax.Offset, fixes.Clean(syntax.Error()))
	case errors.As(err, &typ):
		return fmt.Errorf("is JSON of another tool: at byte %d, %s is of type %s", typ.Offset, place(typ.Field), fixes.Clean(typ.Value))
	}
	return errors.New(fixes.Clean(err.Error()))
}

// place is the path of a field in a document, without the names of the structs
// that the document is made of.
func place(path string) string {
	for {
		first, rest, found := strings.Cut(path, ".")
		if part, ok := reflect.TypeFor[document]().FieldByName(first); !ok || !part.Anonymous || !found {
			break
		}
		path = rest
	}
	if path == "" {
		return "the whole"
	}
	return fixes.Clean(path)
}

// fact makes a report of what was found in an image. All reports need names of
// their own: whoever emits it adds where it comes from.
func fact(id string, images, digests []string, scanner string, found []fixes.Vulnerability) *fixes.Vulnerabilities {
	images = slices.DeleteFunc(images, func(s string) bool { return s == "" })
	slices.Sort(images)
	digests = slices.DeleteFunc(digests, func(s string) bool { return s == "" })
	slices.Sort(digests)
	return &fixes.Vulnerabilities{
		ObjectMeta: metav1.ObjectMeta{Name: id},
		Images:     slices.Compact(images), Digests: slices.Compact(digests),
		Scanner: strings.TrimSpace(scanner), Found: found,
	}
}

// from completes reports with where they come from.
func from(source string, reports []*fixes.Vulnerabilities) {
	for _, r := range reports {
		r.Source = source
		r.Name = source + " " + r.Name
	}
}

// digestOf is the digest in "repository@sha256:…", or empty.
func digestOf(image string) string {
	ref, err := name.NewDigest(image, name.WeakValidation)
	if err != nil {
		return ""
	}
	return ref.DigestStr()
}

// severity reads a severity as the scanners write it. What is unknown or
// negligible counts as low: it is said, and weighs little.
func severity(s string) fixes.Severity {
	for _, known := range []fixes.Severity{fixes.Critical, fixes.High, fixes.Medium} {
		if strings.EqualFold(s, known.String()) {
			return known
		}
	}
	return fixes.Low
}
