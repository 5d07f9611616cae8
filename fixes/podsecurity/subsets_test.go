package podsecurity

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestSubsets takes any of the fixes of random workloads. Whatever was chosen,
// the plan is verified, the object is one that the API server accepts, and the
// order of choosing does not matter; and a fix alone closes its finding.
func TestSubsets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tried := 0
	for tried < 80 {
		inv := fixes.NewInventory()
		inv.ServerMinor = 25 + r.IntN(13)
		d := randomDeployment(r)
		if apiRefuses(&d.Spec.Template) != "" {
			continue
		}
		tried++
		inv.Add(d)
		result := fixes.Scan(inv, Rules())
		pod := &corev1.Pod{ObjectMeta: d.Spec.Template.ObjectMeta, Spec: d.Spec.Template.Spec}
		found := ids(fixes.Scan(inv, controls()).Findings)
		if refusal := refused(t, api.LevelRestricted, inv.ServerMinor, pod); (refusal == "") != (len(found) == 0) {
			t.Fatalf("found %q; the library: %q", found, refusal)
		}
		checkLevel(t, inv.ServerMinor, inv, pod)

		all := fixes.Choose(result.Findings, fixes.Review)
		for i := range all {
			tryChoices(t, r, result, all[i:i+1])
		}
		tryChoices(t, r, result, all)
		for range 2 {
			var some []fixes.Choice
			for _, c := range all {
				if r.IntN(2) == 0 {
					some = append(some, c)
				}
			}
			tryChoices(t, r, result, some)
		}
	}
}

func tryChoices(t *testing.T, r *rand.Rand, result *fixes.Result, choices []fixes.Choice) {
	t.Helper()
	plan, err := fixes.Compose(result, choices)
	if err != nil {
		t.Fatal(err)
	}
	var chosen []string
	for _, c := range choices {
		chosen = append(chosen, c.Finding.Rule.ID)
	}
	if !plan.Verified {
		t.Fatalf("%q: unfixed %q, new %q\n%s", chosen, ids(plan.Unfixed), ids(plan.New), dump(result.Inventory))
	}
	for _, c := range plan.Changes {
		if why := apiRefuses(&c.After.(*appsv1.Deployment).Spec.Template); why != "" {
			t.Fatalf("%q gives an invalid object: %s\n%s", chosen, why, dump(result.Inventory))
		}
	}
	shuffled := slices.Clone(choices)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	other, err := fixes.Compose(result, shuffled)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := manifests(t, plan), manifests(t, other); a != b {
		t.Fatalf("%q: the order of choosing matters:\n%s\n%s", chosen, a, b)
	}
}

