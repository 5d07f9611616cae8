package controlplane

import (
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func admissionPlugins() *fixes.Rule {
	return &fixes.Rule{
		ID: "apiserver-admission-plugins", Category: fixes.Access,
		Title:    "The API server lacks an admission plugin, or has a dangerous one",
		Severity: fixes.Medium,
		Threats:  []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering},
		References: []fixes.Reference{fixes.CIS("1.2.3"), fixes.CIS("1.2.9"), fixes.CIS("1.2.10"), fixes.CIS("1.2.11"),
			fixes.CIS("1.2.12"), fixes.CIS("1.2.13"), fixes.CIS("1.2.14"), fixes.OWASP("K04")},
		Docs:  admissionPluginsDocs,
		Check: checkAdmissionPlugins,
	}
}

const admissionPluginsDocs = `
Admission plugins are the last word on what is stored. NodeRestriction keeps a kubelet,
and whoever has broken into a node, to its own Node and pods; it is not on by default.
AlwaysAdmit lets everything pass that the plugins after it would judge. Among those that
are on by default, some are what ServiceAccounts, Pod Security, quotas and admission
policies are made of: to turn one off is to turn these off.

## What is looked at
The command of kube-apiserver in its pod in kube-system: --enable-admission-plugins and
--disable-admission-plugins, beside the defaults. Where no pod shows the control plane,
that is said, and nothing claimed.

DenyServiceExternalIPs, AlwaysPullImages and EventRateLimit, which the benchmark wants too,
have a price; they are findings of low severity:
DenyServiceExternalIPs takes externalIPs from all Services, with which their makers can take
over traffic of others (CVE-2020-8554). AlwaysPullImages lets no pod use an image that its
node has for another pod's pull secret; registries must be there at each start.
EventRateLimit keeps a flood of events from filling etcd.

## The fix
In the static pod's manifest on each control plane node, with the plugins that are there:

    - --enable-admission-plugins=NodeRestriction

## By hand
    kubectl get pods -n kube-system -l component=kube-apiserver -o yaml | grep admission-plugins
`

const (
	enableFlag  = "enable-admission-plugins"
	disableFlag = "disable-admission-plugins"
	// exactFlag gives the whole list, in its order; it is deprecated since 1.10.
	exactFlag = "admission-control"
)

// plugin is an admission plugin that should be on, or off.
type plugin struct {
	name     string
	severity fixes.Severity
	// byDefault reports that it is on by default.
	byDefault bool
	// message says what is wrong, risk what it may break to mend it.
	message, risk, before string
	// file names what it reads; it stands below folder.
	file, folder string
}

