package connections

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// The tiers of applications: what people come to first, and what stands behind it.

// frontWords are in the names of what people come to first.
var frontWords = []string{"front", "frontend", "web", "webapp", "website", "webui", "ui", "www", "portal", "page",
	"storefront", "dashboard"}

// gatewayWords stand before "gateway" in the name of one that people come to. One
// to something else, to payments or to mobile phones, is a service like any other.
var gatewayWords = []string{"api", "app", "edge", "web", "public", "external", "mobile", "cloud", "graphql", "ingress"}

// Labels, or words of names, that say of which tier a workload is. They are fewer
// than those that tell a front: "web" may be the whole of an application.
var (
	frontTiers = []string{"front", "frontend", "front-end", "ui", "webui"}
	backTiers  = []string{"back", "backend", "back-end", "api", "appserver"}
)

// tierOf returns the tier of an application that a workload's labels say it is of,
// or else its name, where that has one of the words for it.
func tierOf(w fixes.Workload) string {
	if told := strings.ToLower(cmp.Or(w.Meta.Labels["tier"], w.Meta.Labels["app.kubernetes.io/component"])); told != "" {
		return told
	}
	name := strings.ToLower(w.Object.GetName())
	words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-_.", r) })
	named := func(tiers []string) string {
		i := slices.IndexFunc(tiers, func(tier string) bool {
			return slices.Contains(words, tier) || name == tier || strings.HasSuffix(name, "-"+tier)
		})
		if i < 0 {
			return ""
		}
		return tiers[i]
	}
	front, back := named(frontTiers), named(backTiers)
	if front != "" && back != "" {
		return "" // frontend-api
	}
	return front + back
}

// isFront reports whether a workload is what people come to, by its tier or the
// words of its name.
func isFront(w fixes.Workload) bool {
	words := wordsOf(w.Object.GetName())
	return isOfFront(w) || isGateway(words) || slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains(frontWords, word) || strings.HasSuffix(word, "page")
	})
}

func isOfFront(w fixes.Workload) bool { return slices.Contains(frontTiers, tierOf(w)) }

// isGateway reports whether the words of a name are of a gateway to an application.
func isGateway(words []string) bool {
	i := slices.Index(words, "gateway")
	return i == 0 || i > 0 && slices.Contains(gatewayWords, words[i-1]) || slices.Contains(words, "apigateway")
}

// behindFront returns the clients that are not of an application's front, if some
// other tier of it serves; none if not.
func (g *Graph) behindFront(clients []fixes.Workload) []fixes.Workload {
	if !slices.ContainsFunc(clients, func(w fixes.Workload) bool { return tierOf(w) != "" && !isOfFront(w) && !IsStore(w) && g.serves(w) }) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(clients), isOfFront)
}

// loadImages are programs that try how an application does under load.
var loadImages = []string{"locust", "k6", "vegeta", "hey", "wrk", "wrk2", "siege", "jmeter", "gatling", "artillery", "loadgenerator", "load-generator"}

// loadWords are in the names of what does so.
var loadWords = []string{"loadgenerator", "loadgen", "loadtest", "loadtester", "locust", "k6", "jmeter", "gatling"}

// drives reports whether a workload is there to put load on an application, by its
// image or its name.
func drives(w fixes.Workload) bool {
	words := wordsOf(w.Object.GetName())
	return runsNamed(w, loadImages) || slices.ContainsFunc(words, func(word string) bool { return slices.Contains(loadWords, word) }) ||
		len(words) > 1 && words[0] == "load" && slices.Contains([]string{"generator", "gen", "test", "tester", "driver"}, words[1])
}
