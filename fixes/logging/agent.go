package logging

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// The agent that this program makes.
const (
	agentName      = "kubectl-harden-fluentd"
	agentNamespace = metav1.NamespaceSystem
	// agentImage holds Fluentd 1.19 with the plugins for Kubernetes' metadata and
	// for Elasticsearch. The digest is that of all its platforms.
	agentImage = "docker.io/fluent/fluentd-kubernetes-daemonset:v1.19.3-debian-elasticsearch8-1.1@sha256:88da01d42636bb6f659f4116d66cafe44f7ee2436ddbd5c3b8bd595449f2a639"

	configFolder = "/etc/fluentd"
	bufferFolder = "/buffers"
	caFolder     = "/etc/fluentd-ca"
	// healthPort is that of Fluentd's monitor_agent.
	healthPort = 24220
	// agentUser is nobody on the node. Its group is root's, which may read what
	// container runtimes write (0640 root:root; containerd,
	// internal/cri/io.NewCRILogger; conmon, ctr_logging.c).
	agentUser, logGroup = 10001, 0
)

// The keys of the Secret with the output's credentials.
const (
	keyUsername        = "username"
	keyPassword        = "password"
	keySharedKey       = "shared-key"
	keyAccessKeyID     = "access-key-id"
	keySecretAccessKey = "secret-access-key"
	keyCA              = "ca.crt"
)

func agentRef() fixes.Ref {
	return fixes.Ref{Kind: fixes.KindDaemonSet, Namespace: agentNamespace, Name: agentName}
}

// destination names an output for people.
func destination(p fixes.LogPolicy) string {
	switch p.Output {
	case fixes.LogStdout:
		return "its own output"
	case fixes.LogS3:
		return "bucket " + p.Bucket
	}
	return string(p.Output) + " at " + net.JoinHostPort(p.Host, strconv.Itoa(p.Port))
}

// labelled reports whether the agent adds the labels of pods, for which it asks
// the API server. Loki's labels are few by design, and its images lack the plugin.
func labelled(p fixes.LogPolicy) bool { return p.Output != fixes.LogLoki }

// agentObjects are what the agent is made of, in the order of creation.
func agentObjects(inv *fixes.Inventory) []fixes.Object {
	meta := metav1.ObjectMeta{Name: agentName, Namespace: agentNamespace, Labels: agentLabels()}
	objects := []fixes.Object{
		&corev1.ServiceAccount{ObjectMeta: meta, AutomountServiceAccountToken: new(bool)},
		&corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"fluent.conf": fluentConf(inv.Logs)}},
		agentDaemonSet(inv, meta),
	}
	if !labelled(inv.Logs) {
		return objects
	}
	cluster := metav1.ObjectMeta{Name: agentName, Labels: agentLabels()}
	return append(objects,
		&rbacv1.ClusterRole{ObjectMeta: cluster, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{""}, Resources: []string{"namespaces", "pods"}, Verbs: []string{"get", "list", "watch"},
		}}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: cluster,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: agentName},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: agentName, Namespace: agentNamespace}}})
}

func agentLabels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": "fluentd", "app.kubernetes.io/instance": agentName}
}

func agentDaemonSet(inv *fixes.Inventory, meta metav1.ObjectMeta) *appsv1.DaemonSet {
	tenth := intstr.FromString("10%")
	return &appsv1.DaemonSet{
		ObjectMeta: meta,
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: agentLabels()},
			UpdateStrategy: appsv1.DaemonSetUpdateStrategy{
				Type:          appsv1.RollingUpdateDaemonSetStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDaemonSet{MaxUnavailable: &tenth},
			},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: agentLabels()}, Spec: agentPod(inv)},
		},
	}
}

