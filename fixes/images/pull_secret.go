package images

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func pullSecret() *fixes.Rule {
	return &fixes.Rule{
		ID:         "image-pull-secret",
		Category:   fixes.Images,
		Title:      "A private image is pulled without credentials of its own, or with those for an open line",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.InformationDisclosure, fixes.Spoofing},
		References: []fixes.Reference{fixes.CIS("5.5.1"), fixes.OWASP("K02")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindSecret, fixes.KindServiceAccount, fixes.KindImage),
		Local:      true,
		Docs:       pullSecretDocs,
		Check:      checkPullSecret,
	}
}

const pullSecretDocs = `
An image of a private registry needs credentials. Where the pod has none, the node's
are used, which every pod of every namespace can use as well; or a copy that
another pod pulled, which is gone on the next node.

## What is looked at
- A workload whose image its registry gives to nobody without credentials (with
  --ask-registries), or lies in a registry that is always private, while neither
  the workload nor its ServiceAccount names a pull secret for that registry. Where
  the pods run all the same, the node has credentials.
- A pull secret that is named, and not there: the kubelet passes over it in silence.
- A pull secret for a registry with "http://": its credentials travel in the clear.

Secrets that you may not list are not missed. Manifests are only looked at for the
last: their Secrets are elsewhere.

## The fix
By hand, since only you have the credentials.

## By hand
    kubectl get serviceaccount default -n shop -o jsonpath='{.imagePullSecrets}'
    kubectl create secret docker-registry pull -n shop --docker-server=registry.example.com --docker-username=…
    kubectl patch serviceaccount default -n shop -p '{"imagePullSecrets":[{"name":"pull"}]}'
`

// alwaysPrivate are hosts that give no image to anybody without credentials:
// Amazon ECR, and Azure's registries unless somebody has opened them.
var alwaysPrivate = regexp.MustCompile(`^(\d{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?|[a-z0-9]+\.azurecr\.(io|cn|us))$`)

func checkPullSecret(p *fixes.Pass) {
	reportOpenLines(p)
	if !p.Live {
		return
	}
	for _, w := range p.Workloads("") {
		ns := w.Object.GetNamespace()
		if !p.Covers(fixes.KindSecret, ns) || !p.Covers(fixes.KindServiceAccount, ns) || w.Finished() {
			continue
		}
		for i, ref := range w.Spec.ImagePullSecrets {
			reportMissing(p, w.Ref(), fmt.Sprintf("%s.imagePullSecrets[%d]", w.SpecPath, i), ref.Name)
		}
		reportWithout(p, w)
	}
	for _, account := range fixes.Objects[*corev1.ServiceAccount](p.Inventory, "") {
		if !p.Covers(fixes.KindSecret, account.Namespace) {
			continue
		}
		for i, ref := range account.ImagePullSecrets {
			reportMissing(p, fixes.RefOf(account), fmt.Sprintf("imagePullSecrets[%d]", i), ref.Name)
		}
	}
}

// reportOpenLines reports the entries of pull secrets for plain HTTP.
func reportOpenLines(p *fixes.Pass) {
	for _, s := range fixes.Objects[*corev1.Secret](p.Inventory, "") {
		logins, _ := PullLogins(s)
		for _, l := range logins {
			host, plain := strings.CutPrefix(l.Registry, "http://")
			if name, _, _ := strings.Cut(host, "/"); !plain || loopback(name) {
				continue
			}
			ref := fixes.RefOf(s)
			p.Report(fixes.Finding{
				Object:   ref,
				Path:     fmt.Sprintf("data[%q]", dataKey(s)),
				Key:      "http " + host,
				Severity: fixes.Medium,
				Message:  fmt.Sprintf("Pull secret %s is for http://%s: its credentials travel in the clear.", s.Name, host),
				Evidence: []string{"an entry for http://" + host},
				Fixes: []fixes.Fix{{
					Title: "Make the registry answer by HTTPS, and log in there", Confidence: fixes.Manual,
					Why: "the registry is no object of the cluster",
					Steps: fmt.Sprintf("Give the registry a certificate, rotate the password, and make the secret anew:\n  kubectl create secret docker-registry %s -n %s --docker-server=https://%s --docker-username=… --dry-run=client -o yaml | kubectl apply -f -\nCheck the connection:\n  kubectl harden --rule image-registry-insecure --probe-registries",
						s.Name, s.Namespace, host),
				}},
			})
		}
	}
}

