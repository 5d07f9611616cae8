package images

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func vulnerable() *fixes.Rule {
	return &fixes.Rule{
		ID:         "image-vulnerable",
		Category:   fixes.Images,
		Title:      "An image has known vulnerabilities that are severe",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering},
		References: []fixes.Reference{fixes.CIS("5.5.1"), fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K02")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindVulnerabilities, fixes.KindImage),
		Docs:       vulnerableDocs,
		Check:      checkVulnerable,
	}
}

const vulnerableDocs = `
What is known to be vulnerable is what attackers try first, with programs that
others have written.

## What is looked at
Scanners' reports, not images: the VulnerabilityReports of Trivy Operator, where
it runs in the cluster; reports of trivy and grype in files (--vulnerabilities,
their JSON or SARIF); or what trivy or grype say when they are run
(--scan-images, which asks registries). A report is matched with a container by
the digest that runs, else by the image's name.

A finding is an image with a critical vulnerability, or a high one that has a
fix. What cannot be fixed yet, and is not critical, is left out.

## The fix
The newest tag of the same release line, where the registry was asked
(--ask-registries) and has one: with its digest, for a person to look at. Whether
that image is free of the vulnerabilities shows the next scan of it. Else the
packages are listed, for the image to be built anew.

## By hand
    kubectl get vulnerabilityreports -A
    trivy image registry.example.com/shop/web:1.8
`

// worstShown bounds the vulnerabilities that a finding names, packagesShown the
// packages that are listed to be upgraded.
const (
	worstShown    = 5
	packagesShown = 20
)

// reports finds what scanners said of an image.
type reports struct {
	byDigest, byName map[string][]*fixes.Vulnerabilities
}

func checkVulnerable(p *fixes.Pass) {
	if p.Len(fixes.KindVulnerabilities) == 0 {
		return
	}
	all := fixes.Memo(p.Inventory, []fixes.Kind{fixes.KindVulnerabilities}, indexReports)
	for _, w := range p.Workloads("") {
		pods := p.Pods(w)
		for c := range w.Containers() {
			if c.Ephemeral || c.SeedsScratch() {
				continue // a debugging session: it cannot be edited and does not come back
			}
			running := runningContent(p.Inventory, c, pods)
			found := all.of(c.Image, running)
			if f, ok := vulnerableFinding(w, c, found); ok {
				f.Evidence = append(f.Evidence, sources(found, running)...)
				f.Fixes = []fixes.Fix{upgrade(p, w, c, found, all)}
				p.Report(f)
			}
		}
	}
}

func indexReports(inv *fixes.Inventory) *reports {
	r := &reports{map[string][]*fixes.Vulnerabilities{}, map[string][]*fixes.Vulnerabilities{}}
	for _, v := range fixes.Objects[*fixes.Vulnerabilities](inv, "") {
		for _, digest := range v.Digests {
			r.byDigest[digest] = append(r.byDigest[digest], v)
		}
		for _, image := range v.Images {
			if full := fullName(image); full != "" && !slices.Contains(r.byName[full], v) {
				r.byName[full] = append(r.byName[full], v)
			}
		}
	}
	return r
}

// fullName is the name under which different spellings of an image are one, or
// empty where it is none.
func fullName(image string) string {
	ref, err := name.ParseReference(image, name.WeakValidation)
	if err != nil {
		return ""
	}
	return ref.Name()
}

// of returns the reports about an image: those of the content that runs, or of
// the content that its name demands; else those under its name.
func (r *reports) of(image string, running []string) []*fixes.Vulnerabilities {
	pinned := ""
	if ref, err := name.NewDigest(image, name.WeakValidation); err == nil {
		pinned = ref.DigestStr()
		running = append([]string{pinned}, running...)
	}
	var found []*fixes.Vulnerabilities
	add := func(list []*fixes.Vulnerabilities) {
		for _, v := range list {
			if !slices.Contains(found, v) {
				found = append(found, v)
			}
		}
	}
	for _, digest := range running {
		add(r.byDigest[digest])
	}
	if len(found) > 0 {
		return found
	}
	add(r.byName[fullName(image)])
	if before, _, ok := strings.Cut(image, "@"); ok && pinned != "" && len(found) == 0 {
		// The tag beside a digest is for people. A report under that name counts
		// where it does not say that it is of other content.
		for _, v := range r.byName[fullName(before)] {
			if len(v.Digests) == 0 {
				add([]*fixes.Vulnerabilities{v})
			}
		}
	}
	return found
}

// runningContent returns the digests that pods report for a container's image,
// of a manifest or (for an image that was loaded by hand) of a config. A pod
// that a plan changes does not run the new image yet.
func runningContent(inv *fixes.Inventory, c fixes.Container, pods []*corev1.Pod) []string {
	was := make([]*corev1.Pod, len(pods))
	for i, pod := range pods {
		was[i] = pod
		if scanned, ok := fixes.Lookup[*corev1.Pod](inv.Scanned(), pod.Namespace, pod.Name); ok {
			was[i] = scanned
		}
	}
	var digests []string
	for id := range imageIDs(c, was) {
		if _, digest, ok := strings.Cut(id, "@"); ok {
			id = digest
		}
		if strings.HasPrefix(id, "sha256:") && !slices.Contains(digests, id) {
			digests = append(digests, id)
		}
	}
	return digests
}

