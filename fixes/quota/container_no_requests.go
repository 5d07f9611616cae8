package quota

import (
	"fmt"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func containerNoRequests() *fixes.Rule {
	return &fixes.Rule{
		ID:         "container-no-requests",
		Category:   fixes.Quota,
		Title:      "A container requests no cpu or memory",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.DenialOfService},
		References: []fixes.Reference{fixes.NSA("Network separation and hardening"), fixes.OWASP("K01")},
		Kinds:      containerKinds(),
		Local:      true,
		Docs:       containerNoRequestsDocs,
		Check:      checkContainerNoRequests,
	}
}

const containerNoRequestsDocs = `
A container that requests nothing counts as nothing when pods are placed: its
node may be full already. It gets the cpu that the others leave, and is among the
first to be evicted.

## What is looked at
Containers and init containers for which neither they, nor their pod, nor a
LimitRange's default name a request of cpu or memory; a limit stands for a request.
One that uses more than the default it gets is reported too. What a
VerticalPodAutoscaler sets (any mode but Off) is left to it. Namespaces of the
cluster itself are left out.

## The fix
Sets the requests that are missing. In this order, the value is

    recommended   what a VerticalPodAutoscaler in mode Off recommends
    used          where metrics.k8s.io is served: the 95th percentile over the
                  running pods of the workload, + 20%. Metrics are one look, cpu
                  averaged over the window that the evidence names, memory at its
                  end: look on a busy day
    median        of the namespace's containers that name one, at most 500m and
                  512Mi
    usual         100m and 128Mi

bounded by the LimitRanges and what the pod may ask for. It is for review, since
pods that reserve more may not fit. A HorizontalPodAutoscaler that scales by
utilisation divides by the request: without one it cannot work, with one it may
change the number of pods.

With limitrange-missing fixed alone, containers get its default instead and are
no more reported; made together, the default is the median of what is set here.

## By hand
    kubectl top pods -n shop --containers
    kubectl set resources deployment/web -n shop -c app --requests=cpu=100m,memory=128Mi
`

func checkContainerNoRequests(p *fixes.Pass) {
	eachContainer(p, func(n namespace, w fixes.Workload, c fixes.Container) {
		missing := n.missingRequests(w, c)
		if len(missing.names) == 0 {
			return
		}
		f := fixes.Finding{
			Object:   w.Ref(),
			Path:     c.Path + ".resources.requests",
			Key:      c.Name,
			Message:  fmt.Sprintf("Container %s names no %s request: the scheduler counts on nothing, and others starve with it.", c.Name, missing.list()),
			Evidence: missing.evidence("proposed request of"),
		}
		for _, r := range missing.names {
			if n.outgrown(w, c, r) {
				standing := n.standing[r]
				f.Evidence = append(f.Evidence, fmt.Sprintf("a LimitRange gives it %s %s, and it uses more", standing.String(), r))
			}
			if hpa := n.scalers.scalesBy(w.Ref(), c.Name, r); hpa != nil {
				f.Evidence = append(f.Evidence, fmt.Sprintf("HorizontalPodAutoscaler %s scales by the share of its %s request that is used", hpa.Name, r))
			}
		}
		f.Fixes = []fixes.Fix{n.requestsFix(w, c, missing)}
		p.Report(f)
	})
}

// missingRequests returns what a container should request and does not.
func (n namespace) missingRequests(w fixes.Workload, c fixes.Container) *resources {
	var missing resources
	for _, r := range requested() {
		_, named := names(c.Container, r)
		_, given := n.standing[r]
		if named || atPod(w.Spec, r) || given && !n.outgrown(w, c, r) || n.vertical(w, c, r) != nil {
			continue
		}
		missing.add(r, n.request(w, c, r))
	}
	return &missing
}

func (n namespace) requestsFix(w fixes.Workload, c fixes.Container, missing *resources) fixes.Fix {
	fix := fixes.Fix{
		Title:      "Set requests of container " + c.Name,
		Confidence: fixes.Review,
		Why:        "pods that reserve more may not fit on the nodes, and what a container needs is an estimate",
		Risks:      n.requestRisks(w, c, missing),
		Edit: func(d *fixes.Draft) error {
			return editContainer(d, w.Ref(), c.Name, missing.fillRequests)
		},
	}
	if why := missing.blocked(); why != "" {
		return byHand(fix.Title, why, w, n)
	}
	return fix
}
