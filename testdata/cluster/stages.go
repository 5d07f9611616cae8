package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// CrashLoop returns a stage for [WithStages]: pods with this label start and
// then crash, as containers do whose program fails, and never become ready.
func CrashLoop(label, value string) string {
	return crash("pod-crash-loop", fmt.Sprintf("matchLabels: {%q: %q}", label, value), "")
}

// NeedsRoot returns a stage for [WithStages]: pods with this label crash as
// those of [CrashLoop] do when a container is not to run as root.
func NeedsRoot(label, value string) string {
	return crash("pod-needs-root", fmt.Sprintf("matchLabels: {%q: %q}", label, value), `
    - {key: ".spec | [.securityContext.runAsNonRoot, .containers[].securityContext.runAsNonRoot] | any", operator: In, values: ["true"]}`)
}

func crash(name, selector, expressions string) string {
	return podStage(name, crashWeight, selector, expressions, "False", `
        ready: false
        started: false
        restartCount: 3
        state:
          waiting: {reason: CrashLoopBackOff, message: back-off 40s restarting failed container}
        lastState:
          terminated: {exitCode: 1, reason: Error, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}`)
}

// NotReady returns a stage for [WithStages]: the containers of pods with this
// label run and never become ready, as if their readiness probes failed.
func NotReady(label, value string) string {
	return podStage("pod-not-ready", crashWeight, fmt.Sprintf("matchLabels: {%q: %q}", label, value), "", "False", `
        ready: false
        started: true
        restartCount: 0
        state:
          running: {startedAt: {{ $now | Quote }}}`)
}

// ImageIDs returns a stage for [WithStages]: containers run and report, as a
// container runtime does, what their image resolved to
// ("docker.io/library/nginx@sha256:..."), by the image named in the pod.
// Others report nothing.
func ImageIDs(ids map[string]string) string {
	var dict strings.Builder
	for _, image := range slices.Sorted(maps.Keys(ids)) {
		fmt.Fprintf(&dict, " %q %q", image, ids[image])
	}
	return podStage("pod-image-ids", 1, "matchLabels: {}", "", "True", `
        ready: true
        started: true
        restartCount: 0
        imageID: {{ index (dict`+dict.String()+`) .image | default "" | Quote }}
        state:
          running: {startedAt: {{ $now | Quote }}}`)
}

// crashWeight makes a stage for some pods win over one for all: kwok draws lots
// among the stages that match, by their weights.
const crashWeight = 1_000_000

// podStage takes pods from Pending to Running with each container in the given
// state, of those that a selector and more expressions match. With a weight, it
// wins over kwok's own stage, which has none.
func podStage(name string, weight int, selector, expressions, ready, container string) string {
	return `apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: ` + name + `
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  weight: ` + strconv.Itoa(weight) + `
  selector:
    ` + selector + `
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
    - {key: .status.phase, operator: In, values: [Pending]}` + expressions + `
  next:
    statusTemplate: |
      {{ $now := Now }}
      phase: Running
      startTime: {{ $now | Quote }}
      hostIP: {{ index ( NodeIPsWith .spec.nodeName ) 0 | Quote }}
      podIP: {{ index ( PodIPsWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) ) 0 | Quote }}
      conditions:
      - {type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }}}
      - {type: Ready, status: "` + ready + `", lastTransitionTime: {{ $now | Quote }}}
      - {type: ContainersReady, status: "` + ready + `", lastTransitionTime: {{ $now | Quote }}}
      containerStatuses:
      {{ range .spec.containers }}
      - name: {{ .name | Quote }}
        image: {{ .image | Quote }}` + container + `
      {{ end }}
`
}