func dataKey(s *corev1.Secret) string {
	if s.Type == corev1.SecretTypeDockercfg {
		return corev1.DockerConfigKey
	}
	return corev1.DockerConfigJsonKey
}

// reportMissing reports a pull secret that an object names, if it is not there.
func reportMissing(p *fixes.Pass, object fixes.Ref, path, name string) {
	if _, ok := fixes.Lookup[*corev1.Secret](p.Inventory, object.Namespace, name); ok || name == "" {
		return
	}
	p.Report(fixes.Finding{
		Object:   object,
		Path:     path,
		Key:      "missing " + name,
		Message:  fmt.Sprintf("%s names the pull secret %s, which is not there.", object.Kind.Name, name),
		Evidence: []string{fmt.Sprintf("no Secret %s/%s", object.Namespace, name)},
		Fixes: []fixes.Fix{{
			Title: "Create the pull secret, or do not name it", Confidence: fixes.Manual,
			Why:   "only you have the credentials",
			Steps: createPullSecret(name, object.Namespace, "REGISTRY") + "\nOr take its name out of imagePullSecrets:\n  kubectl edit " + object.KubectlArgs(),
		}},
	})
}

func createPullSecret(name, namespace, host string) string {
	return fmt.Sprintf("kubectl create secret docker-registry %s -n %s --docker-server=%s --docker-username=… --docker-password=…", name, namespace, host)
}

// reportWithout reports the containers of a workload that run a private image
// without a pull secret for it.
func reportWithout(p *fixes.Pass, w fixes.Workload) {
	names, known := PullSecretNames(p.Inventory, w)
	if !known {
		return
	}
	for c := range w.Containers() {
		if c.Ephemeral || c.SeedsScratch() {
			continue
		}
		fact := fixes.ImageFact(p.Inventory, c.Image)
		host := hostOf(c.Image)
		running := runs(c, p.Pods(w))
		var why string
		switch {
		case fact != nil && fact.Private:
			why = host + " gives it to nobody without credentials"
		case fact == nil && alwaysPrivate.MatchString(host) && !running:
			why = host + " is a private registry"
		default:
			continue
		}
		if hasLogin(p.Inventory, w.Object.GetNamespace(), names, c.Image) {
			continue
		}
		f := fixes.Finding{
			Object:   w.Ref(),
			Path:     c.Path + ".image",
			Key:      c.Name,
			Message:  fmt.Sprintf("Container %s runs the private image %s without a pull secret for it.", c.Name, c.Image),
			Evidence: []string{why, fmt.Sprintf("%d pull secrets are named, none of them for it", len(names))},
			Fixes: []fixes.Fix{{
				Title: "Give the workload a pull secret for " + host, Confidence: fixes.Manual,
				Why: "only you have the credentials",
				Steps: createPullSecret("pull", w.Object.GetNamespace(), host) +
					"\nName it in " + w.SpecPath + ":\n  imagePullSecrets: [{name: pull}]\nCheck:\n  kubectl harden --rule image-pull-secret --ask-registries",
			}},
		}
		if running {
			f.Evidence = append(f.Evidence, "its pods run: the node has credentials, or a copy")
		} else {
			f.Severity = fixes.Medium
		}
		p.Report(f)
	}
}

// hasLogin reports whether one of the pull secrets has an entry for an image.
// One that cannot be read may have.
func hasLogin(inv *fixes.Inventory, namespace string, names []corev1.LocalObjectReference, image string) bool {
	for _, n := range names {
		s, ok := fixes.Lookup[*corev1.Secret](inv, namespace, n.Name)
		if !ok {
			continue
		}
		logins, _ := PullLogins(s)
		for _, l := range logins {
			if l.Fits(image) {
				return true
			}
		}
	}
	return false
}

// runs reports whether a pod says that it runs a container's image.
func runs(c fixes.Container, pods []*corev1.Pod) bool {
	tag, ok := tagged(c.Image)
	if ok {
		digests, _ := runningDigests(c, tag, pods)
		return len(digests) > 0
	}
	for id := range imageIDs(c, pods) {
		if id != "" {
			return true
		}
	}
	return false
}
