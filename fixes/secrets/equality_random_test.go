package secrets

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestRandomContainersSeeTheSame makes up namespaces in which workloads of all
// kinds read ConfigMaps in all ways, fixes a random part of what is found, and
// compares what each container sees before and after.
func TestRandomContainersSeeTheSame(t *testing.T) {
	made := map[string]int{}
	for seed := range 400 {
		m := maker{rand.New(rand.NewPCG(7, uint64(seed)))}
		inv := m.namespace()
		result := fixes.Scan(inv, movers())
		choices := fixes.Choose(result.Findings, fixes.Review)
		if m.IntN(3) == 0 {
			choices = slices.DeleteFunc(choices, func(fixes.Choice) bool { return m.IntN(2) == 0 })
		}
		plan, err := fixes.Compose(result, choices)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !plan.Verified {
			for _, f := range slices.Concat(plan.Unfixed, plan.New) {
				t.Errorf("seed %d: still or newly broken: %s %s %s", seed, f.Rule.ID, f.Object, f.Path)
			}
		}
		compareWorlds(t, fmt.Sprint("seed ", seed), inv, plan)
		for _, c := range choices {
			made[c.Finding.Rule.ID]++
		}
		if t.Failed() {
			return
		}
	}
	for _, r := range movers() {
		if made[r.ID] < 100 {
			t.Errorf("only %d fixes of %s: the test shows little", made[r.ID], r.ID)
		}
	}
}

// maker makes things up.
type maker struct{ *rand.Rand }

func pick[T any](m maker, from ...T) T { return from[m.IntN(len(from))] }

func (m maker) optional() *bool { return pick(m, nil, nil, new(false), new(true)) }

func (m maker) credential() string {
	return pick(m, "Tr0ub4dor&3-horse", "hunter2-9f8e7d6c", "pa$$w0rd-9f8e$(HOST)", "x9$$(USER)8f7e6d5c4b", "s3cr$et-8f7e6d5c4b3a")
}

var configMapNames = []string{"settings", "more", "files"}

// entries are keys with what may stand there: the same keys in several
// ConfigMaps, so that the order of sources matters.
func (m maker) data() map[string]string {
	data := map[string]string{}
	for _, key := range []string{"DB_PASSWORD", "API_TOKEN", "LOG_LEVEL", "HOST", "DATABASE_URL", "app.properties", "config.json", "ca.crt"} {
		if m.IntN(3) == 0 {
			continue
		}
		switch key {
		case "DB_PASSWORD", "API_TOKEN":
			data[key] = m.credential()
		case "DATABASE_URL":
			data[key] = "postgres://shop:" + pick(m, "s3cr3t8f7e6d", "other9a8b7c") + "@db:5432/shop"
		case "app.properties":
			data[key] = "db.user=shop\ndb.password=Tr0ub4dor-horse\nlog=" + pick(m, "info", "debug") + "\n"
		case "config.json":
			data[key] = `{"log": "info", "smtp": {"password": "c0rrect-h0rse-9"}}`
		default:
			data[key] = pick(m, "info", "debug", "db.shop.svc")
		}
	}
	return data
}

func (m maker) namespace() *fixes.Inventory {
	inv := fixes.NewInventory()
	inv.Live = m.IntN(2) == 0
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name, Namespace: "shop"} }
	for _, name := range configMapNames {
		if m.IntN(8) == 0 {
			continue // pods refer to what is not there
		}
		cm := &corev1.ConfigMap{ObjectMeta: meta(name), Data: m.data()}
		if m.IntN(3) == 0 {
			cm.BinaryData = map[string][]byte{"server.key": []byte("-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\n-----END RSA PRIVATE KEY-----\n"), "blob": {0, 1, 255}}
		}
		inv.Add(cm)
	}
	inv.Add(&corev1.Secret{ObjectMeta: meta("settings-secret"), Data: map[string][]byte{"LOG_LEVEL": []byte("of the secret"), "USER": []byte("u")}})
	if m.IntN(2) == 0 {
		inv.Add(&corev1.Secret{ObjectMeta: meta("elsewhere"), Data: map[string][]byte{"LOG_LEVEL": []byte("of elsewhere"), "DB_PASSWORD": []byte("of elsewhere")}})
	}
	for i := range 1 + m.IntN(4) {
		inv.Add(m.workload(meta(fmt.Sprint("w", i))))
	}
	return inv
}

func (m maker) workload(meta metav1.ObjectMeta) fixes.Object {
	pod := corev1.PodTemplateSpec{Spec: m.pod()}
	switch m.IntN(8) {
	case 0:
		return &corev1.Pod{ObjectMeta: meta, Spec: pod.Spec}
	case 1:
		return &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Template: pod}}
	case 2:
		return &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Template: pod}}
	case 3:
		return &batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: pod}}}}
	case 4:
		return &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Template: pod}}
	}
	return &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: pod}}
}

