package fixes

import (
	"fmt"
	"slices"
)

// Category is a chapter of the rule catalogue.
type Category string

// The categories, in the order of the chapters.
const (
	Secrets     Category = "secrets"
	Images      Category = "images"
	Nodes       Category = "nodes"
	Access      Category = "access"
	Quota       Category = "quota"
	Network     Category = "network"
	PodSecurity Category = "podsecurity"
	Admission   Category = "admission"
	Logging     Category = "logging"
)

// Categories lists all categories.
func Categories() []Category {
	return []Category{Secrets, Images, Nodes, Access, Quota, Network, PodSecurity, Admission, Logging}
}

// Threat is one of the six kinds of threat that STRIDE tells apart.
type Threat string

// The threats.
const (
	Spoofing              Threat = "spoofing"
	Tampering             Threat = "tampering"
	Repudiation           Threat = "repudiation"
	InformationDisclosure Threat = "information-disclosure"
	DenialOfService       Threat = "denial-of-service"
	ElevationOfPrivilege  Threat = "elevation-of-privilege"
)

// Threats lists all threats in the order of the letters of STRIDE.
func Threats() []Threat {
	return []Threat{Spoofing, Tampering, Repudiation, InformationDisclosure, DenialOfService, ElevationOfPrivilege}
}

// Severity is what an attacker gains from a finding.
type Severity int

// The severities, in rising order.
const (
	Low Severity = iota + 1
	Medium
	High
	Critical
)

// Severities lists all severities in rising order.
func Severities() []Severity { return []Severity{Low, Medium, High, Critical} }

var severityNames = []string{"", "low", "medium", "high", "critical"}

// String returns the severity's name as it stands in reports and flags.
func (s Severity) String() string { return severityNames[s] }

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reference points to the sentence of a published standard that a rule
// carries out.
type Reference struct {
	// Framework is "PSS", "CIS", "NSA" or "OWASP".
	Framework string
	ID        string
	URL       string
}

// The frameworks' documents.
const (
	pssURL   = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
	cisURL   = "https://www.cisecurity.org/benchmark/kubernetes"
	nsaURL   = "https://media.defense.gov/2022/Aug/29/2003066362/-1/-1/0/CTR_KUBERNETES_HARDENING_GUIDANCE_1.2_20220829.PDF"
	owaspURL = "https://owasp.org/www-project-kubernetes-top-ten/"
)

// PSS refers to a control of the Kubernetes Pod Security Standards.
func PSS(control string) Reference { return Reference{"PSS", control, pssURL} }

// CIS refers to a recommendation of the CIS Kubernetes Benchmark v1.12.
func CIS(id string) Reference { return Reference{"CIS", id, cisURL} }

// NSA refers to a chapter of the NSA/CISA Kubernetes Hardening Guidance v1.2.
func NSA(chapter string) Reference { return Reference{"NSA", chapter, nsaURL} }

// OWASP refers to an entry of the OWASP Kubernetes Top Ten (2022).
func OWASP(id string) Reference { return Reference{"OWASP", id, owaspURL} }

// Phase says when a fix is made, so that later ones see what earlier ones
// did: the pod security level of a namespace follows from its workloads.
type Phase int

// The phases, in order.
const (
	// EditWorkloads changes pod templates and what they refer to.
	EditWorkloads Phase = iota
	// Size derives quotas from the workloads as they will be.
	Size
	// Enforce closes a namespace around what is in it.
	Enforce
)

// Rule is one thing that can be wrong.
type Rule struct {
	// ID is the rule's name, which is a contract ("env-secret").
	ID       string
	Category Category
	// Title says in one line what is wrong when the rule is broken.
	Title string
	// Severity is what a finding has unless the check says otherwise.
	Severity   Severity
	Threats    []Threat
	References []Reference
	// Kinds are what the check and the fixes look at: a source loads no others.
	Kinds []Kind
	// Phase orders the rule's fixes among others.
	Phase Phase
	// Local says that the check judges each namespace by the objects in it, by those
	// in no namespace and by facts alone, and reports nothing but those; and
	// that it does not go by the time. Then only namespaces in which something has
	// changed are judged again; see [Result.After].
	Local bool
	// Connections says that the rule looks at connections, so that it judges
	// again when the user has decided about one; see [Result.Decide].
	Connections bool
	// Enforces says that the fix is an admission policy, which --enforce lets
	// deny.
	Enforces bool
	// Option names the flag that asks for the rule ("pod-defaults"), where it is
	// not checked unless that flag or the rule's name is given.
	Option string
	// Unseen, where it is set, says what the rule would judge and the inventory
	// does not show, though every kind could be listed: the flags of a managed
	// control plane. It is asked when the inventory is complete.
	Unseen func(*Inventory) []Skip
	// Docs explain the rule to a person, in Markdown: why it matters, what the
	// fix does and may break, how to check by hand.
	Docs string
	// Check reports the rule's findings.
	Check func(*Pass)
}

// Pass is one run of a rule over an inventory.
type Pass struct {
	*Inventory
	rule     *Rule
	findings []*Finding
	seen     map[string]int
}

// Report adds a finding of the rule that runs. It fills in what the rule
// leaves open, and lowers the confidence of fixes where the object's owner or
// manager would undo them.
func (p *Pass) Report(f Finding) {
	f.Rule = p.rule
	if f.Severity == 0 {
		f.Severity = p.rule.Severity
	}
	if f.Threats == nil {
		f.Threats = p.rule.Threats
	}
	if f.Key == "" {
		f.Key = f.Path
	}
	f.Path, f.Message = Clean(f.Path), Clean(f.Message)
	for i := range f.Evidence {
		f.Evidence[i] = Clean(f.Evidence[i])
	}
	f.settle(p.Inventory)
	f.Fingerprint = fingerprint(p.rule.ID, f.Object, f.Key)
	// Two findings alike in all that identifies them are numbered.
	p.seen[f.Fingerprint]++
	if n := p.seen[f.Fingerprint]; n > 1 {
		f.Fingerprint = fingerprint(p.rule.ID, f.Object, fmt.Sprintf("%s#%d", f.Key, n))
	}
	p.findings = append(p.findings, &f)
}

// Run checks one rule against an inventory.
func (r *Rule) Run(inv *Inventory) []*Finding {
	p := &Pass{Inventory: inv, rule: r, seen: map[string]int{}}
	r.Check(p)
	return p.findings
}

// Needs returns the kinds that a set of rules looks at, each once.
func Needs(rules []*Rule) []Kind {
	var kinds []Kind
	for _, r := range rules {
		for _, k := range r.Kinds {
			if !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	return kinds
}
