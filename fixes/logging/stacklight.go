package logging

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// StackLight is the logging, monitoring and alerting of Mirantis' Kubernetes
// Engine and Container Cloud. A HelmBundle (lcm.mirantis.com) installs its charts
// into the namespace stacklight; the chart fluentd-logs, in older releases
// fluentd-elasticsearch, reads the logs, unless logging is switched off
// (logging.enabled; docs.mirantis.com, StackLight configuration parameters).
const stackLightNamespace = "stacklight"

// stackLightCharts are the charts that read logs.
var stackLightCharts = []string{"fluentd-logs", "fluentd-elasticsearch"}

// isStackLight reports whether a workload is of StackLight: by its namespace, its
// chart or its image's repository.
func isStackLight(w fixes.Workload) bool {
	if w.Object.GetNamespace() == stackLightNamespace {
		return true
	}
	labels := w.Object.GetLabels()
	for _, key := range []string{"helm.sh/chart", "chart", "app.kubernetes.io/part-of"} {
		if strings.HasPrefix(labels[key], "stacklight") {
			return true
		}
	}
	for c := range w.Containers() {
		if slices.Contains(strings.Split(c.Image, "/"), "stacklight") {
			return true
		}
	}
	return false
}

// stackLightIn says what shows that StackLight is installed, or returns nothing.
func stackLightIn(inv *fixes.Inventory) []string {
	var why []string
	for _, bundle := range fixes.Customs(inv, fixes.KindHelmBundle, "") {
		if releases := stackLightReleases(bundle); len(releases) > 0 || strings.Contains(bundle.GetName(), "stacklight") {
			line := fixes.RefOf(bundle).String()
			if len(releases) > 0 {
				line += " with the charts " + fixes.Listed(releases)
			}
			why = append(why, line)
		}
	}
	if _, ok := fixes.Lookup[*corev1.Namespace](inv, "", stackLightNamespace); ok {
		why = append(why, "Namespace "+stackLightNamespace)
	}
	return why
}

// stackLightReleases names the charts of a HelmBundle that read logs, or are
// StackLight's own.
func stackLightReleases(bundle *fixes.Custom) []string {
	spec, _ := bundle.Object["spec"].(map[string]any)
	releases, _ := spec["releases"].([]any)
	var names []string
	for _, r := range releases {
		release, _ := r.(map[string]any)
		name, _ := release["name"].(string)
		namespace, _ := release["namespace"].(string)
		if namespace == stackLightNamespace || slices.Contains(stackLightCharts, name) {
			names = append(names, name)
		}
	}
	return names
}