func (m maker) pod() corev1.PodSpec {
	var spec corev1.PodSpec
	for i := range m.IntN(4) {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: fmt.Sprint("v", i), VolumeSource: m.volume()})
	}
	for i := range 1 + m.IntN(2) {
		spec.Containers = append(spec.Containers, m.container(fmt.Sprint("c", i), spec.Volumes))
	}
	if m.IntN(3) == 0 {
		spec.InitContainers = append(spec.InitContainers, m.container("init", spec.Volumes))
	}
	return spec
}

func (m maker) items() []corev1.KeyToPath {
	var items []corev1.KeyToPath
	for i, key := range []string{"DB_PASSWORD", "app.properties", "LOG_LEVEL", "config.json", "server.key"} {
		if m.IntN(3) == 0 {
			items = append(items, corev1.KeyToPath{Key: key, Path: pick(m, key, fmt.Sprintf("dir/%d", i)), Mode: pick(m, nil, new(int32(0o400)))})
		}
	}
	return items
}

func (m maker) volume() corev1.VolumeSource {
	name := corev1.LocalObjectReference{Name: pick(m, configMapNames...)}
	mode := pick(m, nil, new(int32(0o440)), new(int32(0o644)))
	switch m.IntN(4) {
	case 0:
		return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: name, DefaultMode: mode, Optional: m.optional()}}
	case 1:
		return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: name, DefaultMode: mode, Optional: m.optional(), Items: m.items()}}
	case 2:
		return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	}
	out := corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{DefaultMode: mode}}
	for range 1 + m.IntN(3) {
		s := corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: pick(m, configMapNames...)}, Optional: m.optional(), Items: m.items()}}
		if m.IntN(4) == 0 {
			s = corev1.VolumeProjection{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "settings-secret"}, Optional: m.optional()}}
		}
		out.Projected.Sources = append(out.Projected.Sources, s)
	}
	return out
}

func (m maker) container(name string, volumes []corev1.Volume) corev1.Container {
	c := corev1.Container{Name: name, Image: "x"}
	for range m.IntN(4) {
		from := corev1.EnvFromSource{Prefix: pick(m, "", "", "APP_")}
		if m.IntN(4) == 0 {
			from.SecretRef = &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: pick(m, "settings-secret", "elsewhere", "more-secret")}, Optional: m.optional()}
		} else {
			from.ConfigMapRef = &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: pick(m, configMapNames...)}, Optional: m.optional()}
		}
		c.EnvFrom = append(c.EnvFrom, from)
	}
	for range m.IntN(6) {
		c.Env = append(c.Env, m.variable())
	}
	if m.IntN(2) == 0 {
		c.Command, c.Args = m.commandLine()
	}
	for i, v := range volumes {
		if m.IntN(3) > 0 {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: v.Name, MountPath: fmt.Sprint("/mnt/", i),
				SubPath: pick(m, "", "", "DB_PASSWORD", "app.properties", "dir"), ReadOnly: m.IntN(2) == 0})
		}
	}
	return c
}

func (m maker) variable() corev1.EnvVar {
	name := pick(m, "DB_PASSWORD", "API_TOKEN", "LOG_LEVEL", "HOST", "USER", "DATABASE_URL", "APP_DB_PASSWORD")
	switch m.IntN(3) {
	case 0:
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: pick(m, configMapNames...)},
			Key:                  pick(m, "DB_PASSWORD", "LOG_LEVEL", "app.properties", "server.key"), Optional: m.optional(),
		}}}
	case 1:
		return corev1.EnvVar{Name: name, Value: m.credential()}
	}
	return corev1.EnvVar{Name: name, Value: pick(m, "$(HOST)", "postgres://u:s3cr$$et9f8e@$(HOST)/x", "info", "$(DB_PASSWORD)", "$$(HOST)")}
}

func (m maker) commandLine() (command, args []string) {
	switch m.IntN(5) {
	case 0:
		return []string{"server"}, []string{"--log=$(LOG_LEVEL)", "--password=" + m.credential(), "--token", "9f8e7d6c5b4a3928"}
	case 1:
		return nil, []string{"--db=postgres://u:s3cr3t9f8e@$(HOST)/x", "--password", m.credential(), "--api-token=" + m.credential()}
	case 2:
		return []string{"sh", "-c"}, []string{"mysql -uroot -phunter2-9f8e7d6c -e 'select 1'; echo $$ $(HOST)"}
	case 3:
		return []string{"/bin/bash", "-ec", `curl -u "admin:hunter2-9f8e7d6c" https://$(HOST)/; redis-cli -a 'x9f8e7d6c' ping`}, nil
	}
	return []string{"tini", "--", "sh", "-c", "exec server --password=hunter2-9f8e7d6c --log \"$LOG_LEVEL\""}, nil
}
