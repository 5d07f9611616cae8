package vulnerabilities

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// api answers paths, in order where one is asked for again.
type api struct {
	answers map[string][]any
	asked   []string
}

func (a *api) Raw(_ context.Context, path string) ([]byte, error) {
	a.asked = append(a.asked, path)
	list := a.answers[path]
	if len(list) == 0 {
		return nil, fmt.Errorf("%s is not expected", path)
	}
	a.answers[path] = list[1:]
	switch answer := list[0].(type) {
	case error:
		return nil, answer
	default:
		return []byte(answer.(string)), nil
	}
}

func vulnerabilityReport(name, image string) string {
	return `{"apiVersion": "aquasecurity.github.io/v1alpha1", "kind": "VulnerabilityReport",
"metadata": {"name": "` + name + `", "namespace": "shop", "labels": {"trivy-operator.container.name": "web"}},
"report": {"updateTimestamp": "2026-01-01T00:00:00Z", "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "0.74.0"},
"registry": {"server": "index.docker.io"}, "artifact": {"repository": "library/` + image + `", "tag": "1.25", "digest": "` + repoDigest + `"},
"os": {"family": "debian"}, "summary": {"criticalCount": 1, "highCount": 0, "mediumCount": 0, "lowCount": 0, "unknownCount": 0},
"vulnerabilities": [{"vulnerabilityID": "CVE-2024-1", "resource": "openssl", "installedVersion": "3.0.1", "fixedVersion": "3.0.2", "severity": "CRITICAL", "title": "t"}]}}`
}

func page(next string, reports ...string) string {
	return `{"kind": "VulnerabilityReportList", "metadata": {"continue": "` + next + `"}, "items": [` + strings.Join(reports, ",") + `]}`
}

func TestOperator(t *testing.T) {
	const (
		group = "/apis/aquasecurity.github.io/v1alpha1"
		all   = group + "/vulnerabilityreports"
		first = all + "?limit=25"
	)
	want := func(image string) string {
		return "Trivy 0.74.0 | index.docker.io/library/" + image + ":1.25 | repo | CVE-2024-1/critical/openssl/3.0.1/3.0.2"
	}
	resource := schema.GroupResource{Group: "aquasecurity.github.io", Resource: "vulnerabilityreports"}
	notFound := apierrors.NewNotFound(resource, "")
	forbidden := apierrors.NewForbidden(resource, "", errors.New("no"))
	gone := &apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusGone, Reason: metav1.StatusReasonExpired}}
	for _, c := range []struct {
		name, namespace string
		answers         map[string][]any
		want, skips     []string
	}{
		{"not served", "", map[string][]any{first: {notFound}}, nil, nil},
		{"two pages", "", map[string][]any{
			first:                                  {page("a+b/=", vulnerabilityReport("a", "nginx"))},
			all + "?continue=a%2Bb%2F%3D&limit=25": {page("", vulnerabilityReport("b", "redis"))},
		}, []string{want("nginx"), want("redis")}, nil},
		{"one namespace", "shop", map[string][]any{
			group + "/namespaces/shop/vulnerabilityreports?limit=25": {page("", vulnerabilityReport("a", "nginx"))},
		}, []string{want("nginx")}, nil},
		{"pages that are gone", "", map[string][]any{
			first:                        {page("x", vulnerabilityReport("a", "nginx"))},
			all + "?continue=x&limit=25": {gone},
			all + "?":                    {page("", vulnerabilityReport("a", "nginx"), vulnerabilityReport("b", "redis"))},
		}, []string{want("nginx"), want("redis")}, nil},
		{"forbidden", "", map[string][]any{first: {forbidden}, group: {"{}"}}, nil,
			[]string{"vulnerabilityreports.aquasecurity.github.io: forbidden"}},
		{"forbidden, and not served", "", map[string][]any{first: {forbidden}, group: {notFound}}, nil, nil},
		{"a broken answer", "", map[string][]any{first: {`{"items": [`}}, nil,
			[]string{"vulnerabilityreports.aquasecurity.github.io: the answer is cut short: its JSON ends at byte 11, inside a value"}},
		{"a server that fails", "", map[string][]any{first: {errors.New("bad\x1b[2J gateway")}}, nil,
			[]string{`vulnerabilityreports.aquasecurity.github.io: bad\x1b[2J gateway`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &api{answers: c.answers}
			reports, skips := load(t, Operator{API: a, Namespace: c.namespace}, nil)
			if !slices.Equal(reports, c.want) || !slices.Equal(skips, c.skips) {
				t.Errorf("reports %q, skips %q\nasked for %q", reports, skips, a.asked)
			}
			for path, left := range a.answers {
				if len(left) > 0 {
					t.Errorf("%s was not asked for", path)
				}
			}
		})
	}
}
