package nodes

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func sshExposed() *fixes.Rule {
	return &fixes.Rule{
		ID:         "node-ssh-exposed",
		Category:   fixes.Nodes,
		Title:      "SSH is a way into nodes or containers",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.Tampering, fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.NSA("Kubernetes Pod security"), fixes.NSA("Network separation and hardening"), fixes.OWASP("K07")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindService, fixes.KindNode, fixes.KindNodeProbe),
		Phase:      fixes.Enforce, // when nothing edits a Service any more that goes
		Docs:       sshExposedDocs,
		Check:      checkSSHExposed,
	}
}

const sshExposedDocs = `
Who logs in by SSH passes by the API server: no role limits what they do, no admission
policy sees it, no audit log holds it. kubectl exec and kubectl debug leave all three in
place.

## What is looked at
Services that lead to port 22; containers that open it, on their node (hostPort) or not, or
run an SSH server by image or command; mounts of a node's /etc/ssh or of a .ssh folder,
through which keys are read, or added. Git and SFTP servers use SSH for what they are: those
are findings of low severity. With --probe-nodes also nodes that answer on port 22 at the
addresses that they name themselves.

## The fix
Takes out the port (of a Service that has no other, the Service), or the volume. SSH servers
in containers and on nodes are for a person to remove.

## By hand
    kubectl get services -A -o wide | grep -w 22
    nc -z -w 2 NODE-ADDRESS 22
`

const sshPort = 22

func checkSSHExposed(p *fixes.Pass) {
	for _, s := range fixes.Objects[*corev1.Service](p.Inventory, "") {
		checkSSHService(p, s)
	}
	for _, w := range p.Workloads("") {
		if w.Finished() {
			continue
		}
		for c := range w.Containers() {
			checkSSHContainer(p, w, c)
		}
		checkSSHMounts(p, w)
	}
	for _, probe := range fixes.Objects[*fixes.NodeProbe](p.Inventory, "") {
		if len(probe.Answered) > 0 {
			reportSSHNode(p, probe)
		}
	}
}

// sshServer and fileServer recognise images by the last part of their name.
var (
	sshServer  = regexp.MustCompile(`(?i)(^|[-_])(sshd|openssh|openssh-server|dropbear|ssh-server|bastion)($|[-_])`)
	fileServer = regexp.MustCompile(`(?i)(^|[-_])(gitea|gogs|forgejo|gitlab|gitlab-shell|gitlab-ce|gitlab-ee|soft-serve|sftp|sftpgo|bitbucket|gerrit)($|[-_])`)
)

func imageBase(image string) string {
	name, _, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// servesFiles reports whether a pod serves Git or files over SSH.
func servesFiles(w fixes.Workload) bool {
	for c := range w.Containers() {
		if fileServer.MatchString(imageBase(c.Image)) {
			return true
		}
	}
	return false
}

// checkSSHService reports ports of a Service that lead to 22.
func checkSSHService(p *fixes.Pass, s *corev1.Service) {
	for i, port := range s.Spec.Ports {
		if !leadsToSSH(port) {
			continue
		}
		f := fixes.Finding{
			Object: fixes.RefOf(s), Path: fmt.Sprintf("spec.ports[%d]", i), Key: fmt.Sprintf("port %d", port.Port),
			Message: fmt.Sprintf("The Service leads to SSH from inside the cluster (port %d).", port.Port),
		}
		switch {
		case s.Spec.Type == corev1.ServiceTypeLoadBalancer, len(s.Spec.ExternalIPs) > 0:
			f.Severity, f.Message = fixes.High, fmt.Sprintf("The Service opens SSH to networks outside of the cluster (port %d).", port.Port)
		case s.Spec.Type == corev1.ServiceTypeNodePort:
			f.Severity, f.Message = fixes.High, fmt.Sprintf("The Service opens SSH on every node (port %d).", cmp.Or(port.NodePort, port.Port))
		}
		why := "who logs in over it is not known"
		if name := fileServerBehind(p.Inventory, s); name != "" {
			f.Severity, f.Evidence, why = fixes.Low, []string{name + " serves Git or files over SSH"}, "Git or files over SSH may be what it is for"
		}
		f.Fixes = []fixes.Fix{removeServicePort(s, port, why)}
		p.Report(f)
	}
}

func leadsToSSH(port corev1.ServicePort) bool {
	if port.Protocol != "" && port.Protocol != corev1.ProtocolTCP {
		return false
	}
	target := port.TargetPort
	return port.NodePort == sshPort || target == intstr.FromInt32(sshPort) || target.Type == intstr.String && (target.StrVal == "ssh" || target.StrVal == "sshd") ||
		port.Port == sshPort && (target == intstr.IntOrString{} || target.Type == intstr.String)
}

// fileServerBehind names a workload that the Service selects and that serves Git
// or files, or "".
func fileServerBehind(inv *fixes.Inventory, s *corev1.Service) string {
	if len(s.Spec.Selector) == 0 {
		return ""
	}
	selector := labels.SelectorFromSet(s.Spec.Selector)
	for _, w := range inv.Workloads(s.Namespace) {
		if selector.Matches(labels.Set(w.Meta.Labels)) && servesFiles(w) {
			return w.Ref().String()
		}
	}
	return ""
}

// removeServicePort takes a port out of a Service; one without ports goes.
func removeServicePort(s *corev1.Service, port corev1.ServicePort, why string) fixes.Fix {
	ref := fixes.RefOf(s)
	others := slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return !leadsToSSH(p) })
	fix := fixes.Fix{
		Title: fmt.Sprintf("Take port %d out of the Service", port.Port), Confidence: fixes.Review, Why: why,
		Risks: []string{"Logins over it end; use kubectl exec."},
	}
	if !others {
		fix.Title, fix.Deletes = "Delete the Service, which leads to SSH alone", true
	}
	fix.Edit = func(d *fixes.Draft) error {
		if d.Get(ref) == nil {
			return nil
		}
		if !others {
			d.Delete(ref)
			return nil
		}
		s, err := fixes.EditRef[*corev1.Service](d, ref)
		if err != nil {
			return err
		}
		s.Spec.Ports = slices.DeleteFunc(s.Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Port == port.Port && p.Protocol == port.Protocol && leadsToSSH(p)
		})
		return nil
	}
	return fix
}

