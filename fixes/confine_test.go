package fixes_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestApplyConfinement(t *testing.T) {
	id := func(n int64) *int64 { return &n }
	const tight = `{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true}`
	const podTight = `{runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}`
	in := func(c fixes.ContainerConfinement) fixes.Confinement {
		return fixes.Confinement{Containers: map[string]fixes.ContainerConfinement{"c": c}}
	}
	for _, test := range []struct {
		name        string
		confinement fixes.Confinement
		spec, want  string
	}{{
		name: "no exceptions",
		spec: `containers: [{name: c, image: x}, {name: d, image: y}]`,
		want: `{securityContext: ` + podTight + `, containers: [{name: c, image: x, securityContext: ` + tight + `}, {name: d, image: y, securityContext: ` + tight + `}]}`,
	}, {
		name: "what is so already stays where it is",
		spec: `{containers: [{name: c, image: x, securityContext: {runAsNonRoot: true, seccompProfile: {type: Localhost, localhostProfile: p}, capabilities: {drop: [all, ALL]}}}]}`,
		want: `{containers: [{name: c, image: x, securityContext: {runAsNonRoot: true, seccompProfile: {type: Localhost, localhostProfile: p}, capabilities: {drop: [all, ALL]}, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true}}]}`,
	}, {
		name: "what says otherwise goes",
		spec: `{securityContext: {runAsUser: 0, runAsNonRoot: false, seccompProfile: {type: Unconfined}}, containers: [{name: c, image: x, securityContext: {privileged: true, runAsUser: 0, runAsNonRoot: false, capabilities: {add: [CAP_SYS_ADMIN]}, seccompProfile: {type: Unconfined}}}]}`,
		want: `{securityContext: ` + podTight + `, containers: [{name: c, image: x, securityContext: {privileged: false, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true}}]}`,
	}, {
		name: "a user, a group, a group for volumes, a sysctl",
		confinement: func() fixes.Confinement {
			c := in(fixes.ContainerConfinement{User: id(33), Group: id(34)})
			c.FSGroup, c.Sysctls = id(34), []corev1.Sysctl{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}
			return c
		}(),
		spec: `{securityContext: {runAsUser: 33, sysctls: [{name: b, value: "0"}]}, containers: [{name: c, image: x}]}`,
		want: `{securityContext: {runAsUser: 33, fsGroup: 34, fsGroupChangePolicy: OnRootMismatch, sysctls: [{name: b, value: "2"}, {name: a, value: "1"}], runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, containers: [{name: c, image: x, securityContext: {runAsGroup: 34, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true}}]}`,
	}, {
		name: "one of two is root, by the pod's word",
		confinement: in(fixes.ContainerConfinement{Root: true, Add: []corev1.Capability{"CHOWN"}, Escalates: true,
			Unconfined: true, WritableRoot: true}),
		spec: `{securityContext: {runAsUser: 0}, containers: [{name: c, image: x}, {name: d, image: x}]}`,
		want: `{securityContext: ` + podTight + `, containers: [{name: c, image: x, securityContext: {runAsUser: 0, runAsNonRoot: false, seccompProfile: {type: Unconfined}, capabilities: {drop: [ALL], add: [CHOWN]}}}, {name: d, image: x, securityContext: ` + tight + `}]}`,
	}, {
		name: "all exceptions change nothing but the capabilities' spelling",
		confinement: in(fixes.ContainerConfinement{Root: true, Add: []corev1.Capability{"CHOWN", "SETUID"}, Escalates: true,
			Unconfined: true, WritableRoot: true}),
		spec: `{containers: [{name: c, image: x, securityContext: {capabilities: {drop: [ALL], add: [CAP_SETUID, chown]}}}]}`,
		want: `{containers: [{name: c, image: x, securityContext: {capabilities: {drop: [ALL], add: [CAP_SETUID, chown]}}}]}`,
	}, {
		name:        "a seed is confined like its container",
		confinement: in(fixes.ContainerConfinement{User: id(9), Scratch: []fixes.Scratch{{Path: "/a", Seed: true}}}),
		spec:        `{containers: [{name: c, image: x}]}`,
		want: `{securityContext: ` + podTight + `, volumes: [{name: scratch-a, emptyDir: {sizeLimit: 256Mi}}],
initContainers: [{name: seed-a, image: x, command: [cp, -a, /a/., /kubectl-harden/seed/content], resources: {}, volumeMounts: [{name: scratch-a, mountPath: /kubectl-harden/seed}], securityContext: {runAsUser: 9, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true}}],
containers: [{name: c, image: x, volumeMounts: [{name: scratch-a, mountPath: /a, subPath: content}], securityContext: {runAsUser: 9, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true}}]}`,
	}, {
		name:        "the seed of root keeps owners",
		confinement: in(fixes.ContainerConfinement{Root: true, Add: []corev1.Capability{"SETUID"}, Scratch: []fixes.Scratch{{Path: "/a", Seed: true}}}),
		spec:        `{containers: [{name: c, image: x}]}`,
		want: `{securityContext: {seccompProfile: {type: RuntimeDefault}}, volumes: [{name: scratch-a, emptyDir: {sizeLimit: 256Mi}}],
initContainers: [{name: seed-a, image: x, command: [cp, -a, /a/., /kubectl-harden/seed/content], resources: {}, volumeMounts: [{name: scratch-a, mountPath: /kubectl-harden/seed}], securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [CHOWN, DAC_OVERRIDE, FOWNER, SETUID]}, readOnlyRootFilesystem: true}}],
containers: [{name: c, image: x, volumeMounts: [{name: scratch-a, mountPath: /a, subPath: content}], securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [SETUID]}, readOnlyRootFilesystem: true}}]}`,
	}, {
		name: "Windows",
		spec: `{os: {name: windows}, containers: [{name: c, image: x}]}`,
		want: `{os: {name: windows}, containers: [{name: c, image: x}]}`,
	}} {
		t.Run(test.name, func(t *testing.T) {
			var spec, want corev1.PodSpec
			for into, text := range map[*corev1.PodSpec]string{&spec: test.spec, &want: test.want} {
				if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
					t.Fatal(err)
				}
			}
			w, _ := fixes.AsWorkload(&corev1.Pod{Spec: spec})
			held := test.confinement.HeldBy(w)
			test.confinement.Apply(w)
			got, wanted := toYAML(t, w.Spec), toYAML(t, &want)
			if got != wanted {
				t.Fatalf("got:\n%s\nwant:\n%s", got, wanted)
			}
			if held != (test.spec == test.want || strings.Contains(test.name, "change nothing")) {
				t.Errorf("held before: %v", held)
			}
			if !test.confinement.HeldBy(w) {
				test.confinement.Apply(w)
				t.Errorf("a second time changes:\n%s\nto:\n%s", got, toYAML(t, w.Spec))
			}
		})
	}
}

func TestConfinementDropsOldAnnotations(t *testing.T) {
	inv := fixestest.Load(t, `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: ns, annotations: {seccomp.security.alpha.kubernetes.io/pod: unconfined, other: kept}}
spec: {containers: [{name: c, image: x}]}
`)
	w := inv.Workloads("ns")[0]
	fixes.Confinement{}.Apply(w)
	if len(w.Meta.Annotations) != 1 || w.Meta.Annotations["other"] != "kept" {
		t.Errorf("annotations: %v", w.Meta.Annotations)
	}
}

func toYAML(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
