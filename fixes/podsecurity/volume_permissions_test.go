package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestVolumePermissions(t *testing.T) {
	with := func(pod, volume string) string {
		return deployment(pod + "containers: [{name: c, image: x, volumeMounts: [{name: v, mountPath: /v}]}]\nvolumes: [{name: v, " + volume + "}]")
	}
	statefulSet := func(security, size string) string {
		return `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      securityContext: ` + security + `
      containers: [{name: db, image: x, volumeMounts: [{name: data, mountPath: /data}]}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: ` + size + `}}}
`
	}
	slow := []string{"StatefulSet shop/db spec.template.spec.securityContext.fsGroupChangePolicy safe"}
	fixestest.Table(t, volumePermissions(), []fixestest.Case{{
		Name: "a Secret open to all", Objects: with("", "secret: {secretName: s, defaultMode: 0777}"),
		Want: want("spec.volumes[0].secret.defaultMode", fixes.Safe), Diff: []string{"- defaultMode: 511", "+ defaultMode: 493"},
	}, {
		Name:    "of which nobody else is in need",
		Objects: with("securityContext: {runAsUser: 1000, fsGroup: 1000}\n", "secret: {secretName: s, defaultMode: 0666}"),
		Want:    want("spec.volumes[0].secret.defaultMode", fixes.Safe), Diff: []string{"+ defaultMode: 416"},
	}, {
		Name:    "root may become somebody else",
		Objects: with("securityContext: {runAsUser: 0, fsGroup: 1000}\n", "secret: {secretName: s, defaultMode: 0666}"),
		Want:    want("spec.volumes[0].secret.defaultMode", fixes.Safe), Diff: []string{"+ defaultMode: 420"},
	}, {
		Name:    "one file of several",
		Objects: with("", "secret: {secretName: s, defaultMode: 0400, items: [{key: a, path: a, mode: 0644}, {key: b, path: b, mode: 0622}]}"),
		Want:    want("spec.volumes[0].secret.items[1].mode", fixes.Safe), Diff: []string{"+ mode: 384"}, NotDiff: []string{"- defaultMode: 256"},
	}, {
		Name: "a ConfigMap of scripts", Objects: with("", "configMap: {name: s, defaultMode: 0777}"),
		Want: want("spec.volumes[0].configMap.defaultMode", fixes.Safe), Diff: []string{"+ defaultMode: 493"},
	}, {
		Name:    "projected",
		Objects: with("securityContext: {runAsUser: 7, fsGroup: 7}\n", "projected: {defaultMode: 0440, sources: [{secret: {name: s, items: [{key: a, path: a, mode: 0666}]}}, {downwardAPI: {items: [{path: p, fieldRef: {fieldPath: metadata.name}, mode: 0602}]}}]}"),
		Want:    want("spec.volumes[0].projected.sources[0].secret.items[0].mode", fixes.Safe), Diff: []string{"+ mode: 416", "+ mode: 384"},
	}, {
		Name: "downward", Objects: with("", "downwardAPI: {defaultMode: 0646, items: [{path: p, fieldRef: {fieldPath: metadata.name}}]}"),
		Want: want("spec.volumes[0].downwardAPI.defaultMode", fixes.Safe),
	}, {
		Name: "the default", Objects: with("", "secret: {secretName: s}"),
	}, {
		Name: "the default in words, and programs", Objects: with("", "secret: {secretName: s, defaultMode: 0644, items: [{key: a, path: a, mode: 0755}]}"),
	}, {
		Name: "another volume", Objects: with("", "emptyDir: {}"),
	}, {
		Name: "slow to start", Objects: statefulSet("{fsGroup: 999}", "10Gi"), Want: slow, Diff: []string{"+ fsGroupChangePolicy: OnRootMismatch"},
	}, {
		Name: "slow on purpose", Objects: statefulSet("{fsGroup: 999, fsGroupChangePolicy: Always}", "1Ti"), Want: slow,
	}, {
		Name: "small", Objects: statefulSet("{fsGroup: 999}", "5Gi"),
	}, {
		Name: "no group", Objects: statefulSet("{}", "1Ti"),
	}, {
		Name: "fixed", Objects: statefulSet("{fsGroup: 999, fsGroupChangePolicy: OnRootMismatch}", "1Ti"),
	}})
}
