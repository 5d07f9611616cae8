package fixes

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Apply edits a workload's pod so that it is confined like this. It is
// idempotent and sets only what is not so already, for the pod or for a
// container as the existing spec suggests. A container that the confinement
// does not name has no exceptions. Windows pods stay as they are.
//
// What a confinement does not speak of (host namespaces, ports, volumes) stays
// too.
func (c Confinement) Apply(w Workload) {
	if w.Windows() {
		return
	}
	c.confine(w)
	var names []string // adding a seed moves the containers
	for container := range w.Containers() {
		names = append(names, container.Name)
	}
	for _, name := range names {
		w.AddScratch(name, c.Containers[name].Scratch)
	}
	c.confine(w) // the seeds too
}

// HeldBy reports whether a workload's pod is confined like this already:
// [Confinement.Apply] would change nothing.
func (c Confinement) HeldBy(w Workload) bool {
	own := w
	own.Meta, own.Spec = w.Meta.DeepCopy(), w.Spec.DeepCopy()
	c.Apply(own)
	return reflect.DeepEqual(own.Meta, w.Meta) && reflect.DeepEqual(own.Spec, w.Spec)
}

func (c Confinement) confine(w Workload) {
	c.confineVolumes(w)
	c.confineUsers(w)
	c.confineCalls(w)
	for container := range w.Containers() {
		if container.Ephemeral {
			continue
		}
		own, sc := c.of(w, container), securityOf(container)
		if isTrue(sc.Privileged) {
			sc.Privileged = new(bool)
		}
		if !confinedTo(sc.Capabilities, own.Add) {
			sc.Capabilities = &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: slices.Clone(own.Add)}
		}
		if !own.Escalates && !isFalse(sc.AllowPrivilegeEscalation) {
			sc.AllowPrivilegeEscalation = new(bool)
		}
		if !own.WritableRoot && !isTrue(sc.ReadOnlyRootFilesystem) {
			sc.ReadOnlyRootFilesystem = new(true)
		}
		container.SecurityContext = sc
	}
}

// of returns a container's exceptions. A seed has those of the container that
// it copies for; as root it keeps the owners of what it copies.
func (c Confinement) of(w Workload, container Container) ContainerConfinement {
	owner, _, seed := w.Seeds(container)
	own := c.Containers[cmp.Or(owner, container.Name)]
	if seed && own.Root {
		own.Add = append(slices.Clone(own.Add), "CHOWN", "DAC_OVERRIDE", "FOWNER")
		slices.Sort(own.Add)
		own.Add = slices.Compact(own.Add)
	}
	return own
}

// confineVolumes sets what belongs to the pod as a whole.
func (c Confinement) confineVolumes(w Workload) {
	if c.FSGroup == nil && len(c.Sysctls) == 0 {
		return
	}
	pod := podSecurityOf(w)
	if c.FSGroup != nil && !same(pod.FSGroup, c.FSGroup) {
		group, policy := *c.FSGroup, corev1.FSGroupChangeOnRootMismatch
		pod.FSGroup = &group
		if pod.FSGroupChangePolicy == nil {
			pod.FSGroupChangePolicy = &policy // large volumes would hold up every start
		}
	}
	for _, set := range c.Sysctls {
		at := slices.IndexFunc(pod.Sysctls, func(s corev1.Sysctl) bool { return s.Name == set.Name })
		if at < 0 {
			pod.Sysctls = append(pod.Sysctls, set)
		} else {
			pod.Sysctls[at].Value = set.Value
		}
	}
}

