package report

import (
	"bufio"
	_ "embed"
	"fmt"
	"html"
	"io"
	"slices"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

//go:embed report.css
var stylesheet string

// HTML writes findings as one page for people, which needs nothing else: no
// script, no font, nothing from another host.
//
// It is not made by html/template: with that linked in, which calls methods by
// their names, the linker leaves nothing out, and the program is 15 MB larger.
func HTML(w io.Writer, context string, at time.Time, result *fixes.Result) error {
	inv, findings := result.Inventory, result.Findings
	p := page{bufio.NewWriter(w)}
	title := "kubectl harden: " + context
	p.print(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>
`, title)
	_, _ = p.WriteString(stylesheet)
	p.print(`</style>
</head>
<body>
<h1>%s</h1>
<p class="dim">%s</p>
`, title, at.UTC().Format("2006-01-02 15:04 UTC"))
	p.summary(Summarize(findings), len(result.Suppressed))
	for _, s := range Skips(inv) {
		where := ""
		if s.Namespace != "" {
			where = " in namespace " + s.Namespace
		}
		p.print("<p class=\"dim\">not looked at: %s%s (%s)</p>\n", fixes.Clean(s.Resource), fixes.Clean(where), fixes.Clean(s.Reason))
	}
	for _, group := range byRule(findings) {
		p.print("<h2>%s <span class=\"dim\">%s · %s</span></h2>\n", group[0].Rule.Title, group[0].Rule.ID, fmt.Sprint(len(group)))
		for _, f := range group {
			p.finding(describe(inv, f))
		}
	}
	if n := len(result.Suppressed); n > 0 {
		p.print("<h2>Ignored <span class=\"dim\">%s</span></h2>\n", fmt.Sprint(n))
		for i := range result.Suppressed {
			p.finding(describeSuppressed(inv, &result.Suppressed[i]))
		}
	}
	p.print("</body>\n</html>\n")
	return p.Flush()
}

// byRule parts findings by their rules, in the order in which these come.
func byRule(findings []*fixes.Finding) [][]*fixes.Finding {
	place := map[string]int{}
	var groups [][]*fixes.Finding
	for _, f := range findings {
		n, ok := place[f.Rule.ID]
		if !ok {
			n = len(groups)
			place[f.Rule.ID] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], f)
	}
	return groups
}

// page keeps its first error for Flush.
type page struct{ *bufio.Writer }

// print fills texts into HTML, escaped.
func (p page) print(format string, texts ...string) {
	escaped := make([]any, len(texts))
	for i, s := range texts {
		escaped[i] = html.EscapeString(s)
	}
	_, _ = fmt.Fprintf(p, format, escaped...)
}

func (p page) summary(s Summary, ignored int) {
	p.print("<p>%s", Count(s.Total, "finding"))
	for _, severity := range slices.Backward(fixes.Severities()) {
		if n := s.BySeverity[severity.String()]; n > 0 {
			p.print(` · <span class="%s">%s %s</span>`, severity.String(), fmt.Sprint(n), severity.String())
		}
	}
	if ignored > 0 {
		p.print(" · %s ignored", fmt.Sprint(ignored))
	}
	p.print("</p>\n<p class=\"dim\">fixes: %s safe, %s to review, %s by hand</p>\n",
		fmt.Sprint(s.Fixable["safe"]), fmt.Sprint(s.Fixable["review"]), fmt.Sprint(s.Fixable["manual"]))
}

func (p page) finding(f Finding) {
	name := f.Object.Name
	switch {
	case f.Object.Namespace != "":
		name = f.Object.Namespace + "/" + name
	case f.Object.Kind == fixes.KindNamespace.Name:
		name = fixes.NamespaceLabel(name)
	}
	p.print("<details><summary><span class=\"sev %s\">%s</span> %s %s <span class=\"path dim\">%s</span></summary>\n<p>%s</p>\n",
		f.Severity.String(), f.Severity.String(), f.Object.Kind, fixes.Clean(name), f.Path, f.Message)
	if f.Source != nil {
		p.dim("", fmt.Sprintf("%s:%d", fixes.Clean(f.Source.File), f.Source.Line))
	}
	if f.IgnoredBy != "" {
		p.dim("ignored by ", fmt.Sprintf("%s until %s: %s", f.IgnoredBy, f.Expires, f.Reason))
	}
	if f.Note != "" {
		p.dim("note: ", f.Note)
	}
	for _, e := range f.Evidence {
		p.dim("evidence: ", e)
	}
	if f.ManagedBy != "" {
		p.dim("managed by ", f.ManagedBy)
	}
	if fix := f.Fix; fix != nil {
		p.print("<p><b>Fix</b> (%s): %s <span class=\"dim\">%s</span></p>\n", fix.Confidence.String(), fix.Title, fix.Why)
		for _, risk := range fix.Risks {
			p.dim("", risk)
		}
		if fix.Steps != "" {
			p.print("<pre>%s</pre>\n", fix.Steps)
		}
	}
	p.print("</details>\n")
}

func (p page) dim(what, text string) { p.print("<p class=\"dim\">%s%s</p>\n", what, text) }