// agentPod is the pod of the agent. Of the restricted Pod Security Standard it
// breaks hostPath, and nothing else.
func agentPod(inv *fixes.Inventory) corev1.PodSpec {
	yes, no, token := true, false, labelled(inv.Logs)
	user, group := int64(agentUser), int64(logGroup)
	grace := int64(30)
	folders := logFoldersOf(inv)
	spec := corev1.PodSpec{
		ServiceAccountName:            agentName,
		AutomountServiceAccountToken:  &token,
		EnableServiceLinks:            &no,
		PriorityClassName:             "system-node-critical",
		NodeSelector:                  map[string]string{corev1.LabelOSStable: string(corev1.Linux)},
		Tolerations:                   []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		TerminationGracePeriodSeconds: &grace,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &group,
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name:  "fluentd",
			Image: agentImage,
			// The image's own entry point edits its configuration, which is read-only here.
			Command:   []string{"fluentd", "--no-supervisor", "-c", configFolder + "/fluent.conf"},
			Env:       agentEnv(inv.Logs),
			Resources: agentResources(),
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, Privileged: &no,
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
			Ports:          []corev1.ContainerPort{{Name: "health", ContainerPort: healthPort}},
			StartupProbe:   healthProbe(5, 24),
			LivenessProbe:  healthProbe(30, 4),
			ReadinessProbe: healthProbe(10, 3),
			VolumeMounts: []corev1.VolumeMount{
				{Name: "config", MountPath: configFolder, ReadOnly: true},
				{Name: "buffers", MountPath: bufferFolder},
				{Name: "tmp", MountPath: "/tmp"},
			},
		}},
		Volumes: []corev1.Volume{
			{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: agentName}}}},
			{Name: "buffers", VolumeSource: emptyDir("1Gi")},
			{Name: "tmp", VolumeSource: emptyDir("64Mi")},
		},
	}
	c := &spec.Containers[0]
	if inv.Logs.Image != "" {
		c.Image = inv.Logs.Image
	}
	for _, folder := range folders {
		name := strings.ReplaceAll(strings.Trim(folder, "/"), "/", "-")
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: folder}}})
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: folder, ReadOnly: true})
	}
	if checksCA(inv.Logs) {
		optional := true
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: "ca", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName: inv.Logs.Secret, Optional: &optional, Items: []corev1.KeyToPath{{Key: keyCA, Path: keyCA}}}}})
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "ca", MountPath: caFolder, ReadOnly: true})
	}
	return spec
}

// logFoldersOf are the folders with the logs themselves and with the links to
// them; Docker's too where a node runs it. Not all of /var/log: what else is
// there is not the agent's to read.
func logFoldersOf(inv *fixes.Inventory) []string {
	folders := []string{podLogs, containerLogs}
	if slices.ContainsFunc(fixes.Objects[*corev1.Node](inv, ""), func(n *corev1.Node) bool {
		return strings.HasPrefix(n.Status.NodeInfo.ContainerRuntimeVersion, "docker:")
	}) {
		folders = append(folders, dockerLogs)
	}
	return folders
}

// emptyDir is one with a bound.
func emptyDir(size string) corev1.VolumeSource {
	limit := resource.MustParse(size)
	return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit}}
}

// agentResources hold the buffers: their emptyDirs count as ephemeral storage.
func agentResources() corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("200Mi"),
			corev1.ResourceEphemeralStorage: resource.MustParse("256Mi"),
		},
		Limits: corev1.ResourceList{
			corev1.ResourceMemory: resource.MustParse("512Mi"), corev1.ResourceEphemeralStorage: resource.MustParse("1536Mi"),
		},
	}
}

// healthProbe asks Fluentd's own monitor, which answers while its plugins run.
func healthProbe(period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/api/plugins.json", Port: intstr.FromInt32(healthPort)}},
		PeriodSeconds: period, FailureThreshold: failures, TimeoutSeconds: 5,
	}
}

// agentEnv is the node's name, and the credentials, by reference.
func agentEnv(p fixes.LogPolicy) []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: "K8S_NODE_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}},
		{Name: "HOME", Value: "/tmp"},
	}
	for _, key := range secretKeys(p) {
		env = append(env, corev1.EnvVar{Name: variable(key), ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: p.Secret}, Key: key}}})
	}
	return env
}

// secretKeys are the keys that the output's credentials have.
func secretKeys(p fixes.LogPolicy) []string {
	switch {
	case p.Secret == "":
		return nil
	case p.Output == fixes.LogForward:
		return []string{keySharedKey}
	case p.Output == fixes.LogS3:
		return []string{keyAccessKeyID, keySecretAccessKey}
	}
	return []string{keyUsername, keyPassword}
}

// variable is the name of the variable that holds a key of the Secret.
func variable(key string) string { return "LOG_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_")) }

// checksCA reports whether the output may have an authority of its own.
func checksCA(p fixes.LogPolicy) bool { return p.Secret != "" && p.TLS }

// caFile is where that authority's certificate is mounted, if there is one.
func caFile() string { return fmt.Sprintf("%s/%s", caFolder, keyCA) }