func manifests(t *testing.T, plan *fixes.Plan) string {
	var all []map[string]any
	for _, c := range plan.Changes {
		m, err := c.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func dump(inv *fixes.Inventory) string {
	text, _ := json.MarshalIndent(inv.List(fixes.KindDeployment)[0].(*appsv1.Deployment).Spec.Template, "", " ")
	return string(text)
}

// apiRefuses has what the API server's validation says about how the fields of
// these controls depend on each other
// (k8s.io/kubernetes/pkg/apis/core/validation).
func apiRefuses(template *corev1.PodTemplateSpec) string {
	d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: *template}}
	w, _ := fixes.AsWorkload(d)
	pod := podSecurity(w.Spec)
	windows := w.Spec.OS != nil && w.Spec.OS.Name == corev1.Windows
	userNamespace := isFalse(w.Spec.HostUsers)
	n, hostProcesses := 0, 0
	for c := range w.Containers() {
		n++
		sc, caps := security(c), capabilitiesOf(c)
		if isFalse(sc.AllowPrivilegeEscalation) {
			if isTrue(sc.Privileged) {
				return "cannot set allowPrivilegeEscalation to false and privileged to true"
			}
			if slices.Contains(caps.Add, "CAP_SYS_ADMIN") {
				return "cannot set allowPrivilegeEscalation to false and add CAP_SYS_ADMIN"
			}
		}
		if sc.ProcMount != nil && *sc.ProcMount == corev1.UnmaskedProcMount && !userNamespace {
			return "hostUsers must be false to use Unmasked"
		}
		for _, m := range c.VolumeMounts {
			if m.MountPropagation != nil && *m.MountPropagation == corev1.MountPropagationBidirectional && !isTrue(sc.Privileged) {
				return "Bidirectional mount propagation is available only to privileged containers"
			}
			if !slices.ContainsFunc(w.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
				return "volume mount without a volume"
			}
		}
		for _, p := range c.Ports {
			if w.Spec.HostNetwork && p.HostPort != 0 && p.HostPort != p.ContainerPort {
				return "hostPort must match containerPort when hostNetwork is true"
			}
		}
		if own := sc.WindowsOptions; own != nil && own.HostProcess != nil && *own.HostProcess || hostProcess(pod.WindowsOptions) {
			hostProcesses++
		}
		if p := sc.SeccompProfile; p != nil && !matches(w.Meta.Annotations, corev1.SeccompContainerAnnotationKeyPrefix+c.Name, p) {
			return "seccomp type in annotation and field must match"
		}
	}
	switch {
	case pod.SeccompProfile != nil && !matches(w.Meta.Annotations, corev1.SeccompPodAnnotationKey, pod.SeccompProfile):
		return "seccomp type in annotation and field must match"
	case hostProcesses > 0 && (hostProcesses != n || !w.Spec.HostNetwork):
		return "all containers must be HostProcess containers, and hostNetwork true"
	case userNamespace && (w.Spec.HostNetwork || w.Spec.HostPID || w.Spec.HostIPC):
		return "host namespaces when hostUsers is false"
	case windows && hasLinuxFields(w):
		return "cannot be set for a windows pod"
	}
	return ""
}

func matches(annotations map[string]string, key string, p *corev1.SeccompProfile) bool {
	value, ok := annotations[key]
	if !ok {
		return true
	}
	return map[corev1.SeccompProfileType]string{"Unconfined": "unconfined", "RuntimeDefault": "runtime/default"}[p.Type] == value
}

// pick returns one of some values, or nil.
func pick[T any](r *rand.Rand, values ...T) *T {
	i := r.IntN(len(values) * 2)
	if i >= len(values) {
		return nil
	}
	return &values[i]
}

func oneIn(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

func randomDeployment(r *rand.Rand) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}}
	template := &d.Spec.Template
	template.Labels = map[string]string{"app": "web"}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: template.Labels}
	template.Annotations = map[string]string{}
	spec := &template.Spec
	spec.HostNetwork, spec.HostPID, spec.HostIPC = oneIn(r, 4), oneIn(r, 5), oneIn(r, 5)
	spec.HostUsers = pick(r, true, false)
	if oneIn(r, 5) {
		spec.NodeSelector = map[string]string{corev1.LabelOSStable: "windows"}
	}
	if oneIn(r, 8) {
		spec.OS = &corev1.PodOS{Name: corev1.Windows}
	}
	for i := range r.IntN(4) {
		spec.Volumes = append(spec.Volumes, randomVolume(r, fmt.Sprint("v", i)))
	}
	if oneIn(r, 2) {
		spec.SecurityContext = &corev1.PodSecurityContext{
			RunAsNonRoot:    pick(r, true, false),
			RunAsUser:       pick[int64](r, 0, 1000),
			SeccompProfile:  pick(r, seccompProfiles...),
			SELinuxOptions:  pick(r, seLinuxes...),
			AppArmorProfile: pick(r, appArmors...),
		}
		for _, name := range []string{"kernel.shm_rmid_forced", "net.core.somaxconn", "net.ipv4.tcp_rmem"} {
			if oneIn(r, 3) {
				spec.SecurityContext.Sysctls = append(spec.SecurityContext.Sysctls, corev1.Sysctl{Name: name, Value: "1"})
			}
		}
		if oneIn(r, 6) {
			spec.SecurityContext.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: pick(r, true)}
		}
	}
	for i := range 1 + r.IntN(3) {
		spec.Containers = append(spec.Containers, randomContainer(r, fmt.Sprint("c", i), spec.Volumes))
	}
	for i := range r.IntN(2) {
		spec.InitContainers = append(spec.InitContainers, randomContainer(r, fmt.Sprint("i", i), spec.Volumes))
	}
	if oneIn(r, 6) {
		template.Annotations[corev1.SeccompPodAnnotationKey] = []string{"unconfined", "runtime/default"}[r.IntN(2)]
	}
	if oneIn(r, 6) {
		template.Annotations[corev1.SeccompContainerAnnotationKeyPrefix+"c0"] = "unconfined"
	}
	if oneIn(r, 6) {
		template.Annotations[appArmorAnnotation+"c0"] = "unconfined"
	}
	return d
}