// checkSSHContainer reports an SSH server, else port 22.
func checkSSHContainer(p *fixes.Pass, w fixes.Workload, c fixes.Container) {
	files := servesFiles(w)
	if why := runsSSH(c); why != "" && !files {
		p.Report(fixes.Finding{
			Object: w.Ref(), Path: c.Path, Key: c.Name + " sshd", Severity: sshSeverity(w, fixes.Medium),
			Message:  "Container " + c.Name + " is an SSH server: who logs in is limited by no role, and on no record.",
			Evidence: []string{why},
			Fixes: []fixes.Fix{{
				Title: "Remove the SSH server", Confidence: fixes.Manual, Why: "what is done over SSH must be done in another way first",
				Steps: "Take container " + c.Name + " out of " + w.Ref().String() + ", or the SSH server out of its image.\n" +
					"Give those who logged in exec in this namespace instead:\n" +
					"  kubectl create role exec -n " + w.Object.GetNamespace() + " --verb=create,get --resource=pods/exec\n" +
					"  kubectl create rolebinding exec -n " + w.Object.GetNamespace() + " --role=exec --group=GROUP\n" +
					"Check: kubectl harden --rule node-ssh-exposed -n " + w.Object.GetNamespace(),
			}},
		})
	}
	for i, port := range c.Ports {
		if port.ContainerPort != sshPort && port.HostPort != sshPort || port.Protocol != "" && port.Protocol != corev1.ProtocolTCP {
			continue
		}
		f := fixes.Finding{
			Object: w.Ref(), Path: fmt.Sprintf("%s.ports[%d]", c.Path, i), Key: c.Name + " port 22", Severity: fixes.Low,
			Message: "Container " + c.Name + " offers SSH (port 22).",
		}
		if port.HostPort != 0 || w.Spec.HostNetwork {
			f.Severity = fixes.High
			f.Message = fmt.Sprintf("Container %s opens SSH on its node (port %d).", c.Name, cmp.Or(port.HostPort, port.ContainerPort))
		}
		if files {
			f.Severity, f.Evidence = fixes.Low, []string{"it serves Git or files over SSH"}
		}
		if !c.Ephemeral {
			f.Fixes = []fixes.Fix{removeContainerPort(w.Ref(), c.Name, port)}
		}
		p.Report(f)
	}
}

// sshSeverity is higher for what is on the node already.
func sshSeverity(w fixes.Workload, s fixes.Severity) fixes.Severity {
	if w.Spec.HostNetwork || w.Spec.HostPID {
		return fixes.High
	}
	return s
}

// runsSSH says by what a container is known to run an SSH server, or "". An init
// container that ends before the others start serves nobody.
func runsSSH(c fixes.Container) string {
	if c.Init && (c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways) {
		return ""
	}
	if name := imageBase(c.Image); sshServer.MatchString(name) {
		return "image " + name
	}
	for _, word := range slices.Concat(c.Command, c.Args) {
		for part := range strings.FieldsSeq(word) {
			switch base := path.Base(strings.Trim(part, `"';&|()`)); base {
			case "sshd", "dropbear":
				return "its command runs " + base
			}
		}
		if strings.Contains(word, "service ssh start") {
			return "its command runs service ssh start"
		}
	}
	return ""
}

