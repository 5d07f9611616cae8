package podsecurity

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/agents"
)

// runtimeSockets are where container runtimes take orders, as the kubelet and
// crictl look for them (--container-runtime-endpoint), and other programs that
// start containers as root for whoever asks.
var runtimeSockets = []string{
	"/run/docker.sock", "/run/docker/containerd/containerd.sock", "/run/docker/containerd/docker-containerd.sock",
	"/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock", "/run/k0s/containerd.sock",
	"/run/crio/crio.sock", "/run/cri-dockerd.sock", "/run/dockershim.sock", "/run/podman/podman.sock",
	"/run/buildkit/buildkitd.sock", "/run/frakti.sock",
}

// volumeSocket finds pods that can give orders to their node's container
// runtime.
func volumeSocket() *fixes.Rule {
	return &fixes.Rule{
		ID: "volume-socket", Category: fixes.PodSecurity,
		Title:      "A pod can give orders to its node's container runtime",
		Severity:   fixes.Critical,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.PSS("HostPath Volumes"), fixes.CIS("5.2.11"), fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K01")},
		Kinds:      fixes.WorkloadKinds(),
		Check:      each(checkSocket),
		Docs: `
Whoever may write to the socket of containerd, CRI-O or Docker starts any container
as root, with all of the node mounted, past every admission control; and reads the
environment of every other container. A read-only mount is no help: it protects the
file, not what is said through it.

## What is looked at
hostPath volumes of a known socket, or of a folder that holds it (/run), which a
container mounts. Known agents that need it (sensors, some monitoring) are left
out.

## The fix
By hand: what to use instead depends on what the pod does. The steps say what is
usual: to build images, rootless BuildKit; to watch containers, the kubelet and the
API server.

## By hand
    kubectl get pods -A -o json | jq '.items[] | select(.spec.volumes[]?.hostPath.path | strings | test("sock|^/(var/)?run/?$")) | .metadata'
`,
	}
}

func checkSocket(p *fixes.Pass, s *subject) {
	agent, known := agents.Of(s.Workload)
	for i, v := range s.Spec.Volumes {
		if !isHostPath(v) {
			continue
		}
		at := agents.NodePath(v.HostPath.Path)
		mounted := mounts(s.Workload, v.Name)
		if len(mounted) == 0 || !reachesRuntime(at) || known && agent.Reads(at) {
			continue
		}
		path := fmt.Sprintf("%s.volumes[%d].hostPath.path", s.SpecPath, i)
		f := fixes.Finding{
			Object: s.Ref(), Key: v.Name, Path: path,
			Message: fmt.Sprintf("The pod mounts %s, through which it can start any container on its node as root.", v.HostPath.Path),
		}
		for _, m := range mounted {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s mounts it at %s", who(m.in), m.MountPath))
		}
		if !isSocket(at) {
			f.Evidence = append(f.Evidence, "the folder holds the runtime's socket: "+strings.Join(socketsBelow(at), " or "))
		}
		s.faults = []fault{{path: path, who: "volume " + v.Name, what: v.HostPath.Path}}
		f.Fixes = []fixes.Fix{s.manual("Do without the runtime's socket", "what takes its place depends on what the pod does with it", socketSteps(s.Workload, v))}
		p.Report(f)
	}
}

// reachesRuntime reports whether a path of a node is a runtime's socket, or a
// folder that holds one. /var/run below a mount of /var is a link that leads out
// of it, so /var holds none.
func reachesRuntime(p string) bool {
	return slices.Contains(socketNames(), path.Base(p)) && isSocket(p) || len(socketsBelow(p)) > 0
}

func socketsBelow(p string) []string {
	var below []string
	for _, socket := range runtimeSockets {
		if p == "/" || agents.Within(socket, []string{p}) {
			below = append(below, socket)
		}
	}
	const shown = 3
	return below[:min(len(below), shown)]
}

// socketNames are the sockets' names: installations put them elsewhere.
func socketNames() []string {
	var names []string
	for _, socket := range runtimeSockets {
		names = append(names, path.Base(socket))
	}
	return names
}

func isSocket(p string) bool { return strings.HasSuffix(p, ".sock") }

// uses are what pods do with a runtime's socket, known by their images, and what
// does it without.
var uses = []struct {
	images []string
	steps  string
}{
	{[]string{"jenkins", "gitlab-runner", "drone", "docker", "dind", "runner", "buildkite", "teamcity", "bamboo", "kaniko", "concourse", "tekton"}, `
To build images: rootless BuildKit (moby/buildkit:rootless, which needs neither
privileges nor the socket), Buildah or Kaniko in a pod of its own; Jenkins, GitLab
and GitHub runners have executors that start pods through the API instead.`},
	{[]string{"cadvisor", "datadog", "dd-agent", "sysdig", "prometheus", "telegraf", "newrelic", "zabbix", "heapster", "netdata", "exporter"}, `
To measure containers: the kubelet has their figures (/metrics/cadvisor,
/metrics/resource, /stats/summary), for a ServiceAccount with get on nodes/metrics.`},
	{[]string{"traefik", "nginx-proxy", "portainer", "registrator", "logspout", "watchtower", "ouroboros", "autoheal"}, `
To discover or restart containers: watch pods and Services through the API with a
ServiceAccount of its own; Deployments and probes restart what fails.`},
	{[]string{"falco", "trivy", "scan", "audit", "bench", "kubescape"}, `
To scan or watch for attacks: run it as a DaemonSet in a namespace of its own, which
few people may create pods in and whose enforced level is privileged.`},
}

func socketSteps(w fixes.Workload, v corev1.Volume) string {
	var known, others []string
	for _, use := range uses {
		likely := false
		for c := range w.Containers() {
			likely = likely || slices.ContainsFunc(use.images, func(name string) bool { return strings.Contains(strings.ToLower(c.Image), name) })
		}
		if likely {
			known = append(known, strings.TrimSpace(use.steps))
		} else {
			others = append(others, strings.TrimSpace(use.steps))
		}
	}
	if len(known) == 0 {
		known = others
	}
	return strings.Join(known, "\n") + "\nThen remove volume " + v.Name + " and its mounts."
}