// confineUsers sets whom the containers run as.
func (c Confinement) confineUsers(w Workload) {
	before := corev1.PodSecurityContext{}
	if w.Spec.SecurityContext != nil {
		before = *w.Spec.SecurityContext
	}
	refuseRoot, anyNonRoot := false, false
	for container := range w.Containers() {
		if container.Ephemeral || c.of(w, container).Root {
			continue
		}
		anyNonRoot = true
		sc := container.SecurityContext
		refuseRoot = refuseRoot || sc == nil || sc.RunAsNonRoot == nil
	}
	if anyNonRoot && (refuseRoot && !isTrue(before.RunAsNonRoot) || isFalse(before.RunAsNonRoot)) {
		podSecurityOf(w).RunAsNonRoot = new(true)
	}
	podRoot := before.RunAsUser != nil && *before.RunAsUser == 0
	if anyNonRoot && podRoot {
		w.Spec.SecurityContext.RunAsUser = nil
	}
	pod := w.Spec.SecurityContext
	if pod == nil {
		pod = &corev1.PodSecurityContext{}
	}
	for container := range w.Containers() {
		if container.Ephemeral {
			continue
		}
		own, sc := c.of(w, container), securityOf(container)
		switch {
		case own.Root:
			if isTrue(sc.RunAsNonRoot) || sc.RunAsNonRoot == nil && isTrue(pod.RunAsNonRoot) {
				sc.RunAsNonRoot = new(bool)
			}
			if anyNonRoot && podRoot && sc.RunAsUser == nil {
				sc.RunAsUser = new(int64)
			}
		default:
			if isFalse(sc.RunAsNonRoot) {
				sc.RunAsNonRoot = new(true)
			}
			if sc.RunAsUser != nil && *sc.RunAsUser == 0 {
				sc.RunAsUser = nil
			}
			setID(&sc.RunAsUser, pod.RunAsUser, own.User)
			setID(&sc.RunAsGroup, pod.RunAsGroup, own.Group)
		}
		if !reflect.ValueOf(*sc).IsZero() {
			container.SecurityContext = sc
		}
	}
}

// setID sets a container's own field unless it is so already, by the pod's.
func setID(own **int64, pod, want *int64) {
	effective := *own
	if effective == nil {
		effective = pod
	}
	if want != nil && !same(effective, want) {
		id := *want
		*own = &id
	}
}

// confineCalls filters system calls.
func (c Confinement) confineCalls(w Workload) {
	var pod *corev1.SeccompProfile
	if w.Spec.SecurityContext != nil {
		pod = w.Spec.SecurityContext.SeccompProfile
	}
	filter := func() *corev1.SeccompProfile {
		return &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	}
	for container := range w.Containers() {
		if container.Ephemeral || c.of(w, container).Unconfined {
			continue
		}
		sc := container.SecurityContext
		if sc != nil && unfiltered(sc.SeccompProfile) {
			sc.SeccompProfile = filter()
			w.DropSeccompAnnotation(corev1.SeccompContainerAnnotationKeyPrefix + container.Name)
		}
		if unfiltered(pod) || pod == nil && (sc == nil || sc.SeccompProfile == nil) {
			pod = filter()
			podSecurityOf(w).SeccompProfile = pod
			w.DropSeccompAnnotation(corev1.SeccompPodAnnotationKey)
		}
	}
	if pod == nil || unfiltered(pod) {
		return
	}
	for container := range w.Containers() {
		if container.Ephemeral || !c.of(w, container).Unconfined {
			continue
		}
		if sc := securityOf(container); sc.SeccompProfile == nil {
			sc.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
			container.SecurityContext = sc
		}
	}
}

func unfiltered(p *corev1.SeccompProfile) bool {
	return p != nil && p.Type == corev1.SeccompProfileTypeUnconfined
}

// DropSeccompAnnotation removes an annotation of before 1.19 that contradicts
// the profile RuntimeDefault.
func (w Workload) DropSeccompAnnotation(key string) {
	switch w.Meta.Annotations[key] {
	case corev1.SeccompProfileRuntimeDefault, corev1.DeprecatedSeccompProfileDockerDefault:
	default:
		delete(w.Meta.Annotations, key)
	}
}

// confinedTo reports whether a container has no other capabilities than some.
func confinedTo(caps *corev1.Capabilities, want []corev1.Capability) bool {
	if caps == nil || !slices.Contains(caps.Drop, "ALL") {
		return false
	}
	has, needs := map[string]bool{}, map[string]bool{}
	for _, add := range caps.Add {
		has[strings.TrimPrefix(strings.ToUpper(string(add)), "CAP_")] = true
	}
	for _, add := range want {
		needs[string(add)] = true
	}
	return reflect.DeepEqual(has, needs)
}

// securityOf returns a container's security context, or a new one that is not
// the container's yet.
func securityOf(c Container) *corev1.SecurityContext {
	if c.SecurityContext == nil {
		return &corev1.SecurityContext{}
	}
	return c.SecurityContext
}

func podSecurityOf(w Workload) *corev1.PodSecurityContext {
	if w.Spec.SecurityContext == nil {
		w.Spec.SecurityContext = &corev1.PodSecurityContext{}
	}
	return w.Spec.SecurityContext
}

func same(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }

func isTrue(b *bool) bool  { return b != nil && *b }
func isFalse(b *bool) bool { return b != nil && !*b }