var (
	seccompProfiles = []corev1.SeccompProfile{{Type: "Unconfined"}, {Type: "RuntimeDefault"}}
	seLinuxes       = []corev1.SELinuxOptions{{Type: "spc_t"}, {Type: "container_t"}, {User: "u"}, {Role: "r", Level: "s0:c1"}, {Level: "s0"}}
	appArmors       = []corev1.AppArmorProfile{{Type: "Unconfined"}, {Type: "RuntimeDefault"}}
)

// images are one that nobody knows, and known ones of each kind.
var images = []string{"x", "x", "nginx:1.27", "registry.acme/redis:7", "prom/prometheus:v2.50.0", "python:3",
	"registry.k8s.io/coredns/coredns:v1.11.1", "cassandra:4.1", "prom/node-exporter:v1.8.0"}

func randomVolume(r *rand.Rand, name string) corev1.Volume {
	sources := []corev1.VolumeSource{
		{HostPath: &corev1.HostPathVolumeSource{Path: "/var/run/docker.sock"}},
		{NFS: &corev1.NFSVolumeSource{Server: "nfs", Path: "/x"}},
		{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		{Secret: &corev1.SecretVolumeSource{SecretName: "s"}},
		{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}},
	}
	return corev1.Volume{Name: name, VolumeSource: sources[r.IntN(len(sources))]}
}

func randomContainer(r *rand.Rand, name string, volumes []corev1.Volume) corev1.Container {
	c := corev1.Container{Name: name, Image: images[r.IntN(len(images))]}
	if oneIn(r, 3) {
		c.Command = []string{"run"}
	}
	for _, v := range volumes {
		if oneIn(r, 3) {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: v.Name, MountPath: "/" + v.Name,
				MountPropagation: pick(r, corev1.MountPropagationNone, corev1.MountPropagationNone, corev1.MountPropagationBidirectional)})
		}
	}
	for range r.IntN(2) {
		port := []int32{80, 8080}[r.IntN(2)]
		c.Ports = append(c.Ports, corev1.ContainerPort{ContainerPort: port, HostPort: port * int32(r.IntN(2)), Protocol: "TCP"})
	}
	if oneIn(r, 3) {
		c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Host: []string{"", "127.0.0.1", "example.com"}[r.IntN(3)], Port: intstr.FromInt32(8080)}}}
	}
	if oneIn(r, 4) {
		return c
	}
	c.SecurityContext = &corev1.SecurityContext{
		Privileged:               pick(r, true, false),
		AllowPrivilegeEscalation: pick(r, true, false),
		RunAsNonRoot:             pick(r, true, false),
		RunAsUser:                pick[int64](r, 0, 1000),
		ProcMount:                pick(r, corev1.DefaultProcMount, corev1.DefaultProcMount, corev1.UnmaskedProcMount),
		SeccompProfile:           pick(r, seccompProfiles...),
		SELinuxOptions:           pick(r, seLinuxes...),
		AppArmorProfile:          pick(r, appArmors...),
	}
	if oneIn(r, 2) {
		caps := &corev1.Capabilities{}
		for _, add := range []corev1.Capability{"NET_BIND_SERVICE", "NET_ADMIN", "CAP_SYS_ADMIN", "CHOWN"} {
			if oneIn(r, 4) {
				caps.Add = append(caps.Add, add)
			}
		}
		for _, drop := range []corev1.Capability{"ALL", "NET_RAW"} {
			if oneIn(r, 3) {
				caps.Drop = append(caps.Drop, drop)
			}
		}
		c.SecurityContext.Capabilities = caps
	}
	return c
}