// wantedPlugins are in the order of the benchmark
// (k8s.io/kubernetes/pkg/kubeapiserver/options/plugins.go has the defaults).
var wantedPlugins = []plugin{
	{name: "NodeRestriction", severity: fixes.High,
		message: "The API server lacks NodeRestriction: who has broken into one node may change other Nodes and their pods, and draw pods with Secrets to it."},
	{name: "ServiceAccount", severity: fixes.High, byDefault: true,
		message: "The plugin ServiceAccount is off: pods may use ServiceAccounts and Secrets that they should not."},
	{name: "NamespaceLifecycle", severity: fixes.Medium, byDefault: true,
		message: "The plugin NamespaceLifecycle is off: objects can be made in namespaces that are being deleted, and default and kube-system be deleted."},
	{name: "PodSecurity", severity: fixes.High, byDefault: true,
		message: "The plugin PodSecurity is off: the levels in namespaces' labels are enforced by nobody."},
	{name: "ValidatingAdmissionPolicy", severity: fixes.High, byDefault: true,
		message: "The plugin ValidatingAdmissionPolicy is off: no ValidatingAdmissionPolicy has an effect."},
	{name: "ValidatingAdmissionWebhook", severity: fixes.High, byDefault: true,
		message: "The plugin ValidatingAdmissionWebhook is off: policy engines are not asked."},
	{name: "MutatingAdmissionWebhook", severity: fixes.Medium, byDefault: true,
		message: "The plugin MutatingAdmissionWebhook is off: no webhook sets what it should in new objects."},
	{name: "CertificateApproval", severity: fixes.High, byDefault: true,
		message: "The plugin CertificateApproval is off: who may update the approval of a CertificateSigningRequest approves those of every signer."},
	{name: "CertificateSigning", severity: fixes.High, byDefault: true,
		message: "The plugin CertificateSigning is off: who may update the status of a CertificateSigningRequest signs for every signer."},
	{name: "CertificateSubjectRestriction", severity: fixes.Critical, byDefault: true,
		message: "The plugin CertificateSubjectRestriction is off: a client certificate may be asked for with the group system:masters."},
	{name: "ResourceQuota", severity: fixes.Medium, byDefault: true,
		message: "The plugin ResourceQuota is off: quotas limit nothing."},
	{name: "LimitRanger", severity: fixes.Low, byDefault: true,
		message: "The plugin LimitRanger is off: LimitRanges set and limit nothing."},
	{name: "DenyServiceExternalIPs", severity: fixes.Low,
		message: "Who may make Services may take over traffic of others by externalIPs (CVE-2020-8554): DenyServiceExternalIPs is off.",
		risk:    "New Services with externalIPs are refused."},
	{name: "AlwaysPullImages", severity: fixes.Low,
		message: "A pod may run a private image that its node has from another pod, without its pull secret: AlwaysPullImages is off.",
		risk:    "Each start of a pod asks the registry: one that is down keeps pods from starting."},
	{name: "EventRateLimit", severity: fixes.Low,
		message: "Who may make events may fill etcd with them: EventRateLimit is off.",
		risk:    "Events above the limits are lost.",
		file:    "/etc/kubernetes/admission/admission.yaml", folder: "/etc/kubernetes/admission",
		before: `Write /etc/kubernetes/admission/admission.yaml:
    apiVersion: apiserver.config.k8s.io/v1
    kind: AdmissionConfiguration
    plugins:
    - name: EventRateLimit
      configuration:
        apiVersion: eventratelimit.admission.k8s.io/v1alpha1
        kind: Configuration
        limits:
        - {type: Namespace, qps: 50, burst: 100, cacheSize: 2000}
        - {type: User, qps: 10, burst: 50}
`},
}

func checkAdmissionPlugins(p *fixes.Pass) {
	for _, proc := range processesOf(p.Inventory).of(apiServer) {
		enabled, known := proc.flags.list(enableFlag)
		disabled, disabledKnown := proc.flags.list(disableFlag)
		exact, exactKnown := proc.flags.list(exactFlag)
		if !known || !disabledKnown || !exactKnown {
			continue
		}
		all := slices.Concat(enabled, exact)
		if slices.Contains(all, "AlwaysAdmit") {
			proc.reportPlugin(p, &plugin{name: "AlwaysAdmit", severity: fixes.High,
				message: "The API server has AlwaysAdmit, which lets everything pass that no plugin before it has refused."},
				edit{set: setPlugins(enableFlag, without(enabled, "AlwaysAdmit")), drop: []string{"AlwaysAdmit from --" + enableFlag}})
		}
		for i := range wantedPlugins {
			want := &wantedPlugins[i]
			switch {
			case slices.Contains(all, want.name):
			case want.byDefault && len(exact) == 0 && !slices.Contains(disabled, want.name):
			case want.byDefault && len(exact) == 0:
				proc.reportPlugin(p, want, edit{set: setPlugins(disableFlag, without(disabled, want.name)), drop: []string{want.name + " from --" + disableFlag}})
			default:
				e := edit{before: want.before, set: setPlugins(enableFlag, append(slices.Clone(enabled), want.name))}
				if want.file != "" {
					e.set = append(e.set, "--admission-control-config-file="+want.file)
					e.mounts = mountsOf("admission", want.folder, true)
				}
				proc.reportPlugin(p, want, e)
			}
		}
	}
}

func (proc process) reportPlugin(p *fixes.Pass, about *plugin, e edit) {
	flag := enableFlag
	if about.byDefault {
		flag = disableFlag
	}
	proc.report(p, finding{
		flag: flag, key: about.name, severity: about.severity, message: about.message,
		evidence: []string{proc.flags.evidence(flag, "")},
		title:    "Change the admission plugins: " + about.name, risk: about.risk, edit: e,
	})
}

func without(list []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == name })
}

// setPlugins is the flag with a list, or nothing where the list is empty.
func setPlugins(flag string, list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return []string{"--" + flag + "=" + strings.Join(list, ",")}
}
