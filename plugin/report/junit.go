package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// junitSuites is the JUnit format as CI systems read it: the schema of
// Jenkins' xunit plugin, to which GitLab's and Azure's keep.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
	Skipped *junitSkipped `xml:"skipped"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// JUnit writes a test suite for each rule: a failed test for each finding, or
// one that passed. What is ignored, and what could not be looked at, is a test that
// was skipped.
func JUnit(w io.Writer, rules []*fixes.Rule, result *fixes.Result) error {
	inv := result.Inventory
	byRule := map[string][]*fixes.Finding{}
	for _, f := range result.Findings {
		byRule[f.Rule.ID] = append(byRule[f.Rule.ID], f)
	}
	ignored := map[string][]fixes.Suppressed{}
	for _, s := range result.Suppressed {
		ignored[s.Rule.ID] = append(ignored[s.Rule.ID], s)
	}
	out := junitSuites{Name: "kubectl harden"}
	for _, r := range rules {
		suite := junitSuite{Name: r.ID}
		for _, f := range byRule[r.ID] {
			suite.Cases = append(suite.Cases, junitFailed(inv, f))
		}
		suite.Failures, suite.Skipped = len(suite.Cases), len(ignored[r.ID])
		for _, s := range ignored[r.ID] {
			c := junitCaseOf(inv, s.Finding)
			c.Skipped = &junitSkipped{fixes.Clean(fmt.Sprintf("ignored until %s by %s: %s", s.By.Until(), s.By.At, s.By.Reason))}
			suite.Cases = append(suite.Cases, c)
		}
		if len(suite.Cases) == 0 {
			suite.Cases = []junitCase{{Name: "no finding", Class: r.ID}}
		}
		out.add(suite)
	}
	if skips := inv.Skips(); len(skips) > 0 {
		suite := junitSuite{Name: "not looked at", Skipped: len(skips)}
		for _, s := range skips {
			name := s.Resource
			if s.Namespace != "" {
				name += " in namespace " + s.Namespace
			}
			suite.Cases = append(suite.Cases, junitCase{
				Name: fixes.Clean(name), Class: suite.Name, Skipped: &junitSkipped{fixes.Clean(s.Reason)}})
		}
		out.add(suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuites) add(suite junitSuite) {
	suite.Tests = len(suite.Cases)
	s.Tests += suite.Tests
	s.Failures += suite.Failures
	s.Suites = append(s.Suites, suite)
}

func junitCaseOf(inv *fixes.Inventory, f *fixes.Finding) junitCase {
	c := junitCase{Name: fixes.Clean(strings.TrimSpace(f.Object.String() + " " + f.Path)), Class: f.Rule.ID}
	if at, ok := inv.Position(f.Object); ok {
		c.File = at.File
	}
	return c
}

func junitFailed(inv *fixes.Inventory, f *fixes.Finding) junitCase {
	c := junitCaseOf(inv, f)
	var text strings.Builder
	if at, ok := inv.Position(f.Object); ok {
		fmt.Fprintf(&text, "%s:%d\n", at.File, at.Line)
	}
	if f.Note != "" {
		fmt.Fprintf(&text, "note: %s\n", f.Note)
	}
	for _, e := range f.Evidence {
		fmt.Fprintf(&text, "evidence: %s\n", e)
	}
	if fix := f.Fix(); fix != nil {
		fmt.Fprintf(&text, "fix (%s): %s\n", fix.Confidence, fix.Title)
	}
	c.Failure = &junitFailure{Message: f.Message, Type: f.Severity.String(), Text: fixes.CleanLines(text.String())}
	return c
}