// removeContainerPort takes a port out of a container. A probe that names it keeps
// its number.
func removeContainerPort(ref fixes.Ref, container string, port corev1.ContainerPort) fixes.Fix {
	fix := fixes.Fix{
		Title: "Take port 22 out of container " + container, Confidence: fixes.Review,
		Why:   "who logs in over it is not known",
		Risks: []string{"The pods restart."},
	}
	if port.HostPort == 0 {
		fix.Risks = append(fix.Risks, "The list of ports informs: an SSH server in the container goes on listening.")
	}
	if port.Name != "" {
		fix.Risks = append(fix.Risks, "Services that name the port "+port.Name+" lead nowhere then.")
	}
	fix.Edit = func(d *fixes.Draft) error {
		w, err := d.EditWorkload(ref)
		if err != nil {
			return err
		}
		c, ok := w.Container(container)
		if !ok {
			return nil
		}
		c.Ports = slices.DeleteFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return p.Name == port.Name && p.ContainerPort == port.ContainerPort && p.HostIP == port.HostIP
		})
		for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
			byNumber(probe, port)
		}
		return nil
	}
	return fix
}

func byNumber(probe *corev1.Probe, port corev1.ContainerPort) {
	if probe == nil || port.Name == "" {
		return
	}
	number := intstr.FromInt32(port.ContainerPort)
	if probe.TCPSocket != nil && probe.TCPSocket.Port == intstr.FromString(port.Name) {
		probe.TCPSocket.Port = number
	}
	if probe.HTTPGet != nil && probe.HTTPGet.Port == intstr.FromString(port.Name) {
		probe.HTTPGet.Port = number
	}
}

// checkSSHMounts reports volumes that hold a node's SSH keys or configuration.
func checkSSHMounts(p *fixes.Pass, w fixes.Workload) {
	for i, v := range w.Spec.Volumes {
		if v.HostPath == nil || !holdsSSH(v.HostPath.Path) {
			continue
		}
		ref, name := w.Ref(), v.Name
		p.Report(fixes.Finding{
			Object: ref, Path: fmt.Sprintf("%s.volumes[%d].hostPath", w.SpecPath, i), Key: "volume " + name, Severity: fixes.High,
			Message:  "Its pods mount " + v.HostPath.Path + " of their node: SSH keys can be read there, or added, and the node be logged in to.",
			Evidence: mountedBy(w, name),
			Fixes: []fixes.Fix{{
				Title: "Take out volume " + name, Confidence: fixes.Review, Why: "what the pod does with it is not known",
				Risks: []string{"The pods restart.", "A program that needs a file there fails."},
				Edit: func(d *fixes.Draft) error {
					w, err := d.EditWorkload(ref)
					if err != nil {
						return err
					}
					w.Spec.Volumes = slices.DeleteFunc(w.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
					for c := range w.Containers() {
						c.VolumeMounts = slices.DeleteFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == name })
					}
					return nil
				},
			}},
		})
	}
}

// holdsSSH reports whether a folder of a node is one of SSH's, is in one, or is a
// home, which holds one. What holds all of /etc or / too is a matter of other rules.
func holdsSSH(folder string) bool {
	folder = path.Clean(folder)
	parts := strings.Split(strings.TrimPrefix(folder, "/"), "/")
	switch {
	case folder == "/etc/ssh", strings.HasPrefix(folder, "/etc/ssh/"), slices.Contains(parts, ".ssh"):
		return true
	case folder == "/root", folder == "/home":
		return true
	}
	return len(parts) == 2 && parts[0] == "home"
}

func mountedBy(w fixes.Workload, volume string) []string {
	var out []string
	for c := range w.Containers() {
		for _, m := range c.VolumeMounts {
			if m.Name == volume {
				how := "may write"
				if m.ReadOnly {
					how = "may read"
				}
				out = append(out, "container "+c.Name+" "+how+" it at "+m.MountPath)
			}
		}
	}
	return out
}

func reportSSHNode(p *fixes.Pass, probe *fixes.NodeProbe) {
	p.Report(fixes.Finding{
		Object: fixes.Ref{Kind: fixes.KindNode, Name: probe.Name}, Path: "status.addresses", Key: "port 22",
		Message:  "The node answers on port 22 from here: who has a key or a password gets in past the API server, on no record of it.",
		Evidence: probe.Answered,
		Fixes: []fixes.Fix{{
			Title: "Close port 22", Confidence: fixes.Manual, Why: "what listens there is on the node, and another way in must be known to work first",
			Steps: "1. See that you get onto the node without it:\n" +
				"     kubectl debug node/" + probe.Name + " -it --image=busybox --profile=sysadmin -- chroot /host\n" +
				"   and delete that pod then.\n" +
				"2. Close the port in the firewall or security group of the nodes, but for the addresses of a bastion host; or on the node:\n" +
				"     systemctl disable --now ssh.socket ssh.service sshd.service\n" +
				"3. Check: kubectl harden --probe-nodes --rule node-ssh-exposed",
		}},
	})
}