// distinct returns the vulnerabilities of several reports, each of a package
// once, the worst first.
func distinct(found []*fixes.Vulnerabilities) []fixes.Vulnerability {
	type key struct{ id, pkg, version string }
	seen := map[key]int{}
	var list []fixes.Vulnerability
	for _, report := range found {
		for _, v := range report.Found {
			k := key{v.ID, v.Package, v.Installed}
			at, ok := seen[k]
			if !ok {
				seen[k] = len(list)
				list = append(list, v)
				continue
			}
			list[at].Severity = max(list[at].Severity, v.Severity)
			list[at].Fixed = cmp.Or(list[at].Fixed, v.Fixed)
		}
	}
	slices.SortStableFunc(list, func(a, b fixes.Vulnerability) int {
		fixable := func(v fixes.Vulnerability) int {
			if v.Fixed != "" {
				return 0
			}
			return 1
		}
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), fixable(a)-fixable(b),
			cmp.Compare(a.ID, b.ID), cmp.Compare(a.Package, b.Package))
	})
	return list
}

// severe returns the vulnerabilities that make a finding: the critical ones,
// and the high ones that have a fix.
func severe(list []fixes.Vulnerability) []fixes.Vulnerability {
	return slices.DeleteFunc(slices.Clone(list), func(v fixes.Vulnerability) bool {
		return v.Severity < fixes.High || v.Severity == fixes.High && v.Fixed == ""
	})
}

func vulnerableFinding(w fixes.Workload, c fixes.Container, found []*fixes.Vulnerabilities) (fixes.Finding, bool) {
	all := distinct(found)
	bad := severe(all)
	if len(bad) == 0 {
		return fixes.Finding{}, false
	}
	counts := map[fixes.Severity]int{}
	for _, v := range all {
		counts[v.Severity]++
	}
	fixable := 0
	for _, v := range bad {
		if v.Fixed != "" {
			fixable++
		}
	}
	var parts []string
	for _, s := range slices.Backward(fixes.Severities()) {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	f := fixes.Finding{
		Object: w.Ref(), Path: c.Path + ".image", Key: c.Name, Severity: bad[0].Severity,
		Message: fmt.Sprintf("Container %s runs %s, with known vulnerabilities: %s.", c.Name, c.Image, strings.Join(parts, ", ")),
	}
	f.Evidence = []string{fmt.Sprintf("%d of the %d that count (critical, or high with a fix) have a fix", fixable, len(bad))}
	for _, v := range bad[:min(len(bad), worstShown)] {
		f.Evidence = append(f.Evidence, describe(v))
	}
	return f, true
}

func describe(v fixes.Vulnerability) string {
	text := fmt.Sprintf("%s (%s) in %s %s", v.ID, v.Severity, v.Package, v.Installed)
	if v.Fixed != "" {
		return text + ", fixed in " + v.Fixed
	}
	return text + ", without a fix"
}

// sources says who reported, and whether on what runs.
func sources(found []*fixes.Vulnerabilities, running []string) []string {
	var out []string
	for _, v := range found {
		text := v.Source
		if v.Scanner != "" && v.Scanner != v.Source {
			text = v.Scanner + ": " + v.Source
		}
		other := len(running) > 0 && len(v.Digests) > 0 &&
			!slices.ContainsFunc(v.Digests, func(d string) bool { return slices.Contains(running, d) })
		if other {
			text += ", about other content under the same name: scan again what runs"
		}
		if text = "reported by " + text; !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// upgrade returns the fix: the newest tag of the release line, unless it is
// reported as vulnerable itself, or what to build anew.
func upgrade(p *fixes.Pass, w fixes.Workload, c fixes.Container, found []*fixes.Vulnerabilities, all *reports) fixes.Fix {
	if image, why := newer(p, c, all); image != "" {
		return fixes.Fix{
			Title: "Upgrade to " + image, Confidence: fixes.Review, Why: why,
			Risks: []string{"The pods restart, with another version of the program."},
			Edit: func(d *fixes.Draft) error {
				w, err := d.EditWorkload(w.Ref())
				if err != nil {
					return err
				}
				w.SetImage(c.Name, image)
				return nil
			},
		}
	}
	steps := []string{"Build the image of container " + c.Name + " anew on a newer base, or upgrade in it:"}
	listed := map[string]bool{}
	for _, v := range severe(distinct(found)) {
		if line := fmt.Sprintf("  %s %s -> %s", v.Package, v.Installed, v.Fixed); v.Fixed != "" {
			listed[line] = true
		}
	}
	lines := make([]string, 0, len(listed))
	for line := range listed {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	more := len(lines) - packagesShown
	steps = append(steps, lines[:min(len(lines), packagesShown)]...)
	if more > 0 {
		steps = append(steps, fmt.Sprintf("  and %d more", more))
	}
	if len(lines) == 0 {
		steps = []string{"No package has a fix yet: take the program out of reach of what is not trusted, or replace it."}
	}
	steps = append(steps, "Then check: trivy image "+c.Image)
	return fixes.Fix{
		Title: "Build the image anew", Confidence: fixes.Manual,
		Why: "no newer tag of its release line is known", Steps: strings.Join(steps, "\n"),
	}
}

// newer returns the image with the newest tag of its release line, if the
// registry has one that no report calls vulnerable.
func newer(p *fixes.Pass, c fixes.Container, all *reports) (image, why string) {
	fact, ok := imageFact(p.Inventory, c.Image)
	if !ok || fact.Newer == "" {
		return "", ""
	}
	image, _ = fixes.SplitImage(c.Image)
	image += ":" + fact.Newer
	known := append(slices.Clone(all.byDigest[fact.NewerDigest]), all.byName[fullName(image)]...)
	if len(severe(distinct(known))) > 0 {
		return "", ""
	}
	why = "it is the newest tag of the same release line; whether it is without them, the next scan shows"
	if len(known) > 0 {
		why = "it is the newest tag of the same release line, and its report holds none that count"
	}
	if fact.NewerDigest != "" {
		image += "@" + fact.NewerDigest
	}
	return image, why
}
