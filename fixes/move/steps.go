package move

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Folders of an exported move, beside its kustomization.
const (
	SwitchDir = "switch"
	BackDir   = "back"
)

// Command is the command line that writes the move out into a folder.
func (m *Move) Command(dir string) string {
	return fmt.Sprintf("kubectl harden move %s -n %s --to %s --output-dir %s", word(m.App), m.From, m.To, dir)
}

// word writes a name for a shell: that of an application is a label's, or a release's.
func word(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Steps say how the move is made from an exported folder; dir is how the folder is
// named in its commands, and secrets is whether it has a file of Secrets.
func (m *Move) Steps(dir string, secrets bool) string {
	var steps []string
	add := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	beside := "Make it beside the old one. Nothing of the old one changes:\n"
	if len(m.New) > 0 && m.New[0].GetNamespace() == "" {
		beside += "     kubectl create namespace " + m.To + "\n"
	}
	if secrets {
		beside += "     kubectl apply -f " + dir + "/secrets.yaml    # plain text: not for Git; delete it afterwards\n"
	}
	add("%s     kubectl apply -k %s --dry-run=server\n     kubectl apply -k %s", beside, dir, dir)
	var rollouts []string
	for _, w := range m.workloads {
		switch w.Ref().Kind {
		case fixes.KindDeployment, fixes.KindStatefulSet, fixes.KindDaemonSet:
			rollouts = append(rollouts, "     kubectl rollout status "+w.Ref().ResourceName()+" -n "+m.To)
		}
	}
	if len(rollouts) > 0 {
		add("Wait until it runs, and try it there:\n%s", strings.Join(rollouts, "\n"))
	}
	if len(m.Switch) > 0 {
		text := "Lead the clients over: the old Services lead to the new ones"
		var ingresses []string
		for _, c := range m.Switch {
			if c.Action == fixes.Create {
				ingresses = append(ingresses, c.Object.Name)
			}
		}
		if len(ingresses) > 0 {
			text += "; an Ingress goes over, since two of one host get in each other's way:\n     kubectl delete ingress " + strings.Join(ingresses, " ") + " -n " + m.From
		} else {
			text += ":"
		}
		text += "\n     kubectl apply -f " + dir + "/" + SwitchDir + "\n   And back, if it goes wrong:\n"
		if len(ingresses) > 0 {
			text += "     kubectl delete ingress " + strings.Join(ingresses, " ") + " -n " + m.To + "\n"
		}
		add("%s     kubectl apply -f %s/%s", text, dir, BackDir)
	}
	if jobs := m.suspended(); len(jobs) > 0 {
		lines := make([]string, 0, 2*len(jobs))
		for _, name := range jobs {
			lines = append(lines, "     kubectl patch "+name+" -n "+m.From+` -p '{"spec":{"suspend":true}}'`, "     kubectl patch "+name+" -n "+m.To+` -p '{"spec":{"suspend":false}}'`)
		}
		add("Let the jobs run there, and not here:\n%s", strings.Join(lines, "\n"))
	}
	var scaled, gone []string
	for _, ref := range m.Old {
		switch ref.Kind {
		case fixes.KindDeployment, fixes.KindStatefulSet, fixes.KindReplicaSet, fixes.KindReplicationController:
			scaled = append(scaled, ref.ResourceName())
		}
		gone = append(gone, ref.ResourceName())
	}
	if len(scaled) > 0 {
		add("Stop the old one, and look for some days whether anybody misses it:\n     kubectl scale --replicas=0 -n %s %s", m.From, strings.Join(scaled, " "))
	}
	add("Then delete what is left:\n     kubectl delete -n %s %s\n   Accounts, roles and bindings that nobody uses any more are found by the next scan.", m.From, strings.Join(gone, " "))
	for i := range steps {
		steps[i] = fmt.Sprintf("%d. %s", i+1, steps[i])
	}
	return strings.Join(steps, "\n")
}

// suspended are the jobs that are made, and do not run until they are told to.
func (m *Move) suspended() []string {
	var names []string
	for _, w := range m.workloads {
		switch o := w.Object.(type) {
		case *batchv1.CronJob:
			names = append(names, w.Ref().ResourceName())
		case *batchv1.Job:
			if Movable(w) {
				names = append(names, fixes.RefOf(o).ResourceName())
			}
		}
	}
	return names
}

// stays says what does not go over by itself.
func (m *Move) stays(inv *fixes.Inventory, b belongings) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, name := range b.services {
		if s, ok := fixes.Lookup[*corev1.Service](inv, m.From, name); ok && (s.Spec.Type == corev1.ServiceTypeLoadBalancer || s.Spec.Type == corev1.ServiceTypeNodePort) {
			add("Address: Service %s is a %s; the new one gets another address or port, which DNS and firewalls outside have to know.", name, s.Spec.Type)
		}
	}
	if len(b.services) > 0 {
		add("DNS: %s mean the old Services until they lead on; a name that leads on breaks clients that check TLS names or the Host header against %s.NAME.", list(b.services), m.From)
	}
	if len(b.claims)+len(b.templates) > 0 {
		add("Volumes: the claims %s are made empty, the data stays in %s. Copy it while both stand still; or set the reclaim policy of the PersistentVolumes to Retain, delete the old claims, remove claimRef.uid of the volumes and name them in the new claims (spec.volumeName).",
			list(slices.Concat(b.claims, b.templates)), m.From)
	}
	if copied := slices.DeleteFunc(slices.Clone(b.shared), func(s string) bool { return strings.HasPrefix(s, "networkpolicy/") }); len(copied) > 0 {
		add("Shared: %s are used by others in %s too; a copy does not follow when they change.", list(copied), m.From)
	}
	if len(b.bindings) > 0 {
		add("Identity: the accounts are other users now (system:serviceaccount:%s:NAME); a cloud's identity or Vault that knows the old ones has to know these.", m.To)
	}
	for _, obj := range m.New {
		if _, ok := obj.(*rbacv1.ClusterRoleBinding); ok {
			add("Rights: ClusterRoleBinding %s gives the new account what the old one has, in all namespaces; leave it out where that is too much.", obj.GetName())
		}
	}
	for _, w := range b.workloads {
		if manager := fixes.ManagedBy(w.Object); manager != "" {
			add("Manager: %s is managed by %s, which does not know of the copy: let it install the application in %s instead, and take what is here as a check.", w.Ref(), manager, m.To)
			break
		}
	}
	for _, w := range b.workloads {
		if !Movable(w) {
			add("Not made: %s is done, or run by a kubelet itself.", w.Ref())
		}
	}
	if len(m.There) > 0 {
		names := make([]string, len(m.There))
		for i, ref := range m.There {
			names[i] = ref.String()
		}
		add("There already, and left as they are: %s.", list(names))
	}
	add("Twice: until the old one stops, both work. What must run once only (a queue's one reader, a scheduler) is to be stopped here before it is made there.")
	add("Not looked at: PodDisruptionBudgets, monitors, routes and other objects that select by label or name %s; NetworkPolicies of others that let this application in; quotas, people's roles in %s.", m.From, m.From)
	return out
}

func list(names []string) string { return strings.Join(names, ", ") }
